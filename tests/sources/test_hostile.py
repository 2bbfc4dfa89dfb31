"""Broken and hostile files: each ends as it must, read in the process that reads (one, for all of them)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flows import reading
from tests.sources import fuzz
from tests.sources.hostile import FIXTURES, Hostile

MOST_MEMORY = 512_000_000


@pytest.fixture(scope="module", autouse=True)
def one_process() -> Iterator[None]:
    reading.start()
    yield
    reading.stop()


@pytest.mark.parametrize("hostile", FIXTURES, ids=lambda hostile: hostile.name)
def test_ends_as_it_must(hostile: Hostile, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(hostile.make())
    before = reading._worker()
    content = reading.read(path, hostile.file)
    assert reading._held.worker is before, "no file may end the process"
    assert before.peak <= MOST_MEMORY
    problem = content.problem or next((t.problem for t in content.tables if t.problem), None)
    if isinstance(hostile.outcome, str):
        assert problem is not None and problem.code == hostile.outcome
        assert problem.sentence.endswith(".")
        return
    assert problem is None
    (found,) = content.tables
    assert {name: found.frame[name].tolist() for name in hostile.outcome} == hostile.outcome


def test_there_are_enough_and_each_has_a_name_of_its_own() -> None:
    assert len(FIXTURES) >= 60
    assert len({hostile.name for hostile in FIXTURES}) == len(FIXTURES)


def test_mutated_files_load_or_are_quarantined_with_a_reason() -> None:
    ended, wrong = fuzz.run(range(500))
    assert not wrong
    assert sum(ended.values()) == 500
    assert ended["loaded"] > 50 and len(ended) > 8
    assert "FILE-CRASH" not in ended
