"""What becomes of rows: loaded, duplicate, quarantined or waiting, and when a delivery blocks."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date
from itertools import permutations
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from expectations import judging, rules
from expectations.door import KEY_SEPARATOR, Limits, judge
from expectations.suite import Check, Suite
from sources.contract import datasets
from sources.reading import FileProblem, Table
from tests.expectations.harness import GOOD, codes_by_row, context, delivered, judged, outcomes, row, table


def test_every_dataset_has_an_accepted_table_with_the_landing_s_columns_and_types() -> None:
    verdict = judged(*(table(name, [row(name)]) for name in GOOD))
    types = {
        "varchar": pa.string(),
        "date": pa.date32(),
        "integer": pa.int32(),
        "bigint": pa.int64(),
        "boolean": pa.bool_(),
        "decimal(18,2)": pa.decimal128(18, 2),
    }
    for name, dataset in datasets().items():
        schema = verdict.accepted[name].schema
        assert schema.names == [column for column, _ in dataset.landing_columns]
        assert [str(t).replace("large_", "") for t in schema.types] == [
            str(types[sql_type]) for _, sql_type in dataset.landing_columns
        ]
        assert verdict.accepted[name].num_rows == 1


def test_an_empty_run_gives_empty_tables_and_no_problem_where_all_was_delivered_before() -> None:
    verdict = judge([], context())
    assert {name: t.num_rows for name, t in verdict.accepted.items()} == dict.fromkeys(datasets(), 0)
    assert verdict.problems == () and verdict.balance.empty and verdict.quarantined.empty


def test_cells_become_typed_values() -> None:
    verdict = judged(
        table("obligations", [row("obligations", iso3="Cambodia", quantity="10.5", source_ref="APLC/1")]),
        table("extension_requests", [row("extension_requests")]),
    )
    (loaded,) = verdict.accepted["obligations"].to_pylist()
    assert loaded["iso3"] == "KHM"
    assert str(loaded["quantity"]) == "10.50"
    assert loaded["starts_on"] == date(2000, 1, 1)
    assert loaded["ends_on"] is None and loaded["record_status"] == "active"
    assert (loaded["source_ref"], loaded["row_number"], loaded["sheet"]) == ("APLC/1", 2, None)
    (request,) = verdict.accepted["extension_requests"].to_pylist()
    assert [request[k] for k in ("risk_education_costed", "risk_education_multiyear")] == [True, False]


def test_the_line_of_a_quarantined_row_says_where_what_and_how_to_mend_it() -> None:
    rows = [row("article7_reports"), row("article7_reports", report_id="R-2", iso3="Frnace")]
    verdict = judged(table("article7_reports", rows))
    (line,) = verdict.quarantined.to_dict("records")
    assert (line["row_number"], line["delivery_seq"], line["column_name"]) == (3, 2, "iso3")
    assert (line["check_code"], line["value"], line["waiting"]) == ("AR-ISO3-02", "Frnace", False)
    assert "'Frnace' names no state" in line["sentence"] and "France (FRA)" in line["sentence"]


def test_of_an_area_that_is_no_state_no_state_is_proposed() -> None:
    verdict = judged(table("article7_reports", [row("article7_reports", iso3="Taiwan")]))
    sentence = verdict.quarantined["sentence"][0]
    assert "By sources/aliases.csv: area that is not among the 197 states." in sentence
    assert "Nearest" not in sentence


def test_a_value_in_braces_stands_in_the_sentence_as_it_is() -> None:
    verdict = judged(table("article7_reports", [row("article7_reports", iso3="{value} {candidates}")]))
    assert verdict.quarantined["sentence"][0].startswith("'{value} {candidates}' names no state")


def test_a_row_with_a_wrong_number_of_cells_fails_that_check_alone() -> None:
    rows: list[dict[str, object]] = [{**row("meetings")}, {"_cells": 3}, {"_cells": 12}]
    verdict = judged(table("meetings", rows))
    assert verdict.quarantined[["row_number", "check_code"]].values.tolist() == [
        [3, "ME-ROW-01"],
        [4, "ME-ROW-01"],
    ]
    assert verdict.accepted["meetings"].num_rows == 1


def test_a_row_with_a_wrong_quotation_mark_says_so_and_nothing_else() -> None:
    rows: list[dict[str, object]] = [{**row("meetings")}, {"_cells": -1}]
    verdict = judged(table("meetings", rows))
    assert verdict.quarantined[["row_number", "check_code"]].values.tolist() == [[3, "ME-ROW-03"]]
    assert verdict.restricted_files == {f"{0:064x}"}, "what stands in it is not known"


@pytest.mark.parametrize(
    ("given", "loads"),
    [
        ("A-1", True),
        ("2025/é 1", True),
        ("1E5", True),
        ("123456789012345678", True),
        ("A\u200b-1", False),
        ("A\u00a0-1", False),
        ("A\u00ad-1", False),
        ("\ufeffA-1", False),
        ("A\x01-1", False),
        ("A\ufffd-1", False),
        ("1.23457E+17", False),
        ("1E+15", False),
    ],
)
def test_an_id_that_can_t_be_told_from_others_does_not_load(given: str, loads: bool) -> None:
    verdict = judged(table("meetings", [row("meetings", meeting_id=given)]))
    assert (verdict.accepted["meetings"].num_rows == 1) is loads
    assert verdict.quarantined["check_code"].tolist() == ([] if loads else ["ME-MEETING_ID-02"])


def test_a_reference_that_can_t_be_told_from_others_does_not_wait() -> None:
    verdict = judged(table("article7_answers", [row("article7_answers", report_id="R-1\u200b")]))
    assert "AN-REPORT_ID-02" in verdict.quarantined["check_code"].tolist()
    assert not verdict.quarantined["waiting"].any()


def test_a_retraction_needs_no_other_column() -> None:
    whole = table("meeting_participants", [row("meeting_participants", record_status="retracted")])
    needed = ["registration_id", "received_on", "record_status"]
    frame = whole.frame[[*needed, "_row"]].assign(_cells=len(needed))
    verdict = judged(replace(whole, frame=frame, header=tuple(needed)))
    assert verdict.accepted["meeting_participants"].column("record_status").to_pylist() == ["retracted"]


def test_states_are_named_as_everywhere_and_areas_are_none() -> None:
    rows = [
        row("states", iso3="Francia", name="France"),
        row("states", iso3="FRA", name="France"),
        row("states", iso3="NA", name="Namibia"),
        row("states", iso3="TWN", name="Taiwan"),
        row("states", iso3="Kosovo", name="Kosovo"),
    ]
    verdict = judged(table("states", rows))
    assert verdict.accepted["states"].column("iso3").to_pylist() == ["FRA", "NAM"]
    assert verdict.balance["rows_duplicate"].tolist() == [1]
    lines = verdict.quarantined[["row_number", "check_code"]].values.tolist()
    assert lines == [[5, "ST-ISO3-02"], [6, "ST-ISO3-02"]]


@pytest.mark.parametrize("error", ["#REF!", "#N/A", "#DIV/0!", "#UNCOMPUTED!", "#MERGED!"])
def test_the_error_of_a_formula_is_no_text(error: str) -> None:
    rows = [
        row("meetings"),
        row("meetings", meeting_id="M-2", title=error),
        row("meetings", meeting_id="#N/A1"),
    ]
    verdict = judged(table("meetings", rows))
    (line,) = verdict.quarantined.to_dict("records")
    assert (line["row_number"], line["check_code"]) == (3, "ME-ROW-02")
    assert (line["column_name"], line["value"]) == ("title", error)
    assert line["sentence"].startswith(f"'{error}' is no value")
    assert verdict.accepted["meetings"].num_rows == 2


# --- keys -------------------------------------------------------------------------------------------------


def _meetings(*changes: dict[str, str]) -> Table:
    return table("meetings", [row("meetings", **change) for change in changes])


def test_rows_that_are_identical_after_typing_count_once() -> None:
    verdict = judged(
        table(
            "contributions",
            [
                row("contributions"),
                row("contributions", amount="1500.250", iso3="khm", kind="ASSESSMENT"),
                row("contributions", record_status="active"),
            ],
        )
    )
    counts = verdict.balance.iloc[0]
    assert (counts["rows_loaded"], counts["rows_duplicate"], counts["rows_quarantined"]) == (1, 2, 0)
    assert verdict.accepted["contributions"].column("row_number").to_pylist() == [2]
    assert codes_by_row(verdict, "contributions") == {3: {"CO-KEY-02"}, 4: {"CO-KEY-02"}}


def test_rows_that_differ_on_one_day_are_all_quarantined() -> None:
    verdict = judged(_meetings({}, {"title": "Another"}, {}, {"meeting_id": "IM", "title": "Fine"}))
    assert verdict.quarantined["row_number"].tolist() == [2, 3, 4]
    assert set(verdict.quarantined["check_code"]) == {"ME-KEY-01"}
    assert not verdict.quarantined["waiting"].any()
    assert verdict.balance.iloc[0][["rows_loaded", "rows_duplicate", "rows_quarantined"]].tolist() == [
        1,
        0,
        3,
    ]


def test_rows_of_different_days_are_versions() -> None:
    verdict = judged(_meetings({}, {"title": "Another", "received_on": "2026-02-01"}))
    assert verdict.accepted["meetings"].num_rows == 2 and verdict.quarantined.empty


def test_rows_of_two_files_do_not_contradict_each_other() -> None:
    verdict = judged(_meetings({}), _meetings({"title": "Another"}), _meetings({}))
    assert verdict.accepted["meetings"].column("title").to_pylist() == [
        "Twenty-second meeting",
        "Another",
        "Twenty-second meeting",
    ]
    assert verdict.balance["rows_duplicate"].sum() == 0


def test_a_row_that_is_wrong_does_not_make_its_twin_wrong() -> None:
    verdict = judged(_meetings({}, {"title": "Another", "kind": "nonsense"}))
    assert verdict.accepted["meetings"].column("title").to_pylist() == ["Twenty-second meeting"]
    assert set(verdict.quarantined["check_code"]) == {"ME-KIND-02"}


def test_rows_that_wait_contradict_each_other_as_well() -> None:
    rows = [
        row("meeting_statements", meeting_id="later"),
        row("meeting_statements", topic="other"),
    ]
    verdict = judged(table("meeting_statements", rows))
    assert verdict.quarantined.query("check_code == 'MS-KEY-01'")["row_number"].tolist() == [2, 3]
    assert not verdict.quarantined["waiting"].any()
    assert verdict.balance["rows_waiting"].sum() == 0


def test_a_key_of_two_columns_is_one_key() -> None:
    rows = [
        row("article7_answers"),
        row("article7_answers", indicator_id="45.1", answer="no"),
        row("article7_answers", answer="no"),
    ]
    verdict = judged(table("article7_answers", rows))
    assert verdict.quarantined["row_number"].tolist() == [2, 4]


# --- waiting ----------------------------------------------------------------------------------------------


def _family() -> list[Table]:
    """A state and what refers to it, through two generations; nothing of it is in the landing."""
    return [
        table("states", [row("states", iso3="FRA", name="France")]),
        table("article7_reports", [row("article7_reports", report_id="R-9", iso3="France")]),
        table("article7_answers", [row("article7_answers", report_id="R-9")]),
        table("compliance_cases", [row("compliance_cases", case_id="CASE-7", iso3="FRA")]),
        table("meetings", [row("meetings")]),
        table("meeting_statements", [row("meeting_statements", iso3="FRA", case_id="CASE-7")]),
    ]


@pytest.mark.parametrize("order", list(permutations(range(6)))[::97])
def test_parents_of_one_delivery_are_found_whatever_the_order_of_its_files(order: tuple[int, ...]) -> None:
    tables = _family()
    verdict = judged(*(tables[i] for i in order), known_keys={}, state_names={}, meeting_starts={})
    assert verdict.quarantined.empty
    assert all(verdict.accepted[t.dataset].num_rows == 1 for t in tables)


def test_a_row_whose_parent_is_not_there_waits_and_so_do_its_own_children() -> None:
    tables = [t for t in _family() if t.dataset != "states"]
    verdict = judged(*tables, known_keys={}, state_names={}, meeting_starts={})
    assert verdict.quarantined["waiting"].all()
    assert set(verdict.quarantined["check_code"]) == {
        "AR-ISO3-03",
        "AN-REPORT_ID-03",
        "CC-ISO3-03",
        "MS-ISO3-03",
        "MS-CASE_ID-12",
    }
    waiting = dict(zip(verdict.balance["dataset"], verdict.balance["rows_waiting"], strict=True))
    assert waiting == {
        "article7_reports": 1,
        "article7_answers": 1,
        "compliance_cases": 1,
        "meetings": 0,
        "meeting_statements": 1,
    }
    assert outcomes(verdict)["AN-WAITING-01"] == "fail"
    assert verdict.problems == ()


def test_a_row_with_another_fault_does_not_wait() -> None:
    verdict = judged(table("article7_reports", [row("article7_reports", iso3="DEU", uses_guide="perhaps")]))
    assert not verdict.quarantined["waiting"].any()
    assert verdict.balance["rows_waiting"].sum() == 0


def test_a_parent_is_known_by_any_version_of_it_also_by_a_retraction() -> None:
    retraction = {"meeting_id": "GONE", "received_on": "2026-01-01", "record_status": "retracted"}
    verdict = judged(
        table("meetings", [retraction]),
        table("meeting_statements", [row("meeting_statements", meeting_id="GONE")]),
    )
    assert verdict.accepted["meeting_statements"].num_rows == 1


def test_a_quarantined_parent_is_no_parent() -> None:
    verdict = judged(
        table("meetings", [row("meetings", meeting_id="NEW", kind="nonsense")]),
        table("meeting_statements", [row("meeting_statements", meeting_id="NEW")]),
    )
    assert verdict.quarantined.query("dataset == 'meeting_statements'")["waiting"].tolist() == [True]


def _read_again(rows: list[dict[str, str]], numbers: set[int], seq: int = 100) -> list:  # type: ignore[type-arg]
    return [
        replace(d, is_new=False, only_rows=frozenset(numbers), first_seq=seq)
        for d in delivered(table("meetings", rows))
    ]


def test_of_a_file_read_again_only_the_rows_asked_for_are_judged_and_keep_their_place() -> None:
    rows = [row("meetings", meeting_id=f"M-{i}") for i in range(5)]
    verdict = judge(_read_again(rows, {3, 5}), context())
    assert verdict.accepted["meetings"].column("delivery_seq").to_pylist() == [101, 103]
    assert verdict.balance.iloc[0]["rows_read"] == 2
    assert set(verdict.results.query("check_code == 'ME-TITLE-01'")["rows_checked"]) == {2}


def test_a_row_judged_again_may_contradict_or_repeat_one_that_was_loaded_before() -> None:
    rows = [row("meetings"), row("meetings", title="Another"), row("meetings")]
    contradicts = judge(_read_again(rows, {3}), context())
    assert contradicts.quarantined["row_number"].tolist() == [3]
    repeats = judge(_read_again([rows[0], rows[2]], {3}), context())
    assert repeats.balance.iloc[0][["rows_read", "rows_loaded", "rows_duplicate"]].tolist() == [1, 0, 1]


def test_rows_judged_again_are_no_part_of_the_share() -> None:
    rows = [row("meetings", meeting_id=f"M-{i}", kind="nonsense") for i in range(9)]
    verdict = judge(_read_again(rows, set(range(2, 11))), context())
    assert verdict.problems == () and len(verdict.quarantined) == 9


# --- retractions ------------------------------------------------------------------------------------------


def test_a_retraction_needs_its_key_its_day_and_its_status_only() -> None:
    rows = [
        {
            "contribution_id": "C-1",
            "received_on": "2026-02-01",
            "record_status": "Retracted",
            "iso3": "Atlantis",
            "amount": "much",
            "source_ref": "APLC/1",
        }
    ]
    verdict = judged(table("contributions", rows), known_keys={"contributions": ["C-1"]})
    (loaded,) = verdict.accepted["contributions"].to_pylist()
    kept = {"contribution_id", "received_on", "record_status", "delivery_seq", "file_sha256"}
    kept |= {"file_name", "row_number"}
    assert {name for name, value in loaded.items() if value is not None} == kept
    assert loaded["record_status"] == "retracted"
    assert outcomes(verdict)["CO-KEY-03"] == "pass"


@pytest.mark.parametrize("missing", ["contribution_id", "received_on"])
def test_a_retraction_without_its_key_or_day_is_quarantined(missing: str) -> None:
    given = {"contribution_id": "C-1", "received_on": "2026-02-01", "record_status": "retracted", missing: ""}
    verdict = judged(table("contributions", [given]))
    assert verdict.quarantined["column_name"].tolist() == [missing]


def test_a_retraction_of_what_nobody_delivered_loads_and_warns() -> None:
    given = [{"contribution_id": "C-9", "received_on": "2026-02-01", "record_status": "retracted"}]
    verdict = judged(table("contributions", given))
    assert verdict.accepted["contributions"].num_rows == 1
    assert codes_by_row(verdict, "contributions") == {2: {"CO-KEY-03"}}


def test_a_retraction_of_what_this_delivery_brings_is_no_surprise() -> None:
    given = {"contribution_id": "C-1", "received_on": "2026-02-01", "record_status": "retracted"}
    verdict = judged(table("contributions", [given]), table("contributions", [row("contributions")]))
    assert verdict.accepted["contributions"].num_rows == 2
    assert outcomes(verdict)["CO-KEY-03"] == "pass"


def test_a_retraction_does_not_wait_for_a_parent_in_its_key() -> None:
    key = {"report_id": "R-77", "indicator_id": "1.1"}
    given = {**key, "received_on": "2026-02-01", "record_status": "retracted"}
    landed = {"article7_answers": pa.array([f"R-77{KEY_SEPARATOR}1.1"])}
    verdict = judged(table("article7_answers", [given]), known_keys=landed)
    assert verdict.accepted["article7_answers"].num_rows == 1
    assert outcomes(verdict)["AN-KEY-03"] == "pass"


def test_a_row_and_its_retraction_on_one_day_in_one_file_contradict_each_other() -> None:
    given = {**row("meetings"), "record_status": "retracted"}
    verdict = judged(table("meetings", [row("meetings"), given]))
    assert verdict.quarantined["row_number"].tolist() == [2, 3]


# --- a dataset as a whole ---------------------------------------------------------------------------------


def _reports(good: int, bad: int, change: dict[str, str] | None = None) -> Table:
    change = change or {"uses_guide": "perhaps"}
    rows = [row("article7_reports", report_id=f"G-{i}") for i in range(good)]
    return table(
        "article7_reports",
        [*rows, *(row("article7_reports", report_id=f"B-{i}", **change) for i in range(bad))],
    )


@pytest.mark.parametrize(
    ("good", "bad", "blocks"),
    [(0, 4, False), (0, 5, True), (20, 5, False), (19, 5, True), (95, 6, False)],
)
def test_more_than_a_fifth_and_at_least_five_quarantined_rows_block(
    good: int, bad: int, blocks: bool
) -> None:
    verdict = judged(_reports(good, bad))
    assert [p.check_code for p in verdict.problems] == (["AR-SHARE-01"] if blocks else [])
    assert len(verdict.quarantined) == bad


def test_rows_that_wait_do_not_count_towards_the_share() -> None:
    verdict = judged(_reports(1, 20, {"iso3": "DEU"}))
    assert verdict.problems == ()
    assert outcomes(verdict)["AR-WAITING-01"] == "fail"


def test_the_share_is_taken_over_all_new_files_of_the_dataset() -> None:
    assert judged(_reports(0, 5), _reports(20, 0)).problems == ()


def test_the_limit_can_be_set() -> None:
    limits = Limits(quarantined_rows=1, quarantined_share=0.0)
    assert [p.check_code for p in judged(_reports(99, 1), limits=limits).problems] == ["AR-SHARE-01"]


def test_a_required_dataset_that_was_never_delivered_blocks() -> None:
    verdict = judged(table("states", [row("states")]), delivered=frozenset({"meetings"}))
    missing = {p.dataset for p in verdict.problems if p.check_code.endswith("-DELIVERED-01")}
    required = {name for name, dataset in datasets().items() if dataset.required}
    assert missing == required - {"meetings", "states"}


def test_a_file_with_only_its_header_is_a_delivery() -> None:
    required = {name for name, dataset in datasets().items() if dataset.required}
    verdict = judged(*(table(name, []) for name in required), delivered=())
    assert verdict.problems == () and verdict.header_only == required
    assert verdict.balance["rows_read"].tolist() == [0] * len(required)


def test_rows_that_are_all_quarantined_are_no_delivery() -> None:
    verdict = judged(
        table("meetings", [row("meetings", kind="nonsense")]), delivered=set(datasets()) - {"meetings"}
    )
    assert [p.check_code for p in verdict.problems] == ["ME-DELIVERED-01"]


@pytest.mark.parametrize(
    ("last", "warns"), [(30, False), (None, False), (80, True), (11, False), (59, False)]
)
def test_a_volume_far_from_the_last_one_warns(last: int | None, warns: bool) -> None:
    volumes = {} if last is None else {"article7_reports": last}
    verdict = judged(_reports(30, 0), last_volumes=volumes)
    assert (outcomes(verdict)["AR-VOLUME-01"] == "fail") is warns and verdict.problems == ()


def test_an_unknown_column_is_reported_by_its_place_and_not_loaded() -> None:
    verdict = judged(table("meetings", [row("meetings", remark="x")], header=["remark"]))
    (line,) = verdict.results.query("check_code == 'ME-COLUMNS-01'").to_dict("records")
    assert line["outcome"] == "fail" and "remark" not in line["sentence"] and " 9.)" in line["sentence"]
    assert "remark" not in verdict.accepted["meetings"].column_names
    assert verdict.accepted["meetings"].num_rows == 1


def test_a_table_that_could_not_be_read_is_refused_and_the_others_load() -> None:
    broken = Table(
        "meetings", "meetings", pd.DataFrame(), (), FileProblem("FILE-COLUMNS", "kind is missing.")
    )
    verdict = judged(broken, table("states", [row("states")]))
    assert verdict.tables_refused == {("0" * 64, "meetings", "meetings")}
    (line,) = verdict.results.query("engine == 'reader'").to_dict("records")
    assert (line["check_code"], line["outcome"], line["sheet"]) == ("FILE-COLUMNS", "fail", "meetings")
    assert verdict.accepted["states"].num_rows == 1


# --- checks that break ------------------------------------------------------------------------------------


def _with_suite(monkeypatch: pytest.MonkeyPatch, check: Check) -> None:
    import expectations.meetings as module

    monkeypatch.setattr(module, "SUITE", Suite("meetings", "ME", (*module.SUITE.checks, check)))


def _check(code: str, expectation: object) -> Check:
    return Check(code, expectation, "title", "validity", "warn", "A reason.", "A sentence.")


def test_a_check_that_raises_is_an_error_and_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    _with_suite(monkeypatch, _check("ME-BROKEN-11", rules.ExpectOrderOfTime(column_list=["title", "absent"])))
    verdict = judged(table("meetings", [row("meetings")]))
    assert [(p.check_code, p.outcome) for p in verdict.problems] == [("ME-BROKEN-11", "error")]
    assert outcomes(verdict)["ME-BROKEN-11"] == "error"
    assert outcomes(verdict)["ME-TITLE-01"] == "pass"


def test_a_rule_that_raises_says_no_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    _with_suite(monkeypatch, _check("ME-BROKEN-11", rules.ExpectIsoDate(column="title")))

    def raises(column: pd.Series) -> pd.Series:
        raise ValueError(f"cannot read {column.iloc[0]}")

    monkeypatch.setattr("expectations.values.dates", raises)
    verdict = judged(table("meetings", [row("meetings", title="Canary Title")]))
    assert "ME-BROKEN-11" in {p.check_code for p in verdict.problems}
    told = [*map(str, verdict.problems), json.dumps(verdict.validations), verdict.results.to_json()]
    assert "Canary Title" not in "".join(told)


def test_a_suite_that_evaluated_fewer_checks_than_it_declares_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import expectations.judging as module

    validate = module._validate

    def forgetful(name: str, checks: list[Check], *rest: object) -> object:
        return validate(name, [check for check in checks if check.code != "ME-TITLE-01"], *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "_validate", forgetful)
    verdict = judged(table("meetings", [row("meetings")]))
    assert [(p.check_code, p.outcome) for p in verdict.problems] == [("ME-TITLE-01", "error")]


def test_great_expectations_that_breaks_makes_every_check_of_the_stage_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import expectations.judging as module

    def broken(*_: object) -> object:
        raise OSError("Canary")

    monkeypatch.setattr(module, "_validate", broken)
    verdict = judged(table("meetings", [row("meetings")]))
    assert {p.outcome for p in verdict.problems} == {"error"}
    assert "ME-TITLE-01" in {p.check_code for p in verdict.problems}
    assert "Canary" not in str(verdict.problems)


def test_a_configuration_that_is_made_once_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Great Expectations makes one whenever it is asked; its results are the same."""
    import contextlib

    from great_expectations.expectations.expectation import Expectation

    import expectations.judging as module

    of_the_library = Expectation.configuration
    good = [table(name, [row(name)]) for name in GOOD]
    bad = [
        table("meetings", [row("meetings", starts_on="soon"), row("meetings")]),
        table("states", [row("states", iso3="XXX")]),
        table("article7_answers", [row("article7_answers", answer="perhaps")]),
    ]
    found = []
    plain = (contextlib.nullcontext, contextlib.nullcontext)
    for once in ((module._configured_once, module._named_once), plain):
        for name, block in zip(("_configured_once", "_named_once"), once, strict=True):
            monkeypatch.setattr(module, name, block)
        verdict = judged(*good, *bad)
        own = ("run_id", "run_name", "run_time", "batch_id", "active_batch_id", "validation_time")
        told = json.dumps(verdict.validations, sort_keys=True)
        for name in own:
            told = re.sub(rf'"{name}": ("[^"]*"|{{[^}}]*}})', f'"{name}": ""', told)
        found.append(
            (re.sub(r"\d{8}T\d{6}\.\d+Z", "", told), verdict.results.to_csv(), verdict.quarantined.to_csv())
        )
    assert found[0] == found[1]
    assert len(found[0][0]) > 100_000
    assert Expectation.configuration is of_the_library


