"""Reads the document that ``collect.py`` makes of the replies of Indico's check-in interface.

Which field of a form holds what is told by the document's own settings, because every meeting has a form of
its own. What the document looks like is told in ``source.yml``.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd

from sources.documents import Fields, load, plain
from sources.readers import Finding, Reading, ReadingContext, ReadTable, Unreadable
from sources.registrations import participants

LONGEST_NUMBER = 18
"""Digits of a registration's number; more are no number of Indico's, and none of a row."""

WANTED = ("gender", "delegation_kind", "country", "organization", "is_mine_victim")
DEFAULTS = {"country": "Country", "organization": "Affiliation"}
KNOWN = frozenset(
    {
        *("first name", "last name", "email address", "affiliation", "address", "country", "phone number"),
        *("position", "title", "picture"),
    }
)
"""Titles of the fields that every form of Indico has."""

_REGISTRATION = (
    *("regform_id", "event_id", "checked_in_dt", "checkin_secret", "is_paid", "price", "payment_date"),
    *("currency", "formatted_price", "tags", "occupied_slots", "registration_date", "personal_data_picture"),
)
_FIELD = ("position", "description", "default_value", "price")


def read(path: Path, ending: str, context: ReadingContext) -> Reading:
    """A row of ``meetings`` (where the settings say its kind) and rows of ``meeting_participants``.

    Raises ``Unreadable`` for a document of another shape and for settings without a meeting_id.
    """
    document = Fields(load(path))
    given = document.fields("settings")
    event = document.fields("event")
    if not (given.is_object and event.is_object and isinstance(document.whole.get("forms"), list)):
        raise Unreadable(
            "INDICO-LAYOUT",
            "The document is not made of settings, event and forms as sources/indico/source.yml tells. "
            "Fetch it with the configured source.",
        )
    settings = _Settings(given)
    found = _Found()
    found.unknown(given.left, "settings")
    tables = []
    if settings.kind:
        meeting = _meeting(event, settings, context)
        tables.append(ReadTable("meetings", "event", meeting))
    event.ignore("id", "title", "description", "start_dt", "end_dt", "registration_tags")
    found.unknown(event.left, "event")
    said = [line for form in document.each("forms") for line in _form(form, settings, found)]
    if len({line["_row"] for line in said}) < len(said):
        raise Unreadable(
            "INDICO-LAYOUT",
            "A registration has the number of another one. Fetch it with the configured source.",
        )
    found.unknown(document.left, "document")
    if said:
        rows, unknown = participants(
            pd.DataFrame(said),
            meeting_id=settings.meeting_id,
            received_on=context.received_on.isoformat(),
            letters="INDICO",
            words=settings.words,
        )
        tables.append(ReadTable("meeting_participants", "registrations", rows))
        found.all += unknown
    return Reading(tuple(tables), tuple(found.all))


class _Found:
    """What is said of a document, each thing once."""

    def __init__(self) -> None:
        self.all: list[Finding] = []
        self._said: set[tuple[str, str]] = set()

    def say(self, code: str, sentence: str, place: str) -> None:
        if (code, place) not in self._said:
            self._said.add((code, place))
            self.all.append(Finding(f"INDICO-{code}", "warn", sentence, place))

    def unknown(self, names: list[str], where: str) -> None:
        for name in names:
            self.say(
                "KEY", "Indico, or the settings, name something that is not read.", f"{where}: {name[:80]}"
            )


class _Settings:
    """The source's settings, as ``source.yml`` tells. Raises ``Unreadable``."""

    def __init__(self, given: Fields) -> None:
        given.ignore("event_id", "forms")
        self.meeting_id = given.text("meeting_id")
        if not self.meeting_id:
            raise Unreadable(
                "INDICO-SETTINGS", "The settings name no meeting_id. Add it to the source's settings."
            )
        self.kind = given.text("kind")
        try:
            self.timezone = ZoneInfo(given.text("timezone") or "Europe/Zurich")
        except (ZoneInfoNotFoundError, ValueError):
            raise Unreadable("INDICO-SETTINGS", "The settings name a time zone that is none.") from None
        fields = _texts(given.take("fields"))
        if unknown := sorted(set(fields) - set(WANTED)):
            raise Unreadable(
                "INDICO-SETTINGS",
                f"fields names {', '.join(unknown)[:80]}; known are {', '.join(WANTED)}.",
            )
        self.fields = DEFAULTS | fields
        self.asked_for = frozenset(fields)
        words = given.take("words")
        self.words = {str(k): _texts(v) for k, v in words.items()} if isinstance(words, dict) else {}
        self.gender_of_title = {
            title.casefold().rstrip("."): gender
            for title, gender in _texts(given.take("gender_of_title")).items()
        }
        self.kind_of_form = _texts(given.take("delegation_kind_of_form"))


def _texts(value: Any) -> dict[str, str]:
    return {str(k): plain(v) for k, v in value.items()} if isinstance(value, dict) else {}


