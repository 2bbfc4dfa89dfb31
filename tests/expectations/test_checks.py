"""Every check trips on a row that breaks it, and on no good one."""

from __future__ import annotations

from functools import cache

import pytest

from expectations.door import Verdict
from expectations.suite import suite_of
from sources.contract import Column, datasets
from tests.expectations.harness import codes_by_row, context, judged, row, table

BAD_CELL = {
    "id": "A\u200b-1",
    "date": "2025-02-30",
    "yes_no": "perhaps",
    "decimal": "1,5",
    "year": "MMXXV",
    "word": "nonsense",
    "iso3": "Atlantis",
}
PERSON = "someone@example.org"

DOMAIN: dict[str, dict[str, dict[str, str]]] = {
    "states": {},
    "meetings": {"ME-ENDS_ON-11": {"ends_on": "2025-11-30"}},
    "treaty_actions": {
        "TA-EFFECTIVE_ON-11": {"effective_on": ""},
        "TA-EFFECTIVE_ON-12": {"effective_on": "2000-02-01"},
        "TA-EFFECTIVE_ON-13": {
            "action": "Withdrawal",
            "deposited_on": "2025-01-31",
            "effective_on": "2025-07-30",
        },
        "TA-EFFECTIVE_ON-14": {"action": "signature"},
        "TA-DEPOSITED_ON-11": {
            "action": "signature",
            "deposited_on": "2026-01-16",
            "effective_on": "",
        },
    },
    "obligations": {
        "OB-END_REASON-11": {"ends_on": "2020-01-01"},
        "OB-END_REASON-12": {"end_reason": "completed"},
        "OB-DEADLINE-11": {"deadline": ""},
        "OB-UNIT-11": {"unit": ""},
        "OB-UNIT-12": {"quantity": ""},
        "OB-QUANTITY-11": {"quantity": "-1"},
        "OB-ENDS_ON-11": {"ends_on": "1999-12-31", "end_reason": "other"},
    },
    "article7_reports": {
        "AR-SUBMITTED_ON-11": {"submitted_on": "2024-12-31"},
        "AR-SUBMITTED_ON-12": {"submitted_on": "2026-01-16"},
    },
    "article7_answers": {
        "AN-PLAN_VERSION-11": {"plan_version": "unheard-of"},
        "AN-INDICATOR_ID-11": {"indicator_id": "7.1"},
    },
    "meeting_participants": {
        "MP-ISO3-11": {"iso3": ""},
        "MP-ISO3-12": {"iso3": "Atlantis"},
        "MP-ISO3-13": {"iso3": "DEU"},
        "MP-ISO3-14": {"delegation_kind": "other", "organization": "Some Institute"},
        "MP-ORGANIZATION-11": {"delegation_kind": "Civil_Society", "iso3": ""},
        "MP-REGISTRATION_ID-11": {"registration_id": "2025-AMARA-TESTPERSON"},
        "MP-ATTENDED-11": {"meeting_id": "23MSP"},
    },
    "meeting_statements": {
        "MS-CASE_ID-11": {"case_id": ""},
        "MS-CASE_ID-12": {"case_id": "CASE-9"},
    },
    "contributions": {
        "CO-AMOUNT-11": {"amount": "0.00"},
        "CO-AMOUNT-12": {"kind": "assessment_payment", "year": "2024", "amount": "0.01"},
        "CO-DATED_ON-11": {"kind": "voluntary_isu", "dated_on": "2026-01-16"},
    },
    "extension_requests": {"ER-SUBMITTED_ON-11": {"submitted_on": "2026-01-16"}},
    "completion_declarations": {"CD-DECLARED_ON-11": {"declared_on": "2026-01-16"}},
    "stockpile_discoveries": {
        "SD-REPORTED_ON-11": {"reported_on": "2025-01-09"},
        "SD-DESTROYED_ON-11": {"destroyed_on": "2025-01-09"},
        "SD-QUANTITY-11": {"quantity": "-0.01"},
        "SD-REPORTED_ON-12": {"reported_on": "2026-01-16"},
        "SD-DESTROYED_ON-12": {"destroyed_on": "2026-01-16"},
    },
    "compliance_cases": {
        "CC-CLOSED_ON-11": {"closed_on": "2023-12-31"},
        "CC-OPENED_ON-11": {"opened_on": "2026-01-16", "closed_on": ""},
    },
}
"""Code -> what to change in the dataset's good row so that it trips, for the rules that no declaration
gives."""

KEY_AND_WHOLE = ("KEY-01", "KEY-02", "KEY-03")
"""Checks of several rows, proved in test_door.py."""


def _contract_cases(column: Column, letters: str) -> dict[str, dict[str, str]]:
    """What must trip by the column's declaration alone."""
    name = column.name
    cases = {f"{letters}-{name.upper()}-02": {name: BAD_CELL[column.type]}} if column.type in BAD_CELL else {}
    if column.required:
        cases[f"{letters}-{name.upper()}-01"] = {name: ""}
    if column.references:
        cases[f"{letters}-{name.upper()}-03"] = {name: "DEU" if column.type == "iso3" else "unknown-1"}
    if column.type == "id":
        cases[f"{letters}-{name.upper()}-04"] = {name: PERSON}
    return cases


