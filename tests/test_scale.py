"""Large deliveries: what the generator makes of them, and that portions are judged as the whole would be."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from expectations import landing, rows, taken
from expectations.bench import Bench
from expectations.door import DeliveredTable, Lost, Verdict, judge
from expectations.values import text
from flows import apart
from flows.apart import Apart
from sources.contract import Dataset, datasets
from sources.frames import PACKED_ROWS
from sources.reading import Table, read
from sources.sample.generate import INDICATORS, generate
from tests import scale as measuring
from tests.bench import Once
from tests.expectations.harness import PLAN, context, delivered, row, table
from tests.scale import Size, exponent, write

SCALE = 2
LARGE = "article7_answers--2025-01"


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    """A delivery of twice life, and its expected findings."""
    folder = tmp_path_factory.mktemp("twice") / "delivery"
    return folder, generate(folder, scale=SCALE)


def _cells(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def test_parquet_holds_the_cells_of_the_csv_files_and_both_are_made_again_to_the_byte(
    tmp_path: Path, twice: tuple[Path, pd.DataFrame]
) -> None:
    folder, findings = twice
    again = generate(tmp_path / "delivery", scale=SCALE, parquet=True)
    as_parquet = sorted((tmp_path / "delivery").glob("*.parquet"))
    assert {path.stem for path in as_parquet} == {
        LARGE,
        "article7_answers--2026-01",
        "meeting_participants--workshops-2025",
        "meeting_participants--workshops-2026",
    }
    for path in as_parquet:
        pd.testing.assert_frame_equal(
            pq.read_table(path).to_pandas(), _cells(folder / f"{path.stem}.csv"), check_dtype=False
        )
    for path in (tmp_path / "delivery").glob("*.csv"):
        assert path.read_bytes() == (folder / path.name).read_bytes(), path.name
    assert len(again) == len(findings)


def test_every_row_of_what_grows_is_marked_synthetic(twice: tuple[Path, pd.DataFrame]) -> None:
    folder, _ = twice
    grows = sorted(folder.glob("article7_answers--20*.csv")) + sorted(folder.glob("*workshops*.csv"))
    assert sum(len(_cells(path)) for path in grows) > 60_000
    assert all(_cells(path)["source_ref"].str.startswith("synthetic sample").all() for path in grows)


def _read(folder: Path, names: Sequence[str]) -> list[DeliveredTable]:
    found: list[DeliveredTable] = []
    for name in names:
        (one,) = read(folder / name, name).tables
        first = found[-1].first_seq + len(found[-1].table.frame) if found else 1
        found.append(DeliveredTable(one, name, name, first))
    return found


def test_of_a_large_file_only_the_expected_rows_are_quarantined(twice: tuple[Path, pd.DataFrame]) -> None:
    folder, findings = twice
    names = ["states.csv", "article7_reports--2025.csv", "article7_reports--2026.csv", f"{LARGE}.csv"]
    deliveries = _read(folder, names)
    large = deliveries[-1].table.frame
    assert len(large) > PACKED_ROWS and isinstance(large["answer"].dtype, pd.CategoricalDtype)
    plan = pd.read_csv(INDICATORS, dtype=str, keep_default_na=False)
    asked = [(PLAN, one, rule) for one, rule in zip(plan["indicator_id"], plan["rule"], strict=True)]
    verdict = judge(deliveries, context(indicators=asked, known_keys={}, state_names={}))
    held = verdict.quarantined[verdict.quarantined["file_name"] == f"{LARGE}.csv"]
    expected = findings[
        (findings["file"] == f"{LARGE}.csv") & findings["outcome"].isin(["quarantined", "waiting"])
    ]
    assert set(held["row_number"]) == set(expected["row_number"])
    assert (
        verdict.taken["article7_answers"].rows
        == len(large)
        - len(expected)
        - ((findings["file"] == f"{LARGE}.csv") & (findings["outcome"] == "duplicate")).sum()
    )


def _difficult() -> list[Table]:
    """Answers with every fault whose judgement needs another row, spread over two files."""
    answers = [row("article7_answers", report_id=f"R-{n}", evidence=f"Page {n}") for n in range(40)]
    first = [
        *answers[:30],
        row("article7_answers", report_id="R-3", evidence="Page 3"),  # repeats
        row("article7_answers", report_id="R-4", evidence="something else"),  # contradicts
        row("article7_answers", report_id="R-5", received_on="2026-02-01"),  # another version
        row("article7_answers", report_id="R-39", record_status="retracted", received_on="2026-03-01"),
        *(  # of what other portions say
            row("article7_answers", report_id=f"R-{n}", record_status="retracted", received_on="2026-03-01")
            for n in (12, 20, 31, 35, 38)
        ),
        row("article7_answers", report_id="R-99", record_status="retracted"),  # of nothing
        row("article7_answers", report_id="unknown"),  # waits
        row("article7_answers", report_id="R-6", answer="perhaps", received_on="2026-02-02"),
    ]
    reports = [row("article7_reports", report_id=f"R-{n}") for n in range(40)]
    return [
        table("article7_reports", reports),
        table("article7_answers", first),
        table("article7_answers", answers[30:]),
    ]


def _found(verdict: Verdict) -> dict[str, pd.DataFrame]:
    accepted = verdict.accepted["article7_answers"].to_pandas().sort_values("delivery_seq", ignore_index=True)
    order = ["delivery_seq", "check_code"]
    return {
        "accepted": accepted,
        "quarantined": verdict.quarantined.sort_values(order, ignore_index=True),
        "balance": verdict.balance,
        "results": verdict.results,
    }


def test_portions_are_judged_as_the_whole_would_be(monkeypatch: pytest.MonkeyPatch) -> None:
    deliveries = delivered(*_difficult())
    whole = _found(judge(deliveries, context()))
    assert len(whole["accepted"]) == 47 and len(whole["quarantined"]) == 4
    monkeypatch.setattr(rows, "PORTION_ROWS", 12)
    monkeypatch.setattr(taken, "HELD_ROWS", 15)
    verdict = judge(deliveries, context())
    sizes = [portion.num_rows for portion in verdict.taken["article7_answers"].portions()]
    assert len(sizes) == 5 and max(sizes) < 17
    for name, frame in _found(verdict).items():
        pd.testing.assert_frame_equal(frame, whole[name], obj=name)
    monkeypatch.setattr(rows, "PORTION_ROWS", 5)  # more rows retract than are judged at a time
    for name, frame in _found(judge(deliveries, context())).items():
        pd.testing.assert_frame_equal(frame, whole[name], obj=name)


class _Elsewhere:
    """Work that was begun apart: done when it is asked for, in a copy of the process; or lost."""

    lost = False
    begun = 0
    stopped = 0

    def __init__(self, work: Callable[[], Any]) -> None:
        type(self).begun += 1
        self._copy = Apart(work)

    def result(self, patience: float) -> Any:
        found = self._copy.result(patience)
        if self.lost:
            raise Lost("for a test")
        return found

    def stop(self) -> None:
        type(self).stopped += 1
        self._copy.stop()


class _Lost(_Elsewhere):
    lost = True


@pytest.mark.skipif(not apart.possible(), reason="copies of the process need Linux and two cores")
@pytest.mark.parametrize("begin", [_Elsewhere, _Lost])
def test_a_dataset_that_is_judged_apart_is_judged_as_it_would_be_here(
    monkeypatch: pytest.MonkeyPatch, begin: type[_Elsewhere]
) -> None:
    statements = [row("meeting_statements", statement_id=f"S-{n}") for n in range(3)]
    wrong = row("meeting_statements", statement_id="S-9", meeting_id="none")
    deliveries = delivered(
        *_difficult(),
        table("article7_answers", [{**row("article7_answers", report_id="R-7"), "_cells": 9}]),
        table("meeting_statements", [*statements, wrong]),
        table("contributions", []),
    )
    monkeypatch.setattr(rows, "PORTION_ROWS", 12)
    monkeypatch.setattr(taken, "HELD_ROWS", 15)
    here = judge(deliveries, context())
    monkeypatch.setattr(begin, "begun", 0)
    monkeypatch.setattr(begin, "stopped", 0)
    there = judge(deliveries, context(apart=begin))
    assert (begin.begun, begin.stopped) == (1, 1)
    assert there.lost == ({"article7_answers": "for a test"} if begin.lost else {})
    assert list(there.taken) == list(here.taken)
    for name, accepted in here.accepted.items():
        assert accepted.equals(there.accepted[name]), name
    for frame in ("quarantined", "balance", "results"):  # in the same order, too
        pd.testing.assert_frame_equal(getattr(there, frame), getattr(here, frame), obj=frame)
    for what in ("problems", "header_only", "tables_refused", "restricted_files"):
        assert getattr(there, what) == getattr(here, what), what
    assert [_without_times(one) for one in there.validations] == [
        _without_times(one) for one in here.validations
    ]


def _without_times(validation: dict[str, Any]) -> str:
    told = json.dumps(validation, sort_keys=True, default=str)
    return re.sub(
        r'"(run_id|ge_load_time|batch_id|id|validation_id|checkpoint_id|run_time)": [^,}]*', "", told
    )


def test_no_room_for_a_copy_is_no_reason_to_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(work: Callable[[], Any]) -> _Elsewhere:
        raise OSError("no room")

    deliveries = delivered(*_difficult())
    whole = _found(judge(deliveries, context()))
    monkeypatch.setattr(rows, "PORTION_ROWS", 12)
    verdict = judge(deliveries, context(apart=no_room))
    assert verdict.lost == {}
    for name, frame in _found(verdict).items():
        pd.testing.assert_frame_equal(frame, whole[name], obj=name)


@pytest.mark.skipif(not apart.possible(), reason="copies of the process need Linux and two cores")
def test_a_defect_in_a_copy_is_told_as_one_here_and_ends_no_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "PORTION_ROWS", 12)
    plain = landing.typed

    def typed(dataset: Dataset, *arguments: Any) -> Any:
        if dataset.name == "article7_answers":
            raise ValueError("Canary Bird")
        return plain(dataset, *arguments)

    monkeypatch.setattr(landing, "typed", typed)
    with pytest.raises(RuntimeError, match="while it judged article7_answers: ValueError") as caught:
        judge(delivered(*_difficult()), context(apart=Apart))
    assert "Canary" not in str(caught.value)


@pytest.mark.skipif(not apart.possible(), reason="copies of the process need Linux and two cores")
def test_where_judging_breaks_here_what_was_begun_apart_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "PORTION_ROWS", 12)
    monkeypatch.setattr(_Elsewhere, "stopped", 0)

    def breaks(*arguments: Any) -> None:
        raise KeyboardInterrupt

    plain = Bench._judge

    def judging(bench: Bench, dataset: Dataset, *arguments: Any) -> None:
        return (breaks if dataset.name == "meeting_statements" else plain)(bench, dataset, *arguments)

    monkeypatch.setattr(Bench, "_judge", judging)
    with pytest.raises(KeyboardInterrupt):
        judge(delivered(*_difficult()), context(apart=_Elsewhere))
    assert _Elsewhere.stopped == 1


def test_a_large_table_is_split_so_that_the_rows_of_a_key_stay_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rows, "PORTION_ROWS", 12)
    deliveries = delivered(*_difficult())[1:2]
    split = rows.Rows(datasets()["article7_answers"], deliveries)
    portions = split.portions(whole=False)
    keys = [set(text(split.frame(places)["report_id"])) for places in portions]
    assert len(portions) == 4
    assert sorted(place for places in portions for place in places) == list(range(len(split)))
    assert sum(map(len, keys)) == len(set.union(*keys))


def _size(scale: int, seconds: float) -> Size:
    return Size(scale, 0, scale * 1000, scale * 900, Once(seconds, seconds, 0), 0, (1.0, 1.0), {})


def test_the_exponent_is_one_where_each_row_costs_the_same() -> None:
    assert exponent(_size(1, 10), _size(10, 19), _size(100, 109), "cpu") == pytest.approx(1.0)
    assert exponent(_size(1, 10), _size(10, 19), _size(100, 208), "cpu") == pytest.approx(1.289, abs=0.01)


def test_what_is_measured_is_written_between_the_marks_of_the_page(tmp_path: Path) -> None:
    page = tmp_path / "scaling.md"
    page.write_text(f"# Title\n{measuring.BEGIN}old\n{measuring.END}rest\n", encoding="utf-8")
    write(page, "new\n")
    assert page.read_text(encoding="utf-8") == f"# Title\n{measuring.BEGIN}new\n{measuring.END}rest\n"
    page.write_text("# Title\n", encoding="utf-8")
    with pytest.raises(ValueError, match="marks"):
        write(page, "new\n")
