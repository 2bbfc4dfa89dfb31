"""Hand-made cases with figures worked out by hand, one for each edge that semantics.md names.

They guard against the recomputation and the SQL being wrong together.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.oracle.indicators import Result, add_months, compute, load_plan, normalised
from tests.oracle.rows import DATASETS, Row, from_accepted

PLAN = load_plan()
OLD = date(2001, 3, 1)
EARLY = date(2024, 11, 29)
END = date(2025, 12, 31)
FINAL = date(2026, 6, 29)
REGIONS = {"AFG": "Asia-Pacific", "AGO": "African", "ALB": "Eastern European", "NAM": "African"}


def day(text: str) -> date:
    return date.fromisoformat(text)


def states(*codes: str) -> list[Row]:
    return [{"iso3": c, "name": c, "un_region": REGIONS.get(c)} for c in codes]


def action(key: str, iso3: str, kind: str, effective: date | None, deposited: date = OLD) -> Row:
    return {
        "action_id": key,
        "iso3": iso3,
        "action": kind,
        "deposited_on": deposited,
        "effective_on": effective,
    }


def parties(*codes: str) -> list[Row]:
    return [action(f"{c}-consent", c, "ratification", OLD) for c in codes]


def obligation(key: str, iso3: str, kind: str, **more: Any) -> Row:
    return {"obligation_id": key, "iso3": iso3, "kind": kind, "starts_on": OLD, **more}


def report(key: str, iso3: str, submitted: str, year: int = 2025, **more: Any) -> Row:
    cells = {"report_id": key, "iso3": iso3, "reporting_year": year, "submitted_on": day(submitted)}
    return {**cells, "uses_guide": False, "has_implementation_update": False, **more}


def answer(report_id: str, indicator: str, text: str, **more: Any) -> Row:
    return {"report_id": report_id, "indicator_id": indicator, "answer": text, **more}


def meeting(key: str, starts: str, kind: str = "intersessional") -> Row:
    return {"meeting_id": key, "title": key, "kind": kind, "starts_on": day(starts), "ends_on": day(starts)}


def statement(key: str, meeting_id: str, iso3: str, topic: str, case_id: str | None = None) -> Row:
    return {"statement_id": key, "meeting_id": meeting_id, "iso3": iso3, "topic": topic, "case_id": case_id}


def person(key: str, meeting_id: str, name: str, kind: str, of: str, **more: Any) -> Row:
    delegation = {"iso3": of} if kind == "state" else {"organization": of}
    row = {"registration_id": key, "meeting_id": meeting_id, "delegation_kind": kind, "full_name": name}
    return {**row, **delegation, "gender": "unknown", "is_mine_victim": None, "attended": True, **more}


def crowd(meeting_id: str, kind: str, of: str, **numbers: int) -> list[Row]:
    """``women``, ``men``, ``unknown`` and ``victims`` (women too) of one delegation, all different people."""
    rows = []
    for what, number in numbers.items():
        gender = {"men": "male", "unknown": "unknown"}.get(what, "female")
        for n in range(number):
            key = f"{meeting_id}-{kind}-{of}-{what}-{n}"
            victim = what == "victims"
            rows.append(person(key, meeting_id, key, kind, of, gender=gender, is_mine_victim=victim))
    return rows


def money(key: str, iso3: str, kind: str, amount: str, dated: str, *, year: int = 2025) -> Row:
    row = {"contribution_id": key, "iso3": iso3, "year": year, "kind": kind}
    return {**row, "amount": Decimal(amount), "dated_on": day(dated)}


def case(key: str, iso3: str, opened: str, closed: str | None = None) -> Row:
    days = {"opened_on": day(opened), "closed_on": day(closed) if closed else None}
    return {"case_id": key, "iso3": iso3, "article": "1.1", "basis": "document", **days}


def discovery(key: str, iso3: str, found: str, reported: str, destroyed: str | None = None) -> Row:
    days = {"discovered_on": day(found), "reported_on": day(reported)}
    return {"discovery_id": key, "iso3": iso3, **days, "destroyed_on": day(destroyed) if destroyed else None}


def figures(as_of: date = FINAL, absent: Sequence[str] = (), /, **tables: list[Row]) -> Result:
    """The figures for rows received early unless they say otherwise; what isn't given has only a header."""
    complete = {
        dataset: [{"received_on": EARLY, **row} for row in found] for dataset, found in tables.items()
    }
    return compute(from_accepted(complete, set(DATASETS) - set(absent)), as_of, PLAN)


def value(result: Result, indicator: str, part: str = "all", year: int = 2025) -> dict[str, Any]:
    """The one row of a part; ``timeliness/none`` where the part's name alone is not enough."""
    breakdown, _, name = part.rpartition("/")
    [row] = [
        v
        for v in result.values
        if (v["indicator_id"], v["breakdown_value"], v["reporting_year"]) == (indicator, name, year)
        and breakdown in ("", v["breakdown"])
    ]
    return row


def fraction(result: Result, indicator: str, part: str = "all", year: int = 2025) -> tuple[Any, Any]:
    row = value(result, indicator, part, year)
    return row["numerator"], row["denominator"]


def seen(result: Result, indicator: str, year: int = 2025) -> dict[str, dict[str, Any]]:
    return {
        o["member_key"]: o
        for o in result.observations
        if o["indicator_id"] == indicator and o["reporting_year"] == year
    }


def reasons(result: Result, indicator: str, year: int = 2025) -> dict[str, str]:
    return {key: cell["reason"] for key, cell in seen(result, indicator, year).items()}


def members(result: Result, population: str, year: int = 2025) -> set[str]:
    return {
        m["member_key"]
        for m in result.population_members
        if m["population"] == population and m["reporting_year"] == year
    }


# -------------------------------------------------------------------------------- time


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ("2025-08-31", 6, "2026-02-28"),
        ("2027-08-31", 6, "2028-02-29"),
        ("2025-05-31", -3, "2025-02-28"),
        ("2025-12-01", -3, "2025-09-01"),
        ("2025-06-30", 6, "2025-12-30"),
        ("2026-02-28", -3, "2025-11-28"),
    ],
)
def test_months_keep_the_day_or_take_the_last(start: str, months: int, end: str) -> None:
    assert add_months(day(start), months) == day(end)


