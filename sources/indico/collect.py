"""Asks Indico's check-in interface for a meeting's registrations and makes one document of the replies.

The interface gives a registration's form only one registration at a time. What is nobody's business is left
out before anything is written: the secret of each ticket, addresses of pictures, and the same list of all
countries in every registration. Registrations are put in order, so that the same data is the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_NOT_KEPT = ("checkin_secret", "personal_data_picture")


def collect(get_json: Callable[..., Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The document that ``reader.py`` reads.

    ``get_json`` gives the reply for a path below Indico's address, with the token's authority. ``settings``
    are described in ``source.yml``. Raises ``ValueError`` where event_id or meeting_id is missing.
    """
    for name in ("event_id", "meeting_id"):
        if not settings.get(name):
            raise ValueError(f"the settings of the source name no {name}")
    base = f"api/checkin/event/{int(settings['event_id'])}/"
    wanted = {int(form) for form in settings.get("forms") or ()}
    forms = sorted(get_json(f"{base}forms/"), key=lambda form: int(form["id"]))
    return {
        "settings": dict(settings),
        "event": get_json(base),
        "forms": [
            {"form": form, "registrations": _registrations(get_json, f"{base}forms/{int(form['id'])}/")}
            for form in forms
            if not wanted or int(form["id"]) in wanted
        ],
    }


def _registrations(get_json: Callable[..., Any], form: str) -> list[dict[str, Any]]:
    listed = sorted(int(one["id"]) for one in get_json(f"{form}registrations/"))
    return [_kept(get_json(f"{form}registrations/{number}")) for number in listed]


def _kept(registration: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in registration.items() if name not in _NOT_KEPT}
    for section in kept.get("registration_data") or ():
        for field in section.get("fields") or ():
            if field.get("input_type") == "country":
                field.pop("choices", None)
            if field.get("input_type") in ("picture", "file"):
                field["data"] = None
    return kept
