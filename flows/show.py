"""What people read on the terminal: summaries, tables, errors. Piped, they are plain text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape as without_markup
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from flows.errors import SraapError
from flows.plain_text import printable
from flows.plain_text import shown as escape
from flows.site.words import percent


def amount(count: int, noun: str) -> str:
    """A count and its noun: ``1 row``, ``2 rows``."""
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{count:,} {noun if count == 1 else plural}"


def figure(value: Mapping[str, Any]) -> str:
    """A value as people say it: ``26 of the 33 (79%)``, a number, or why there is none."""
    numerator, denominator = value.get("numerator"), value.get("denominator")
    if numerator is None:
        return str(value.get("status") or "none").replace("_", " ")
    if denominator is None:
        return f"{numerator:g}"
    if not denominator:
        return f"{numerator:g} of {denominator:g} (empty population)"
    return f"{numerator:g} of the {denominator:g} ({percent(100.0 * numerator / denominator)})"


def error(console: Console, problem: SraapError) -> None:
    """What happened, where, what next."""
    console.print(f"[bold red]Error:[/] {escape(problem.what)}", soft_wrap=True)
    if problem.where:
        console.print(f"  where: {escape(problem.where)}", soft_wrap=True)
    if problem.next_step:
        console.print(f"  next:  {escape(problem.next_step)}", soft_wrap=True)


def table(
    console: Console, title: str, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]
) -> None:
    """Rows as a table; ``columns``: key -> heading; a column that no row fills is left out.

    On a terminal a table fits its width: words wrap, names are never cut in two, and where that is
    impossible each row becomes a paragraph. Piped, each row is one line of plain text, however long.
    """
    if not rows:
        return
    columns = {
        key: heading for key, heading in columns.items() if any(row.get(key) is not None for row in rows)
    }
    found = [_column(console, heading, [row.get(key) for row in rows]) for key, heading in columns.items()]
    console.print(escape(title), style="bold", highlight=False, soft_wrap=True)
    if not console.is_terminal:
        for cells in zip(*(column.plain() for column in found), strict=True):
            line = GAP.join(cells).rstrip()
            console.print(line, soft_wrap=True, highlight=False, markup=False)
    elif widths := _fitting(found, console.width):
        drawn = Table(box=None, pad_edge=False, padding=(0, len(GAP), 0, 0))
        for column, width in zip(found, widths, strict=True):
            drawn.add_column(
                without_markup(column.heading),
                justify="right" if column.is_numeric else "left",
                width=width,
                overflow="fold",
            )
        for cells in zip(*(column.cells for column in found), strict=True):
            drawn.add_row(*map(without_markup, cells))
        console.print(drawn)
    else:
        for cells in zip(*(column.cells for column in found), strict=True):
            _paragraph(console, list(zip(found, cells, strict=True)))
    console.print()


MOST_CHECKS = 10
"""Checks that the summary of a run lists; the rows of all are in its evidence."""

GAP = "  "
LEAST_TEXT = 30
"""A column of sentences is not made narrower than this, unless it is short."""

_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class _Column:
    """A heading, and the cells below it as they are shown."""

    heading: str
    cells: list[str]
    is_numeric: bool

    @property
    def natural(self) -> int:
        """Characters of its widest cell."""
        return max(map(len, (self.heading, *self.cells)))

    @property
    def least(self) -> int:
        """Characters that it needs where only words wrap."""
        if self.is_numeric:
            return self.natural
        words = [word for text in (self.heading, *self.cells) for word in text.split()]
        return max([min(self.natural, LEAST_TEXT), *map(len, words)])

    def plain(self) -> list[str]:
        """Heading and cells, of one width."""
        width = self.natural
        return [
            text.rjust(width) if self.is_numeric else text.ljust(width)
            for text in (self.heading, *self.cells)
        ]


def _column(console: Console, heading: str, values: list[Any]) -> _Column:
    cells = [_cell(value) for value in values]
    if console.is_terminal:  # the beginning of a hash will do for people, and for every command
        cells = [cell[:12] if _HASH.fullmatch(cell) else cell for cell in cells]
    return _Column(heading, cells, all(isinstance(value, int | float | None) for value in values))


def _fitting(columns: Sequence[_Column], most: int) -> list[int]:
    """Widths with which all columns fit, the widest made narrower first; none where they can't fit."""
    widths = [column.natural for column in columns]
    least = [column.least for column in columns]
    gaps = len(GAP) * (len(columns) - 1)
    while sum(widths) + gaps > most:
        _, place = max(
            (width - need, place) for place, (width, need) in enumerate(zip(widths, least, strict=True))
        )
        if widths[place] == least[place]:
            return []
        widths[place] -= 1
    return widths