_arguments = st.dictionaries(
    st.sampled_from(["batch_id", "column", "row_condition", "mostly", "value_set"]),
    st.one_of(
        st.sampled_from([0, 1, False, True, None, "", "1", "True", "None", 0.0, 1.0]),
        st.lists(st.integers(0, 1), max_size=2),
    ),
)


@given(st.lists(_arguments, max_size=12))
@example([{"column": 1, "mostly": 0}, {"column": True, "mostly": False}, {"mostly": 0, "column": 1}])
def test_arguments_have_the_names_that_great_expectations_gives_them(asked: list[dict[str, Any]]) -> None:
    from great_expectations.core.id_dict import IDDict

    plain = [IDDict(one).to_id() for one in asked]
    with judging._named_once():
        for _ in range(2):
            assert [IDDict(one).to_id() for one in asked] == plain
        assert IDDict({"a": 1, "b": 2}).to_id(id_keys=["a"]) == "a=1"
    assert IDDict.to_id.__module__ == "great_expectations.core.id_dict"


def test_no_digest_of_the_rows_is_made_that_would_tell_a_guessed_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from great_expectations.execution_engine import pandas_execution_engine as engine

    asked: list[object] = []
    monkeypatch.setattr(engine, "hash_pandas_dataframe", asked.append)
    of_the_library = engine.hash_pandas_dataframe
    verdict = judged(*(table(name, [row(name)]) for name in GOOD), table("states", [row("states", iso3="X")]))
    assert asked == []
    assert len(verdict.validations) > len(GOOD)
    assert "fingerprint" not in json.dumps(verdict.validations)
    assert engine.hash_pandas_dataframe is of_the_library


