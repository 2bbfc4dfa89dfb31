"""``refresh --full`` reads, judges and builds everything anew, and the result is the same, byte for byte."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from expectations.suite import suite_of
from flows.afresh import judge_afresh
from flows.archive import read_delivered
from flows.errors import Defect
from flows.home import Home
from flows.ledger import Ledger
from flows.refresh import Request, refresh
from flows.retention import delete_files
from sources.contract import datasets
from tests.agreement import drawn_deliveries
from tests.faults.homes import outputs
from tests.flows.conftest import Refreshed
from tests.flows.harness import (
    ANSWERS,
    AS_OF,
    deliver,
    snapshot,
    take_in,
    without_prefect,
    write_csv,
)
from tests.oracle.strategies import Delivery, write_delivery


def sequence(folder: Path, number: int) -> list[Path]:
    """A drawn delivery in three parts as they come on three days, its rows at random.

    So children come before their parents, and corrections before what they correct. The third repeats rows.
    """
    random = Random(number)
    drawn = drawn_deliveries(12)[number]
    parts: list[dict[str, list[dict[str, str]]]] = [{}, {}, {}]
    for stem, rows in drawn.files.items():
        for row in rows:
            dataset = stem.partition("--")[0]
            place = random.choice((0, 0, 1, 2))
            parts[place].setdefault(f"{dataset}--later" if place else dataset, []).append(row)
    for dataset in (name for name, found in datasets().items() if found.required):
        parts[0].setdefault(dataset, [])
    parts[2]["article7_reports--again"] = parts[0]["article7_reports"]
    inboxes = []
    for place, files in enumerate(parts):
        inboxes.append(folder / f"delivery-{place}")
        write_delivery(inboxes[-1], Delivery(files, drawn.as_of))
    return inboxes


ACCEPTED = tuple(
    f"{suite_of(name).letters}-{what}-01" for name in datasets() for what in ("SHARE", "DELIVERED")
)
"""What blocks a run of drawn rows, which are bad on purpose."""


def landed(home: Path) -> dict[str, bytes | str]:
    """What batches left in the landing, but for what holds moments and ids of runs."""
    told = ("files.parquet", "validation_results.parquet", "acceptances.parquet", ".json")
    return {name: held for name, held in snapshot(home / "landing").items() if not name.endswith(told)}


@pytest.mark.parametrize("number", range(1))
def test_a_drawn_sequence_comes_out_again_as_it_was_taken_in(number: int, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    for inbox in sequence(tmp_path, number):
        taken = take_in(home.root, inbox, accept=ACCEPTED, by="Test", why="drawn to be bad")
        assert taken.exit_code in (0, 1), taken.error
    ledger = Ledger.read(home)
    before = snapshot(home.landing)

    found = judge_afresh(home, ledger)

    assert (found.batches, found.out_of_reach, found.otherwise) == (3, 0, {})
    assert found.rows >= int(ledger.table("row_balance")["rows_read"].sum()) > 50
    assert snapshot(home.landing) == before
    assert ledger.table("quarantined_rows")["waiting"].any()


def test_a_full_refresh_publishes_the_same_bytes_as_one_that_judges_what_is_new(
    refreshed: Refreshed, tmp_path: Path
) -> None:
    inbox = tmp_path / "inbox"
    write_csv(inbox / "article7_answers--more.csv", [{**ANSWERS[0], "indicator_id": "1.2", "answer": "no"}])
    published = []
    for full in (False, True):
        home = tmp_path / f"full-{full}"
        shutil.copytree(refreshed.home, home, symlinks=True)
        result = refresh(Request(home=home, inboxes=(inbox,), as_of=AS_OF, full=full), without_prefect)
        assert result.exit_code in (0, 1), result.error
        assert ("judged_afresh" in result.record) is full
        published.append(outputs(Home(home)))
    assert published[0] == published[1]
    assert len(published[0]) > 100


def test_a_landing_that_is_not_what_the_archive_gives_stops_a_full_refresh(tmp_path: Path) -> None:
    home = tmp_path / "home"
    take_in(home, deliver(tmp_path / "a"))
    path = home / "landing" / "article7_answers" / "000001.parquet"
    held = pq.read_table(path)
    place = held.column_names.index("answer")
    pq.write_table(
        held.set_column(place, held.field(place), pc.replace_substring(held["answer"], "yes", "no")), path
    )

    assert take_in(home).exit_code == 0
    stopped = take_in(home, full=True)

    assert stopped.exit_code == 70
    assert isinstance(stopped.error, Defect)
    assert "batch 1" in str(stopped.error)
    assert "article7_answers (1)" in str(stopped.error)


def test_rows_that_other_rules_would_take_in_otherwise_are_told_and_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    take_in(home, deliver(tmp_path / "a"))
    before = landed(home)
    monkeypatch.setattr("flows.plans.rules_fingerprint", lambda: "another")
    path = home / "landing" / "article7_reports" / "000001.parquet"
    held = pq.read_table(path)
    place = held.column_names.index("language")
    pq.write_table(held.set_column(place, held.field(place), pc.fill_null(held["language"], "English")), path)

    told = take_in(home, full=True).record["judged_afresh"]

    assert told["otherwise"] == {"article7_reports": 1}
    changed = {name for name, held in landed(home).items() if before.get(name) != held}
    assert {name for name in changed if name.startswith("article7_reports")} == {
        "article7_reports/000001.parquet"
    }


def test_a_batch_of_which_a_file_was_deleted_is_out_of_reach(tmp_path: Path) -> None:
    place = Home(tmp_path / "home")
    take_in(place.root, deliver(tmp_path / "a"))
    register = [e for e in read_delivered(place).entries if e.dataset == "meeting_participants"]
    delete_files(place, register, "tried out")

    found = judge_afresh(place, Ledger.read(place))

    assert (found.batches, found.out_of_reach) == (0, 1)
