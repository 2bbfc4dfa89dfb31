"""The page about CSV pollution says what the reader does."""

from __future__ import annotations

from pathlib import Path

from tests.sources import pollution


def test_the_page_is_what_the_reader_does() -> None:
    assert pollution.PAGE.read_text(encoding="utf-8") == pollution.page(), (
        "write it anew: python -m tests.sources.pollution"
    )


def test_the_clean_file_loads_whole_and_a_spoiled_one_does_not(tmp_path: Path) -> None:
    assert pollution.score(pollution.CLEAN, tmp_path) == pollution.Score(True, 1.0, "")
    assert pollution.score(pollution.CLEAN.replace("Cambodia", "x"), tmp_path).f1 < 1
    assert pollution.score(b"", tmp_path).said == "FILE-EMPTY"
