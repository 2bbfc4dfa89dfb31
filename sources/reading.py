"""Files become frames of text.

Whatever format a file has, what leaves here is text as it stood in the cells, so that the suites in
``expectations/`` judge one thing only and an auditor finds in the archive what was judged. Nothing here knows
a rule of a row. Source: docs/contract/inputs.md (Deliveries), docs/architecture.md (From reader to door).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from sources.contract import Dataset, datasets
from sources.frames import FileProblem, RawTable, Unreadable, as_text, frame_of, tidy
from sources.readers import Finding, Reader, Reading, ReadingContext, raw_table, reader_of_file, readers
from sources.tabular import read_csv, read_json, read_jsonl, read_parquet
from sources.template_mark import Mark
from sources.workbooks import Sheet, letters_of, read_workbook

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "MAX_FILE_BYTES",
    "FileContent",
    "FileIdentity",
    "FileProblem",
    "Finding",
    "Parsed",
    "ParsedTable",
    "Table",
    "classify",
    "masked_name",
    "parse",
    "read",
]

MAX_FILE_BYTES = 200_000_000
"""Default limit of one file (docs/contract/inputs.md, Deliveries)."""


_FLAT: dict[str, Callable[[Path, Dataset], RawTable]] = {
    "csv": read_csv,
    "json": read_json,
    "jsonl": read_jsonl,
    "parquet": read_parquet,
}

_COMMON_ENDINGS = frozenset(
    [
        "csv",
        "json",
        "jsonl",
        "parquet",
        "xlsx",
        "xls",
        "xlsm",
        "ods",
        "doc",
        "docx",
        "odt",
        "rtf",
        "pdf",
        "txt",
        "md",
        "html",
        "htm",
        "xml",
        "zip",
        "gz",
        "7z",
        "eml",
        "msg",
        "png",
        "jpg",
        "jpeg",
        "gif",
        "tif",
        "tiff",
        "ppt",
        "pptx",
        "tsv",
        "yml",
        "yaml",
    ]
)


@dataclass(frozen=True)
class FileIdentity:
    """What a file is by its name alone: a dataset's or reader's name, ``workbook`` or ``unknown``, and its
    format: its ending, or ``unknown``."""

    dataset: str
    format: str


@dataclass(frozen=True)
class Table:
    """Rows of one dataset in one file or sheet.

    ``frame``: ``str`` columns named by trimmed, case-folded header, missing cells ``""``, cells trimmed (of a
    large table packed: ``frames.frame_of``), plus ``_row`` (int64, the row number of contract.PROVENANCE),
    ``_cells`` (int64, number of cells the row had) and, of a reader's table, ``_place`` (``str``: where in
    the file the row stands).
    ``sheet``: the sheet, or a reader's name for the table.
    ``header``: the column names of the file, trimmed and case-folded, in order.
    ``problem``: why this table can't be taken; its frame may then hold anything.
    ``letters``: of a sheet, the letters of the spreadsheet's column of each column.
    """

    dataset: str
    sheet: str | None
    frame: pd.DataFrame = field(repr=False)
    header: tuple[str, ...] = field(repr=False)
    problem: FileProblem | None = None
    letters: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def header_only(self) -> bool:
        """A header with no row below it: the dataset counts as delivered."""
        return self.problem is None and self.frame.empty


@dataclass(frozen=True)
class ParsedTable:
    """A ``Table`` before it is a pandas frame; ``table`` is ``None`` where it can't be taken."""

    dataset: str
    sheet: str | None
    table: pa.Table | None = field(repr=False)
    header: tuple[str, ...] = field(repr=False)
    problem: FileProblem | None = None
    letters: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def header_only(self) -> bool:
        """As of ``Table``."""
        return self.problem is None and self.table is not None and self.table.num_rows == 0

    def as_table(self) -> Table:
        import pandas as pd

        frame = pd.DataFrame() if self.table is None else frame_of(self.table)
        return Table(self.dataset, self.sheet, frame, self.header, self.problem, self.letters)


@dataclass(frozen=True)
class Parsed:
    """A ``FileContent`` before its tables are pandas frames."""

    format: str
    tables: tuple[ParsedTable, ...] = ()
    ignored_sheets: int = 0
    problem: FileProblem | None = None
    personal_properties: bool = False
    findings: tuple[tuple[str | None, Finding], ...] = ()
    holds_people: bool = False
    template: Mark | None = None

    def as_content(self) -> FileContent:
        return FileContent(
            self.format,
            tuple(table.as_table() for table in self.tables),
            self.ignored_sheets,
            self.problem,
            self.personal_properties,
            self.findings,
            self.holds_people,
            self.template,
        )


