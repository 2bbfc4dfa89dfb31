"""Text of others can't run in a spreadsheet, move a cursor, or forge a line."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import duckdb
import pytest
from rich.console import Console

from flows import show
from flows.errors import UsageProblem
from flows.plain_text import copy_to_csv, printable, shown

FORMULAS = [
    '=HYPERLINK("http://example.org","page 3")',
    "+41 22 730 93 50",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    " =1+1",
    "\N{FULLWIDTH EQUALS SIGN}1+1",
    "'=1+1",
    "''@x",
]
HARMLESS = ["page 3", "a=b", "'quoted' words", "<b>bold</b>", "12-15", "", "é"]


def cells(path: Path, column: str) -> list[str]:
    with path.open(encoding="utf-8", newline="") as handle:
        return [row[column] for row in csv.DictReader(handle)]


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    with duckdb.connect(":memory:") as connection:
        connection.execute(
            'create table t (place int, "the text" varchar, amount decimal(18,2), share double)'
        )
        texts = [*FORMULAS, *HARMLESS, None]
        connection.executemany(
            "insert into t values (?, ?, -1.5, -0.25)", [[i, text] for i, text in enumerate(texts)]
        )
        copy_to_csv(connection, "(select * from t order by place)", tmp_path / "t.csv")
    return tmp_path / "t.csv"


def test_no_cell_of_a_csv_begins_like_a_formula(exported: Path) -> None:
    for cell in cells(exported, "the text"):
        assert not cell.lstrip(" ").startswith(
            ("=", "+", "-", "@", "\t", "\r", "\n", "\N{FULLWIDTH EQUALS SIGN}")
        )


def test_the_exact_text_can_be_had_back(exported: Path) -> None:
    found = cells(exported, "the text")
    assert found[: len(FORMULAS)] == ["'" + text for text in FORMULAS]
    assert found[len(FORMULAS) :] == [*HARMLESS, ""]


def test_numbers_stay_numbers(exported: Path) -> None:
    assert set(cells(exported, "amount")) == {"-1.50"}
    assert set(cells(exported, "share")) == {"-0.25"}


HOSTILE = "page 3\x1b[2J\x1b]0;owned\x07\r\nRun 2026: published\u202e[bold]\x00\u2028x"


def test_unseen_characters_are_written_out_on_one_line() -> None:
    text = printable(HOSTILE)
    assert text.isprintable()
    assert "\\x1b[2J" in text and "\\r\\nRun 2026" in text and "\\u202e" in text
    assert printable("Größe 〇 لبنان") == "Größe 〇 لبنان"


def test_a_cell_forges_no_line_and_no_colour_on_a_terminal() -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=400, color_system=None)
    show.table(console, HOSTILE, [{"value": HOSTILE}], {"value": "value"})
    show.error(console, UsageProblem(HOSTILE, where=HOSTILE, next_step=HOSTILE))
    text = stream.getvalue()
    assert "\x1b" not in text and "\x07" not in text and "\r" not in text and "\u202e" not in text
    assert not any(line.lstrip().startswith("Run 2026") for line in text.splitlines())
    assert "[bold]" in text


def test_markup_is_text() -> None:
    assert Console().render_str(shown("[red]x[/red]")).plain == "[red]x[/red]"
