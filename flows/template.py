"""``sraap template``: a workbook that people fill in, and that is then a delivery.

A sheet for each dataset under its canonical headings, a coding sheet (states down, the indicators that
reports answer across), a page that explains all of it. Words come from drop-down lists, headings are
protected, help appears beside the cell that is chosen. What it holds comes from the datasets' declarations
and from the plan, so that neither can differ from what is judged later. It reads nothing of a home.
Source: docs/decisions/018-a-workbook-to-fill-in.md.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.errors import UsageProblem
from flows.files import write_bytes
from flows.program import DBT_PROJECT, PLAN_VERSION, ROOT
from sources import template_mark
from sources.coding.layout import FIRST_REPORT, LEFT, PARTS, PLAN, SHEET, STATE, YEAR
from sources.contract import Column, Dataset, datasets

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

YEARS = range(1999, 2100)
"""Reporting years: the Convention entered into force in 1999."""

ROWS = 5_000
"""Rows of a sheet, from the top, that have drop-down lists; more can be written below."""

REGISTER = ROOT / "sources" / "sample" / "registers" / "states.csv"
ANSWERED = ("reported", "reported_ever")
"""Rules of the indicators that reports answer (docs/contract/inputs.md, article7_answers)."""

FIRST_ROW = 4
"""Row of the first state on the coding sheet, from 0: about, wording, hidden headings, headings."""

DARK, MIDDLE, PALE, LINE, OWN = "#1F3B57", "#5B7F9E", "#EEF3F8", "#C9D3DD", "#2E6B4F"

_HELP = {
    "id": "An id: text, the same wherever the record is named.",
    "text": "Text.",
    "word": "One word of the list.",
    "date": "A day, as YYYY-MM-DD.",
    "year": "A year, as four digits.",
    "decimal": "A number with a point, without separators of thousands.",
    "yes_no": "yes or no.",
    "iso3": "A state: its ISO 3166-1 alpha-3 code, or its name.",
}

_EXPLANATION = (
    ("1", "Write in white cells only, on as many sheets as you need; leave the other sheets as they are."),
    ("2", "A sheet in which you wrote nothing says nothing. It does not say that there are no rows."),
    (
        "3",
        "Dark headings must be filled in each row, lighter ones may stay empty. Choose one to read its help.",
    ),
    (
        "4",
        "On the sheet coding each row is one report of one state. A row that you leave empty is no report.",
    ),
    (
        "5",
        "For an answer choose yes, no, not_applicable or unclear. Leave it empty where the report is silent.",
    ),
    ("6", "Beside each answer copy the words of the report on which it rests, and the page or section."),
    ("7", "A second report of a state goes below the last state, with its code and a report_id of its own."),
    ("8", "received_on is the day on which you received what you write; a correction needs a later day."),
    ("9", "Save as XLSX, put the file into the folder of the delivery, and try it with: sraap check FOLDER"),
)


_ABOUT_REPORTS = (
    "A row is one report of one state; a row that you leave empty is no report.\n"
    "Dark headings: must be filled in the row of a report. Lighter headings: may stay empty.\n"
    "To the right stand the indicators of the plan, each with the words on which the answer rests and their "
    "page or section.\n"
    "Choose a heading to read its help; the sheet read me says more."
)


@dataclass(frozen=True)
class _Indicator:
    """An indicator that reports answer, with whom it is about in words."""

    id: str
    wording: str
    section: str
    population: str


@dataclass(frozen=True)
class _Made:
    """The workbook in the making: its formats, made when they are first asked for."""

    book: Workbook
    _formats: dict[str, Format] = field(default_factory=dict, repr=False)

    def look(self, name: str, **more: Any) -> Format:
        key = name + repr(sorted(more.items()))
        if key not in self._formats:
            self._formats[key] = self.book.add_format({**self._properties[name], **more})
        return self._formats[key]

    @cached_property
    def _properties(self) -> dict[str, dict[str, Any]]:
        line = {"border": 1, "border_color": LINE, "valign": "top"}
        heading = {**line, "bold": True, "text_wrap": True, "valign": "vcenter", "font_color": "#FFFFFF"}
        cell = {**line, "locked": False}
        return {
            "required": {**heading, "bg_color": DARK},
            "optional": {**heading, "bg_color": MIDDLE},
            "evidence heading": {**heading, "bg_color": PALE, "font_color": DARK, "bold": False},
            "wording": {**line, "text_wrap": True, "bg_color": PALE, "font_size": 9},
            "about": {"bold": True, "bg_color": PALE, "font_color": DARK, "valign": "vcenter"},
            "note": {"italic": True, "valign": "vcenter"},
            "state": {**line, "bg_color": PALE},
            "text": {**cell, "num_format": "@"},
            "long": {**cell, "num_format": "@", "text_wrap": True},
            "date": {**cell, "num_format": "yyyy-mm-dd", "align": "left"},
            "number": {**cell, "num_format": "0.##", "align": "right"},
            "whole": {**cell, "num_format": "0", "align": "left"},
            "plain": {"num_format": "@"},
            "title": {"bold": True, "font_size": 18, "font_color": DARK},
            "subtitle": {"bold": True, "font_size": 13, "font_color": DARK, "valign": "vcenter"},
            "step": {"bold": True, "font_color": DARK, "valign": "top", "align": "right"},
            "line": {"text_wrap": True, "valign": "top"},
            "table": {**line, "text_wrap": True},
            "table id": {**line, "bold": True},
        }


def write(path: Path, year: int) -> Path:
    """Write the workbook of a reporting year to a path that isn't there yet; a year has its bytes.

    Raises ``UsageProblem`` for a year that is none, a name that doesn't end in ``.xlsx``, and a file or
    folder that is in the way or can't be written.
    """
    if year not in YEARS:
        raise UsageProblem(
            f"{year} is no reporting year",
            where="--year",
            next_step=f"Give one from {YEARS[0]} to {YEARS[-1]}.",
        )
    if path.suffix.casefold() != ".xlsx":
        raise UsageProblem(
            "the workbook's name must end in .xlsx", where=str(path), next_step=f"Write {path.stem}.xlsx."
        )
    if path.exists():
        raise UsageProblem(
            "the file is there already, and may have been filled in",
            where=str(path),
            next_step="Give another name, or remove it first.",
        )
    try:
        write_bytes(path, content(year))
    except OSError as error:
        raise UsageProblem(
            f"the workbook can't be written ({error.strerror})",
            where=str(path),
            next_step="Give a path in a folder that is there and that you may write to.",
        ) from None
    return path


def content(year: int) -> bytes:
    """The workbook's bytes."""
    import xlsxwriter

    target = BytesIO()
    as_text = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(target, {"in_memory": True, **as_text}) as book:
        # No author, and no time of writing: the same year gives the same bytes.
        book.set_properties({"created": datetime(year, 1, 1)})  # noqa: DTZ001
        made = _Made(book)
        _explain(made, year)
        states, indicators = _states(), _indicators()
        _coding(made, year, states, indicators)
        for dataset in datasets().values():
            _dataset(made, dataset, len(states), len(indicators))
        _lists(made, states, indicators)
        _mark(made, year)
    return target.getvalue()