def _paragraph(console: Console, cells: Sequence[tuple[_Column, str]]) -> None:
    """A row: its first cell, then short cells beside each other, then sentences, each with its heading."""
    (_, first), *rest = [(column, cell) for column, cell in cells if cell] or [(cells[0][0], "")]
    console.print(without_markup(first), highlight=False, soft_wrap=True)
    short = [f"{column.heading} {cell}" for column, cell in rest if column.natural <= LEAST_TEXT]
    long = [f"{column.heading}: {cell}" for column, cell in rest if column.natural > LEAST_TEXT]
    for text in (", ".join(short), *long):
        if text:
            paragraph(console, text, indent=2)


def paragraph(console: Console, text: str, indent: int = 0) -> None:
    """A line that may be long: on a terminal its words wrap below each other; piped it stays a line."""
    if console.is_terminal:
        console.print(Padding(Text(printable(text)), (0, 0, 0, indent)), highlight=False)
    else:
        console.print(" " * indent + printable(text), highlight=False, markup=False, soft_wrap=True)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.2f}"
    return printable(f"{value:,}" if isinstance(value, int) else str(value))


def verdict(console: Console, judged: Mapping[str, Any]) -> None:
    """What loaded, what was quarantined and why."""
    rows = judged["rows"]
    files = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in judged["files"].items())
    console.print(f"Files: {files or 'none'}", highlight=False)
    console.print(
        f"Rows:  {rows['read']:,} read = {rows['loaded']:,} loaded + {rows['duplicate']:,} duplicate + "
        f"{rows['quarantined']:,} quarantined ({rows['waiting']:,} of them wait for a parent); "
        f"{amount(judged['warnings'], 'warning')}",
        highlight=False,
        soft_wrap=True,
    )
    if judged.get("out_of_reach"):
        console.print(
            f"       {amount(judged['out_of_reach'], 'quarantined row')} can't be judged again: the file was "
            "deleted when its days were over. Deliver the rows anew, mended, in another file.",
            highlight=False,
            soft_wrap=True,
        )
    for dataset, why in judged.get("lost_copies", {}).items():
        console.print(
            f"       {dataset} was judged twice as slowly: the copy of the process that judged it was lost "
            f"({why}). Its verdict is whole; if this comes again, look for what kills processes (memory?).",
            highlight=False,
            soft_wrap=True,
        )
    console.print()
    table(
        console,
        "By dataset",
        judged["datasets"],
        {
            "dataset": "dataset",
            "rows_read": "read",
            "rows_loaded": "loaded",
            "rows_duplicate": "duplicate",
            "rows_quarantined": "quarantined",
        },
    )
    table(
        console,
        "Files not loaded",
        judged["not_loaded"],
        {"file_name": "file", "outcome": "outcome", "reason": "why"},
    )
    checks = judged["quarantined"]
    listed = len(checks[:MOST_CHECKS])
    title = "Quarantined, by check"
    if listed < len(checks):
        title += f": {listed} of {len(checks)}; quarantined_rows.csv of the evidence has all"
    table(
        console,
        title,
        checks[:MOST_CHECKS],
        {"check_code": "check", "dataset": "dataset", "rows": "rows", "sentence": "first of them"},
    )


def judged_afresh(console: Console, found: Mapping[str, Any]) -> None:
    """What came of judging everything again (flows.afresh.Afresh as a dict)."""
    said = f"Again: {found['rows']:,} rows of {amount(found['files'], 'file')} that were judged before"
    otherwise = ", ".join(f"{rows:,} of {name}" for name, rows in found["otherwise"].items())
    if otherwise:
        said += (
            f"; by today's rules these rows would be taken in otherwise, and stay as they are: {otherwise}"
        )
    else:
        said += "; all came out as before"
    if found["out_of_reach"]:
        said += "; batches that can't be judged again, because a file was deleted when its days were over: "
        said += f"{found['out_of_reach']}"
    console.print(f"{said}.", highlight=False, soft_wrap=True)


def refreshed(console: Console, record: Mapping[str, Any], home: str) -> None:
    """The summary at the end of a refresh."""
    console.print(f"[bold]{escape(str(record['message']))}[/]", soft_wrap=True, highlight=False)
    console.print(f"Run {record['run_id']}, as of {record['as_of']}", highlight=False)
    console.print()
    if record.get("judged_afresh"):
        judged_afresh(console, record["judged_afresh"])
    if record.get("judged"):
        verdict(console, record["judged"])
    sources(console, record.get("sources") or ())
    for sentence in record.get("stale") or ():
        console.print(f"[yellow]Stale:[/] {escape(sentence)}", soft_wrap=True, highlight=False)
    if record.get("emptied"):
        emptied(console, record["emptied"])
    changes(console, record.get("changed"))
    if record["state"] in ("published", "nothing_new") and record["publication_id"]:
        console.print("Where things are", style="bold")
        for name, path in (
            ("site", "published/site/index.html (sraap open)"),
            ("warehouse", "published/warehouse.duckdb"),
            ("tables", "published/csv, published/parquet"),
            ("workbook", "published/exports/indicators.xlsx"),
            ("evidence", "published/evidence"),
            ("this run", f"runs/{record['run_id']}"),
        ):
            console.print(f"  {name:<10} {escape(home)}/{path}", soft_wrap=True, highlight=False)