def test_only_years_that_have_begun_are_computed() -> None:
    assert {v["reporting_year"] for v in figures(day("2026-01-01")).values} == {2025, 2026}
    assert {v["reporting_year"] for v in figures(END).values} == {2025}
    assert figures(day("2024-12-31")).values == []


def test_a_report_counts_up_to_180_days_after_the_year() -> None:
    given = {"states": states("AFG", "AGO"), "treaty_actions": parties("AFG", "AGO")}
    reports = [report("R1", "AFG", "2026-06-29"), report("R2", "AGO", "2026-06-30")]
    late = figures(day("2026-07-31"), article7_reports=reports, **given)
    assert fraction(late, "7.1") == (1, 2)
    assert fraction(late, "7.1", "late") == (1, 2)
    assert fraction(late, "7.1", "timeliness/none") == (1, 2)
    assert value(late, "7.1")["status"] == "final"


def test_a_value_is_final_180_days_after_the_year() -> None:
    given = {"states": states("AFG"), "treaty_actions": parties("AFG")}
    assert value(figures(day("2026-06-28"), **given), "7.1")["status"] == "provisional"
    assert value(figures(day("2026-06-29"), **given), "7.1")["status"] == "final"


# -------------------------------------------------------------------------------- versions


def test_the_latest_received_version_counts_and_on_a_tie_the_last_delivered() -> None:
    given = {"states": states("AFG"), "treaty_actions": parties("AFG")}
    versions = [
        report("R1", "AFG", "2025-04-30", uses_guide=True, received_on=day("2025-06-01"), delivery_seq=1),
        report("R1", "AFG", "2025-04-30", uses_guide=False, received_on=day("2025-05-01"), delivery_seq=9),
    ]
    assert fraction(figures(article7_reports=versions, **given), "7.2") == (1, 1)
    assert fraction(figures(day("2025-05-31"), article7_reports=versions, **given), "7.2") == (0, 1)
    versions[1]["received_on"] = day("2025-06-01")
    assert fraction(figures(article7_reports=versions, **given), "7.2") == (0, 1)


def test_a_correction_after_a_retraction_brings_the_record_back() -> None:
    given = {"states": states("AFG"), "treaty_actions": parties("AFG")}
    versions = [
        report("R1", "AFG", "2025-04-30", received_on=day("2025-05-01")),
        {"report_id": "R1", "record_status": "retracted", "received_on": day("2025-06-01")},
        report("R1", "AFG", "2025-04-30", received_on=day("2025-07-01")),
    ]
    for as_of, submitted in (("2025-04-30", 0), ("2025-05-01", 1), ("2025-06-01", 0), ("2025-07-01", 1)):
        found = figures(day(as_of), article7_reports=versions, **given)
        assert fraction(found, "7.1") == (submitted, 1), as_of


def test_a_row_takes_part_only_if_what_it_refers_to_exists() -> None:
    gone = {"record_status": "retracted", "received_on": day("2025-06-01")}
    given = {
        "states": states("AFG", "AGO"),
        "treaty_actions": parties("AFG", "AGO"),
        "meetings": [meeting("M1", "2025-05-05"), meeting("M2", "2025-05-06")],
        "compliance_cases": [case("C1", "AFG", "2024-01-01")],
        "meeting_statements": [
            statement("S1", "M1", "AFG", "compliance_update", "C1"),
            statement("S2", "M2", "AGO", "condemnation", "no such case"),
        ],
    }
    before = figures(**given)
    assert fraction(before, "43.2") == (1, 1)
    assert fraction(before, "11.1") == (1, None)
    no_meeting = figures(**{**given, "meetings": [*given["meetings"], {"meeting_id": "M1", **gone}]})
    assert fraction(no_meeting, "43.2") == (0, 1)
    no_case = figures(
        **{**given, "compliance_cases": [*given["compliance_cases"], {"case_id": "C1", **gone}]}
    )
    assert value(no_case, "43.2")["status"] == "empty_population"
    no_state = figures(**{**given, "states": [*given["states"], {"iso3": "AGO", **gone}]})
    assert members(no_state, "states_parties") == {"AFG"}
    assert fraction(no_state, "11.1") == (0, None)


def test_an_answer_goes_with_its_report() -> None:
    given = {"states": states("AFG"), "treaty_actions": parties("AFG")}
    reports = [
        report("R1", "AFG", "2025-04-30"),
        {"report_id": "R1", "record_status": "retracted", "received_on": day("2025-06-01")},
    ]
    found = figures(article7_reports=reports, article7_answers=[answer("R1", "45.1", "yes")], **given)
    assert reasons(found, "45.1") == {"AFG": "no_report"}


# -------------------------------------------------------------------------------- populations


@pytest.mark.parametrize(
    ("actions", "party"),
    [
        ([("withdrawal", "2025-12-31")], False),
        ([("withdrawal", "2026-01-01")], True),
        ([("withdrawal", None)], True),
        ([("suspension_notice", None)], True),
        ([("withdrawal", "2001-03-01")], True),
        ([("withdrawal", "2025-03-01"), ("accession", "2025-12-31")], True),
        ([("withdrawal", "2025-03-01"), ("accession", "2026-01-01")], False),
        ([("withdrawal", "2025-03-01"), ("accession", "2025-03-01")], True),
        ([("accession", "2025-03-01"), ("withdrawal", "2025-03-02")], False),
    ],
)
def test_states_parties_on_the_cut_off(actions: list[tuple[str, str | None]], party: bool) -> None:
    rows = parties("AFG") + [
        action(f"T{n}", "AFG", kind, day(effective) if effective else None)
        for n, (kind, effective) in enumerate(actions)
    ]
    found = figures(states=states("AFG"), treaty_actions=rows)
    assert members(found, "states_parties") == ({"AFG"} if party else set())
    assert members(found, "states_not_party") == (set() if party else {"AFG"})


def test_the_cut_off_is_the_as_of_date_before_the_year_is_over() -> None:
    rows = [*parties("AFG"), action("T1", "AFG", "withdrawal", day("2025-12-31"))]
    assert members(
        figures(day("2025-12-30"), states=states("AFG"), treaty_actions=rows), "states_parties"
    ) == {"AFG"}


