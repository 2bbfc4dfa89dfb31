"""Reads the coding sheet: a row for each report, three cells for each indicator.

A cell goes into its row as it stands; whether it is a date or a word of the vocabulary is judged at the door,
which then names the cell. A heading that was changed refuses the sheet, for nobody knows any more to which
indicator its column belongs. Source: docs/decisions/018-a-workbook-to-fill-in.md.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from sources.coding.layout import FIRST_REPORT, PARTS, PLAN, STATE, YEAR
from sources.contract import datasets
from sources.readers import Finding, Reading, ReadingContext, ReadTable, SheetCells, Unreadable
from sources.workbooks import column_letters

_INDICATOR = re.compile(r"(\d{1,3}\.\d{1,3})( evidence| location)?")
_HEADER_WITHIN = 30
"""Rows, from the top, in which the headings are looked for."""

_MOST_NAMED = 5
_ROW_STEP = 100_000
"""More than a spreadsheet has columns: an answer's number is its row times this, and its column."""


@dataclass(frozen=True)
class _Headings:
    """Where each heading stands (columns from 0), and the number of the first row below them (from 0)."""

    columns: dict[str, int]
    unknown: tuple[int, ...]
    below: int
    row: int


def read_sheet(sheet: SheetCells, context: ReadingContext) -> Reading:
    """Reports and answers of the sheet.

    Raises ``Unreadable`` where the headings, the reporting year or the plan version can't be made out.
    """
    rows = [[cell.strip() for cell in row] for row in sheet.rows[:_HEADER_WITHIN]]
    headings = _headings(rows)
    year = _said_above(rows[: headings.row], YEAR, r"\d{4}", "the reporting year, for example 2026")
    plan = _said_above(rows[: headings.row], PLAN, r".+", "the plan version, as on the sheet template")
    grid = pd.DataFrame(sheet.rows[headings.below :], dtype="str")
    grid = grid.apply(lambda column: column.str.strip())
    grid.index = pd.RangeIndex(headings.below + 1, headings.below + 1 + len(grid))
    if grid.empty:
        return Reading()
    reports = _reports(grid, headings, year)
    tables = (
        ReadTable("article7_reports", sheet.name, reports, _letters(headings)),
        ReadTable(
            "article7_answers", sheet.name, _answers(grid.loc[reports["_row"]], reports, headings, plan)
        ),
    )
    return Reading(tuple(table for table in tables if len(table.frame)), _left_over(grid, headings))


# --- headings -----------------------------------------------------------------------------------------------


def _headings(rows: Sequence[Sequence[str]]) -> _Headings:
    found = [
        place
        for place, row in enumerate(rows)
        if {"report_id", "submitted_on"} <= {c.casefold() for c in row}
    ]
    if not found:
        raise Unreadable(
            "CODING-HEADER",
            "The row of headings is not there: it begins iso3, state, report_id, submitted_on. Copy your "
            "cells into a new workbook made by sraap template.",
        )
    made = [cell.casefold() for cell in rows[found[0]]]
    row = found[0]
    if row + 1 < len(rows):
        below = [cell.casefold() for cell in rows[row + 1]]
        if 2 * len(set(made) & set(below) - {""}) > len(set(made) - {""}):
            row += 1
            _refuse_changed(made, below, row)
    shown = [cell.casefold() for cell in rows[row]]
    _refuse_twice(shown, row)
    known = {"iso3", STATE, *(column.name for column in datasets()["article7_reports"].columns)} - {YEAR}
    columns = {name: place for place, name in enumerate(shown) if name in known or _INDICATOR.fullmatch(name)}
    unknown = tuple(place for place, name in enumerate(shown) if name not in columns)
    missing = sorted({"iso3", "received_on"} - set(columns))
    if missing:
        raise Unreadable(
            "CODING-HEADING",
            f"The heading {missing[0]} is missing in row {row + 1}. Write it above its column again.",
        )
    return _Headings(columns, unknown, row + 1, row)


def _refuse_changed(made: Sequence[str], shown: Sequence[str], row: int) -> None:
    """A changed heading is named by its cell; the hidden row above says what it was."""
    changed = [
        f"{_cell(row, place)} must be {was}"
        for place, (was, now) in enumerate(zip(made, shown, strict=True))
        if was and was != now
    ]
    if changed:
        more = f"; {len(changed) - _MOST_NAMED} more" if len(changed) > _MOST_NAMED else ""
        raise Unreadable(
            "CODING-HEADING",
            f"Headings were changed: {'; '.join(changed[:_MOST_NAMED])}{more}. Write them so again.",
        )


