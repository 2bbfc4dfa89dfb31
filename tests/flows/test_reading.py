"""The process in which files are parsed: what it may not do, what becomes of a file that breaks it."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pytest

from flows import reading
from flows.errors import UsageProblem
from sources import readers
from sources.contract import SOURCES
from sources.frames import PACKED_ROWS
from sources.reading import FileContent, read
from tests.flows.harness import STATES, deliver, table, take_in, write_csv
from tests.sources.test_readers import book

DAY = date(2026, 3, 9)


@pytest.fixture(autouse=True)
def readers_that_do_harm(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(readers, "FOLDERS", (SOURCES, Path(__file__).parent / "harmful"))
    yield
    reading.stop()


def harm(folder: Path, what: str) -> FileContent:
    path = folder / "harm.txt"
    path.write_text(what, encoding="utf-8")
    return reading.read(path, path.name, DAY)


def code(content: FileContent) -> str:
    assert content.problem is not None, content
    return content.problem.code


def pid() -> int:
    return reading._worker().pid


def test_what_it_gives_is_what_reading_here_gives(tmp_path: Path) -> None:
    csv = write_csv(tmp_path / "states.csv", [*STATES, {"iso3": "NAM", "name": " Namibia ", "un_region": ""}])
    xlsx = book(tmp_path / "b.xlsx", {"states": [["iso3", "name"], ["NA", 1.5]], "x": []})
    for path in (csv, xlsx):
        here, there = read(path, path.name, DAY), reading.read(path, path.name, DAY)
        for one, other in zip(here.tables, there.tables, strict=True):
            assert (one.dataset, one.sheet, one.header, one.problem) == (
                other.dataset,
                other.sheet,
                other.header,
                other.problem,
            )
            assert one.frame.equals(other.frame) and one.frame.dtypes.equals(other.frame.dtypes)
        assert (here.ignored_sheets, here.personal_properties) == (
            there.ignored_sheets,
            there.personal_properties,
        )


def test_no_network_no_program_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SRAAP_PEOPLE_KEY", "a key of sixteen characters")
    assert code(harm(tmp_path, "network")) == "HARM-REFUSED"
    assert code(harm(tmp_path, "network by the C library")) == "HARM-REFUSED"
    assert code(harm(tmp_path, "program")) == "HARM-REFUSED"
    assert code(harm(tmp_path, "secret")) == "HARM-REFUSED"


def test_a_file_over_a_limit_is_quarantined_and_the_process_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = pid()
    assert code(harm(tmp_path, "memory")) == "FILE-MEMORY"
    second = pid()
    assert first != second and not psutil.pid_exists(first)
    monkeypatch.setenv("SRAAP_READ_SECONDS", "1")
    assert code(harm(tmp_path, "time")) == "FILE-TIME"
    monkeypatch.delenv("SRAAP_READ_SECONDS")
    assert pid() != second
    assert code(harm(tmp_path, "death")) == "FILE-CRASH"
    assert code(harm(tmp_path, "nonsense")) == "FILE-CRASH"
    good = write_csv(tmp_path / "states.csv", STATES)
    assert len(reading.read(good, good.name).tables[0].frame) == 2


def test_too_much_output_is_a_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "OUTPUT_BYTES", 4096)
    assert code(harm(tmp_path, "output")) == "FILE-BOMB"


def test_an_error_that_nobody_foresaw_keeps_the_process(tmp_path: Path) -> None:
    path = tmp_path / "harm.txt"
    before = pid()
    assert code(harm(tmp_path, "unforeseen")) == "FILE-READER"
    assert pid() == before
    path.unlink()
    with pytest.raises(FileNotFoundError):
        reading.read(path, path.name, DAY)


def test_a_csv_file_takes_four_times_its_size(tmp_path: Path) -> None:
    head = (
        "report_id,indicator_id,plan_version,answer,evidence,location,received_on,record_status,source_ref\n"
    )
    path = tmp_path / "article7_answers.csv"
    path.write_text(head + 'R-1234567,1.1,,yes,"Page 3, section 2",,2026-01-15,active,\n' * 600_000, "utf-8")
    worker = reading.Worker(readers.FOLDERS)
    try:
        worker.ask(harmless := tmp_path / "states.csv", _written(harmless), DAY, 10**9, tmp_path)
        before = worker.peak
        told = worker.ask(path, path.name, DAY, 10**9, tmp_path)
        assert told["problem"] is None and told["tables"][0]["problem"] is None
        assert worker.peak - before < 5 * path.stat().st_size
    finally:
        worker.stop()


def _written(path: Path) -> str:
    write_csv(path, STATES)
    return path.name


def test_what_it_writes_is_private_and_removed(tmp_path: Path) -> None:
    harm(tmp_path, "network")
    folder = reading._worker().folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [path.name for path in folder.iterdir()] == ["log"]
    reading.stop()
    assert not folder.exists()


def test_a_run_goes_on_without_the_file_that_broke_its_process(tmp_path: Path) -> None:
    inbox = deliver(tmp_path / "inbox")
    (inbox / "harm.txt").write_text("death", encoding="utf-8")
    home = tmp_path / "home"
    assert take_in(home, inbox).exit_code == 1
    (file,) = [f for f in table(home, "files") if f["dataset"] == "harm"]
    assert file["outcome"] == "quarantined"
    assert sum(1 for f in table(home, "files") if f["outcome"] == "loaded") == 7


@pytest.mark.parametrize("said", ["0", "fast", "-3", "1.5"])
def test_a_limit_that_is_none_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setenv("SRAAP_READ_SECONDS", said)
    with pytest.raises(UsageProblem, match="no limit"):
        harm(tmp_path, "network")


def test_it_ends_with_its_parent() -> None:
    program = """