def sources(console: Console, fetches: Sequence[Mapping[str, Any]]) -> None:
    """What came of asking the configured sources."""
    shown = [
        {**fetch, "outcome": str(fetch["outcome"]).replace("_", " "), "stale": fetch["stale_since"] or ""}
        for fetch in fetches
    ]
    columns = {"source": "source", "outcome": "outcome", "seconds": "seconds", "bytes": "bytes"}
    table(console, "Sources", shown, {**columns, "stale": "stale since", "sentence": "what came of it"})


def changes(console: Console, changed: Mapping[str, Any] | None) -> None:
    """Which totals differ from the publication before."""
    if not changed or not changed["before"]:
        return
    if not changed["count"]:
        console.print(f"No value changed since {changed['before']}.\n", highlight=False)
        return
    rows = [
        {
            "indicator": change["indicator_id"],
            "year": str(change["reporting_year"]),
            "old": _before_and_after(change, "old"),
            "new": _before_and_after(change, "new"),
        }
        for change in changed["first"]
    ]
    title = f"{amount(changed['count'], 'total')} changed since {changed['before']}"
    if changed["count"] > len(rows):
        title += f"; the first {len(rows)}"
    table(console, title, rows, {"indicator": "indicator", "year": "year", "old": "was", "new": "is"})


def _before_and_after(change: Mapping[str, Any], side: str) -> str:
    """A figure before or after; where only the status differs, with it, or nothing seems to have changed."""
    said = figure(change[side])
    if figure(change["old"]) == figure(change["new"]):
        said += f", {str(change[side].get('status')).replace('_', ' ')}"
    return said


def diagnosis(console: Console, found: Mapping[str, Any]) -> None:
    """What the doctor found."""
    signs = {"well": "[green]well[/]", "look": "[yellow]LOOK[/]", "broken": "[bold red]BROKEN[/]"}
    lines = [
        (signs[finding["state"]], f"{escape(finding['what'])}: {escape(finding['sentence'])}")
        for finding in found["findings"]
    ]
    if not console.is_terminal:
        for sign, sentence in lines:
            gap = " " * (8 - len(Text.from_markup(sign)))
            console.print(f"{sign}{gap}{sentence}", soft_wrap=True, highlight=False)
        return
    grid = Table.grid(padding=(0, 2))
    for line in lines:
        grid.add_row(*line)
    console.print(grid, highlight=False)


def erased(console: Console, done: Mapping[str, Any]) -> None:
    """What an erasure did, without the name."""
    console.print(
        f"Erased: {amount(done['registrations'], 'registration')} unlinked, "
        f"{amount(len(done['files']), 'received file')} deleted, "
        f"{amount(done['names'], 'index entry')} removed.",
        soft_wrap=True,
        highlight=False,
    )
    for label, names in (
        ("deleted", done["files"]),
        ("withdrawn, deliver it again without that person", done["withdrawn"]),
        ("can't be searched; deleted when its days are over", done["unsearched"]),
    ):
        for name in names:
            console.print(f"  {label}: {escape(name)}", soft_wrap=True, highlight=False)
    for dataset, rows in done["texts"].items():
        console.print(
            f"  {amount(rows, 'row')} of {escape(dataset)} name the person in a free text, and stay: "
            "deliver corrections without the name.",
            soft_wrap=True,
            highlight=False,
        )


def pruned(console: Console, done: Mapping[str, Any]) -> None:
    """What a pruning did."""
    dropped, kept = done["pruned"]["dropped"], done["pruned"]["kept"]
    console.print(
        f"Publications: {len(dropped)} dropped but for their manifests, {len(kept)} kept whole; "
        f"{amount(len(done['pruned']['runs']), 'old run')} reduced to its record; "
        f"{done['pruned']['bytes'] / 1e6:,.1f} MB freed.",
        soft_wrap=True,
        highlight=False,
    )
    emptied(console, done["emptied"])


def emptied(console: Console, done: Mapping[str, Any]) -> None:
    """What was deleted from the restricted part of the archive."""
    if problem := done.get("problem"):
        console.print(f"[yellow]{escape(problem)}[/]", soft_wrap=True, highlight=False)
        return
    console.print(
        f"Restricted files: {len(done['files'])} deleted after their days; "
        "archive/deletions.jsonl says which.",
        soft_wrap=True,
        highlight=False,
    )
    for sha256 in done["overdue"]:
        console.print(
            f"  [yellow]{sha256[:12]} is past its days and still pending:[/] take it in or withdraw it.",
            soft_wrap=True,
            highlight=False,
        )