COMPLETED = {"ends_on": END, "end_reason": "completed"}


@pytest.mark.parametrize(
    ("kind", "cells", "population", "belongs"),
    [
        ("article_5", {"starts_on": END}, "article5", True),
        ("article_5", {"starts_on": END + timedelta(1)}, "article5", False),
        ("article_5", {"ends_on": END, "end_reason": "other"}, "article5", False),
        ("article_5", {"ends_on": END + timedelta(1), "end_reason": "other"}, "article5", True),
        ("article_5", {"ends_on": END, "end_reason": "completed"}, "article5_completed", True),
        (
            "article_5",
            {"ends_on": END + timedelta(1), "end_reason": "completed"},
            "article5_completed",
            False,
        ),
        ("article_5", {"ends_on": END, "end_reason": "other"}, "article5_completed", False),
        ("article_5", {"ends_on": END, "end_reason": "completed"}, "article5_ever", True),
        ("article_5", {"ends_on": END, "end_reason": "other"}, "article5_ever", False),
        ("article_4", {"deadline": END}, "article4_overdue", False),
        ("article_4", {"deadline": END - timedelta(1)}, "article4_overdue", True),
        ("article_4", {"deadline": OLD, "ends_on": END, "end_reason": "other"}, "article4_overdue", False),
        ("victim_assistance", {}, "affected", True),
        ("article_5", {}, "affected", True),
        ("article_3", {}, "affected", False),
        ("article_3", {}, "articles_3_4_5", True),
        ("victim_assistance", {}, "articles_3_4_5", False),
    ],
)
def test_populations_of_obligations(kind: str, cells: Row, population: str, belongs: bool) -> None:
    given = {"states": states("AFG"), "treaty_actions": parties("AFG")}
    found = figures(obligations=[obligation("O1", "AFG", kind, **cells)], **given)
    assert members(found, population) == ({"AFG"} if belongs else set())


def test_who_completed_stays_completed_beside_a_newer_obligation() -> None:
    rows = [
        obligation("O1", "AFG", "article_5", ends_on=day("2010-01-01"), end_reason="completed"),
        obligation("O2", "AFG", "article_5"),
    ]
    found = figures(states=states("AFG"), treaty_actions=parties("AFG"), obligations=rows)
    assert members(found, "article5_completed") == members(found, "article5") == {"AFG"}


def test_a_state_that_is_no_party_is_bound_to_nothing() -> None:
    found = figures(states=states("AFG"), obligations=[obligation("O1", "AFG", "article_5")])
    assert members(found, "article5") == members(found, "affected") == set()


def test_a_first_report_is_due_180_days_after_entry_into_force() -> None:
    rows = [
        action("T1", "AFG", "accession", day("2025-07-04")),
        action("T2", "AGO", "accession", day("2025-07-05")),
        action("T3", "ALB", "accession", day("2025-07-05")),
    ]
    reports = [report("R1", "ALB", "2026-06-29")]
    found = figures(states=states("AFG", "AGO", "ALB"), treaty_actions=rows, article7_reports=reports)
    assert reasons(found, "7.1") == {"AFG": "not_met", "AGO": "pending", "ALB": "met"}
    assert fraction(found, "7.1") == (1, 2)
    assert seen(found, "7.1")["AGO"]["in_denominator"] is False
    assert members(found, "reporting_parties") == {"AFG", "ALB"}


# -------------------------------------------------------------------------------- answers


def test_of_two_reports_on_one_day_the_greatest_id_by_code_point_decides() -> None:
    reports = [report("R9", "AFG", "2025-04-30"), report("R10", "AFG", "2025-04-30", uses_guide=True)]
    answers = [answer("R9", "1.1", "no", evidence="E", location="L"), answer("R10", "1.1", "yes")]
    found = figures(
        states=states("AFG"),
        treaty_actions=parties("AFG"),
        obligations=[obligation("O1", "AFG", "article_5")],
        article7_reports=reports,
        article7_answers=answers,
    )
    cell = seen(found, "1.1")["AFG"]
    assert (cell["reason"], cell["report_id"], cell["evidence"], cell["location"]) == ("no", "R9", "E", "L")
    assert fraction(found, "7.2") == (0, 1)


def test_a_later_report_without_the_answer_does_not_take_it_away() -> None:
    given = {"states": states("AFG", "AGO", "ALB"), "treaty_actions": parties("AFG", "AGO", "ALB")}
    duties = [obligation(f"O{c}", c, "victim_assistance") for c in ("AFG", "AGO", "ALB")]
    reports = [
        report("R1", "AFG", "2025-04-30"),
        report("R2", "AFG", "2025-05-30"),
        report("R3", "AGO", "2025-05-30"),
        report("R4", "ALB", "2025-05-30", year=2024),
    ]
    answers = [answer("R1", "27.1", "yes"), answer("R2", "27.2", "no"), answer("R4", "27.1", "yes")]
    found = figures(obligations=duties, article7_reports=reports, article7_answers=answers, **given)
    assert reasons(found, "27.1") == {"AFG": "yes", "AGO": "not_answered", "ALB": "no_report"}
    assert [c["report_id"] for c in seen(found, "27.1").values()] == ["R1", "R3", None]
    assert fraction(found, "27.1") == (1, 3)
    assert fraction(found, "27.1", "reporting") == (1, 2)
    assert value(found, "27.1")["value"] == 100.0 / 3


def test_not_applicable_stays_in_the_denominator_but_for_its_breakdown() -> None:
    reports = [report("R1", "AFG", "2025-04-30"), report("R2", "AGO", "2025-04-30")]
    answers = [answer("R1", "16.1", "not_applicable"), answer("R2", "16.1", "yes")]
    found = figures(
        states=states("AFG", "AGO"),
        treaty_actions=parties("AFG", "AGO"),
        obligations=[obligation("O1", "AFG", "article_5"), obligation("O2", "AGO", "article_5")],
        article7_reports=reports,
        article7_answers=answers,
    )
    assert fraction(found, "16.1") == (1, 2)
    assert fraction(found, "16.1", "applicable") == (1, 1)
    assert fraction(found, "16.1", "African") == (1, 1)
    assert value(found, "16.1", "none")["status"] == "empty_population"


