"""``exports/indicators.xlsx``: the indicators for people who open a spreadsheet, not a database.

Four sheets: what this is, the 87 indicators by year with their wording, every value with its parts, and what
each indicator and each word means. It holds nothing of the run, so that a publication made again gives the
same bytes. Texts of others are text cells, and those that begin like a formula are marked as text besides, so
that no spreadsheet runs them, not even once somebody has edited the cell.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.build import quoted
from flows.files import naming
from flows.plain_text import FORMULA

if TYPE_CHECKING:
    import duckdb
    from xlsxwriter import Workbook
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

NAME = "exports/indicators.xlsx"

STATUSES = {
    "final": "At least 180 days have passed since the end of the year: late reports no longer count.",
    "provisional": "The year, or the time for its reports, is not over; the value may still move.",
    "empty_population": "Nobody belongs to the population, so that there is nothing to take a percentage of.",
    "suppressed": "So few people that they could be told apart; not shown.",
    "not_yet_due": "The day by which it is judged has not come.",
    "not_computable": "Data that it needs was never delivered.",
}
"""Words of ``status`` and what they say (docs/contract/semantics.md, Status of a value)."""

DARK, PALE, LINE = "#1F3B57", "#EEF3F8", "#C9D3DD"


@dataclass(frozen=True)
class _Column:
    """A column of a sheet: its heading, what SQL selects for it, its width and how its cells look."""

    heading: str
    select: str
    width: float
    look: str = "text"


@dataclass(frozen=True)
class _Looks:
    """The formats of the workbook, by name."""

    by_name: dict[str, Format] = field(repr=False)

    @classmethod
    def of(cls, book: Workbook) -> _Looks:
        cell = {"valign": "top", "border": 4, "border_color": LINE}
        made = {
            "title": {"bold": True, "font_size": 16, "font_color": DARK},
            "heading": {
                "bold": True,
                "font_color": "#FFFFFF",
                "bg_color": DARK,
                "text_wrap": True,
                "valign": "vcenter",
                "border": 1,
                "border_color": LINE,
            },
            "plain": {"text_wrap": True, "valign": "top"},
            "strong": {"bold": True, "valign": "top"},
            "notice": {"bold": True, "text_wrap": True, "valign": "top", "bg_color": "#FFF3CD", "border": 1},
            "text": cell,
            "wrapped": {**cell, "text_wrap": True},
            "exact": {**cell, "quote_prefix": True},
            "exact wrapped": {**cell, "quote_prefix": True, "text_wrap": True},
            "id": {**cell, "bold": True},
            "reading": {**cell, "align": "right", "bg_color": PALE},
            "whole": {**cell, "num_format": "0", "align": "left"},
            "value": {**cell, "num_format": "0.0"},
            "date": {**cell, "num_format": "yyyy-mm-dd", "align": "left"},
        }
        return cls({name: book.add_format(properties) for name, properties in made.items()})

    def __getitem__(self, name: str) -> Format:
        return self.by_name[name]


@dataclass(frozen=True)
class _Made:
    """What every sheet is made from: the tables, the workbook, its formats."""

    connection: duckdb.DuckDBPyConnection
    book: Workbook
    looks: _Looks


def write(folder: Path, *, is_sample: bool) -> Path:
    """Write ``exports/indicators.xlsx`` from the Parquet tables of the publication in ``folder``.

    ``is_sample``: its reports are invented, and the first sheet says so. Raises ``OSError`` and
    ``duckdb.Error``.
    """
    import duckdb
    import xlsxwriter

    target = folder / NAME
    target.parent.mkdir(exist_ok=True)
    # In memory: XlsxWriter would turn what a failing disk says into an error of its own.
    written = BytesIO()
    as_text = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with (
        duckdb.connect(":memory:") as connection,
        xlsxwriter.Workbook(written, {"in_memory": True, **as_text}) as book,
    ):
        for name in (
            "indicator_values",
            "indicators_wide",
            "dim_action",
            "dim_indicator",
            "dim_population",
            "dim_reason",
        ):
            path = quoted(str(folder / "parquet" / f"{name}.parquet"))
            connection.execute(f"create view {name} as select * from read_parquet({path})")
        as_of = connection.execute("select max(as_of) from indicator_values").fetchall()[0][0]
        # The day of knowledge, for the day of writing would make other bytes of the same publication.
        book.set_properties(
            {
                "title": "Siem Reap-Angkor Action Plan 2025-2029: indicators",
                "created": datetime(as_of.year, as_of.month, as_of.day) if as_of else datetime(2025, 1, 1),  # noqa: DTZ001
            }
        )
        made = _Made(connection, book, _Looks.of(book))
        about = book.add_worksheet("About")
        counts = {
            "Indicators": _indicators(made),
            "Values": _values(made),
            "Definitions": _definitions(made),
            "Words": _words(made),
        }
        _about(made, about, as_of=as_of, counts=counts, is_sample=is_sample)
    with naming(target):
        target.write_bytes(written.getbuffer())
    return target


# --- sheets -------------------------------------------------------------------------------------------------


def _about(
    made: _Made,
    sheet: Worksheet,
    *,
    as_of: Any,
    counts: dict[str, int],
    is_sample: bool,
) -> None:
    looks = made.looks
    plans = made.connection.execute("select distinct plan_version from dim_indicator order by all").fetchall()
    sheet.hide_gridlines(2)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.set_column(0, 0, 22)
    sheet.set_column(1, 1, 100)
    sheet.write_string(0, 0, "Siem Reap-Angkor Action Plan 2025-2029: indicators", looks["title"])
    sheet.set_row(0, 30)
    lines = [
        ("As known on", as_of.isoformat() if as_of else "no reporting year has begun"),
        ("Plan", ", ".join(str(plan) for (plan,) in plans)),
        (
            "How to read a value",
            "A percentage is the share of the members of the population, a number counts acts. An empty "
            "value always has its reason in the column status; the sheet Words says what it means.",
        ),
        ("Sheet Indicators", f"{counts['Indicators']} indicators, a column for each year that has begun."),
        ("Sheet Values", f"{counts['Values']} values by year, in total and by region or other part."),
        ("Sheet Definitions", "What each indicator counts: population, rule, source."),
        ("Sheet Words", "Statuses, populations, reasons."),
        (
            "Where it is from",
            "This file repeats tables of the publication in which it lies: indicators_wide, "
            "indicator_values, dim_indicator. The states behind a figure: indicator_observations.",
        ),
    ]
    for row, (name, text) in enumerate(lines, start=2):
        sheet.write_string(row, 0, name, looks["strong"])
        sheet.write_string(row, 1, text, looks["plain"])
        sheet.set_row(row, 16 * _lines(text, 100))
    if is_sample:
        notice = (
            "Synthetic sample: reports, answers and meetings are invented. "
            "The figures say nothing about any state."
        )
        sheet.merge_range(1, 0, 1, 1, notice, looks["notice"])
        sheet.set_row(1, 22)


def _indicators(made: _Made) -> int:
    years = [
        year
        for (year,) in made.connection.execute(
            "select distinct reporting_year from indicator_values order by all"
        ).fetchall()
    ]
    columns = [
        _Column("Indicator", "indicator_id", 10, "id"),
        _Column("Action", "action", 8, "whole"),
        _Column("Section", "section", 9),
        _Column("Wording", "indicator", 70, "wrapped"),
        _Column("Unit", "unit", 9),
        *(_Column(str(year), f"reading_{year}", 20, "reading") for year in years),
        *(_Column(f"Value {year}", f"value_{year}", 11, "value") for year in years),
    ]
    return _table(made, "Indicators", columns=columns, relation="indicators_wide", frozen=4)


def _values(made: _Made) -> int:
    looked = {
        "BIGINT": (13, "whole"),
        "INTEGER": (11, "whole"),
        "DOUBLE": (13, "value"),
        "DATE": (12, "date"),
    }
    wide = {"indicator": 60, "plan_version": 18, "breakdown_value": 30, "breakdown": 16, "status": 17}
    described = made.connection.execute("describe indicator_values").fetchall()
    columns = [
        _Column(name, f'"{name}"', *looked.get(str(kind), (wide.get(name, 12), "text")))
        for name, kind, *_ in described
    ]
    order = f"{_PLAN_ORDER}, reporting_year, breakdown = 'total' desc, breakdown, breakdown_value"
    return _table(made, "Values", columns=columns, relation="indicator_values", order=order, frozen=0)


def _definitions(made: _Made) -> int:
    columns = [
        _Column("Indicator", "indicator_id", 10, "id"),
        _Column("Action", "action", 8, "whole"),
        _Column("Section", "section_title", 26, "wrapped"),
        _Column("Wording", "wording", 60, "wrapped"),
        _Column("Unit", "unit", 9),
        _Column("Definition", "definition", 70, "wrapped"),
        _Column("Population", "population", 22),
        _Column("Rule", "rule", 22),
        _Column("Source", "source", 22),
        _Column("Plan", "plan_version", 18),
    ]
    relation = (
        "(select i.*, a.section_title from dim_indicator as i "
        "left join dim_action as a using (plan_version, action))"
    )
    return _table(made, "Definitions", columns=columns, relation=relation, frozen=1)


def _words(made: _Made) -> int:
    columns = [
        _Column("Column", "kind", 14),
        _Column("Word", "word", 26, "id"),
        _Column("What it means", "meaning", 110, "wrapped"),
    ]
    statuses = ", ".join(
        f"('status', {place}, {quoted(word)}, {quoted(text)})"
        for place, (word, text) in enumerate(STATUSES.items())
    )
    relation = f"""(
        select * from (values {statuses}) as statuses(kind, place, word, meaning)
        union all select 'population', 0, population, definition from dim_population
        union all select 'reason', 0, reason, definition from dim_reason
    )"""
    return _table(made, "Words", columns=columns, relation=relation, order="kind desc, place, word", frozen=2)


# --- one sheet ----------------------------------------------------------------------------------------------

_PLAN_ORDER = "plan_version, action, try_cast(split_part(indicator_id, '.', 2) as int), indicator_id"


def _table(
    made: _Made, name: str, *, columns: list[_Column], relation: str, order: str = "", frozen: int
) -> int:
    """A sheet with a table: heading that stays in view, filters, typed cells. Returns its number of rows.

    Columns are written whole; null leaves a cell empty.
    """
    sheet = made.book.add_worksheet(name)
    looks, order = made.looks, order or _PLAN_ORDER
    selected = ", ".join(column.select for column in columns)
    cells = made.connection.sql(f"select {selected} from {relation} order by {order}").to_arrow_table()
    for place, column in enumerate(columns):
        held = cells.column(place)
        sheet.set_column(place, place, column.width)
        sheet.write_string(0, place, column.heading, looks["heading"])
        sheet.write_column(1, place, held.to_pylist(), looks[column.look])
        if str(held.type) == "string":
            look = looks["exact wrapped" if column.look == "wrapped" else "exact"]
            texts = held.to_pylist()
            for row in _like_formulas(made.connection, held):
                sheet.write_string(row + 1, place, texts[row], look)
    wrapped = [place for place, column in enumerate(columns) if column.look == "wrapped"]
    if wrapped:  # the plan's wordings, not the values: LibreOffice fits no heights by itself
        texts = zip(*(cells.column(place).to_pylist() for place in wrapped), strict=True)
        for row, line in enumerate(texts, start=1):
            widths = (columns[place].width for place in wrapped)
            sheet.set_row(row, 15 * max(map(_lines, line, widths)))
    _counts_are_whole(made, sheet, columns, cells.num_rows)
    sheet.set_row(0, 32)
    sheet.freeze_panes(1, frozen)
    sheet.autofilter(0, 0, max(cells.num_rows, 1), len(columns) - 1)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)
    sheet.set_footer("&L&A&RPage &P of &N")
    return int(cells.num_rows)


def _counts_are_whole(made: _Made, sheet: Worksheet, columns: list[_Column], rows: int) -> None:
    """A value whose unit is number is shown without a decimal place: people are counted, not measured."""
    units = [
        place for place, column in enumerate(columns) if column.select == "unit" or column.heading == "unit"
    ]
    if not units or not rows:
        return
    whole = made.book.add_format({"num_format": "#,##0"})
    rule = f'=${_letter(units[0])}2="number"'
    for place, column in enumerate(columns):
        if column.look == "value":
            sheet.conditional_format(
                1, place, rows, place, {"type": "formula", "criteria": rule, "format": whole}
            )


def _letter(place: int) -> str:
    from xlsxwriter.utility import xl_col_to_name

    return str(xl_col_to_name(place))


def _lines(text: str | None, width: float) -> int:
    """Lines that a text takes in a column, on the safe side."""
    return max(1, -(-len(text or "") // int(width * 1.1)))


def _like_formulas(connection: duckdb.DuckDBPyConnection, texts: Any) -> list[int]:
    """Places of the few texts that begin like a formula: their cells are marked as text."""
    import pyarrow as pa

    connection.register("texts", pa.table({"place": range(len(texts)), "text": texts}))
    found = connection.execute(
        f"select place from texts where regexp_matches(text, {quoted(FORMULA)}) order by place"
    ).fetchall()
    connection.unregister("texts")
    return [int(place) for (place,) in found]
