"""Work in a copy of the process: it gives a result or is lost, says nothing, and ends with its parent."""

from __future__ import annotations

import errno
import gc
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import Future
from datetime import date
from io import StringIO
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import psutil
import pytest
from rich.console import Console

from expectations import door, landing, rows, taken
from expectations.door import Lost, Verdict
from flows import apart, intake, knowledge, night, show
from flows.apart import Apart
from flows.home import Home
from flows.ledger import Ledger
from flows.revisions import Before
from tests.expectations.harness import row
from tests.flows.harness import REPORTS, deliver, take_in

pytestmark = pytest.mark.skipif(not apart.possible(), reason="copies of the process need Linux and two cores")

FOR_EVER = 30.0


def _sleep_for_ever() -> None:
    while True:
        signal.pause()


def test_a_copy_gives_what_its_work_gives_and_changes_nothing_here() -> None:
    here: list[int] = []

    def work() -> dict[str, Any]:
        here.append(1)
        return {"process": os.getpid(), "here": here}

    copy = Apart(work)
    assert gc.get_freeze_count() > 0
    found = copy.result(FOR_EVER)
    assert found["here"] == [1] and here == []
    assert found["process"] != os.getpid()
    assert gc.get_freeze_count() == 0


def test_work_that_fails_is_lost_without_a_word(capfd: pytest.CaptureFixture[str]) -> None:
    def work() -> None:
        raise ValueError("Canary Bird")

    with pytest.raises(Lost, match="ended with 1"):
        Apart(work).result(FOR_EVER)
    assert capfd.readouterr() == ("", "")


def test_what_cannot_be_handed_over_is_lost() -> None:
    with pytest.raises(Lost, match="ended with 1"):
        Apart(threading.Lock).result(FOR_EVER)


def test_a_copy_that_is_killed_is_lost() -> None:
    with pytest.raises(Lost, match="ended with -9"):
        Apart(lambda: os.kill(os.getpid(), signal.SIGKILL)).result(FOR_EVER)


def test_a_copy_that_takes_too_long_is_lost_and_ended() -> None:
    copy = Apart(_sleep_for_ever)
    process = psutil.Process(copy._process.pid)
    with pytest.raises(Lost, match="more than 0 seconds"):
        copy.result(0.01)
    assert not process.is_running()


def test_a_copy_is_ended_when_it_is_no_longer_wanted() -> None:
    copy = Apart(_sleep_for_ever)
    process = psutil.Process(copy._process.pid)
    copy.stop()
    assert not process.is_running()
    copy.stop()


def test_ctrl_c_is_for_the_parent_and_an_end_for_both() -> None:
    def work() -> bool:
        os.kill(os.getpid(), signal.SIGINT)
        return signal.getsignal(signal.SIGTERM) == signal.SIG_DFL

    before = signal.signal(signal.SIGTERM, lambda number, frame: None)
    try:
        assert Apart(work).result(FOR_EVER)
    finally:
        signal.signal(signal.SIGTERM, before)


PARENT = """
import signal, sys
from flows.apart import Apart
def work():
    print("at work", flush=True)
    while True:
        signal.pause()
copy = Apart(work)
signal.pause()
"""


def test_a_copy_ends_with_its_parent_even_if_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "at work\n"
        parent.kill()
        assert wait([parent.stdout.fileno()], FOR_EVER), "the copy still holds its standard output"
        assert parent.stdout.read() == ""


def test_a_copy_types_with_a_database_of_its_own() -> None:
    def databases() -> int:
        with landing._cursor() as connection:
            connection.execute("select 1")
        return landing._database.cache_info().currsize

    here = databases()
    assert Apart(databases).result(FOR_EVER) == here + 1


def test_a_copy_makes_no_further_copies() -> None:
    assert Apart(apart.possible).result(FOR_EVER) is False


def test_no_room_for_another_process_is_an_error_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room() -> int:
        raise OSError(errno.EAGAIN, "no room")

    monkeypatch.setattr(os, "fork", no_room)
    with pytest.raises(OSError, match="no room"):
        Apart(_sleep_for_ever)
    assert gc.get_freeze_count() == 0


# --- in a night ---------------------------------------------------------------------------------------------


