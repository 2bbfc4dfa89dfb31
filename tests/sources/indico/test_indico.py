"""Indico's check-in interface: a document is collected from a server and becomes a meeting and a register."""

from __future__ import annotations

import copy
import json
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sources.indico.collect import collect
from sources.readers import Reading, ReadingContext, Unreadable, readers
from tests.sources.indico.server import (
    EVENT_REPLY,
    FORM_REPLY,
    REGISTRATIONS,
    SETTINGS,
    getter,
    registration,
    serving,
)


def _read(folder: Path, document: Any) -> Reading:
    path = folder / "indico--22MSP.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return readers()["indico"].read(path, "json", ReadingContext(date(2025, 12, 6), path.name))


def _document(*registrations: dict[str, Any], **settings: Any) -> dict[str, Any]:
    return {
        "settings": SETTINGS | settings,
        "event": EVENT_REPLY,
        "forms": [{"form": FORM_REPLY, "registrations": list(copy.deepcopy(registrations))}],
    }


def _people(reading: Reading) -> pd.DataFrame:
    return reading.tables[-1].frame.set_index("registration_id")


def _codes(reading: Reading) -> list[str]:
    return [finding.code for finding in reading.findings]


@pytest.fixture(scope="module")
def collected() -> dict[str, Any]:
    """The document collected from a server."""
    with serving() as address:
        return collect(getter(address), SETTINGS)


def test_a_meeting_and_its_register_come_from_the_interface(
    collected: dict[str, Any], tmp_path: Path
) -> None:
    reading = _read(tmp_path, collected)

    meetings = reading.tables[0]
    assert (meetings.dataset, meetings.name) == ("meetings", "event")
    assert meetings.frame.iloc[0][["meeting_id", "kind", "starts_on", "ends_on"]].tolist() == [
        "22MSP",
        "meeting_of_states_parties",
        "2025-12-01",  # 23:00 UTC on the day before
        "2025-12-05",
    ]
    people = _people(reading)
    wanted = ["delegation_kind", "iso3", "organization", "gender", "is_mine_victim", "attended"]
    assert people[wanted].T.to_dict("list") == {
        "indico-1019-11": ["state", "TD", "", "unknown", "no", "yes"],
        "indico-1019-12": ["state", "NA", "", "female", "no", "yes"],
        "indico-1019-13": ["civil_society", "", "Clear Ground", "unknown", "no", "yes"],
        "indico-1019-14": ["survivor_organization", "", "Walk On", "unknown", "yes", "no"],
        "indico-1019-15": ["state", "TD", "", "male", "no", "no"],
        "indico-1019-16": ["state", "TD", "", "female", "no", "yes"],
    }
    assert people.loc["indico-1019-12", "full_name"] == "Ndapewa Nangolo"
    assert people.loc["indico-1019-12", "_place"] == "form 7, registration 12"
    assert set(people["received_on"]) == {"2025-12-06"}


def test_what_is_left_over_is_said_once_and_names_nobody(collected: dict[str, Any], tmp_path: Path) -> None:
    reading = _read(tmp_path, collected)

    assert _codes(reading) == ["INDICO-FIELD", "INDICO-CHECKED-IN"]
    assert reading.findings[0].place == "form 7, field 24"
    words = " ".join(f"{f.sentence} {f.place}" for f in reading.findings)
    assert not any(one["full_name"].split()[1] in words for one in REGISTRATIONS)


def test_secrets_of_tickets_are_not_collected(collected: dict[str, Any]) -> None:
    text = json.dumps(collected)

    assert "checkin_secret" not in text
    assert "countryKey" not in text
    assert [one["id"] for one in collected["forms"][0]["registrations"]] == [11, 12, 13, 14, 15, 16]


def test_only_the_forms_that_are_wanted_are_asked_for() -> None:
    with serving() as address:
        document = collect(getter(address), SETTINGS | {"forms": [99]})

    assert document["forms"] == []


@pytest.mark.parametrize("settings", [{"event_id": 1}, {"meeting_id": "22MSP"}])
def test_settings_without_the_event_or_the_meeting_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="the settings of the source name no"):
        collect(pytest.fail, settings)


def test_a_title_says_a_gender_only_where_the_settings_say_so(tmp_path: Path) -> None:
    people = [registration(n, "Kim Doe", title=title) for n, title in enumerate(("Mr", "Ms", "Dr"), start=1)]

    silent = _people(_read(tmp_path, _document(*people)))
    told = _people(_read(tmp_path, _document(*people, gender_of_title={"Mr.": "male", "Ms": "female"})))

    assert silent["gender"].tolist() == ["unknown"] * 3
    assert told["gender"].tolist() == ["male", "female", "unknown"]


@pytest.mark.parametrize("state", ["complete", "pending", "rejected", "withdrawn", "unpaid"])
def test_whoever_was_checked_in_attended(state: str, tmp_path: Path) -> None:
    here = registration(1, "Kim Doe", state=state, checked_in=True)
    away = registration(2, "Lee Roe", state=state)

    assert _people(_read(tmp_path, _document(here, away)))["attended"].tolist() == ["yes", "no"]


