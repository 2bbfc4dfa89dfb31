"""Run by Indico's own Python: makes a manager, an event, a form and tokens, through Indico's own code.

Reads from standard input which fields the form has (title -> kind and captions of choices), and prints one
line of JSON: ids of event and form, how each field is called, ids of choices, and the two tokens.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from flask import g, session
from indico.core.db import db
from indico.core.oauth.models.personal_tokens import PersonalToken
from indico.modules.categories import Category
from indico.modules.events.features.util import set_feature_enabled
from indico.modules.events.models.events import EventType
from indico.modules.events.operations import create_event
from indico.modules.events.registration.models.form_fields import RegistrationFormField
from indico.modules.events.registration.models.forms import RegistrationForm
from indico.modules.events.registration.models.items import RegistrationFormSection
from indico.modules.events.registration.util import create_personal_data_fields
from indico.modules.users.operations import create_user
from indico.web.flask.app import make_app


def choices(kind: str, captions: list[str]) -> dict[str, Any]:
    """What the form's editor sends for a field with choices."""
    given = [
        {"id": str(uuid4()), "caption": caption, "is_enabled": True, "price": 0, "places_limit": 0}
        for caption in captions
    ]
    only = (
        {"item_type": "dropdown", "default_item": None} if kind == "single_choice" else {"max_choices": None}
    )
    return {**only, "with_extra_slots": False, "choices": given}


def made(wanted: dict[str, Any]) -> dict[str, Any]:
    """Make everything, and say what it is called."""
    manager = create_user(
        "manager@example.org", {"first_name": "Ada", "last_name": "Keeper", "affiliation": "Secretariat"}
    )
    db.session.add(manager)
    db.session.flush()
    session.set_session_user(manager)
    event = create_event(
        Category.get_root(),
        EventType.conference,
        {
            "title": wanted["title"],
            "start_dt": datetime.fromisoformat(wanted["start_dt"]),
            "end_dt": datetime.fromisoformat(wanted["end_dt"]),
            "timezone": "Europe/Zurich",
            "creator": manager,
        },
    )
    set_feature_enabled(event, "registration", True)
    form = RegistrationForm(
        event=event,
        title="Registration",
        currency="CHF",
        moderation_enabled=True,
        require_captcha=False,
        start_dt=datetime.now(UTC) - timedelta(days=1),
    )
    create_personal_data_fields(form)
    for field in form.sections[0].fields:
        field.is_enabled = True
    section = RegistrationFormSection(registration_form=form, title="Delegation", is_manager_only=False)
    db.session.add(form)
    captions: dict[str, dict[str, str]] = {}
    for title, (kind, said) in wanted["fields"].items():
        field = RegistrationFormField(parent=section, registration_form=form, title=title, input_type=kind)
        data = choices(kind, said) if said else {}
        field.data, field.versioned_data = field.field_impl.process_field_data(data)
        captions[title] = {one["caption"]: one["id"] for one in data.get("choices", ())}
    tokens = {}
    for name, scopes in (("check-in", ["registrants"]), ("manager", ["full:everything"])):
        token = PersonalToken(user=manager, name=name, scopes=scopes)
        tokens[name] = token.generate_token()
    db.session.commit()
    return {
        "event": event.id,
        "form": form.id,
        "names": {field.title: field.html_field_name for field in form.active_fields},
        "ids": {field.title: field.id for field in form.active_fields},
        "choices": captions,
        "tokens": tokens,
    }


if __name__ == "__main__":
    with make_app().test_request_context():
        g.rh = None
        print(json.dumps(made(json.load(sys.stdin))))
