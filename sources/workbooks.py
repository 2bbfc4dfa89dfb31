"""How an XLSX workbook becomes columns of text.

A workbook is a zip archive of XML: it can be a bomb, can be locked by a password, and carries its author's
name in its properties. All that is looked at before anything parses a sheet.
Source: docs/contract/inputs.md.
"""

from __future__ import annotations

import html
import io
import math
import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import IO, Any

import numpy as np
from python_calamine import CalamineWorkbook

from sources.contract import Dataset, datasets
from sources.frames import MERGED, UNCOMPUTED, RawTable, Unreadable, large_number, named_header, text_array
from sources.readers import Reader, SheetCells, reader_of_sheet
from sources.template_mark import OWN_SHEETS, SHEET, Mark, mark_of

MAX_UNPACKED_BYTES = 500_000_000
MAX_RATIO = 200
"""A sheet of real rows packs 10 to 50 times; more than this, above a few megabytes, is a bomb."""
RATIO_FROM_BYTES = 20_000_000
MAX_SHEET_CELLS = 20_000_000
"""The rectangle around all cells is held in memory: one cell in the last row and column would fill it."""

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PROPERTY = re.compile(
    r"<(?:\w+:)?(creator|lastModifiedBy|manager|title|subject|description|keywords|category|contentStatus|company)"
    r"\b[^>]*>([^<]*)<",
    re.IGNORECASE,
)
_PLAIN_PARTS = re.compile(
    r"\[Content_Types\]\.xml|_rels/\.rels|docProps/(core|app)\.xml|xl/(workbook|styles|sharedStrings|calcChain|metadata)\.xml"
    r"|xl/_rels/workbook\.xml\.rels|xl/theme/theme\d*\.xml|xl/worksheets/sheet\d+\.xml",
)
"""Parts that hold cells, formats and properties only. Comments, pictures, links may name anybody."""


@dataclass(frozen=True)
class Sheet:
    """A sheet named after a dataset, or a reader's. ``raw`` is an ``Unreadable`` where it can't be taken."""

    kind: Dataset | Reader
    name: str
    raw: RawTable | Unreadable = field(repr=False)
    cells: SheetCells = field(repr=False)


@dataclass(frozen=True)
class Workbook:
    """The sheets of datasets and readers, in order; how many are neither; whether it may name its author.

    ``template``: what it says of itself if ``sraap template`` made it; that one's own sheets are not counted.
    """

    sheets: tuple[Sheet, ...]
    ignored_sheets: int
    personal_properties: bool
    template: Mark | None = None


def read_workbook(path: Path) -> Workbook:
    """Rows of every sheet named after a dataset (trimmed, without regard to case), cells of every sheet that
    a reader reads. Raises ``Unreadable``."""
    errors = _check_archive(path)
    try:
        with CalamineWorkbook.from_path(path) as book:
            wanted = [(name, _kind(name)) for name in book.sheet_names]
            sheets = [
                _sheet(kind, name, book.get_sheet_by_name(name), errors.cells_of(name))
                for name, kind in wanted
                if kind is not None
            ]
            template = _mark(book)
    except BaseException as error:
        # A panic of the Rust library is no Exception, yet says no more than that the file is broken.
        if isinstance(error, MemoryError | Unreadable):
            raise
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise _broken() from None
    if not sheets:
        raise Unreadable(
            "FILE-SHEETS",
            "No sheet is named after a dataset. Name each sheet as its dataset, for example states.",
        )
    own = OWN_SHEETS if template else frozenset()
    ignored = sum(1 for name, kind in wanted if kind is None and name.strip().casefold() not in own)
    return Workbook(tuple(sheets), ignored, errors.personal, template)


def _mark(book: Any) -> Mark | None:
    if SHEET not in book.sheet_names:
        return None
    rows = book.get_sheet_by_name(SHEET).to_python(skip_empty_area=False)
    return mark_of([[_cell_text(cell) for cell in row] for row in rows])


def column_letters(place: int) -> str:
    """The letters of a spreadsheet's column, from 0: A, Z, AA."""
    letters = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def letters_of(raw: RawTable | Unreadable) -> dict[str, str]:
    """Column name -> letters of its column in the sheet."""
    if isinstance(raw, Unreadable):
        return {}
    return {name: column_letters(place) for place, name in enumerate(raw.header)}


def only_sheet(path: Path) -> SheetCells:
    """Cells of a workbook that has one sheet, such as another system's export. Raises ``Unreadable``."""
    errors = _check_archive(path)
    try:
        with CalamineWorkbook.from_path(path) as book:
            if len(book.sheet_names) != 1:
                raise Unreadable(
                    "FILE-SHEETS",
                    "The workbook has several sheets, and one was expected. Deliver the export as it came.",
                )
            name = book.sheet_names[0]
            return _cells(name, book.get_sheet_by_name(name), errors.cells_of(name))
    except BaseException as error:
        # A panic of the Rust library is no Exception, yet says no more than that the file is broken.
        if isinstance(error, Unreadable) or (
            not isinstance(error, Exception) and type(error).__name__ != "PanicException"
        ):
            raise
        raise _broken() from None