def test_a_state_nobody_knows_decides_nothing(tmp_path: Path) -> None:
    reading = _read(tmp_path, _document(registration(1, "Kim Doe", state="waitlisted", checked_in=True)))

    assert _people(reading)["attended"].tolist() == ["waitlisted"]
    assert "INDICO-WORD" in _codes(reading)


def test_a_word_nobody_knows_stays_as_it_stood(tmp_path: Path) -> None:
    one = registration(1, "Kim Doe", kind="Media")

    before = _read(tmp_path, _document(one))
    after = _read(tmp_path, _document(one, words={"delegation_kind": {"media": "other"}}))

    assert _people(before)["delegation_kind"].tolist() == ["Media"]
    assert "INDICO-WORD" in _codes(before)
    assert _people(after)["delegation_kind"].tolist() == ["other"]


def test_a_form_may_be_for_one_kind_of_delegation(tmp_path: Path) -> None:
    document = _document(registration(1, "Kim Doe"), delegation_kind_of_form={"7": "red_cross"})

    assert _people(_read(tmp_path, document))["delegation_kind"].tolist() == ["red_cross"]


def test_a_title_that_stands_twice_is_told_apart_by_its_id(tmp_path: Path) -> None:
    one = registration(1, "Kim Doe", country="NA", kind="State Party")
    one["registration_data"][1]["fields"].append(
        {"id": 77, "title": "Country", "input_type": "country", "data": "TD", "default_value": ""}
    )

    doubtful = _read(tmp_path, _document(one))
    clear = _read(tmp_path, _document(one, fields=SETTINGS["fields"] | {"country": "77"}))  # type: ignore[operator]

    assert _people(doubtful)["iso3"].tolist() == [""]
    assert "INDICO-TWICE" in _codes(doubtful)
    assert _people(clear)["iso3"].tolist() == ["TD"]


def test_a_field_that_the_form_lacks_is_said(tmp_path: Path) -> None:
    document = _document(registration(1, "Kim Doe"), fields={"gender": "Sex"})

    assert "INDICO-MISSING" in _codes(_read(tmp_path, document))


def test_a_choice_that_was_deleted_stays_as_it_stood(tmp_path: Path) -> None:
    reading = _read(tmp_path, _document(registration(1, "Kim Doe", gender="g-gone")))

    assert _people(reading)["gender"].tolist() == ["g-gone"]
    assert {"INDICO-CHOICE", "INDICO-WORD"} <= set(_codes(reading))


def test_an_affiliation_is_its_text_in_whichever_way_it_comes(tmp_path: Path) -> None:
    """An affiliation is {id, text} inside Indico; its interface gives the text alone."""
    as_text = registration(1, "Kim Doe", kind="NGO", affiliation="Clear Ground")
    as_object = registration(2, "Lee Roe", kind="NGO")
    field = as_object["registration_data"][0]["fields"][3]
    assert field["title"] == "Affiliation"
    field |= {"input_type": "affiliation", "data": {"id": None, "text": "Clear Ground"}}

    reading = _read(tmp_path, _document(as_text, as_object))

    assert _people(reading)["organization"].tolist() == ["Clear Ground", "Clear Ground"]
    assert "INDICO-CHOICE" not in _codes(reading)


def test_a_new_key_of_the_interface_is_said(tmp_path: Path) -> None:
    one = registration(1, "Kim Doe") | {"badge_printed": True}

    assert "INDICO-KEY" in _codes(_read(tmp_path, _document(one)))


def test_without_a_kind_the_meeting_is_known_from_elsewhere(tmp_path: Path) -> None:
    reading = _read(tmp_path, _document(registration(1, "Kim Doe"), kind=None))

    assert [table.dataset for table in reading.tables] == ["meeting_participants"]


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ([], "INDICO-LAYOUT"),
        ({"settings": SETTINGS, "event": EVENT_REPLY}, "INDICO-LAYOUT"),
        (_document(registration(1, "Kim Doe"), registration(1, "Lee Roe")), "INDICO-LAYOUT"),
        (_document(registration(10**30, "Kim Doe")), "INDICO-LAYOUT"),
        (_document(registration(1, "Kim Doe") | {"id": []}), "INDICO-LAYOUT"),
        (_document({}), "INDICO-LAYOUT"),
        (_document(meeting_id=""), "INDICO-SETTINGS"),
        (_document(timezone="Europe/Atlantis"), "INDICO-SETTINGS"),
        (_document(fields={"sex": "Sex"}), "INDICO-SETTINGS"),
    ],
)
def test_a_document_of_another_shape_is_refused(document: Any, code: str, tmp_path: Path) -> None:
    with pytest.raises(Unreadable) as refused:
        _read(tmp_path, document)

    assert refused.value.problem.code == code