def _cases(dataset: str) -> dict[str, dict[str, str]]:
    suite = suite_of(dataset)
    cases = {
        code: change
        for column in datasets()[dataset].columns
        for code, change in _contract_cases(column, suite.letters).items()
    }
    cases[f"{suite.letters}-RECEIVED_ON-11"] = {"received_on": "2026-06-02"}
    cases |= DOMAIN[dataset]
    # What a suite spells out itself, or has no use for, stands among the domain's cases.
    spelt_out = {"MP-ISO3-02", "MP-ISO3-03", "MS-CASE_ID-03", "AN-INDICATOR_ID-04"}
    return {code: change for code, change in cases.items() if code not in spelt_out}


def _keyed(dataset: str, place: int, change: dict[str, str]) -> dict[str, str]:
    """A row with a key of its own, unless the case is about the key."""
    key = datasets()[dataset].key[-1]
    if dataset in {"states", "article7_answers"}:
        return row(dataset, **change)
    return row(dataset, **{key: f"{row(dataset)[key]}-{place}", **change})


@cache
def _verdict(dataset: str) -> tuple[Verdict, dict[str, int]]:
    """One delivery with a good row (number 2) and a row for each case, and the row numbers of the cases."""
    cases = _cases(dataset)
    rows = [row(dataset), *(_keyed(dataset, i, change) for i, change in enumerate(cases.values()))]
    numbers = {code: number for number, code in enumerate(cases, start=3)}
    return judged(table(dataset, rows)), numbers


ALL = [(dataset, code) for dataset in DOMAIN for code in _cases(dataset)]


@pytest.mark.parametrize(("dataset", "code"), ALL, ids=[code for _, code in ALL])
def test_a_row_that_breaks_the_rule_trips_the_check_and_the_good_row_does_not(
    dataset: str, code: str
) -> None:
    verdict, numbers = _verdict(dataset)
    found = codes_by_row(verdict, dataset)
    assert code in found.get(numbers[code], set())
    assert code not in found.get(2, set())


@pytest.mark.parametrize("dataset", list(datasets()))
def test_every_check_of_a_suite_has_a_case(dataset: str) -> None:
    suite = suite_of(dataset)
    elsewhere = {f"{suite.letters}-{name}" for name in KEY_AND_WHOLE}
    assert {check.code for check in suite.checks} == set(_cases(dataset)) | elsewhere


@pytest.mark.parametrize("dataset", list(datasets()))
def test_no_check_has_anything_to_say_about_the_good_row(dataset: str) -> None:
    verdict = judged(table(dataset, [row(dataset)]))
    assert verdict.results.query("outcome != 'pass'")["check_code"].tolist() == []
    assert verdict.accepted[dataset].num_rows == 1
    assert verdict.problems == ()


@pytest.mark.parametrize("dataset", list(datasets()))
def test_every_check_says_why_it_is_there_and_what_to_do(dataset: str) -> None:
    codes = [check.code for check in suite_of(dataset).checks]
    assert len(set(codes)) == len(codes)
    for check in suite_of(dataset).checks:
        assert check.code.startswith(f"{suite_of(dataset).letters}-")
        assert check.reason.endswith(".") and check.sentence.endswith(".")


def test_no_two_suites_share_letters() -> None:
    letters = [suite_of(dataset).letters for dataset in datasets()]
    assert len(set(letters)) == len(datasets())


@pytest.mark.parametrize(
    ("deposited", "effective", "right"),
    [
        ("1998-09-16", "1999-03-01", True),
        ("1998-09-16", "1999-04-01", False),
        ("1998-09-17", "1999-03-01", True),
        ("1998-10-01", "1999-04-01", True),
        ("1998-06-30", "1999-03-01", True),
        ("2025-08-31", "2026-02-01", True),
        ("2025-12-01", "2026-06-01", True),
        ("2025-12-01", "2026-06-02", False),
    ],
)
def test_entry_into_force_follows_article_17(deposited: str, effective: str, right: bool) -> None:
    verdict = judged(
        table("treaty_actions", [row("treaty_actions", deposited_on=deposited, effective_on=effective)])
    )
    assert ("TA-EFFECTIVE_ON-12" in codes_by_row(verdict, "treaty_actions").get(2, set())) is not right
    assert verdict.accepted["treaty_actions"].num_rows == 1


@pytest.mark.parametrize(
    ("deposited", "effective", "right"),
    [
        ("2025-08-31", "2026-02-28", True),
        ("2025-08-31", "2026-02-27", False),
        ("2025-06-27", "2025-12-27", True),
        ("2025-06-27", "2025-12-26", False),
        ("2025-06-27", "", True),
    ],
)
def test_a_withdrawal_takes_six_months(deposited: str, effective: str, right: bool) -> None:
    verdict = judged(
        table(
            "treaty_actions",
            [row("treaty_actions", action="withdrawal", deposited_on=deposited, effective_on=effective)],
        )
    )
    assert ("TA-EFFECTIVE_ON-13" in codes_by_row(verdict, "treaty_actions").get(2, set())) is not right