@pytest.mark.parametrize("turn", [1, -1])
def test_each_line_of_the_quarantine_is_about_its_own_row(turn: int) -> None:
    """Also where the checks that failed come in another order than their rows."""
    faulty = [("ends_on", "late"), ("kind", "party"), ("starts_on", "soon")][::turn]
    rows = [
        row("meetings", meeting_id=f"M{place}", **{name: said}) for place, (name, said) in enumerate(faulty)
    ]
    lines = judged(table("meetings", rows)).quarantined
    told = lines[["row_number", "column_name", "value"]].to_numpy().tolist()
    assert told == [[place, name, said] for place, (name, said) in enumerate(faulty, start=2)]


def test_two_rows_with_one_place_in_the_order_of_delivery_are_a_defect() -> None:
    twice = [replace(d, first_seq=1) for d in delivered(_meetings({}), _meetings({}))]
    with pytest.raises(RuntimeError, match="one delivery_seq"):
        judge(twice, context())


def test_results_are_lines_of_plain_values_that_json_can_hold() -> None:
    verdict = judged(*(table(name, [row(name)]) for name in GOOD))
    assert json.loads(json.dumps(verdict.validations)) == verdict.validations
    assert verdict.results["sample_rows"].map(json.loads).map(lambda rows: isinstance(rows, list)).all()
    assert set(verdict.results["dimension"]) == {
        "completeness",
        "validity",
        "consistency",
        "uniqueness",
        "timeliness",
        "accuracy",
    }


def test_a_retraction_with_a_wrong_number_of_cells_is_told_of_those_alone() -> None:
    wrong = {**row("meetings", record_status="retracted", received_on=""), "_cells": 3}
    verdict = judged(table("meetings", [row("meetings", meeting_id="IM"), wrong]))
    assert verdict.quarantined["check_code"].tolist() == ["ME-ROW-01"]
