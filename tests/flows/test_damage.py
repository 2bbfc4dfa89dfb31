"""Spoiled files of a home: commands name the file to restore, and no chain is built on a torn manifest."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from flows import cli, damage, doctor, erasing, explain, night, pruning
from flows.errors import UsageProblem
from flows.evidence.verify import MANIFEST
from flows.home import Home
from flows.refresh import Request, refresh
from flows.runs import Run, all_runs, unended
from tests.conftest import SAMPLE_AS_OF, Sample
from tests.flows.harness import without_prefect


@pytest.fixture
def place(sample: Sample, tmp_path: Path) -> Path:
    """A copy of the sample's home; files are links, so that to spoil one is to put another in its place."""
    return Path(shutil.copytree(sample.untouched, tmp_path / "home", symlinks=True, copy_function=os.link))


def cut(path: Path) -> None:
    """Put the first half of a file in its place."""
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[: len(content) // 2])


def written(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as caught:
        cli.main([str(argument) for argument in arguments])
    return int(str(caught.value.code))


def published(place: Path) -> Path:
    return (place / "published").resolve()


SPOILED: dict[str, Callable[[Path], Path]] = {
    "a landing file": lambda place: place / "landing/states/000001.parquet",
    "a table of the ledger": lambda place: place / "landing/ledger/000001/files.parquet",
    "the warehouse": lambda place: published(place) / "warehouse.duckdb",
    "a table": lambda place: published(place) / "parquet/indicator_values.parquet",
    "a manifest": lambda place: published(place) / MANIFEST,
}


@pytest.mark.parametrize("what", SPOILED)
@pytest.mark.parametrize("spoil", [cut, Path.unlink])
def test_what_failed_for_a_spoiled_file_names_it(
    what: str, spoil: Callable[[Path], None], place: Path
) -> None:
    def step(home: Home, of_run: Run) -> None:
        raise RuntimeError("torn")

    home = Home(place)
    run_id = all_runs(home)[-1]["run_id"]
    path = SPOILED[what](place)
    assert damage.found(home) is None
    spoil(path)
    with pytest.raises(UsageProblem) as caught:
        night.take(step, str(place), run_id)
    assert Path(caught.value.where) == path
    assert "backup" in caught.value.next_step
    assert not list((home.restricted / "defects").glob("*"))


@pytest.mark.parametrize("command", [["audit"], ["explain", "7.1", "--year", "2026"]])
def test_commands_name_a_torn_warehouse(
    command: list[str], place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut(published(place) / "warehouse.duckdb")
    assert run(*command, "--home", place) == 5
    said = capsys.readouterr().err
    assert "where:" in said and "warehouse.duckdb" in said
    assert "publication" in {f.what for f in doctor.examine(Home(place)).findings if f.state == "look"}


@pytest.mark.parametrize("spoil", [cut, Path.unlink, lambda path: written(path, b"{}\n")])
def test_nothing_is_published_upon_a_manifest_that_is_not_as_it_was_written(
    spoil: Callable[[Path], None], place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The next manifest would name the torn one for ever; and what changed since could not be said."""
    head = published(place)
    spoil(head / MANIFEST)
    assert run("refresh", "--as-of", "2026-05-01", "--home", place) == 5
    said = capsys.readouterr().err
    assert str(head / MANIFEST) in said and "Restore it from a backup" in said
    assert published(place) == head
    assert "broken" in {finding.state for finding in doctor.examine(Home(place)).findings}
    shutil.move(head, place.parent / "away")
    damage.check_head(Home(place))


def test_published_that_is_a_folder_is_said_before_anything_is_built(place: Path) -> None:
    (place / "published").unlink()
    (place / "published").mkdir()
    with pytest.raises(UsageProblem, match="no link"):
        refresh(Request(place, as_of="2026-05-01"), without_prefect)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"state": "running"}', b"\xff"])
def test_records_of_runs_that_no_run_wrote_are_left_out(content: bytes, place: Path) -> None:
    (path,) = place.glob("runs/*/run.json")
    written(path, content)
    assert all_runs(Home(place)) == [] and unended(Home(place)) == []
    assert refresh(Request(place, as_of=SAMPLE_AS_OF.isoformat())).record["state"] == "nothing_new"
    assert doctor.examine(Home(place)).exit_code == 0
    assert run("audit", "--home", place) == 5


@pytest.mark.parametrize("content", [b"x", b"[]", b"{}"])
def test_a_torn_note_of_an_erasure_says_what_to_do(content: bytes, place: Path) -> None:
    written(erasing.journal_path(Home(place)), content)
    with pytest.raises(UsageProblem, match="an erasure that had begun can't be read"):
        refresh(Request(place))


def test_a_torn_note_of_a_pruning_is_written_anew(place: Path) -> None:
    home = Home(place)
    older = home.publications / "20200101T000000.000Z"
    shutil.copytree(published(place) / "evidence", older / "evidence")
    written(older / pruning.NOTE, b"x")
    (home.publications / "zzz").mkdir()
    (home.publications / "zzz" / "mine").touch()
    found = pruning.prune(home, 1)
    assert found.kept == (published(place).name,)
    assert {path.name for path in older.rglob("*") if path.is_file()} == {"manifest.json", "pruned.json"}
    assert json.loads((older / pruning.NOTE).read_text("ascii"))["removed"]
    assert (home.publications / "zzz" / "mine").exists(), "what nobody published is nobody's to drop"


def test_a_key_file_of_other_bytes_is_said(place: Path) -> None:
    home = Home(place)
    written(home.key_path, b"\xff" * 64)
    home.key_path.chmod(0o600)
    with pytest.raises(UsageProblem, match="not the text that was written"):
        refresh(Request(place))


@pytest.mark.parametrize("name", ["a*b", "a?b", "a[b]", "a#b"])
def test_a_home_that_duckdb_would_take_for_a_pattern_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match="pattern"):
        refresh(Request(tmp_path / name))


def test_a_home_that_is_a_file_is_bad_usage(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UsageProblem, match="the home is no folder"):
            refresh(Request(path))


def test_runs_keep_their_order_where_the_clock_was_put_back(place: Path) -> None:
    """One that died while the clock was ahead, and one after it: the first is the older, and is closed."""
    home = Home(place)
    ahead = home.runs / "29991231T235959.999Z"
    ahead.mkdir()
    record = {**all_runs(home)[0], "run_id": ahead.name, "state": "running"}
    (ahead / "run.json").write_text(json.dumps(record), encoding="ascii")
    result = refresh(Request(place, as_of=SAMPLE_AS_OF.isoformat()))
    assert result.record["run_id"] == "30000101T000000.000Z"
    assert [line["state"] for line in all_runs(home)][-2:] == ["abandoned", "nothing_new"]


def test_a_success_that_lies_ahead_is_said(place: Path) -> None:
    (path,) = place.glob("runs/*/run.json")
    record = json.loads(path.read_text("ascii"))
    written(path, json.dumps({**record, "ended_at": "2999-01-01T00:00:00.000Z"}).encode())
    (said,) = [f for f in doctor.examine(Home(place)).findings if f.what == "last success"]
    assert said.state == "look" and "set the clock" in said.sentence


def test_explaining_what_another_program_version_published_says_so(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tables may lack a column; by the same program that is a defect."""
    warehouse = published(place) / "warehouse.duckdb"
    content = warehouse.read_bytes()
    written(warehouse, content)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("alter table marts.indicator_observations drop column member_count")
    with pytest.raises(duckdb.BinderException):
        explain.explain(place, "7.1", 2026, None)
    monkeypatch.setattr(explain, "program_version", lambda: "another")
    with pytest.raises(UsageProblem, match="made by program version"):
        explain.explain(place, "7.1", 2026, None)