from flows import reading
reading.start()
print(reading._worker().pid, flush=True)
import os
os._exit(1)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    child = int(done.stdout)
    if psutil.pid_exists(child):
        psutil.Process(child).wait(30)
    assert not psutil.pid_exists(child)


@pytest.mark.parametrize(
    ("texts", "error"),
    [
        (pa.array(["a", "b"], pa.large_string()), None),
        (pa.array(["a", "a"], pa.large_string()), ValueError),
        (pa.array(["a", ""], pa.large_string()), ValueError),
        (pa.array(["a", None], pa.large_string()), ValueError),
        (pa.array(["a", "b"], pa.string()), TypeError),
        (pa.array([["a"], ["b"]], pa.list_(pa.large_string())), TypeError),
        (None, TypeError),
    ],
    ids=["right", "twice", "none", "null", "another type", "lists", "not packed"],
)
def test_what_is_said_of_a_large_table_is_looked_at(
    tmp_path: Path, texts: pa.Array | None, error: type[Exception] | None
) -> None:
    count = PACKED_ROWS + 1
    places = pa.array(np.arange(count, dtype="int32") % 2)
    names = pa.array(["a", "b"], pa.large_string()).take(places)
    held = {
        "iso3": names if texts is None else pa.DictionaryArray.from_arrays(places, texts),
        "_row": pa.array(np.arange(count)),
        "_cells": pa.array(np.ones(count, dtype="int64")),
    }
    made = pa.table(held)
    with pa.ipc.new_file(str(tmp_path / "0.arrow"), made.schema) as out:
        out.write_table(made)
    told: dict[str, object] = {"dataset": "states", "sheet": None, "header": ["iso3"], "problem": None}
    told |= {"file": "0.arrow", "letters": {}}
    limits = reading.Limits(2**30, 10, 2**30)
    if error is None:
        found = reading._table(told, tmp_path / "0.arrow", limits).table
        assert found is not None and found.num_rows == count
    else:
        with pytest.raises(error):
            reading._table(told, tmp_path / "0.arrow", limits)


def test_dictionaries_that_can_not_be_made_one_are_refused(tmp_path: Path) -> None:
    more = pa.array(["a", None, "b"], pa.large_string())
    count = PACKED_ROWS + 1
    chunks = [
        pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, dtype="int32")), texts)
        for texts in (more.slice(0, 1), more)
    ]
    numbers = pa.chunked_array([pa.array(np.ones(count, dtype="int64"))] * 2)
    made = pa.table({"iso3": pa.chunked_array(chunks), "_row": numbers, "_cells": numbers})
    options = pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True)
    with pa.ipc.new_file(str(tmp_path / "0.arrow"), made.schema, options=options) as out:
        out.write_table(made)
    told: dict[str, object] = {"dataset": "states", "sheet": None, "header": ["iso3"], "problem": None}
    told |= {"file": "0.arrow", "letters": {}}
    with pytest.raises(ValueError, match="texts"):
        reading._table(told, tmp_path / "0.arrow", reading.Limits(2**30, 10, 2**30))
