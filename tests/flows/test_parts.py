"""Many files read by several workers: the same bytes whoever reads them, in whatever order."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from flows import night, parts, reading, task_runners
from flows.archive import Entry
from flows.errors import Defect, UsageProblem
from flows.home import Home
from flows.program import ROOT
from flows.received import Received
from flows.refresh import Request, refresh
from flows.runs import Run
from sources import readers
from sources.contract import SOURCES
from tests.flows.harness import (
    ANSWERS,
    AS_OF,
    CANARY,
    PARTICIPANTS,
    REPORTS,
    deliver,
    snapshot,
    table,
    take_in,
    taking_in,
    write_csv,
)

KEY = "a key of the tests, long enough"
FILES = 12
DAY = date(2026, 3, 9)
OF_THE_RUN = ("run_id", "received_at")
RUNNERS = ("processes", "dask", "threads", "cluster killed")


def many(folder: Path, mark: Path) -> Path:
    """Reports and answers in files of their own, a register, a file that is cut off, one of no dataset."""
    inbox = deliver(folder)
    for number in range(FILES):
        report = {
            **REPORTS[0],
            "report_id": f"R-{number}",
            "iso3": "KEN",
            "submitted_on": f"2025-03-{number + 1:02}",
        }
        write_csv(inbox / f"article7_reports--{number}.csv", [report])
        answer = {**ANSWERS[0], "report_id": f"R-{number}", "answer": "yes" if number % 3 else "perhaps"}
        write_csv(inbox / f"article7_answers--{number}.csv", [answer])
    guest = {**PARTICIPANTS[0], "registration_id": "REG-2", "full_name": "Ilka Moorhen"}
    write_csv(inbox / f"meeting_participants--{CANARY}.csv", [guest])
    (inbox / "contributions--cut.csv").write_bytes(b'contribution_id,iso3\n"C-1,KHM\n')
    (inbox / "notes.pdf").write_text("Bring the maps.", encoding="utf-8")
    (inbox / "harm.txt").write_text(f"end who asks, unless {mark}", encoding="utf-8")
    return inbox


@dataclass(frozen=True)
class Nights:
    """Homes by task runner, that without one among them, and how their nights ended."""

    homes: dict[str, Path]
    ended: dict[str, dict[str, Any]]
    files: int


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    folder = tmp_path_factory.mktemp("runners")
    inbox = many(folder / "inbox", folder / "mark")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SRAAP_", "PREFECT_"))}
    done = subprocess.run(
        [sys.executable, "-m", "tests.flows.runners", str(folder), str(inbox), str(folder / "mark")],
        cwd=ROOT,
        env={**kept, "SRAAP_PEOPLE_KEY": KEY},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SRAAP_PEOPLE_KEY", KEY)
        patch.setattr(readers, "FOLDERS", (SOURCES, Path(__file__).parent / "harmful"))
        assert refresh(Request(folder / "none", (inbox,), AS_OF), taking_in).exit_code == 1
    reading.stop()
    homes = {kind.split()[0]: folder / kind.split()[0] for kind in ("none", *RUNNERS)}
    yield Nights(homes, json.loads(done.stdout.splitlines()[-1]), len(list(inbox.iterdir())) - 1)


def rows_landed(home: Path) -> dict[str, bytes | str]:
    """The landing's files of rows; beside them lies what says which run took them in."""
    return {
        path: content
        for path, content in snapshot(home / "landing").items()
        if not path.startswith(("ledger/", "batches/"))
    }


@pytest.mark.parametrize("kind", RUNNERS)
def test_the_same_bytes_whoever_reads_in_whatever_order(nights: Nights, kind: str) -> None:
    """Also of a cluster at an address, one of whose workers was killed: another one reads its part."""
    ended = nights.ended[kind]
    assert (ended["exit_code"], ended["error"]) == (0, None)
    assert (ended["parts"], ended["read"]) == (2, nights.files), "what a person left unnamed is not read"
    home, reference = nights.homes[kind.split(maxsplit=1)[0]], nights.homes["none"]
    assert rows_landed(home) == rows_landed(reference)
    assert len(rows_landed(home)) == 7
    for name in ("files", "row_balance", "quarantined_rows", "validation_results"):
        found, wanted = (
            [{k: v for k, v in row.items() if k not in OF_THE_RUN} for row in table(place, name)]
            for place in (home, reference)
        )
        assert found == wanted, name
        assert found


@pytest.mark.parametrize("kind", RUNNERS)
def test_nothing_that_was_read_stays_aside(nights: Nights, kind: str) -> None:
    assert not nights.ended[kind]["left"]
    assert not list(Path(nights.homes[kind.split(maxsplit=1)[0]]).rglob("*.arrow"))