def test_answers_belong_to_a_plan_version() -> None:
    answers = [
        answer("R1", "45.1", "yes", plan_version="adopted-2024-11-29"),
        answer("R2", "45.1", "yes", plan_version="draft-2024-08-16"),
    ]
    found = figures(
        states=states("AFG", "AGO"),
        treaty_actions=parties("AFG", "AGO"),
        article7_reports=[report("R1", "AFG", "2025-04-30"), report("R2", "AGO", "2025-04-30")],
        article7_answers=answers,
    )
    assert reasons(found, "45.1") == {"AFG": "not_answered", "AGO": "yes"}


@pytest.mark.parametrize(
    ("answers", "reason", "report_id"),
    [
        ({"R1": "yes", "R2": "unclear"}, "yes", "R1"),
        ({"R1": "yes", "R2": "no"}, "no", "R2"),
        ({"R0": "yes", "R1": "not_applicable"}, "yes", "R0"),
        ({"R0": "unclear", "R1": "not_applicable"}, "not_applicable", "R1"),
        ({}, "not_answered", "R2"),
    ],
)
def test_an_answer_once_given_stands_until_another_is_clear(
    answers: dict[str, str], reason: str, report_id: str
) -> None:
    reports = [
        report("R0", "AFG", "2025-06-01", year=2023),
        report("R1", "AFG", "2025-04-30"),
        report("R2", "AFG", "2025-05-30"),
    ]
    found = figures(
        states=states("AFG", "AGO"),
        treaty_actions=parties("AFG", "AGO"),
        article7_reports=reports,
        article7_answers=[answer(key, "45.1", text) for key, text in answers.items()],
    )
    cell = seen(found, "45.1")["AFG"]
    assert (cell["reason"], cell["report_id"]) == (reason, report_id)
    assert cell["in_numerator"] == (reason == "yes")
    assert reasons(found, "45.1")["AGO"] == "no_report"


def test_a_number_counts_reports_of_those_who_belonged_on_the_day_of_the_report() -> None:
    actions = [
        *parties("AFG", "AGO"),
        action("T1", "AGO", "withdrawal", day("2026-02-01")),
        action("T2", "ALB", "accession", day("2026-02-01")),
    ]
    reports = [report(f"R-{c}", c, "2026-03-01") for c in ("AFG", "AGO", "ALB", "NAM")]
    found = figures(
        states=states("AFG", "AGO", "ALB", "NAM"),
        treaty_actions=actions,
        article7_reports=reports,
        article7_answers=[answer(f"R-{c}", "5.1", "yes") for c in ("AFG", "AGO", "ALB", "NAM")],
    )
    counted = {key: cell["in_numerator"] for key, cell in seen(found, "5.1").items()}
    assert counted == {"AFG": True, "AGO": False, "ALB": True}
    assert set(reasons(found, "5.1").values()) == {"yes"}
    assert fraction(found, "5.1") == (2, None)
    assert value(found, "5.1")["value"] == 2.0
    # 10.3: AGO and NAM were not party on that day.
    assert fraction(found, "10.3") == (2, None)
    assert reasons(found, "10.3") == {"AGO": "met", "ALB": "not_met", "NAM": "met"}


def test_a_voluntary_report_counts_by_any_report_made_as_a_state_not_party() -> None:
    reports = [report("R1", "AFG", "2025-02-01"), report("R2", "AFG", "2025-04-01")]
    found = figures(
        states=states("AFG"),
        treaty_actions=[action("T1", "AFG", "accession", day("2025-03-01"))],
        article7_reports=reports,
    )
    cell = seen(found, "10.3")["AFG"]
    assert (cell["in_numerator"], cell["report_id"]) == (True, "R1")
    assert seen(found, "7.1")["AFG"]["report_id"] == "R2"


def test_updates_count_by_any_report_and_the_guide_by_the_latest() -> None:
    reports = [
        report("R1", "AFG", "2025-02-01", uses_guide=True, has_implementation_update=True),
        report("R2", "AFG", "2025-04-01"),
    ]
    found = figures(
        states=states("AFG"),
        treaty_actions=parties("AFG"),
        obligations=[obligation("O1", "AFG", "article_3")],
        article7_reports=reports,
    )
    assert fraction(found, "44.1") == (1, 1)
    assert fraction(found, "7.2") == (0, 1)


def test_timeliness_goes_by_the_first_report() -> None:
    reports = [
        report("R1", "AFG", "2025-04-30"),
        report("R2", "AFG", "2025-09-30"),
        report("R3", "AGO", "2025-05-01"),
    ]
    found = figures(
        states=states("AFG", "AGO", "ALB"),
        treaty_actions=parties("AFG", "AGO", "ALB"),
        article7_reports=reports,
    )
    timeliness = [
        (v["breakdown_value"], v["numerator"], v["denominator"])
        for v in found.values
        if v["breakdown"] == "timeliness" and v["reporting_year"] == 2025
    ]
    assert timeliness == [("on_time", 1, 3), ("late", 1, 3), ("none", 1, 3)]


# -------------------------------------------------------------------------------- money


FORMAL = meeting("MSP", "2025-12-01", "meeting_of_states_parties")


def paid(*rows: Row, as_of: date = FINAL, meetings: Sequence[Row] = (FORMAL,)) -> Result:
    dues = [money("A1", "AFG", "assessment", "100.00", "2025-01-01")]
    return figures(
        as_of,
        states=states("AFG"),
        treaty_actions=parties("AFG"),
        meetings=list(meetings),
        contributions=[*dues, *rows],
    )


@pytest.mark.parametrize(
    ("payments", "part"),
    [
        ([("100.00", "2025-09-01")], "in_time"),
        ([("60.00", "2024-12-01"), ("40.00", "2025-09-01")], "in_time"),
        ([("99.99", "2025-09-01"), ("0.01", "2025-09-02")], "late"),
        ([("100.00", "2025-12-31")], "late"),
        ([("100.00", "2026-01-01")], "none"),
        ([("99.99", "2025-09-01")], "partial"),
        ([], "none"),
    ],
)
def test_payments_against_three_months_before_the_meeting(payments: list[tuple[str, str]], part: str) -> None:
    found = paid(*(money(f"P{n}", "AFG", "assessment_payment", *p) for n, p in enumerate(payments)))
    assert fraction(found, "9.1") == (int(part == "in_time"), 1)
    counted = {
        v["breakdown_value"]: v["numerator"]
        for v in found.values
        if v["breakdown"] == "payment" and v["reporting_year"] == 2025
    }
    assert counted == {p: int(p == part) for p in ("in_time", "late", "partial", "none")}