@pytest.mark.parametrize(
    ("amount", "loads"),
    [
        ("9999999999999999.99", True),
        ("10000000000000000", False),
        ("1.500", True),
        ("1.005", False),
        ("1e3", False),
        ("1 000", False),
        (".5", False),
        ("+3", True),
        ("٣", False),
    ],
)
def test_an_amount_loads_exactly_or_not_at_all(amount: str, loads: bool) -> None:
    verdict = judged(table("contributions", [row("contributions", amount=amount)]))
    assert (verdict.accepted["contributions"].num_rows == 1) is loads


@pytest.mark.parametrize(
    ("day", "loads"),
    [
        ("0001-01-01", True),
        ("9999-12-31", True),
        ("2000-02-29", True),
        ("1010-10-10", True),
        ("0000-01-01", False),
        ("1900-02-29", False),
        ("2025-02-30", False),
        ("2025-2-1", False),
        ("20250201", False),
        ("2025-02-01T00:00:00Z", False),
        ("٢٠٢٥-02-01", False),
        ("45689", False),
    ],
)
def test_a_day_is_one_of_the_calendar_or_does_not_load(day: str, loads: bool) -> None:
    rows = [row("stockpile_discoveries", discovered_on=day)]
    verdict = judged(table("stockpile_discoveries", rows))
    assert (verdict.accepted["stockpile_discoveries"].num_rows == 1) is loads


@pytest.mark.parametrize(
    ("registration_id", "loads"),
    [
        ("REG-17", True),
        ("22MSP-0001", True),
        ("amara@home", False),
        ("amaratestperson", False),
        ("Testperson Amara", False),
        ("Amára Testperson 2", False),
    ],
)
def test_a_registration_id_made_of_the_person_does_not_load(registration_id: str, loads: bool) -> None:
    rows = [row("meeting_participants", registration_id=registration_id)]
    verdict = judged(table("meeting_participants", rows))
    assert (verdict.accepted["meeting_participants"].num_rows == 1) is loads


def test_a_payment_is_compared_with_what_the_landing_and_this_run_say_is_due() -> None:
    import pandas as pd

    landing = pd.DataFrame(
        {
            "contribution_id": ["A", "P"],
            "iso3": ["KHM", "KHM"],
            "year": [2025, 2025],
            "kind": ["assessment", "assessment_payment"],
            "amount": [100.0, 60.0],
        }
    )
    pay = {"kind": "assessment_payment", "year": "2025"}
    rows = [
        row("contributions", contribution_id="P2", amount="40.01", **pay),
        row("contributions", contribution_id="P", amount="60", **pay),
    ]
    for amount, warns in (("40.01", True), ("40", False)):
        rows[0]["amount"] = amount
        verdict = judged(table("contributions", rows), contributions=landing)
        assert ("CO-AMOUNT-12" in codes_by_row(verdict, "contributions").get(2, set())) is warns


def test_a_word_an_answer_and_a_status_are_matched_without_regard_to_case() -> None:
    verdict = judged(
        table("article7_answers", [row("article7_answers", answer="Not_Applicable", record_status="ACTIVE")]),
        table("states", [row("states", un_region="asia-pacific", iso3="khm")]),
    )
    assert verdict.accepted["article7_answers"].column("answer").to_pylist() == ["not_applicable"]
    assert verdict.accepted["states"].column("un_region").to_pylist() == ["Asia-Pacific"]
    assert verdict.accepted["states"].column("iso3").to_pylist() == ["KHM"]


def test_an_answer_belongs_to_the_plan_that_it_names() -> None:
    rows = [
        row("article7_answers", indicator_id="1.2", plan_version="adopted-2024"),
        row("article7_answers", indicator_id="1.2"),
        row("article7_answers", indicator_id="1.1", plan_version="adopted-2024"),
        row("article7_answers", indicator_id="45.1"),
    ]
    verdict = judged(table("article7_answers", rows))
    assert verdict.quarantined["row_number"].tolist() == [3, 4]
    assert set(verdict.quarantined["check_code"]) == {"AN-INDICATOR_ID-11"}


def test_an_iso3_of_another_delegation_is_dropped_whatever_it_says() -> None:
    given = row(
        "meeting_participants", delegation_kind="other", organization="Some Institute", iso3="Atlantis"
    )
    verdict = judged(table("meeting_participants", [given]))
    assert verdict.accepted["meeting_participants"].column("iso3").to_pylist() == [None]
    assert codes_by_row(verdict, "meeting_participants") == {2: {"MP-ISO3-14"}}


def test_a_case_is_asked_for_in_a_compliance_update_only() -> None:
    rows = [row("meeting_statements", topic="other", case_id="CASE-9", statement_id="S-2")]
    verdict = judged(table("meeting_statements", rows), known_keys={**context().known_keys})
    assert verdict.accepted["meeting_statements"].num_rows == 1