def _kind(sheet: str) -> Dataset | Reader | None:
    return datasets().get(sheet.strip().casefold()) or reader_of_sheet(sheet)


def _broken() -> Unreadable:
    return Unreadable(
        "FILE-XLSX",
        "The file can't be read as an XLSX workbook: truncated, or something else. Save it again as XLSX.",
    )


@dataclass(frozen=True)
class _Archive:
    """What the parts of the workbook tell that the spreadsheet library doesn't."""

    personal: bool
    error_cells: dict[str, dict[tuple[int, int], str]] = field(repr=False)

    def cells_of(self, sheet: str) -> dict[tuple[int, int], str]:
        return self.error_cells.get(sheet, {})


def _check_archive(path: Path) -> _Archive:
    """Look at the archive before it is parsed. Raises ``Unreadable`` for what is locked, broken or a bomb."""
    with path.open("rb") as file:
        if file.read(8) == _OLE:
            raise Unreadable(
                "FILE-ENCRYPTED",
                "The workbook is protected by a password, or in the old XLS format. Save it as XLSX without "
                "a password.",
            )
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            if any(part.flag_bits & 1 for part in parts):
                raise Unreadable(
                    "FILE-ENCRYPTED", "The archive is encrypted. Save the workbook without a password."
                )
            unpacked = sum(part.file_size for part in parts)
            packed = max(sum(part.compress_size for part in parts), 1)
            if unpacked > MAX_UNPACKED_BYTES or (
                unpacked > RATIO_FROM_BYTES and unpacked / packed > MAX_RATIO
            ):
                raise Unreadable(
                    "FILE-BOMB",
                    "Unpacked, the workbook is far larger than any delivery. Deliver it in parts.",
                )
            # Reads every part, so that a size that lies or a damaged part is known here.
            if archive.testzip() is not None:
                raise _broken()
            return _Archive(_is_personal(archive), _error_cells(archive))
    except (
        SyntaxError,  # of XML
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        KeyError,
        UnicodeDecodeError,
        OSError,
    ):
        raise _broken() from None


def _is_personal(archive: zipfile.ZipFile) -> bool:
    """Whether properties hold a text that could name a person, or there are parts that could."""
    if any(not _PLAIN_PARTS.fullmatch(name) for name in archive.namelist() if not name.endswith("/")):
        return True
    for name in ("docProps/core.xml", "docProps/app.xml"):
        if name in archive.namelist():
            text = archive.read(name).decode("utf-8")
            if any(value.strip() for _, value in _PROPERTY.findall(text)):
                return True
    return False


_CELL = re.compile(rb'\br="([A-Z]{1,3})([0-9]{1,7})"')
_WITHOUT_VALUE = re.compile(
    rb"""\bt=["']e["']"""  # an error
    rb"""|(?:</(?:\w+:)?f>|<(?:\w+:)?f\b[^>]*/>)\s*"""  # a formula and nothing, or an empty value, behind it
    rb"""(?:<(?:\w+:)?v\b[^>]*(?:/>|>\s*</(?:\w+:)?v>)\s*)?</(?:\w+:)?c>"""
)


def _cells_without_value(part: IO[bytes]) -> dict[tuple[int, int], str]:
    """(row, column, from 0) -> what stands in the place of a cell that shows no value of its own: the text of
    an error, and ``UNCOMPUTED`` for a formula without its result.

    A cell is found where it says, or behind the one before it. An empty text is the result of a formula where
    its type says so. Raises ``etree.XMLSyntaxError``.
    """
    from lxml import etree

    found: dict[tuple[int, int], str] = {}
    row = column = -1
    for event, node in etree.iterparse(
        part, events=("start", "end"), tag=("{*}row", "{*}c"), resolve_entities=False, no_network=True
    ):
        is_row = etree.QName(node).localname == "row"
        said = node.get("r") or ""
        if event == "start" and is_row:
            row, column = int(said) - 1 if said.isascii() and said.isdigit() else row + 1, -1
        elif event == "start":
            place = re.fullmatch(r"([A-Z]{1,3})[0-9]{1,7}", said)
            column = _column_number(place[1].encode()) - 1 if place else column + 1
        elif is_row:
            node.clear()
            while node.getprevious() is not None:
                del node.getparent()[0]
        elif text := _instead_of_value(node):
            found[row, column] = text
    return found


def _instead_of_value(cell: Any) -> str:
    value = cell.find("{*}v")
    if cell.get("t") == "e":
        return value.text or "" if value is not None else ""
    if cell.find("{*}f") is None or (value is not None and (value.text or cell.get("t") == "str")):
        return ""
    return UNCOMPUTED