def test_what_is_due_is_assessed_by_the_cut_off_for_the_year() -> None:
    found = paid(
        money("A2", "AFG", "assessment", "50.00", "2026-01-01"),
        money("A3", "AFG", "assessment", "50.00", "2025-01-01", year=2026),
        money("P1", "AFG", "assessment_payment", "100.00", "2025-09-01"),
        money("P2", "AFG", "assessment_payment", "100.00", "2025-09-01", year=2026),
    )
    assert fraction(found, "9.1") == (1, 1)


def test_the_first_formal_meeting_of_the_year_sets_the_limit_even_after_the_cut_off() -> None:
    payment = money("P1", "AFG", "assessment_payment", "100.00", "2025-08-31")
    meetings = [
        FORMAL,
        meeting("RC", "2025-11-30", "review_conference"),
        meeting("IM", "2025-06-01"),
        meeting("OLD", "2024-11-25", "review_conference"),
    ]
    assert fraction(paid(payment, meetings=meetings), "9.1") == (0, 1)
    earlier = {**payment, "dated_on": day("2025-08-30")}
    assert fraction(paid(earlier, meetings=meetings), "9.1") == (1, 1)
    assert fraction(paid(earlier, meetings=meetings, as_of=day("2025-08-30")), "9.1") == (1, 1)
    early = value(paid(earlier, meetings=meetings, as_of=day("2025-08-29")), "9.1", "in_time")
    assert (early["status"], early["numerator"], early["denominator"]) == ("not_yet_due", None, None)
    assert seen(paid(earlier, meetings=meetings, as_of=day("2025-08-29")), "9.1") == {}


def test_without_a_formal_meeting_nothing_can_be_said_of_payments() -> None:
    found = paid(meetings=[meeting("IM", "2025-06-01")])
    for part in ("all", "African", "late", "reporting"):
        assert value(found, "9.1", part)["status"] == "not_computable"
        assert value(found, "9.1", part)["value"] is None
    assert seen(found, "9.1") == {}


def test_voluntary_contributions_count_in_the_year() -> None:
    found = paid(
        money("V1", "AFG", "voluntary_isu", "1.00", "2025-12-31", year=2024),
        money("V2", "AFG", "voluntary_isu", "1.00", "2026-06-30", year=2025),
    )
    assert fraction(found, "9.2") == (1, 1)
    assert fraction(found, "9.2", year=2026) == (0, 1)


# -------------------------------------------------------------------------------- acts


def test_what_a_state_did_before_it_left_counts_in_numbers_only() -> None:
    found = figures(
        states=states("AFG"),
        treaty_actions=[*parties("AFG"), action("T1", "AFG", "withdrawal", day("2025-12-27"))],
        meetings=[meeting("M1", "2025-12-01"), meeting("M2", "2025-12-27")],
        meeting_statements=[
            statement("S1", "M1", "AFG", "condemnation"),
            statement("S2", "M2", "AFG", "condemnation"),
        ],
        meeting_participants=[person("P1", "M2", "Ada", "state", "AFG")],
    )
    assert fraction(found, "11.1") == (1, None)
    assert fraction(found, "11.1", "M1") == (1, None)
    assert fraction(found, "11.1", "M2") == (0, None)
    assert fraction(found, "10.4") == fraction(found, "10.4", "M2") == (1, None)
    assert fraction(found, "10.4", "M1") == (0, None)
    assert value(found, "45.1")["status"] == "empty_population"


def test_consents_are_counted_by_deposit() -> None:
    actions = [
        action("T1", "AFG", "accession", day("2026-06-01"), day("2025-12-31")),
        action("T2", "AGO", "succession", day("2025-06-01"), day("2024-12-31")),
        action("T3", "ALB", "signature", None, day("2025-06-01")),
    ]
    found = figures(states=states("AFG", "AGO", "ALB"), treaty_actions=actions)
    assert fraction(found, "10.2") == (1, None)
    assert fraction(found, "10.2", "Asia-Pacific") == (1, None)
    [cell] = seen(found, "10.2").values()
    assert (cell["member_kind"], cell["member_key"], cell["iso3"], cell["reason"]) == (
        "instrument",
        "T1",
        "AFG",
        "met",
    )


def test_discoveries_count_when_reported() -> None:
    rows = [
        discovery("K1", "AFG", "2024-10-01", "2025-01-01"),
        discovery("K2", "AGO", "2025-12-01", "2026-01-01"),
    ]
    found = figures(
        states=states("AFG", "AGO"), treaty_actions=parties("AFG", "AGO"), stockpile_discoveries=rows
    )
    assert reasons(found, "14.1") == {"AFG": "met", "AGO": "not_met"}
    assert reasons(found, "14.1", 2026) == {"AFG": "not_met", "AGO": "met"}


DESTROYED = ("2025-03-01", "2025-03-01", "2025-04-01")