@dataclass(frozen=True)
class FileContent:
    """What a file holds. A file that can't be read has ``problem`` and no tables.

    ``ignored_sheets`` counts the sheets that are no dataset; their names may be anybody's and are not kept.
    ``personal_properties``: the workbook's document properties hold text that could name a person.
    ``findings``: what readers say of the file besides its rows, each with the sheet it is about, if any.
    ``holds_people``: a reader of files that may name persons read it.
    ``template``: the workbook was made by ``sraap template``; its sheets without rows are no tables.
    """

    format: str
    tables: tuple[Table, ...] = ()
    ignored_sheets: int = 0
    problem: FileProblem | None = None
    personal_properties: bool = False
    findings: tuple[tuple[str | None, Finding], ...] = ()
    holds_people: bool = False
    template: Mark | None = None


def classify(name: str) -> FileIdentity:
    """What a file called ``name`` is, before anything reads it. Only the last part of a path counts."""
    stem, _, extension = name.replace("\\", "/").rsplit("/", 1)[-1].casefold().rpartition(".")
    if not stem:
        return FileIdentity("unknown", "unknown")
    dataset = stem.split("--", 1)[0]
    if extension in _FLAT and dataset in datasets():
        return FileIdentity(dataset, extension)
    if reader := reader_of_file(stem, extension):
        return FileIdentity(reader.name, extension)
    if extension == "xlsx":
        return FileIdentity("workbook", "xlsx")
    return FileIdentity("unknown", "unknown")


def masked_name(name: str, sha256: str) -> str:
    """The name under which a restricted file is shown: its own may name a person.

    ``<dataset>--<first 8 of the hash>.<ext>``; an unknown file keeps only an ending that is in common use. A
    name that is the dataset's and nothing more says nothing of anybody, and stays.
    """
    identity = classify(name)
    if identity.format != "unknown":
        if name == f"{identity.dataset}.{identity.format}":
            return name
        return f"{identity.dataset}--{sha256[:8]}.{identity.format}"
    ending = name.rpartition(".")[2].casefold()
    return f"unknown--{sha256[:8]}" + (f".{ending}" if ending in _COMMON_ENDINGS else "")


def read(
    path: Path, name: str, received_on: date | None = None, max_bytes: int = MAX_FILE_BYTES
) -> FileContent:
    """Read the file at ``path`` that was delivered as ``name`` and received on that day, in this process.

    The pipeline reads in a process with limits instead (``flows.reading``). The day is for readers of formats
    that don't say it themselves. A file that can't be read is an answer (``FileContent.problem``), not an
    exception; ``OSError`` is raised where the archive itself can't be read.
    """
    return parse(path, name, received_on, max_bytes).as_content()


def parse(path: Path, name: str, received_on: date | None = None, max_bytes: int = MAX_FILE_BYTES) -> Parsed:
    """As ``read``, and without pandas, which takes longer to import than most files take to be read."""
    identity = classify(name)
    if identity.format == "unknown":
        return Parsed("unknown")
    if (size := path.stat().st_size) > max_bytes:
        return Parsed(
            identity.format,
            problem=FileProblem(
                "FILE-TOO-LARGE",
                f"The file has {size / 1e6:,.1f} MB, the limit is {max_bytes / 1e6:,.1f} MB. "
                "Deliver it in parts.",
            ),
        )
    if size == 0:
        return Parsed(
            identity.format,
            problem=FileProblem(
                "FILE-EMPTY",
                "The file has no bytes. Deliver it again; a table without rows needs its header.",
            ),
        )
    try:
        return _parsed(path, identity, ReadingContext(received_on or date.min, name))
    except Unreadable as error:
        return Parsed(identity.format, problem=error.problem)


def _parsed(path: Path, identity: FileIdentity, context: ReadingContext) -> Parsed:
    """The content of a file by what its name says it is. Raises ``Unreadable``."""
    if identity.dataset == "workbook":
        return _workbook(path, context)
    if reader := readers().get(identity.dataset):
        reading = _guarded(reader, lambda: reader.read(path, identity.format, context))
        return Parsed(
            identity.format,
            _tables(reading),
            findings=tuple((None, finding) for finding in reading.findings),
            holds_people=reader.holds_people,
        )
    dataset = datasets()[identity.dataset]
    return Parsed(identity.format, (_table(dataset, None, _FLAT[identity.format](path, dataset)),))


