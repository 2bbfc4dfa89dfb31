"""Readers of formats that are not a dataset's own table, found by their folders.

A reader turns the files of one outside system (a depositary's page, an export of a registration system, a
sheet that people fill in) into rows of the datasets. It is a folder below ``sources/`` with two files: a
``source.yml`` whose top key is ``reader``, which says what the source is, and a ``reader.py``, which says how
its files are read. Adding one edits no other file.

``reader.py`` of a reader with ``endings`` has ``read(path, ending, context) -> Reading``; of a reader with
``sheets`` it has ``read_sheet(sheet, context) -> Reading``. Rules for both:

- All that a reader knows stands in the bytes, in ``context`` and in its own folder, so that a file gives the
  same rows whenever it is read.
- It takes each field by name and says what is left over: an unknown column, layout or word is a ``Finding``
  with a code of its own, never a silent default.
- It judges no row. What it can't understand in a row goes into the row as it stood, so that the row is
  quarantined at the door, is counted, and is tried again when the reader has learned it.
- A layout that can't be trusted raises ``Unreadable`` with a code and a sentence; the whole file, or the
  sheet, is then quarantined.
- No sentence and no place of a finding quotes what could name a person.

Source: docs/contract/inputs.md, docs/architecture.md (From reader to door).
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa

from sources.contract import SOURCES, datasets, declared
from sources.frames import FileProblem, RawTable, Unreadable, text_array

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "FileProblem",
    "Finding",
    "ReadTable",
    "Reader",
    "Reading",
    "ReadingContext",
    "SheetCells",
    "Unreadable",
    "readers",
]

FOLDERS: tuple[Path, ...] = (SOURCES,)
"""Where readers are looked for: each folder in them that has a ``source.yml`` with ``reader`` on top."""

Severity = Literal["warn", "quarantine", "block"]


@dataclass(frozen=True)
class ReadingContext:
    """What a reader may know besides the bytes: the day the file was received, and the name it came under."""

    received_on: date
    name: str = field(repr=False)


@dataclass(frozen=True)
class Finding:
    """Something in a file that is no row: what was left over, or what people should know.

    ``code``: stable, in capitals, beginning with the reader's letters. ``severity``: ``warn`` (people are
    told), ``quarantine`` (something of the file was not loaded, and is in no row), ``block`` (the run is
    blocked). ``place``: where it stands, as in ``table 1, row 17`` or ``coding!F12``.
    """

    code: str
    severity: Severity
    sentence: str
    place: str | None = None


@dataclass(frozen=True)
class ReadTable:
    """Rows of one dataset in a file.

    ``name`` is shown as the row's ``sheet``; a dataset has one table of a name in a file. Of a sheet it is
    the sheet's name, whatever is given here.

    ``frame``: columns of ``str`` named as the dataset's, ``""`` where a cell is missing; ``_row`` (int64):
    the number by which the row is known again when the file is read again, each once in the table; ``_place``
    (``str``): where in the file the row stands. A column that the dataset doesn't have is warned of and not
    loaded. ``letters``: where ``_row`` is a row of the sheet, the sheet's column of each column, so that a
    cell can be named.
    """

    dataset: str
    name: str | None
    frame: pd.DataFrame = field(repr=False)
    letters: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Reading:
    """What a file, or a sheet, gives."""

    tables: tuple[ReadTable, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class SheetCells:
    """A sheet as text: ``rows[11][5]`` is the cell F12. All rows are as long; a missing cell is ``""``."""

    name: str
    rows: Sequence[Sequence[str]] = field(repr=False)


@dataclass(frozen=True)
class Reader:
    """What a reader's ``source.yml`` says of it.

    ``gives``: the datasets of which its files may hold rows. ``endings`` of the files, or names of the
    ``sheets`` of any workbook, that are its own. ``holds_people``: its files may name persons, and stay
    restricted. ``precedence``: of two sources that contradict each other the one with the smaller number is
    believed (docs/decisions/014); a source without a number contradicts nobody.
    """

    name: str
    title: str
    description: str
    publisher: str
    cadence: str
    gives: tuple[str, ...]
    holds_people: bool
    folder: Path
    endings: tuple[str, ...] = ()
    sheets: tuple[str, ...] = ()
    url: str = ""
    licence: str = ""
    quirks: tuple[str, ...] = ()
    precedence: int | None = None

    def read(self, path: Path, ending: str, context: ReadingContext) -> Reading:
        """Read a file. Raises ``Unreadable``; anything else that its module raises is its defect."""
        return self._checked(self._module().read(path, ending, context))

    def read_sheet(self, sheet: SheetCells, context: ReadingContext) -> Reading:
        """Read a sheet. Raises ``Unreadable``; anything else that its module raises is its defect."""
        return self._checked(self._module().read_sheet(sheet, context))

    def _module(self) -> Any:
        return _module(self.name, self.folder)

    def _checked(self, reading: Reading) -> Reading:
        """The reading, once it is what it must be. Raises ``TypeError`` and ``ValueError``."""
        if not isinstance(reading, Reading):
            raise TypeError(f"reader {self.name} gave no Reading")
        for table in reading.tables:
            if table.dataset not in self.gives:
                raise ValueError(f"reader {self.name} gives no {table.dataset}")
            if table.frame["_row"].duplicated().any():
                raise ValueError(f"reader {self.name} gave two rows one number")
        named = [(table.dataset, table.name) for table in reading.tables]
        if len(set(named)) != len(named):
            raise ValueError(f"reader {self.name} gave two tables of one dataset one name")
        return reading


def raw_table(table: ReadTable) -> RawTable:
    """The table's cells as those of any other format. Raises ``Unreadable`` for text that isn't Unicode."""
    header = tuple(str(name) for name in table.frame.columns if not str(name).startswith("_"))
    columns = tuple(text_array(pa.array(table.frame[name], pa.large_string())) for name in header)
    places = text_array(pa.array(table.frame["_place"], pa.large_string()))
    rows = table.frame["_row"].to_numpy(np.int64)
    return RawTable(header, columns, rows, np.full(len(rows), len(header), dtype=np.int64), places)


_SETTINGS = {
    "title",
    "description",
    "publisher",
    "cadence",
    "gives",
    "holds_people",
    "endings",
    "sheets",
    "url",
    "licence",
    "quirks",
    "precedence",
}
_LISTS = ("gives", "endings", "sheets", "quirks")


def readers() -> dict[str, Reader]:
    """All readers by name.

    Raises ``ValueError`` where a declaration has an unknown setting, gives an unknown dataset, has the name
    of a dataset or of another reader, or has neither endings nor sheets, or both.
    """
    return _readers(FOLDERS)


@cache
def _readers(folders: tuple[Path, ...]) -> dict[str, Reader]:
    found: dict[str, Reader] = {}
    for path in (path for folder in folders for path in sorted(folder.glob("*/source.yml"))):
        raw = declared(path)
        if "reader" not in raw or "dataset" in raw:  # a dataset says by which module its own files are read
            continue
        reader = _declared(path.parent, raw)
        if reader.name in found or reader.name in datasets():
            raise ValueError(f"{path}: {reader.name!r} is the name of something else already")
        found[reader.name] = reader
    return found


def _declared(folder: Path, raw: dict[str, Any]) -> Reader:
    name = raw.pop("reader")
    if unknown := set(raw) - _SETTINGS:
        raise ValueError(f"reader {name}: unknown settings {sorted(unknown)}")
    reader = Reader(
        name=name, folder=folder, **{**raw, **{key: tuple(raw[key]) for key in _LISTS if key in raw}}
    )
    if unknown := set(reader.gives) - set(datasets()):
        raise ValueError(f"reader {name}: gives {sorted(unknown)}, which are no datasets")
    if bool(reader.endings) == bool(reader.sheets):
        raise ValueError(f"reader {name}: either endings or sheets")
    return reader


def reader_of_file(stem: str, ending: str) -> Reader | None:
    """The reader of a file by its name (``stem`` up to ``--``) and ending, both case-folded."""
    reader = readers().get(stem.split("--", 1)[0])
    return reader if reader and ending in reader.endings else None


def reader_of_sheet(name: str) -> Reader | None:
    """The reader of a sheet by its name, without regard to case and outer blanks."""
    wanted = name.strip().casefold()
    return next((reader for reader in readers().values() if wanted in reader.sheets), None)


@cache
def _module(name: str, folder: Path) -> ModuleType:
    """The reader's module: of this package by its name, of another folder by its file."""
    if folder.parent == SOURCES:
        return importlib.import_module(f"sources.{folder.name}.reader")
    known = f"sraap_reader_{name}"
    spec = importlib.util.spec_from_file_location(known, folder / "reader.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[known] = module
    spec.loader.exec_module(module)
    return module