@pytest.mark.parametrize(
    ("rows", "as_of", "reason"),
    [
        ([("2025-08-31", "2025-09-01", None)], "2025-12-31", "pending"),
        ([("2025-06-30", "2025-07-01", "2025-12-30")], "2025-12-31", "met"),
        ([("2025-06-30", "2025-07-01", "2025-12-31")], "2025-12-31", "not_met"),
        ([("2025-06-30", "2025-07-01", None)], "2025-12-31", "not_met"),
        ([("2025-07-01", "2025-07-01", None)], "2025-12-31", "pending"),
        ([("2025-07-01", "2025-07-01", "2025-12-31")], "2025-12-31", "met"),
        ([("2024-01-01", "2025-03-01", "2024-07-01")], "2025-12-31", "met"),
        (
            [("2025-03-01", "2025-03-01", "2025-04-01"), ("2025-05-31", "2025-06-01", None)],
            "2025-12-31",
            "not_met",
        ),
        (
            [("2025-03-01", "2025-03-01", "2025-04-01"), ("2025-09-01", "2025-09-01", None)],
            "2025-12-31",
            "met",
        ),
        ([("2025-03-01", "2026-01-01", None)], "2025-12-31", None),
        ([("2025-03-01", "2025-03-01", None)], "2025-08-31", "pending"),
        ([("2025-03-01", "2025-03-01", None)], "2025-09-01", "not_met"),
    ],
)
def test_a_discovery_falls_due_in_one_year(
    rows: list[tuple[str, str, str | None]], as_of: str, reason: str | None
) -> None:
    found = figures(
        day(as_of),
        states=states("AFG"),
        treaty_actions=parties("AFG"),
        stockpile_discoveries=[discovery(f"K{n}", "AFG", *row) for n, row in enumerate(rows)],
    )
    assert reasons(found, "14.2") == ({} if reason is None else {"AFG": reason})
    assert fraction(found, "14.2")[1] == (reason in ("met", "not_met"))


def test_a_discovery_of_the_last_of_august_falls_due_at_the_end_of_february() -> None:
    rows = [discovery("K1", "AFG", "2025-08-31", "2025-09-01", "2026-02-28")]
    rows += [discovery("K2", "AGO", "2025-08-31", "2025-09-01", "2026-03-01")]
    found = figures(
        states=states("AFG", "AGO"), treaty_actions=parties("AFG", "AGO"), stockpile_discoveries=rows
    )
    assert reasons(found, "14.2", 2026) == {"AFG": "met", "AGO": "not_met"}


def test_requests_are_judged_by_their_three_plans_and_the_day_they_came() -> None:
    names = [c.name for c in DATASETS["extension_requests"] if c.type == "yes_no"]

    def request(key: str, iso3: str, submitted: str, **no: bool) -> Row:
        plans = {**dict.fromkeys(names, True), **no}
        return {"request_id": key, "iso3": iso3, "submitted_on": day(submitted), **plans}

    found = figures(
        states=states("AFG", "AGO"),
        treaty_actions=[*parties("AFG"), action("T1", "AFG", "withdrawal", day("2025-12-01"))],
        extension_requests=[
            request("E1", "AFG", "2025-03-31"),
            request("E2", "AFG", "2025-11-30", clearance_costed=False),
            request("E3", "AFG", "2025-12-01"),
            request("E4", "AGO", "2025-03-31"),
        ],
    )
    assert fraction(found, "20.1") == (1, 2)
    assert fraction(found, "20.2") == (2, 2)
    assert fraction(found, "20.1", "Asia-Pacific") == (1, 2)
    assert members(found, "extension_requests") == {"E1", "E2"}
    assert not [v for v in found.values if v["indicator_id"] == "20.1" and v["breakdown"] == "reporting"]


def test_declarations_of_completion() -> None:
    ended = {"ends_on": day("2025-06-01"), "end_reason": "completed"}

    def declaration(key: str, iso3: str, declared: str, voluntary: bool) -> Row:
        row = {"declaration_id": key, "iso3": iso3, "declared_on": day(declared)}
        return {**row, "voluntary_declaration": voluntary}

    declarations = [
        declaration("D1", "AFG", "2025-05-31", True),
        declaration("D2", "AFG", "2025-06-01", False),
        declaration("D3", "AGO", "2025-05-31", True),
        declaration("D4", "ALB", "2025-05-31", True),
    ]
    found = figures(
        states=states("AFG", "AGO", "ALB"),
        treaty_actions=parties("AFG", "AGO", "ALB"),
        obligations=[
            obligation("O1", "AFG", "article_5", **ended),
            obligation("O2", "AGO", "article_5", ends_on=day("2025-06-01"), end_reason="other"),
        ],
        completion_declarations=declarations,
    )
    assert reasons(found, "21.1") == {"AFG": "met", "AGO": "met"}
    assert reasons(found, "21.2") == {"AFG": "met"}


@pytest.mark.parametrize(
    ("opened", "closed", "open_in_2025"),
    [
        ("2020-01-01", "2024-12-31", False),
        ("2020-01-01", "2025-01-01", True),
        ("2025-12-31", None, True),
        ("2026-01-01", None, False),
        ("2025-05-05", "2025-05-05", True),
        ("2025-05-05", "2025-05-04", False),
    ],
)
def test_a_case_is_open_from_the_first_to_the_last_day(
    opened: str, closed: str | None, open_in_2025: bool
) -> None:
    found = figures(
        states=states("AFG"),
        treaty_actions=parties("AFG"),
        compliance_cases=[case("C1", "AFG", opened, closed)],
    )
    assert fraction(found, "43.1") == (int(open_in_2025), None)
    assert members(found, "article1_cases") == ({"AFG"} if open_in_2025 else set())


def test_a_case_counts_on_a_day_on_which_its_state_belonged() -> None:
    actions = [
        *parties("AFG", "AGO"),
        action("T1", "AFG", "withdrawal", day("2025-06-01")),
        action("T2", "AGO", "withdrawal", day("2025-06-02")),
        action("T3", "ALB", "accession", day("2025-06-02")),
    ]
    cases = [case(f"C-{c}", c, "2025-06-01", "2025-06-02") for c in ("AFG", "AGO", "ALB")]
    found = figures(states=states("AFG", "AGO", "ALB"), treaty_actions=actions, compliance_cases=cases)
    assert reasons(found, "43.1") == {"AFG": "not_met", "AGO": "met", "ALB": "met"}
    assert reasons(found, "43.2") == {"ALB": "not_met"}


def test_updates_are_on_an_own_case_open_in_the_year_at_any_meeting_of_it() -> None:
    codes = ("AFG", "AGO", "ALB", "NAM")
    cases = [case(f"C-{c}", c, "2025-01-01", "2025-02-01") for c in codes]
    cases.append(case("C-old", "NAM", "2020-01-01", "2024-12-31"))
    statements = [
        statement("S1", "M1", "AFG", "compliance_update", "C-AFG"),
        statement("S2", "M1", "AGO", "compliance_update", "C-AFG"),
        statement("S3", "M1", "ALB", "condemnation", "C-ALB"),
        statement("S4", "M1", "NAM", "compliance_update", "C-old"),
    ]
    found = figures(
        states=states(*codes),
        treaty_actions=parties(*codes),
        meetings=[meeting("M1", "2025-12-01")],
        compliance_cases=cases,
        meeting_statements=statements,
    )
    assert reasons(found, "43.2") == {"AFG": "met", "AGO": "not_met", "ALB": "not_met", "NAM": "not_met"}