def _refuse_twice(shown: Sequence[str], row: int) -> None:
    twice = [place for place, name in enumerate(shown) if name and shown.index(name) != place]
    if twice:
        places = ", ".join(_cell(row, place) for place in twice[:_MOST_NAMED])
        raise Unreadable(
            "CODING-HEADING", f"Headings stand twice, again in {places}. Remove the column that was added."
        )


def _said_above(rows: Sequence[Sequence[str]], name: str, form: str, wanted: str) -> str:
    """What stands to the right of the cell ``name`` above the headings."""
    for number, row in enumerate(rows):
        for place, cell in enumerate(row[:-1]):
            if cell.casefold() == name:
                if re.fullmatch(form, row[place + 1]):
                    return row[place + 1]
                raise Unreadable(
                    "CODING-ABOUT",
                    f"Write into {_cell(number, place + 1)} {wanted}: it is empty or not that.",
                )
    raise Unreadable(
        "CODING-ABOUT",
        f"Above the headings the cell {name} is missing, with {wanted}, to its right. Copy your cells into a "
        "new workbook made by sraap template.",
    )


def _cell(row: int, place: int) -> str:
    return f"coding!{column_letters(place)}{row + 1}"


# --- rows ---------------------------------------------------------------------------------------------------


def _reports(grid: pd.DataFrame, headings: _Headings, year: str) -> pd.DataFrame:
    """A row of article7_reports for each row in which more stands than the template wrote."""
    iso3 = _named(grid, headings, "iso3")
    iso3 = iso3.where(iso3 != "", _named(grid, headings, STATE))
    report_id = _named(grid, headings, "report_id")
    written = [place for name, place in headings.columns.items() if name not in ("iso3", STATE, "report_id")]
    said = (grid[written] != "").any(axis=1)
    said |= (report_id != "") & (report_id != f"{year}-" + iso3 + FIRST_REPORT)
    own = [
        name for name in headings.columns if not _INDICATOR.fullmatch(name) and name not in ("iso3", STATE)
    ]
    frame = pd.DataFrame(
        {"iso3": iso3, YEAR: year, **{name: grid[headings.columns[name]] for name in own}},
        dtype="str",
    ).assign(_row=grid.index.astype("int64"))
    frame["_place"] = "coding!A" + frame["_row"].astype("str")
    return frame[said].reset_index(drop=True)


def _answers(grid: pd.DataFrame, reports: pd.DataFrame, headings: _Headings, plan: str) -> pd.DataFrame:
    """A row of article7_answers for each indicator of a report of which a cell is filled."""
    blocks = []
    parts = dict(zip(("answer", "evidence", "location"), PARTS, strict=True))
    known = [found for name in headings.columns if (found := _INDICATOR.fullmatch(name))]
    for indicator in dict.fromkeys(found.group(1) for found in known):
        block = pd.DataFrame(
            {name: _named(grid, headings, indicator + part) for name, part in parts.items()}
        ).reset_index(drop=True)
        stands = next(
            headings.columns[indicator + part] for part in PARTS if indicator + part in headings.columns
        )
        rows = reports["_row"]
        block = block.assign(
            report_id=reports["report_id"],
            received_on=reports["received_on"],
            indicator_id=indicator,
            plan_version=plan,
            _row=rows * _ROW_STEP + stands + 1,
            _place=f"coding!{column_letters(stands)}" + rows.astype("str"),
        )
        blocks.append(block[(block[list(parts)] != "").any(axis=1)])
    if not blocks:
        return pd.DataFrame()
    return pd.concat(blocks, ignore_index=True).sort_values("_row", ignore_index=True)


def _named(grid: pd.DataFrame, headings: _Headings, name: str) -> pd.Series[str]:
    """The column below a heading; empty cells where the heading is not there."""
    place = headings.columns.get(name)
    if place is None:
        return pd.Series("", index=grid.index, dtype="str")
    return grid[place]


def _letters(headings: _Headings) -> dict[str, str]:
    return {
        name: column_letters(place)
        for name, place in headings.columns.items()
        if not _INDICATOR.fullmatch(name) and name != STATE
    }


def _left_over(grid: pd.DataFrame, headings: _Headings) -> tuple[Finding, ...]:
    """Columns below no heading of the sheet in which something stands."""
    return tuple(
        Finding(
            "CODING-COLUMN",
            "quarantine",
            f"{_cell(headings.row, place)} is no heading of this sheet; what stands below it was not "
            "loaded. Give the column an indicator's heading (1.1, 1.1 evidence, 1.1 location), or remove it.",
            _cell(headings.row, place),
        )
        for place in headings.unknown
        if (grid[place] != "").any()
    )
