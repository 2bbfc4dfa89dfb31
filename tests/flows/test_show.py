"""Tables fit the terminal, cut no name in two, and are one line a row where a program reads them."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from rich.console import Console

from flows import show

SHA = "88b576b0bd90f22b0a450f438d6c780af5b1734fa1437b2212f7a451cae78c27"
ROWS = [
    {
        "file": "article7_answers--2025.csv",
        "sheet": None,
        "rows": 13964,
        "check": "AN-RECEIVED_ON-02",
        "sha": SHA,
        "why": "'2025-06-31' is not a real date written YYYY-MM-DD. Write it so, for example 2025-04-30.",
    },
    {"file": "states.csv", "sheet": None, "rows": 7, "check": "ST-KEY-01", "sha": SHA, "why": None},
]
COLUMNS = {
    "file": "file",
    "sheet": "sheet",
    "rows": "rows",
    "check": "check",
    "sha": "SHA-256",
    "why": "what to do",
}


def printed(width: int, terminal: bool) -> list[str]:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=width, color_system=None)
    show.table(console, "Quarantined", ROWS, COLUMNS)
    return [line.rstrip() for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize("width", [40, 80, 100, 120, 200])
def test_table_fits_the_terminal_and_cuts_no_name(width: int) -> None:
    lines = printed(width, terminal=True)
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    for word in (
        "article7_answers--2025.csv",
        "AN-RECEIVED_ON-02",
        "ST-KEY-01",
        "13,964",
        SHA[:12],
        "YYYY-MM-DD.",
    ):
        assert word in text
    assert SHA[:13] not in text
    assert "sheet" not in text, "no row fills it"


def test_wide_terminal_has_one_line_a_row_and_narrow_one_a_paragraph() -> None:
    wide = printed(200, terminal=True)
    assert wide[1].split() == ["file", "rows", "check", "SHA-256", "what", "to", "do"]
    assert len([line for line in wide if line]) == 4
    narrow = printed(60, terminal=True)
    assert narrow[1] == "article7_answers--2025.csv"
    assert narrow[2] == "  rows 13,964, check AN-RECEIVED_ON-02, SHA-256 88b576b0bd90"
    assert "  what to do: '2025-06-31' is not a real date written" in narrow


def test_piped_table_has_one_line_a_row_with_everything_in_it() -> None:
    title, head, first, second, end = printed(80, terminal=False)
    assert (title, end) == ("Quarantined", "")
    assert head.split("  ")[0] == "file"
    assert str(ROWS[0]["why"]) in first
    assert SHA in first
    assert SHA in second
    assert first.index("13,964") + len("13,964") == second.index(" 7 ") + 2, "numbers end below each other"


def test_numbers_with_fractions_have_two_of_them() -> None:
    stream = io.StringIO()
    show.table(Console(file=stream), "Times", [{"s": 1234.5}, {"s": 0.125}], {"s": "seconds"})
    assert stream.getvalue().split() == ["Times", "seconds", "1,234.50", "0.12"]


def test_a_summary_says_how_many_checks_it_leaves_out_and_where_the_site_is() -> None:
    judged: dict[str, Any] = {
        "rows": {"read": 12, "loaded": 0, "duplicate": 0, "quarantined": 12, "waiting": 0},
        "files": {},
        "warnings": 0,
        "datasets": [],
        "not_loaded": [],
        "quarantined": [
            {"check_code": f"X-{n}", "dataset": "states", "rows": 1, "sentence": "Mend it."}
            for n in range(12)
        ],
    }
    console = Console(file=io.StringIO(), width=100)
    record = {"message": "Published.", "run_id": "r", "as_of": "2026-06-01", "judged": judged}
    show.refreshed(console, {**record, "state": "published", "publication_id": "r"}, "home")
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert "Quarantined, by check: 10 of 12; quarantined_rows.csv of the evidence has all" in said
    assert "home/published/site/index.html (sraap open)" in said


def test_halves_are_rounded_away_from_zero_as_in_the_tables() -> None:
    one_of_eight = {"numerator": 1, "denominator": 8, "status": "final"}
    assert show.figure(one_of_eight) == "1 of the 8 (13%)", "12.5: indicators_wide and the site say 13 too"
    assert show.figure({"numerator": 26, "denominator": 33}) == "26 of the 33 (79%)"


def test_a_total_whose_status_alone_changed_says_so() -> None:
    value = {"numerator": 1, "denominator": 2, "value": 50.0}
    change = {"indicator_id": "7.1", "reporting_year": 2025}
    changed = {
        "before": "r",
        "count": 2,
        "first": [
            {**change, "old": {**value, "status": "provisional"}, "new": {**value, "status": "final"}},
            {
                **change,
                "old": {**value, "status": "final"},
                "new": {**value, "numerator": 2, "status": "final"},
            },
        ],
    }
    console = Console(file=io.StringIO(), width=100)
    show.changes(console, changed)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert "1 of the 2 (50%), provisional  1 of the 2 (50%), final" in said
    assert re.search(r"1 of the 2 \(50%\) +2 of the 2 \(100%\)\n", said)