def _indicators() -> list[_Indicator]:
    with (DBT_PROJECT / "seeds" / "populations.csv").open(encoding="utf-8", newline="") as handle:
        populations = {row["population"]: row["title"] for row in csv.DictReader(handle)}
    with (DBT_PROJECT / "seeds" / "plan_indicators.csv").open(encoding="utf-8", newline="") as handle:
        return [
            _Indicator(row["indicator_id"], row["wording"], row["section"], populations[row["population"]])
            for row in csv.DictReader(handle)
            if row["plan_version"] == PLAN_VERSION and row["rule"] in ANSWERED
        ]


def _states() -> dict[str, str]:
    """iso3 -> name, by name."""
    with REGISTER.open(encoding="utf-8", newline="") as handle:
        found = {row["iso3"]: row["name"] for row in csv.DictReader(handle)}
    return dict(sorted(found.items(), key=lambda state: state[1]))


def _protect(sheet: Worksheet) -> None:
    """Headings and explanations stay; no password, for it guards against slips, not against people."""
    sheet.protect(
        "",
        {"format_columns": True, "format_rows": True, "insert_rows": True, "autofilter": True, "sort": True},
    )


# --- the explanation ----------------------------------------------------------------------------------------


def _explain(made: _Made, year: int) -> None:
    sheet = made.book.add_worksheet(template_mark.EXPLANATION)
    sheet.hide_gridlines(2)
    sheet.set_tab_color(MIDDLE)
    for place, width in enumerate((27, 28, 14, 42, 70)):
        sheet.set_column(place, place, width)
    sheet.write_string(0, 0, f"Reports of {year}: a workbook to fill in", made.look("title"))
    sheet.set_row(0, 32)
    sheet.write_string(
        1, 0, f"Siem Reap-Angkor Action Plan 2025-2029, plan version {PLAN_VERSION}", made.look("note")
    )
    for row, (number, text) in enumerate(_EXPLANATION, start=3):
        sheet.write_string(row, 0, number, made.look("step"))
        sheet.merge_range(row, 1, row, 4, text, made.look("line"))
    top = len(_EXPLANATION) + 4
    sheet.write_string(top, 0, "The sheets and their columns", made.look("subtitle"))
    sheet.set_row(top, 28)
    headings = ("Sheet", "Column", "Needed", "What to write", "What it is")
    for place, text in enumerate(headings):
        sheet.write_string(top + 1, place, text, made.look("required"))
    lines = [
        (
            dataset.name,
            column.name,
            "required" if column.required else "may be empty",
            _form(column),
            column.description,
        )
        for dataset in datasets().values()
        for column in dataset.columns
    ]
    for place in range(len(headings)):
        look = made.look("table id" if place < 2 else "table")
        sheet.write_column(top + 2, place, [line[place] for line in lines], look)
    for row, line in enumerate(lines, start=top + 2):  # LibreOffice fits no heights by itself
        sheet.set_row(row, 15 * max(-(-len(line[3]) // 46), -(-len(line[4]) // 77)))
    sheet.freeze_panes(1, 0)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.set_footer("&RPage &P of &N")
    sheet.protect("", {"format_columns": True, "format_rows": True})
    sheet.activate()


def _form(column: Column) -> str:
    """What is written in a cell of the column, in words."""
    said = ", ".join(column.words) if column.words else _HELP[column.type]
    return said + (f" Unit: {column.unit}." if column.unit else "")


# --- the datasets -------------------------------------------------------------------------------------------

_LOOKS = {"date": "date", "decimal": "number", "year": "whole"}
_WIDTHS = {"text": 30, "id": 20, "iso3": 26, "date": 13, "year": 10, "yes_no": 14, "decimal": 14, "word": 22}


def _dataset(made: _Made, dataset: Dataset, states: int, indicators: int) -> None:
    sheet = made.book.add_worksheet(dataset.name)
    sheet.set_tab_color(DARK if dataset.required else MIDDLE)
    for place, column in enumerate(dataset.columns):
        width = max(_WIDTHS[column.type], len(column.name) + 3)
        sheet.set_column(place, place, width, made.look(_LOOKS.get(column.type, "text")))
        sheet.write_string(0, place, column.name, made.look("required" if column.required else "optional"))
        _help(sheet, (0, place), column)
        _ask(sheet, (1, place, ROWS, place), column, states, indicators)
    sheet.set_row(0, 30)
    sheet.freeze_panes(1, 1)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)
    _protect(sheet)


def _help(sheet: Worksheet, cell: tuple[int, int], column: Column) -> None:
    """Help that appears where a heading is chosen; it is no comment, which would be a part of its own."""
    need = "Required." if column.required else "May be empty."
    text = f"{need} {column.description} {_form(column)}"
    sheet.data_validation(
        *cell, *cell, {"validate": "any", "input_title": column.name[:32], "input_message": _short(text, 255)}
    )


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rsplit(" ", 1)[0] + "…"


def _ask(
    sheet: Worksheet, cells: tuple[int, int, int, int], column: Column, states: int, indicators: int
) -> None:
    """What may be written into the cells of a column: a list where there is one, a date, a number."""
    asked: Mapping[str, Any] | None = None
    title = "What to write"
    match column.type:
        case "word":
            asked = {"validate": "list", "source": list(column.words)}
        case "yes_no":
            asked = {"validate": "list", "source": ["yes", "no"]}
        case "iso3":  # a code, or another spelling of the name, is right as well: told, not refused
            source = f"={template_mark.LISTS}!$A$1:$A${states}"
            asked = {"validate": "list", "source": source, "error_type": "information"}
        case "date":
            asked = {"validate": "date", "criteria": ">=", "value": date(1900, 1, 1)}
        case "year":
            asked = {"validate": "integer", "criteria": "between", "minimum": YEARS[0], "maximum": YEARS[-1]}
        case "decimal":
            asked = {"validate": "decimal", "criteria": ">=", "value": 0}
    if column.name == "indicator_id":
        source = f"={template_mark.LISTS}!$C$1:$C${indicators}"
        asked = {"validate": "list", "source": source, "error_type": "information"}
    if asked is not None:
        words = f"{column.name}: {_form(column)}"
        sheet.data_validation(*cells, {**asked, "error_title": title, "error_message": _short(words, 255)})


# --- the coding sheet ---------------------------------------------------------------------------------------


def _coding(made: _Made, year: int, states: Mapping[str, str], indicators: list[_Indicator]) -> None:
    sheet = made.book.add_worksheet(SHEET)
    sheet.set_tab_color(OWN)
    for place, text in enumerate((YEAR, str(year), PLAN, PLAN_VERSION)):
        sheet.write_string(0, place, text, made.look("about"))
    headings = [*LEFT, *(item.id + part for item in indicators for part in PARTS)]
    for row in (FIRST_ROW - 2, FIRST_ROW - 1):
        for place, text in enumerate(headings):
            sheet.write_string(row, place, text, made.look(_heading_look(text)))
    # The headings as they were made: by them the reader can say what a changed one was.
    sheet.set_row(FIRST_ROW - 2, None, None, {"hidden": True})
    _report_columns(made, sheet, len(states))
    _answer_columns(made, sheet, indicators, len(states))
    sheet.write_column(FIRST_ROW, 0, list(states), made.look("state", bold=True))
    sheet.write_column(FIRST_ROW, 1, list(states.values()), made.look("state"))
    proposed = [f"{year}-{iso3}{FIRST_REPORT}" for iso3 in states]
    sheet.write_column(FIRST_ROW, LEFT.index("report_id"), proposed, made.look("text"))
    sheet.set_row(0, 22, made.look("about"))
    sheet.set_row(1, 150)
    sheet.set_row(FIRST_ROW - 1, 32)
    sheet.freeze_panes(FIRST_ROW, 2)
    sheet.set_landscape()
    sheet.set_paper(8)
    sheet.repeat_rows(1, FIRST_ROW - 1)
    sheet.repeat_columns(0, 1)
    _protect(sheet)


def _heading_look(heading: str) -> str:
    if heading in ("iso3", STATE):
        return "required"
    reports = datasets()["article7_reports"]
    if heading in LEFT:
        return "required" if reports.column(heading).required else "optional"
    return "evidence heading" if " " in heading else "required"


def _report_columns(made: _Made, sheet: Worksheet, states: int) -> None:
    reports = datasets()["article7_reports"]
    sheet.merge_range(1, 0, 1, len(LEFT) - 1, _ABOUT_REPORTS, made.look("wording", font_size=11))
    sheet.set_column(0, 0, 14, made.look("text"))
    sheet.set_column(1, 1, 28, made.look("text"))
    for place, name in enumerate(LEFT):
        if name == STATE:
            continue
        column = reports.column(name)
        if name != "iso3":
            width = 34 if name == "document_url" else max(13, len(name) - 5)
            sheet.set_column(place, place, width, made.look(_LOOKS.get(column.type, "text")))
        _help(sheet, (FIRST_ROW - 1, place), column)
        if name != "iso3":
            _ask(sheet, (FIRST_ROW, place, ROWS, place), column, states, 0)


def _answer_columns(made: _Made, sheet: Worksheet, indicators: list[_Indicator], states: int) -> None:
    answers = datasets()["article7_answers"]
    columns = [answers.column(name) for name in ("answer", "evidence", "location")]
    for number, item in enumerate(indicators):
        left = len(LEFT) + number * len(PARTS)
        about = f"{item.id} · Section {item.section} · {item.population}\n{item.wording}"
        sheet.merge_range(1, left, 1, left + len(PARTS) - 1, about, made.look("wording"))
        for place, column in enumerate(columns, start=left):
            width = {"answer": 15, "evidence": 36, "location": 13}[column.name]
            sheet.set_column(place, place, width, made.look("long" if column.name == "evidence" else "text"))
            title, text = f"{item.id} {column.name}", f"{column.description} {_form(column)}"
            if column.name == "answer":
                text = f"{item.population}. {item.wording}"
            said = {"input_title": title, "input_message": _short(text, 255)}
            cell = (FIRST_ROW - 1, place)
            sheet.data_validation(*cell, *cell, {"validate": "any", **said})
        _ask(sheet, (FIRST_ROW, left, ROWS, left), columns[0], states, 0)


# --- what is hidden -----------------------------------------------------------------------------------------


def _lists(made: _Made, states: Mapping[str, str], indicators: list[_Indicator]) -> None:
    """What drop-down lists refer to: names of states with their codes, ids of indicators."""
    sheet = made.book.add_worksheet(template_mark.LISTS)
    sheet.write_column(0, 0, list(states.values()), made.look("plain"))
    sheet.write_column(0, 1, list(states), made.look("plain"))
    sheet.write_column(0, 2, [item.id for item in indicators], made.look("plain"))
    sheet.hide()
    sheet.protect()


def _mark(made: _Made, year: int) -> None:
    sheet = made.book.add_worksheet(template_mark.SHEET)
    for row, (name, said) in enumerate(template_mark.lines(PLAN_VERSION, year)):
        sheet.write_string(row, 0, name, made.look("plain"))
        sheet.write_string(row, 1, said, made.look("plain"))
    sheet.hide()
    sheet.protect()