# -------------------------------------------------------------------------------- people


def test_names_are_compared_without_case_accents_and_spacing() -> None:
    assert normalised("  Zoë\u00a0 WEISS ") == normalised("Zoe\u0308 weiß") == "zoe weiss"
    assert normalised("ﬁona") == "fiona"
    assert normalised("İpek") == "ipek"


def people(*rows: Row, meetings: Sequence[str] = ("M1", "M2"), as_of: date = FINAL) -> Result:
    return figures(
        as_of,
        states=states("AFG"),
        treaty_actions=parties("AFG"),
        meetings=[meeting(m, "2025-06-01") for m in meetings],
        meeting_participants=list(rows),
    )


def test_of_several_registrations_at_a_meeting_the_greatest_that_attended_speaks() -> None:
    found = people(
        person("P9", "M1", "Zoë Weiß", "state", "AFG", gender="female"),
        person("P10", "M1", "ZOE  WEISS", "state", "AFG", gender="male", is_mine_victim=True),
        person("Q1", "M1", "Zoe Weiss", "state", "AFG", gender="other", attended=False),
        person("R1", "M1", "Zoe Weiss", "other", "AFG", gender="male"),
    )
    assert fraction(found, "3.4") == (1, 2)
    assert fraction(found, "3.3") == (0, None)


def test_a_person_keeps_the_organization_whatever_kind_it_is_registered_as() -> None:
    found = people(
        person("P1", "M1", "Ada", "survivor_organization", "Hope", gender="female"),
        person("P2", "M1", "Ada", "civil_society", "HOPE", gender="female"),
        person("P3", "M2", "Ada", "survivor_organization", "hope ", gender="female"),
        person("P4", "M2", "Bea", "survivor_organization", "Hópe", gender="female"),
        person("P5", "M2", "Cid", "survivor_organization", "Light", gender="female"),
    )
    assert fraction(found, "3.4") == (4, 4)
    # At M1 the speaking registration is civil society's.
    assert fraction(found, "3.3") == (2, None)
    assert fraction(found, "3.3", "M1") == (0, None)
    assert fraction(found, "3.3", "M2") == (2, None)
    groups = {key: cell["member_count"] for key, cell in seen(found, "3.3").items()}
    assert groups == {"M1|civil_society": 0, "M2|survivor_organization": 2}


def test_a_mine_victim_at_one_meeting_is_one_at_each() -> None:
    rows = crowd("M1", "state", "AFG", victims=10)
    again = [{**row, "registration_id": f"X{n}", "meeting_id": "M2"} for n, row in enumerate(rows)]
    found = people(*rows, *({**row, "is_mine_victim": None} for row in again))
    assert fraction(found, "3.3") == (10, None)
    assert fraction(found, "3.3", "M1") == fraction(found, "3.3", "M2") == (10, None)
    assert fraction(found, "3.3", "mine_victims") == (10, None)


def test_participations_of_unknown_gender_stand_outside_the_share() -> None:
    found = people(
        *crowd("M1", "state", "AFG", women=5, men=5, unknown=7), *crowd("M2", "other", "X", unknown=1)
    )
    assert fraction(found, "3.4") == (5, 10)
    assert value(found, "3.4")["value"] == 50.0
    assert value(found, "3.4", "M2")["status"] == "empty_population"
    cells = seen(found, "3.4")
    assert cells["M1|state"]["member_count"] == 10
    assert cells["M1|state"]["in_denominator"] is True
    assert cells["M2|other"]["reason"] == "unknown_gender"
    assert cells["M2|other"]["in_denominator"] is False


@pytest.mark.parametrize(
    ("women", "men", "hidden"),
    [(0, 5, False), (1, 9, True), (4, 9, True), (5, 9, False), (9, 4, True), (5, 0, False)],
)
def test_few_women_or_few_others_are_hidden(women: int, men: int, hidden: bool) -> None:
    found = people(*crowd("M1", "state", "AFG", women=women, men=men), meetings=["M1"])
    status = "suppressed" if hidden else "final"
    assert value(found, "3.4", "M1")["status"] == value(found, "3.4", "state")["status"] == status
    assert (value(found, "3.4", "M1")["numerator"] is None) == hidden
    assert value(found, "3.4")["numerator"] == women
    cell = seen(found, "3.4")["M1|state"]
    assert (cell["reason"] == "suppressed") == (cell["member_count"] is None) == hidden


def test_if_one_part_is_hidden_the_next_smallest_goes_too() -> None:
    found = people(
        *crowd("M1", "state", "AFG", women=1, men=20),
        *crowd("M2", "state", "AFG", women=6, men=6),
        *crowd("M3", "state", "AFG", women=6, men=6),
        *crowd("M4", "state", "AFG", women=6, men=7),
        *crowd("M5", "state", "AFG", unknown=3),
        meetings=["M1", "M2", "M3", "M4", "M5"],
    )
    hidden = {
        v["breakdown_value"]
        for v in found.values
        if v["status"] == "suppressed" and v["reporting_year"] == 2025
    }
    assert hidden == {"M1", "M2"}
    # With one kind of delegation a meeting is its group: there is no rectangle of groups, so all are hidden.
    assert {c["reason"] for c in seen(found, "3.4").values()} == {"suppressed"}


def test_two_hidden_parts_need_no_third() -> None:
    found = people(
        *crowd("M1", "state", "AFG", women=1, men=20),
        *crowd("M2", "state", "AFG", women=20, men=1),
        *crowd("M3", "state", "AFG", women=6, men=6),
        meetings=["M1", "M2", "M3"],
    )
    assert value(found, "3.4", "M3")["status"] == "final"