def test_a_killed_worker_ends_the_night_and_the_next_one_recovers(nights: Nights) -> None:
    """The file that did it lies in the inbox of every night; only in the first one it kills."""
    ended = nights.ended["processes killed"]
    assert ended["exit_code"] == 70 and not ended["left"]
    assert "a process that reads files ended" in ended["error"]["what"]
    assert ended["error"]["where"] == task_runners.RUNNER
    assert nights.ended["processes"]["exit_code"] == 0


def test_all_that_a_full_refresh_reads_is_read_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = deliver(tmp_path / "inbox")
    take_in(tmp_path / "home", inbox)
    write_csv(tmp_path / "more" / "article7_reports--more.csv", [{**REPORTS[0], "report_id": "R-2"}])
    monkeypatch.setenv(task_runners.RUNNER, "threads")
    read_here: list[Path] = []

    def steps(home: Home, run: Run, _: bool) -> None:
        for part in night.receive(home, run):
            parts.read_part(part)
        monkeypatch.setattr(reading, "read", lambda path, *_: read_here.append(path))
        night.judge(home, run)
        run.end("published", 0, "Judged.")

    result = refresh(Request(tmp_path / "home", (tmp_path / "more",), AS_OF, full=True), steps)
    assert result.record["state"] == "published", result.error
    assert result.record["judged_afresh"]["files"] == 7 and result.record["judged"]["files"] == {"loaded": 1}
    assert not read_here and not parts.folder(Home(tmp_path / "home")).exists()


# --- sharing out --------------------------------------------------------------------------------------------


def delivered(home: Home, folder: Path, count: int) -> list[Received]:
    home.create("real")
    found = []
    for number in range(count):
        path = write_csv(folder / f"states--{number}.csv", [{"iso3": "KHM", "name": "x" * (number + 1)}])
        entry = Entry("", number, "", path.name, 1, f"{number:064}")
        found.append(Received(entry, path, DAY))
    return found


def test_few_files_are_read_where_they_are_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path / "home")
    files = delivered(home, tmp_path, 3)
    assert parts.share_out(home, files) == []
    monkeypatch.setenv(task_runners.RUNNER, "threads")
    monkeypatch.setenv(task_runners.WORKERS, "2")
    assert parts.share_out(home, files[:1]) == []
    shared = parts.share_out(home, [*files, *files])
    assert [len(json.loads(Path(part).read_bytes())["files"]) for part in shared] == [1, 2]
    assert parts.folder(home).stat().st_mode & 0o777 == 0o700


def test_many_files_are_shared_out_by_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path / "home")
    monkeypatch.setattr(parts, "MANY_FILES", 3)
    monkeypatch.setenv(task_runners.WORKERS, "5")
    assert len(parts.share_out(home, delivered(home, tmp_path, 3))) == 3


def test_what_a_worker_left_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path / "home")
    files = delivered(home, tmp_path, 2)
    monkeypatch.setenv(task_runners.RUNNER, "threads")
    monkeypatch.setenv(task_runners.WORKERS, "1")
    (part,) = parts.share_out(home, files)
    assert parts.read_part(part) == part
    assert [path.name for path in parts.folder(home).iterdir() if path.name.startswith("sraap-read")] == []
    first, second = files
    for file, wanted in ((first, None), (second, "FILE-CRASH")):
        assert file.path is not None
        (left,) = [
            parts.folder(home) / found["folder"]
            for found in json.loads(Path(part).read_bytes())["files"]
            if found["name"] == file.entry.name
        ]
        if wanted:
            (left / reading.TOLD).write_text(
                '{"format": "csv", "tables": [{"dataset": "x"}]}', encoding="ascii"
            )
        content = parts.read(home, file.path, file.entry.sha256, file.entry.name, DAY)
        assert (content.problem.code if content.problem else None) == wanted
        assert len(content.tables) == (0 if wanted else 1)


def test_a_worker_of_another_version_reads_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path / "home")
    monkeypatch.setenv(task_runners.RUNNER, "dask")
    shared = parts.share_out(home, delivered(home, tmp_path, 2))
    monkeypatch.setattr(parts, "program_version", lambda: "another")
    with pytest.raises(Defect, match="another version"):
        parts.read_part(shared[0])


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        ({task_runners.RUNNER: "fibres"}, task_runners.RUNNER),
        ({task_runners.RUNNER: "threads", task_runners.ADDRESS: "tcp://x:1"}, task_runners.ADDRESS),
        ({task_runners.WORKERS: "0"}, task_runners.WORKERS),
        ({task_runners.WORKERS: "many"}, task_runners.WORKERS),
    ],
)
def test_settings_that_make_no_sense_are_said_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], where: str
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageProblem) as problem:
        take_in(tmp_path / "home", deliver(tmp_path / "inbox"))
    assert problem.value.where == where
    assert not (tmp_path / "home").exists()


def test_dask_that_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(task_runners.RUNNER, "dask")
    monkeypatch.setattr(task_runners, "find_spec", lambda _: None)
    with pytest.raises(UsageProblem, match="not installed"):
        task_runners.configured()