@pytest.fixture
def verdicts(monkeypatch: pytest.MonkeyPatch) -> list[Verdict]:
    """What the door says, of datasets of which more than some rows are large."""
    monkeypatch.setattr(rows, "PORTION_ROWS", 12)
    monkeypatch.setattr(taken, "HELD_ROWS", 15)
    found: list[Verdict] = []
    plain = door.judge

    def judge(*arguments: Any) -> Verdict:
        found.append(plain(*arguments))
        return found[-1]

    monkeypatch.setattr(intake, "judge", judge)
    return found


def _inbox(folder: Path) -> Path:
    reports = [{**REPORTS[0], "report_id": f"R-{n}"} for n in range(50)]
    answers = [row("article7_answers", report_id=f"R-{n}", answer="yes") for n in range(50)]
    return deliver(folder, article7_reports=reports, article7_answers=answers)


def test_a_night_judges_a_large_dataset_in_a_copy(
    tmp_path: Path, verdicts: list[Verdict], monkeypatch: pytest.MonkeyPatch
) -> None:
    copies: list[Any] = []
    plain = Apart.result

    def result(copy: Apart, patience: float) -> Any:
        copies.append(plain(copy, patience))
        return copies[-1]

    monkeypatch.setattr(Apart, "result", result)
    found = take_in(tmp_path / "home", _inbox(tmp_path / "inbox"))
    assert len(copies) == 1 and found.record["judged"]["lost_copies"] == {}
    assert verdicts[0].taken["article7_answers"].rows == copies[0][1] > 12

    again = take_in(tmp_path / "home", full=True)
    assert len(copies) == 2  # judged afresh, in a copy as well
    assert again.record["judged_afresh"]["otherwise"] == {}


def test_a_night_whose_copy_is_lost_says_so_and_takes_in_the_same(
    tmp_path: Path, verdicts: list[Verdict], monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = _inbox(tmp_path / "inbox")
    take_in(tmp_path / "home", inbox)
    plain = Apart.__init__

    def killed(copy: Apart, work: Any) -> None:
        def half() -> None:
            work()
            os.kill(os.getpid(), signal.SIGKILL)

        plain(copy, half)

    monkeypatch.setattr(Apart, "__init__", killed)
    found = take_in(tmp_path / "other", inbox)
    assert found.record["judged"]["lost_copies"] == {"article7_answers": "it ended with -9"}
    said = Console(file=StringIO(), width=200)
    show.verdict(said, found.record["judged"])
    assert "article7_answers was judged twice as slowly" in said.file.getvalue()  # type: ignore[attr-defined]
    assert "(it ended with -9)" in said.file.getvalue()  # type: ignore[attr-defined]
    whole, again = verdicts
    assert set(whole.accepted) == set(again.accepted)
    for name, accepted in whole.accepted.items():
        if name != "meeting_participants":  # whose hashes are made with each home's own key
            assert accepted.equals(again.accepted[name]), name


def test_a_copy_is_made_when_the_figures_of_the_night_before_are_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "home")
    order: list[str] = []

    class Figures:
        def wait(self) -> None:
            order.append("figures")

    monkeypatch.setitem(night._begun, home.root, Figures())
    monkeypatch.setattr(knowledge, "Apart", lambda work: order.append(work()))
    known = knowledge.context(home, Ledger(home, []), date(2026, 1, 1), b"", lambda: night._settle(home))
    assert known.apart is not None
    known.apart(lambda: "copy")
    assert order == ["figures", "copy"]


def test_figures_that_were_begun_are_waited_for_and_others_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    night._settle(Home(tmp_path / "home"))
    before = Before.__new__(Before)
    before._asked = None
    before.wait()
    waited: list[Any] = []
    monkeypatch.setattr("concurrent.futures.wait", waited.extend)
    before._asked, before._figures = (date(2026, 1, 1), "", ()), Future()
    before.wait()
    assert waited == [before._figures]


def test_a_night_settles_before_each_copy(
    tmp_path: Path, verdicts: list[Verdict], monkeypatch: pytest.MonkeyPatch
) -> None:
    settled: list[Home] = []
    monkeypatch.setattr(night, "_settle", settled.append)
    take_in(tmp_path / "home", _inbox(tmp_path / "inbox"))
    assert len(settled) == 1
    take_in(tmp_path / "home", full=True)
    assert len(settled) == 2
