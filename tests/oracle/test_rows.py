"""Hand-made cases of what loads, one for each outcome that inputs.md names under bad inputs."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings

from tests.oracle.rows import Rows, from_text, read_deliveries
from tests.oracle.strategies import INDICATORS, Delivery, deliveries, write_delivery

RECEIVED = {"received_on": "2025-01-01"}
STATES = [{"iso3": "AFG", "name": "Afghanistan", **RECEIVED}, {"iso3": "NAM", "name": "Namibia", **RECEIVED}]
REPORT = {
    "report_id": "R1",
    "iso3": "AFG",
    "reporting_year": "2025",
    "submitted_on": "2025-04-30",
    "uses_guide": "yes",
    "has_implementation_update": "no",
    **RECEIVED,
}
OBLIGATION = {
    "obligation_id": "O1",
    "iso3": "AFG",
    "kind": "article_5",
    "starts_on": "2001-03-01",
    "deadline": "2030-01-01",
    **RECEIVED,
}
MONEY = {
    "contribution_id": "F1",
    "iso3": "AFG",
    "year": "2025",
    "kind": "assessment",
    "amount": "1.50",
    "dated_on": "2025-01-01",
    **RECEIVED,
}
PERSON = {
    "registration_id": "P1",
    "meeting_id": "M1",
    "delegation_kind": "other",
    "organization": "Hope",
    "full_name": "Ada",
    "gender": "female",
    "attended": "yes",
    **RECEIVED,
}
MEETING = {
    "meeting_id": "M1",
    "title": "M",
    "kind": "preparatory",
    "starts_on": "2025-06-01",
    "ends_on": "2025-06-01",
    **RECEIVED,
}


def faults(rows: Rows) -> list[tuple[str, bool]]:
    return [(q.column, q.waiting) for q in rows.quarantined]


def reports(*changes: dict[str, str]) -> Rows:
    return from_text({"states": STATES, "article7_reports": [{**REPORT, **change} for change in changes]})


def test_cells_are_trimmed_and_typed() -> None:
    rows = from_text({"states": STATES, "contributions": [{**MONEY, "kind": " ASSESSMENT ", "iso3": "afg"}]})
    [row] = rows.tables["contributions"]
    assert (row["kind"], row["iso3"], row["year"], row["amount"]) == (
        "assessment",
        "AFG",
        2025,
        Decimal("1.50"),
    )
    assert row["dated_on"] == date(2025, 1, 1)
    assert row["record_status"] == "active"
    assert row["source_ref"] is None


@pytest.mark.parametrize("text", ["yes", "TRUE", "1", "Y"])
def test_yes_is_written_in_several_ways(text: str) -> None:
    [row] = reports({"uses_guide": text}).tables["article7_reports"]
    assert row["uses_guide"] is True


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("submitted_on", "2025-02-29"),
        ("submitted_on", "30/04/2025"),
        ("submitted_on", "20250430"),
        ("submitted_on", ""),
        ("received_on", ""),
        ("reporting_year", "25"),
        ("uses_guide", "maybe"),
        ("record_status", "deleted"),
        ("iso3", "Ruritania"),
        ("iso3", ""),
        ("report_id", ""),
    ],
)
def test_a_cell_that_breaks_the_contract_keeps_its_row_out(column: str, text: str) -> None:
    rows = reports({column: text})
    assert rows.tables["article7_reports"] == []
    assert faults(rows) == [(column, False)]


@pytest.mark.parametrize("text", ["0", "-1.00", "1.005", "1,50", "1e3", "10000000000000000"])
def test_an_amount_is_above_zero_and_has_two_decimals(text: str) -> None:
    rows = from_text({"states": STATES, "contributions": [{**MONEY, "amount": text}]})
    assert faults(rows) == [("amount", False)]


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({}, None),
        ({"deadline": ""}, "deadline"),
        ({"deadline": "", "ends_on": "2025-01-01", "end_reason": "completed"}, None),
        ({"ends_on": "2025-01-01"}, "end_reason"),
        ({"end_reason": "other"}, "end_reason"),
        ({"kind": "article_3", "deadline": ""}, None),
        ({"quantity": "5"}, "unit"),
        ({"quantity": "5", "unit": "m2"}, None),
    ],
)
def test_cells_that_an_obligation_needs(change: dict[str, str], column: str | None) -> None:
    rows = from_text({"states": STATES, "obligations": [{**OBLIGATION, **change}]})
    assert faults(rows) == ([] if column is None else [(column, False)])


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({}, None),
        ({"organization": ""}, "organization"),
        ({"delegation_kind": "state"}, "iso3"),
        ({"delegation_kind": "state", "iso3": "AFG", "organization": ""}, None),
        ({"iso3": "Ruritania"}, None),
        ({"full_name": ""}, "full_name"),
        ({"is_mine_victim": "perhaps"}, "is_mine_victim"),
    ],
)
def test_cells_that_a_registration_needs(change: dict[str, str], column: str | None) -> None:
    files = {"states": STATES, "meetings": [MEETING], "meeting_participants": [{**PERSON, **change}]}
    assert faults(from_text(files)) == ([] if column is None else [(column, False)])


def test_only_a_consent_needs_its_entry_into_force() -> None:
    base = {"iso3": "AFG", "deposited_on": "2001-01-01", **RECEIVED}
    actions = [
        {**base, "action_id": f"T{n}", "action": kind}
        for n, kind in enumerate(("accession", "withdrawal", "signature"))
    ]
    rows = from_text({"states": STATES, "treaty_actions": actions})
    assert [row["action"] for row in rows.tables["treaty_actions"]] == ["withdrawal", "signature"]
    assert faults(rows) == [("effective_on", False)]


def test_a_case_refers_only_in_an_update_and_is_needed_there() -> None:
    base = {"meeting_id": "M1", "iso3": "AFG", **RECEIVED}
    statements = [
        {**base, "statement_id": "S1", "topic": "compliance_update"},
        {**base, "statement_id": "S2", "topic": "compliance_update", "case_id": "none such"},
        {**base, "statement_id": "S3", "topic": "condemnation", "case_id": "none such"},
    ]
    rows = from_text({"states": STATES, "meetings": [MEETING], "meeting_statements": statements})
    assert [row["statement_id"] for row in rows.tables["meeting_statements"]] == ["S3"]
    assert faults(rows) == [("case_id", False), ("compliance_cases", True)]


def test_an_answer_names_an_indicator_that_reports_answer() -> None:
    answers = [
        {"report_id": "R1", "indicator_id": key, "answer": "yes", **RECEIVED}
        for key in ("1.1", "7.1", "99.9")
    ]
    files = {"states": STATES, "article7_reports": [REPORT], "article7_answers": answers}
    rows = from_text(files, plans={"": frozenset({"1.1"})})
    assert [row["indicator_id"] for row in rows.tables["article7_answers"]] == ["1.1"]
    assert faults(rows) == [("indicator_id", False)] * 2


@pytest.mark.parametrize(
    ("spelling", "iso3"), [("AFGHANISTAN", "AFG"), ("NA", "NAM"), ("Türkiye", "TUR"), ("Somewhere", "AFG")]
)
def test_a_state_may_be_named(spelling: str, iso3: str) -> None:
    states = [*STATES, {"iso3": "TUR", "name": "Turkey", **RECEIVED}]
    files = {"states": states, "article7_reports": [{**REPORT, "iso3": spelling}]}
    [row] = from_text(files, names={"SOMEWHERE": "AFG"}).tables["article7_reports"]
    assert row["iso3"] == iso3


def test_identical_rows_of_a_file_load_once() -> None:
    rows = reports({}, {"uses_guide": "1", "iso3": "Afghanistan"})
    assert len(rows.tables["article7_reports"]) == 1
    assert (rows.duplicates, rows.quarantined) == (1, [])


def test_rows_of_a_file_that_contradict_each_other_are_all_kept_out() -> None:
    rows = reports({}, {}, {"uses_guide": "no"})
    assert rows.tables["article7_reports"] == []
    assert faults(rows) == [("report_id", False)] * 3


def test_rows_with_other_days_of_receipt_or_from_other_files_are_versions() -> None:
    rows = reports({}, {"uses_guide": "no", "received_on": "2025-01-02"})
    assert len(rows.tables["article7_reports"]) == 2
    files = {
        "states": STATES,
        "article7_reports--1": [REPORT],
        "article7_reports--2": [{**REPORT, "uses_guide": "no"}],
    }
    rows = from_text(files)
    assert [row["uses_guide"] for row in rows.tables["article7_reports"]] == [True, False]
    assert rows.duplicates == 0


def test_a_retraction_needs_only_its_key() -> None:
    retraction = {"report_id": "unheard of", "iso3": "Ruritania", "record_status": "RETRACTED", **RECEIVED}
    rows = from_text({"states": STATES, "article7_reports": [retraction]})
    [row] = rows.tables["article7_reports"]
    assert (row["record_status"], row["iso3"], row["submitted_on"]) == ("retracted", None, None)
    without_day = from_text({"article7_reports": [{**retraction, "received_on": ""}]})
    assert faults(without_day) == [("received_on", False)]


def test_a_row_waits_for_its_parent_and_keeps_its_place() -> None:
    answer = {"report_id": "R1", "indicator_id": "1.1", "answer": "yes", **RECEIVED}
    waiting = {"article7_answers--1": [answer], "article7_answers--2": [{**answer, "answer": "no"}]}
    rows = from_text(waiting)
    assert rows.tables["article7_answers"] == []
    assert faults(rows) == [("article7_reports", True)] * 2
    rows = from_text({**waiting, "article7_reports": [REPORT], "states": STATES})
    assert [row["delivery_seq"] for row in rows.tables["article7_answers"]] == [1, 2]
    assert rows.quarantined == []


def test_a_retracted_parent_is_a_known_parent() -> None:
    answer = {"report_id": "R1", "indicator_id": "1.1", "answer": "yes", **RECEIVED}
    gone = {"report_id": "R1", "record_status": "retracted", **RECEIVED}
    rows = from_text({"article7_reports": [gone], "article7_answers": [answer]})
    assert len(rows.tables["article7_answers"]) == 1


def test_files_go_by_name_bytewise_and_bytes_count_once(tmp_path: Path) -> None:
    def write(folder: str, name: str, text: str) -> None:
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / name).write_bytes(text.encode("utf-8"))

    header = "iso3;name;un_region;received_on\n"
    write("one", "states.csv", "\ufeff" + header + "AFG;second;;2025-01-01\n;;;\n")
    write("one", "states--z.csv", header + "AFG;first;;2025-01-01\n")
    write("one", "statesZ.csv", "no dataset of ours")
    write("one", "meetings.csv", "meeting_id,title,kind,starts_on,ends_on,received_on\n")
    write("one", "obligations.csv", "obligation_id,iso3\nO1,AFG\n")
    write("one", "contributions.json", "[{")
    write("two", "states--a.csv", header + "AFG;first;;2025-01-01\n")
    write(
        "two", "states--b.jsonl", '{"iso3": "NAM", "name": "N", "received_on": "2025-01-01", "more": null}\n'
    )
    write("two", "states--c.json", '[{"ISO3": "ALB", "name": 1.50, "received_on": "2025-01-01"}]')
    rows = read_deliveries([tmp_path / "one", tmp_path / "two"])
    assert [row["name"] for row in rows.tables["states"]] == ["first", "second", "N", "1.50"]
    assert rows.header_only == {"meetings"}
    assert rows.unknown_files == ["statesZ.csv"]
    assert sorted(q.file for q in rows.quarantined) == ["contributions.json", "obligations.csv"]


def test_a_row_with_too_many_cells_is_kept_out(tmp_path: Path) -> None:
    (tmp_path / "states.csv").write_text("iso3,name,received_on\nAFG,A,2025-01-01,x\nALB,B,2025-01-01\n")
    rows = read_deliveries([tmp_path])
    assert [row["iso3"] for row in rows.tables["states"]] == ["ALB"]
    assert len(rows.quarantined) == 1


@settings(max_examples=20, deadline=None, derandomize=True, database=None)
@given(delivery=deliveries(complete=True))
def test_a_drawn_delivery_reads_the_same_from_files(
    tmp_path_factory: pytest.TempPathFactory, delivery: Delivery
) -> None:
    folder = tmp_path_factory.mktemp("delivery") / "inbox"
    write_delivery(folder, delivery)
    from_files = read_deliveries([folder], plans=INDICATORS)
    in_memory = delivery.accepted
    for dataset, rows in in_memory.tables.items():
        expected = [{k: v for k, v in row.items() if k != "delivery_seq"} for row in rows]
        found = [{k: v for k, v in row.items() if k != "delivery_seq"} for row in from_files.tables[dataset]]
        assert found == expected
    assert len(from_files.quarantined) == len(in_memory.quarantined)