@pytest.mark.parametrize(("victims", "hidden"), [(0, False), (1, True), (9, True), (10, False)])
def test_few_mine_victims_are_hidden_with_the_organizations(victims: int, hidden: bool) -> None:
    rows = crowd("M1", "survivor_organization", "Hope", victims=victims)
    found = people(*rows, *crowd("M1", "survivor_organization", "Light", unknown=1), meetings=["M1"])
    organizations = 1 + (victims > 0)
    assert fraction(found, "3.3") == (victims + organizations, None)
    status = "suppressed" if hidden else "final"
    for part in ("M1", "mine_victims", "survivor_organizations"):
        assert value(found, "3.3", part)["status"] == status
    assert seen(found, "3.3")["M1|survivor_organization"]["member_count"] == (
        None if hidden else victims + organizations
    )


def test_a_lone_hidden_part_stays_hidden() -> None:
    found = people(*crowd("M1", "state", "AFG", victims=3), *crowd("M2", "state", "AFG", men=9))
    assert (
        value(found, "3.3", "M1")["status"] == value(found, "3.3", "mine_victims")["status"] == "suppressed"
    )
    assert fraction(found, "3.3", "M2") == (0, None)
    assert fraction(found, "3.3", "survivor_organizations") == (0, None)


def test_what_is_hidden_shows_no_change_either() -> None:
    kinds = {"kind": "state", "of": "AFG"}
    rows = [*crowd("M1", women=6, men=6, **kinds), *crowd("M2", women=1, men=6, **kinds)]  # type: ignore[arg-type]
    found = figures(
        day("2027-12-31"),
        states=states("AFG"),
        meetings=[meeting("M1", "2025-06-01"), meeting("M2", "2026-06-01")],
        meeting_participants=rows,
    )
    hidden = value(found, "3.4", "state", 2026)
    assert (hidden["status"], hidden["value"], hidden["previous_value"], hidden["change"]) == (
        "suppressed",
        None,
        None,
        None,
    )
    after = value(found, "3.4", "state", 2027)
    assert (after["status"], after["previous_value"]) == ("empty_population", None)
    total = value(found, "3.4", year=2026)
    assert (total["previous_value"], total["change"]) == (50.0, 100.0 / 7 - 50.0)


# -------------------------------------------------------------------------------- status, breakdowns


@pytest.mark.parametrize(
    ("absent", "indicator"),
    [
        ("states", "45.1"),
        ("treaty_actions", "10.2"),
        ("obligations", "1.1"),
        ("obligations", "21.2"),
        ("article7_reports", "7.1"),
        ("article7_reports", "5.1"),
        ("article7_answers", "5.1"),
        ("meetings", "10.4"),
        ("meetings", "11.1"),
        ("meetings", "3.3"),
        ("meetings", "43.2"),
        ("meeting_participants", "3.4"),
        ("meeting_statements", "43.2"),
        ("meeting_statements", "11.1"),
        ("contributions", "9.1"),
        ("extension_requests", "20.2"),
        ("completion_declarations", "21.1"),
        ("stockpile_discoveries", "14.1"),
        ("compliance_cases", "43.1"),
    ],
)
def test_what_was_never_delivered_can_not_be_computed(absent: str, indicator: str) -> None:
    found = figures(FINAL, [absent])
    parts = [v for v in found.values if v["indicator_id"] == indicator]
    assert parts
    assert {v["status"] for v in parts} == {"not_computable"}
    assert {(v["numerator"], v["denominator"], v["value"]) for v in parts} == {(None, None, None)}
    assert value(figures(), indicator)["status"] in ("final", "empty_population", "not_computable")
    if indicator not in ("9.1",):
        assert value(figures(), indicator)["status"] != "not_computable"


def test_a_dataset_is_delivered_from_the_day_its_first_row_was_received() -> None:
    rows = [money("V1", "AFG", "voluntary_isu", "1.00", "2025-01-01")]
    late = [{**rows[0], "received_on": day("2025-06-01")}]
    given = {"states": states("AFG"), "treaty_actions": parties("AFG"), "contributions": late}
    before = figures(day("2025-05-31"), ["contributions"], **given)
    assert value(before, "9.2")["status"] == "not_computable"
    assert fraction(figures(day("2025-06-01"), ["contributions"], **given), "9.2") == (1, 1)


def test_change_is_against_the_year_before_in_the_same_breakdown() -> None:
    found = figures(
        day("2026-06-30"),
        states=states("AFG", "AGO"),
        treaty_actions=parties("AFG", "AGO"),
        article7_reports=[report("R1", "AFG", "2025-04-30"), report("R2", "AGO", "2026-04-30", year=2026)],
    )
    row = value(found, "7.1", "African", 2026)
    assert (row["value"], row["previous_value"], row["change"]) == (100.0, 0.0, 100.0)
    assert value(found, "7.1", year=2025)["previous_value"] is None
    assert value(found, "7.1", year=2026)["status"] == "provisional"


def test_every_part_has_a_row_also_with_zeros() -> None:
    found = figures(
        states=states("AFG"), treaty_actions=parties("AFG"), meetings=[meeting("M1", "2025-06-01")]
    )

    def parts(indicator: str) -> dict[str, int]:
        counted: dict[str, int] = {}
        for row in found.values:
            if row["indicator_id"] == indicator and row["reporting_year"] == 2025:
                counted[row["breakdown"]] = counted.get(row["breakdown"], 0) + 1
        return counted

    assert parts("1.1") == {"total": 1, "un_region": 6, "reporting": 1, "applicable": 1}
    assert parts("5.1") == {"total": 1, "un_region": 6}
    assert parts("45.1") == {"total": 1, "un_region": 6, "reporting": 1}
    assert parts("7.1") == {"total": 1, "un_region": 6, "reporting": 1, "timeliness": 3}
    assert parts("7.2") == {"total": 1, "un_region": 6, "reporting": 1}
    assert parts("9.1") == {"total": 1, "un_region": 6, "reporting": 1, "payment": 4}
    assert parts("3.3") == {"total": 1, "kind": 2, "meeting": 1}
    assert parts("3.4") == {"total": 1, "meeting": 1, "delegation_kind": 7}
    assert parts("10.4") == parts("11.1") == {"total": 1, "un_region": 6, "meeting": 1}
    assert parts("20.1") == parts("10.2") == {"total": 1, "un_region": 6}
    assert len({v["indicator_id"] for v in found.values}) == 87