def _error_cells(archive: zipfile.ZipFile) -> dict[str, dict[tuple[int, int], str]]:
    """Sheet name -> (row, column, from 0) -> what stands in the place of its cells that the library gives as
    empty, though they are not."""
    found: dict[str, dict[tuple[int, int], str]] = {}
    for name, part in _sheet_parts(archive).items():
        xml = archive.read(part)
        # Few are different, and a list of all cells would be larger than the sheet.
        rows = {match[2] for match in _CELL.finditer(xml)}
        letters = {match[1] for match in _CELL.finditer(xml)}
        height = max(map(int, rows), default=0)
        width = max(map(_column_number, letters), default=0)
        if height * width > MAX_SHEET_CELLS:
            raise _far_cell()
        if _WITHOUT_VALUE.search(xml):
            found[name] = _cells_without_value(io.BytesIO(xml))
            last = (max(places) + 1 for places in zip(*found[name], strict=True))
            if math.prod(last) > MAX_SHEET_CELLS:
                raise _far_cell()
    return found


def _far_cell() -> Unreadable:
    return Unreadable(
        "FILE-BOMB",
        "A sheet has a cell so far from the others that it can't be held. Delete the rows and columns that "
        "are not in use.",
    )


def _sheet_parts(archive: zipfile.ZipFile) -> dict[str, str]:
    """Sheet name -> part of the archive."""
    targets: dict[str, str] = {}
    for tag in re.findall(
        r"<(?:\w+:)?Relationship\b[^>]*>", archive.read("xl/_rels/workbook.xml.rels").decode()
    ):
        attributes = dict(re.findall(r'([\w:]+)="([^"]*)"', tag))
        target = attributes.get("Target", "")
        targets[attributes.get("Id", "")] = (
            target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
        )
    parts: dict[str, str] = {}
    for tag in re.findall(r"<(?:\w+:)?sheet\b[^>]*>", archive.read("xl/workbook.xml").decode()):
        attributes = dict(re.findall(r'([\w:]+)="([^"]*)"', tag))
        part = targets.get(next((v for k, v in attributes.items() if k.endswith(":id")), ""))
        if part in archive.namelist():
            parts[html.unescape(attributes.get("name", ""))] = str(part)
    return parts


def _column_number(letters: bytes) -> int:
    """A = 1, Z = 26, AA = 27."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _number_text(value: float) -> str:
    """A number with the fifteen digits that spreadsheets keep; 0.1 + 0.2 is 0.3 there."""
    return large_number(value) or np.format_float_positional(float(f"{value:.15g}"), trim="-")


def _cell_text(value: Any) -> str:  # noqa: PLR0911
    """A cell as a person reads it. A date-time at midnight is a date; a whole number has no point."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float | int):
        return _number_text(float(value))
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    return "" if value is None else str(value)


def _sheet(kind: Dataset | Reader, name: str, sheet: Any, error_cells: dict[tuple[int, int], str]) -> Sheet:
    """A sheet's cells, and its rows: its header is the first row that isn't empty, row numbers are the
    spreadsheet's."""
    cells = _cells(name, sheet, error_cells)
    return Sheet(kind, name, _rows(cells.rows, sheet.merged_cell_ranges or ()), cells)


def _cells(name: str, sheet: Any, error_cells: dict[tuple[int, int], str]) -> SheetCells:
    """A sheet's cells as text."""
    grid = [[_cell_text(cell) for cell in row] for row in sheet.to_python(skip_empty_area=False)]
    if error_cells:
        # The library's sheet ends with the last cell that it takes for filled.
        height, width = (max(places) + 1 for places in zip(*error_cells, strict=True))
        width = max(width, len(grid[0]) if grid else 0)
        grid += [[] for _ in range(height - len(grid))]
        grid = [row + [""] * (width - len(row)) for row in grid]
    for (row, column), text in error_cells.items():
        grid[row][column] = text
    return SheetCells(name, grid)


def _with_merged_marked(
    grid: Sequence[Sequence[str]], merged: Sequence[tuple[tuple[int, int], tuple[int, int]]]
) -> list[list[str]]:
    """The cells below the header; each that is merged into a filled one says so, for it isn't empty.

    ``merged``: row and column, from 0, of the first and the last cell.
    """
    marked = [list(row) for row in grid]
    for (top, left), (bottom, right) in merged:
        if top < len(marked) and left < len(marked[top]) and marked[top][left].strip():
            for place in range(top, min(bottom + 1, len(marked))):
                first = left + 1 if place == top else left
                last = min(right + 1, len(marked[place]))
                marked[place][first:last] = [MERGED] * (last - first)
    return marked


def _rows(
    grid: Sequence[Sequence[str]], merged: Sequence[tuple[tuple[int, int], tuple[int, int]]] = ()
) -> RawTable | Unreadable:
    top = next((place for place, row in enumerate(grid) if any(cell.strip() for cell in row)), None)
    if top is None:
        return Unreadable("FILE-EMPTY", "The sheet is empty. A table without rows needs its header.")
    header = named_header(grid[top])
    below = _with_merged_marked(grid, [one for one in merged if one[0][0] > top])[top + 1 :]
    columns = tuple(text_array(list(cells)) for cells in zip(*below, strict=True)) if below else ()
    columns = columns or tuple(text_array([]) for _ in header)
    numbers = np.arange(top + 2, top + 2 + len(below), dtype=np.int64)
    return RawTable(header, columns, numbers, np.full(len(below), len(header), dtype=np.int64))