def _meeting(event: Fields, settings: _Settings, context: ReadingContext) -> pd.DataFrame:
    """The meeting's own row; its days are those of the meeting's time zone."""
    return pd.DataFrame(
        {
            "meeting_id": [settings.meeting_id],
            "title": [event.text("title")],
            "kind": [settings.kind],
            "starts_on": [_day(event.text("start_dt"), settings.timezone)],
            "ends_on": [_day(event.text("end_dt"), settings.timezone)],
            "received_on": [context.received_on.isoformat()],
            "_row": [1],
            "_place": ["event"],
        }
    )


def _day(moment: str, timezone: ZoneInfo) -> str:
    """The day of a moment in the meeting's time zone; what is no moment with an offset stays as it stood."""
    try:
        read_as = datetime.fromisoformat(moment)
    except ValueError:
        return moment
    return read_as.astimezone(timezone).date().isoformat() if read_as.tzinfo else moment


def _form(part: Fields, settings: _Settings, found: _Found) -> list[dict[str, Any]]:
    """What each registration of a form says."""
    form = part.fields("form")
    number, title = form.text("id"), form.text("title")
    form.ignore(
        "event_id", "introduction", "start_dt", "end_dt", "is_open", "registration_count", "checked_in_count"
    )
    found.unknown(form.left, "form")
    kind = settings.kind_of_form.get(number) or settings.kind_of_form.get(title) or ""
    registrations = [_registration(one, number, kind, settings, found) for one in part.each("registrations")]
    found.unknown(part.left, "forms")
    return registrations


def _registration(one: Fields, form: str, kind: str, settings: _Settings, found: _Found) -> dict[str, Any]:
    number = one.text("id")
    if not (number.isascii() and number.isdecimal() and len(number) <= LONGEST_NUMBER):
        raise Unreadable(
            "INDICO-LAYOUT",
            f"A registration of form {form[:20]} has no number. Fetch it with the configured source.",
        )
    one.ignore(*_REGISTRATION)
    cells = _cells(one, form, settings, found)
    title = cells.pop("title").casefold().rstrip(".")
    told = {
        "registration_id": f"indico-{plain(one.whole.get('event_id'))}-{number}",
        "full_name": one.text("full_name"),
        "email": one.text("email"),
        "state": one.text("state"),
        "attended": one.text("checked_in"),
        **cells,
        "_row": int(number),
        "_place": f"form {form}, registration {number}",
    }
    told["gender"] = cells["gender"] or settings.gender_of_title.get(title, "")
    told["delegation_kind"] = cells["delegation_kind"] or kind
    found.unknown(one.left, "registration")
    return told


def _cells(one: Fields, form: str, settings: _Settings, found: _Found) -> dict[str, str]:
    """The fields of the form that are wanted, by meaning, and the person's title."""
    by_name: dict[str, list[str]] = {}
    wanted = {name.casefold(): meaning for meaning, name in settings.fields.items()}
    for section in one.each("registration_data"):
        section.ignore("id", "title", "description", "position")
        for field in section.each("fields"):
            number, title = field.text("id"), field.text("title").casefold()
            place = f"form {form}, field {number}"
            value = _value(field, found, place)
            field.ignore(*_FIELD)
            found.unknown(field.left, "field")
            by_name.setdefault(number, []).append(value)
            by_name.setdefault(title, []).append(value)
            if title not in KNOWN and title not in wanted and number not in wanted:
                found.say(
                    "FIELD",
                    "A field of the form is not read. Name it in the settings if it should be.",
                    place,
                )
        found.unknown(section.left, "section")
    cells = {"title": (by_name.get("title") or [""])[0]}
    for name, meaning in wanted.items():
        values = by_name.get(name, [])
        if not values and meaning in settings.asked_for:
            found.say(
                "MISSING", f"The form has no field for {meaning} of the name in the settings.", f"form {form}"
            )
        if len(values) > 1:
            found.say(
                "TWICE",
                f"Several fields of the form have the title of {meaning}. None was read; name one by its id.",
                f"form {form}",
            )
        cells[meaning] = values[0] if len(values) == 1 else ""
    return {meaning: cells.get(meaning, "") for meaning in (*WANTED, "title")}


def _value(field: Fields, found: _Found, place: str) -> str:
    """What a field holds, as text: captions of choices, yes or no, or the text itself."""
    data, choices = field.take("data"), field.take("choices")
    field.ignore("input_type")
    if not isinstance(data, dict):
        return plain(data)
    captions = {
        str(choice.get("id")): plain(choice.get("caption"))
        for choice in (choices if isinstance(choices, list) else ())
        if isinstance(choice, dict)
    }
    if not captions and "text" in data:  # an affiliation, as some versions give it: {id, text}
        return plain(data["text"])
    chosen = [key for key, times in data.items() if plain(times) not in ("", "0")]
    if any(key not in captions for key in chosen):
        found.say("CHOICE", "A choice is no longer among those of its field. It stays as it stood.", place)
    return "; ".join(captions.get(key, key) for key in chosen)