def _workbook(path: Path, context: ReadingContext) -> Parsed:
    """The sheets that are datasets or a reader's. Raises ``Unreadable``."""
    book = read_workbook(path)
    tables: list[ParsedTable] = []
    findings: list[tuple[str | None, Finding]] = []
    for sheet in book.sheets:
        if isinstance(sheet.kind, Dataset):
            table = _table(sheet.kind, sheet.name, sheet.raw)
            tables.append(replace(table, letters=letters_of(sheet.raw)))
        else:
            made, found = _read_sheet(sheet.kind, sheet, context)
            tables += made
            findings += [(sheet.name, finding) for finding in found]
    if book.template:
        unwritten = [table for table in tables if table.header_only]
        tables = [table for table in tables if not table.header_only]
        if unwritten and tables:
            findings.append((None, _unwritten(len(unwritten))))
    return Parsed(
        "xlsx",
        tuple(tables),
        book.ignored_sheets,
        personal_properties=book.personal_properties,
        findings=tuple(findings),
        holds_people=any(isinstance(s.kind, Reader) and s.kind.holds_people for s in book.sheets),
        template=book.template,
    )


def _only_retracts(table: pa.Table) -> bool:
    retracts = pc.equal(pc.utf8_lower(as_text(table.column("record_status"))), "retracted")
    return table.num_rows > 0 and bool(pc.all(retracts).as_py())


def _unwritten(count: int) -> Finding:
    """A sheet of the template in which nobody wrote is no statement that there are no rows."""
    return Finding(
        "READ-UNWRITTEN",
        "warn",
        f"{count} sheet(s) of the template hold no row and were left out. To say that a dataset has no rows, "
        "deliver a CSV file with only its header.",
    )


def _read_sheet(
    reader: Reader, sheet: Sheet, context: ReadingContext
) -> tuple[tuple[ParsedTable, ...], tuple[Finding, ...]]:
    """What a reader makes of its sheet; one that can't be taken stops that sheet only."""
    try:
        if isinstance(sheet.raw, Unreadable):
            raise sheet.raw
        reading = _guarded(reader, lambda: reader.read_sheet(sheet.cells, context))
    except Unreadable as error:
        refused = ParsedTable(reader.gives[0], sheet.name, None, (), error.problem)
        return (refused,), ()
    named = tuple(replace(table, name=sheet.name) for table in reading.tables)
    return _tables(replace(reading, tables=named)), reading.findings


def _guarded(reader: Reader, read: Callable[[], Reading]) -> Reading:
    """What the reader gives. A reader that breaks says nothing of the file, so that it is quarantined."""
    try:
        return read()
    except (Unreadable, OSError, MemoryError):
        raise
    except Exception as error:
        raise Unreadable(
            "FILE-READER",
            f"The reader {reader.name} broke on it ({type(error).__name__}): a defect of the reader, or a "
            "layout that it doesn't know. Report it; the file is kept and is read again by the next version.",
        ) from None


def _tables(reading: Reading) -> tuple[ParsedTable, ...]:
    return tuple(
        replace(_table(datasets()[table.dataset], table.name, raw_table(table)), letters=table.letters)
        for table in reading.tables
    )


def _table(dataset: Dataset, sheet: str | None, raw: RawTable | Unreadable) -> ParsedTable:
    """The table, or the reason why it can't be taken. What a sheet lacks stops that sheet only."""
    if isinstance(raw, Unreadable):
        return ParsedTable(dataset.name, sheet, None, (), raw.problem)
    try:
        table, header = tidy(raw, frozenset(column.name for column in dataset.columns))
    except Unreadable as error:
        return ParsedTable(dataset.name, sheet, None, (), error.problem)
    return ParsedTable(dataset.name, sheet, table, header, _missing_columns(dataset, table, header))


_OF_RETRACTIONS = ("received_on", "record_status")
"""What a retraction needs besides its key."""


def _missing_columns(dataset: Dataset, table: pa.Table, header: tuple[str, ...]) -> FileProblem | None:
    """What the table lacks; one that only takes records back needs no more than that takes.

    The names of the columns that are there may be anybody's; only those that ought to be are named.
    """
    missing = [name for name in dataset.required_columns if name not in header]
    if not missing or ({*dataset.key, *_OF_RETRACTIONS} <= set(header) and _only_retracts(table)):
        return None
    seen = {"".join(c for c in name if unicodedata.category(c)[0] not in "CZ") for name in header}
    unseen = " A name in the first row holds characters that are not seen: type it anew."
    hint = unseen if seen & set(missing) else ""
    if not {column.name for column in dataset.columns} & set(header):
        return FileProblem(
            "FILE-HEADER",
            f"The first row names no column of {dataset.name}. It must be the header, with at least "
            f"{', '.join(dataset.required_columns)}.{hint}",
        )
    return FileProblem(
        "FILE-COLUMNS",
        f"Required columns of {dataset.name} are missing: {', '.join(missing)}. Add them.{hint}",
    )
