"""How CSV, JSON, JSON lines and Parquet become columns of text.

Each reader keeps a cell as it was written: numbers keep their literal digits, ``NA`` is Namibia, and what
can't be told (an open quote, a nested value, a key given twice) is said instead of guessed.
Source: docs/contract/inputs.md.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Callable, Iterable
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv as arrow_csv

from sources.contract import Dataset
from sources.frames import (
    NO_NUMBER,
    PACKED,
    UNQUOTED,
    RawTable,
    Unreadable,
    as_text,
    check_width,
    large_number,
    named_header,
    text_array,
)

MAX_CELLS = 50_000_000
"""More cells than this are no delivery but a bomb: a few bytes of Parquet can unfold to billions of rows."""

MAX_UNFOLDED_BYTES = 1_000_000_000

_END = "\x1d end of file \x1d"
"""Written as a last record of our own: where it doesn't come back as one, a quote was never closed."""

_UTF16 = (b"\xff\xfe", b"\xfe\xff")

_NO_TEXT = {
    b"PK\x03\x04": "a ZIP archive, as workbooks are",
    b"\x1f\x8b": "packed by gzip",
    b"\xd0\xcf\x11\xe0": "a document of Office, locked or in an old format",
    b"%PDF": "a PDF",
    b"PAR1": "Parquet",
}
"""How files begin that get the name of another format most often."""


def decoded(data: bytes) -> bytes:
    """The bytes without a BOM, once shown to be UTF-8 without NUL. Raises ``Unreadable``."""
    if data.startswith(_UTF16):
        raise Unreadable(
            "FILE-ENCODING", "The file is UTF-16. Save it as UTF-8 (in a spreadsheet: CSV UTF-8)."
        )
    if other := next((what for start, what in _NO_TEXT.items() if data.startswith(start)), None):
        raise Unreadable(
            "FILE-FORMAT",
            f"The file is {other}, and no text as its name says. Unpack it, or give it the ending of what it "
            "is (.xlsx, .parquet).",
        )
    data = data.removeprefix(b"\xef\xbb\xbf")
    if b"\0" in data:
        raise Unreadable("FILE-NUL", "The file holds NUL bytes: it is damaged or no text. Export it again.")
    if (line := _line_that_is_no_utf8(data)) is not None:
        raise Unreadable(
            "FILE-ENCODING",
            f"Line {line} is not UTF-8. Save the file as UTF-8 (in a spreadsheet: CSV UTF-8).",
        )
    if re.search(rb"\S", data) is None:
        raise Unreadable("FILE-EMPTY", "The file holds nothing. A table without rows needs its header.")
    return data


_STEP = 1_000_000


def _line_that_is_no_utf8(data: bytes) -> int | None:
    """The first line that isn't UTF-8. The text of a large file, four bytes a character, is never held."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for at in range(0, len(data), _STEP):
        begun = len(decoder.getstate()[0])
        try:
            decoder.decode(data[at : at + _STEP], final=at + _STEP >= len(data))
        except UnicodeDecodeError as error:
            return data.count(b"\n", 0, at - begun + error.start) + 1
    return None


# --- CSV --------------------------------------------------------------------------------------------------


def read_csv(path: Path, dataset: Dataset) -> RawTable:
    """Rows of a CSV file; the row number counts records, the header being the first, blank lines counted."""
    data = decoded(path.read_bytes())
    blank = re.match(rb"(?:[ \t]*(?:\r\n|\n|\r))*", data)
    above = data[: blank.end()] if blank else b""
    data = data[len(above) :]
    delimiter, header = _header(data, dataset)
    check_width(len(header))
    end = ("\n" if not data.endswith((b"\n", b"\r")) else "") + _END + delimiter * (len(header) - 1) + "\n"
    data += end.encode()
    marked = _with_wrong_quotes_marked(data, delimiter)
    is_marked = marked is not data
    data = marked
    del marked
    kind = PACKED if len(data) > LARGE_BYTES else pa.string()
    table, wrong = _parse(data, delimiter, len(header), kind)
    del data  # what follows needs its room
    if table.num_columns != len(header) or table.column(0)[-1].as_py() != _END:
        raise Unreadable(
            "FILE-QUOTE",
            "A quotation mark is opened and never closed. Close it, or double it inside a quoted cell.",
        )
    lines_above = len(above.splitlines())
    below = _with_wrong_rows(table.slice(1, table.num_rows - 2), wrong, named_header(header), lines_above)
    return _without_wrong_quotes(below) if is_marked else below


_WRONG_QUOTE = "\0"
"""Stands in the place of a cell with a quotation mark where none may stand; the bytes of a file hold none."""


@cache
def _quoting(delimiter: str) -> tuple[re.Pattern[bytes], re.Pattern[bytes], re.Pattern[bytes]]:
    """Cells that are quoted as they must be, or not at all, each with what ends it; what is read as one cell
    where it begins with a quotation mark; and where one follows on blanks."""
    blank = rb"[ ]" if delimiter == "\t" else rb"[ \t]"
    end = rb"[\r\n" + delimiter.encode() + rb"]"
    no_end = rb"[^\r\n" + delimiter.encode() + rb"]*+"
    quoted = rb'"[^"]*+(?:""[^"]*+)*+"'
    right = rb"(?:" + quoted + blank + rb"*+(?=" + end + rb")|(?!" + blank + rb'*")' + no_end + rb")" + end
    return (
        re.compile(rb"(?:" + right + rb")*+"),
        re.compile(quoted + no_end),
        re.compile(blank + rb"++" + no_end),
    )


def _quotes_pair(data: bytes, delimiter: str) -> bool:
    """Whether each quotation mark opens a cell at its very beginning, closes it at its very end, or is one of
    two inside of it. Then none stands where none may; where it is False one may, and each cell is looked at.

    ``data`` ends with a line's end. Of a mark that opens what stands before it is looked at, of one that
    closes what follows; two inside of a cell close it and open it again. Step by step, for a file may hold
    little else than marks.
    """
    text = np.frombuffer(data, dtype=np.uint8)
    beside = np.zeros(256, dtype=np.bool_)
    beside[[ord(sign) for sign in ("\n", "\r", '"', delimiter)]] = True
    count = 0
    for first in range(0, len(text), _STEP):
        marks = np.flatnonzero(text[first : first + _STEP] == ord('"')) + first
        opens, closes = marks[count % 2 :: 2], marks[1 - count % 2 :: 2]
        # Before the first byte of all stands the last one, a line's end.
        if not (beside[text[opens - 1]].all() and beside[text[closes + 1]].all()):
            return False
        count += len(marks)
    return count % 2 == 0


def _with_wrong_quotes_marked(data: bytes, delimiter: str) -> bytes:
    """The bytes, which end with a line's end, with a mark for each cell in which text stands around quotation
    marks (``"Eng"lish``, ``"a \\"b\\" c"``, a blank before the first one).

    Programs read such a cell in different ways; the one that was meant can't be told. A quotation mark inside
    a cell that doesn't begin with one is text. The bytes themselves where nothing is wrong.
    """
    if b'"' not in data or _quotes_pair(data, delimiter):
        return data
    right, quoted, indented = _quoting(delimiter)
    pieces: list[bytes] = []
    done = at = 0
    while found := right.match(data, at):
        at = found.end()
        wrong = quoted.match(data, at) or indented.match(data, at)
        if wrong is None:  # the end, or a quotation mark that is never closed, which is said of the file
            break
        pieces += [data[done:at], _WRONG_QUOTE.encode()]
        done = at = wrong.end()
    return b"".join([*pieces, data[done:]]) if pieces else data


def _without_wrong_quotes(raw: RawTable) -> RawTable:
    """The table; a row with a marked cell has none."""
    wrong = np.zeros(len(raw.rows), dtype=np.bool_)
    for column in raw.columns:
        wrong |= pc.equal(column, _WRONG_QUOTE).to_numpy(zero_copy_only=False)
    right = pa.array(~wrong)
    return RawTable(
        raw.header,
        tuple(pc.if_else(right, column, "") for column in raw.columns),
        raw.rows,
        np.where(wrong, UNQUOTED, raw.cells),
        raw.places,
    )


def _header(data: bytes, dataset: Dataset) -> tuple[str, list[str]]:
    """Delimiter and header: of the delimiters the one with most known columns, then with most columns."""
    known = {column.name for column in dataset.columns}
    start = data[:1_000_000].decode("utf-8", errors="ignore")
    found: list[tuple[int, int, str, list[str]]] = []
    for delimiter in (",", ";", "\t"):
        try:
            cells = next(csv.reader(io.StringIO(start, newline=""), delimiter=delimiter))
        except (csv.Error, StopIteration):
            continue
        found.append((len(known & set(named_header(cells))), len(cells), delimiter, cells))
    if not found:
        raise Unreadable(
            "FILE-HEADER", "The first row can't be read as a header. Write the column names there."
        )
    _, _, delimiter, cells = max(found, key=lambda f: f[:2])
    return delimiter, cells


LARGE_BYTES = 5_000_000
"""The cells of a larger file are parsed into dictionaries, for it will most likely be held so
(``frames.PACKED_ROWS``)."""
BLOCK_BYTES = 8_000_000
"""What is parsed at a time; what a parser needs besides the cells it gives grows with it."""


def _block_size(data: bytes) -> int:
    """Bytes of a block, so that none ends between the two characters of a line's end: there Arrow loses the
    second one, also inside a cell."""
    for size in range(BLOCK_BYTES, min(BLOCK_BYTES + 1000, len(data))):
        if not any(data[end - 1 : end + 1] == b"\r\n" for end in range(size, len(data), size)):
            return size
    return len(data) + 1


def _parse(
    data: bytes, delimiter: str, width: int, kind: pa.DataType
) -> tuple[pa.Table, list[tuple[int, int, str]]]:
    """All records as text of this kind, header first; and record number, cells and text of those with too few
    or many.

    A file with a record that is longer than a block is parsed as a whole.
    """
    size = _block_size(data)
    try:
        return _parsed_in_blocks(data, delimiter, width, kind, size)
    except pa.ArrowMemoryError:
        raise
    except pa.ArrowException:
        if size > len(data):
            raise _no_csv() from None
    try:
        return _parsed_in_blocks(data, delimiter, width, kind, len(data) + 1)
    except pa.ArrowMemoryError:
        raise
    except pa.ArrowException:
        raise _no_csv() from None


def _no_csv() -> Unreadable:
    return Unreadable("FILE-CSV", "The file can't be read as CSV. Export it again as CSV UTF-8.")


def _parsed_in_blocks(
    data: bytes, delimiter: str, width: int, kind: pa.DataType, size: int
) -> tuple[pa.Table, list[tuple[int, int, str]]]:
    """As ``_parse``. Raises ``pa.ArrowException``."""
    wrong: list[tuple[int, int, str]] = []

    def note(row: Any) -> str:
        wrong.append((row.number, row.actual_columns, row.text))
        return "skip"

    with arrow_csv.open_csv(
        pa.BufferReader(data),
        # One thread: only so does Arrow number the rows.
        read_options=arrow_csv.ReadOptions(
            use_threads=False, block_size=size, autogenerate_column_names=True
        ),
        parse_options=arrow_csv.ParseOptions(
            delimiter=delimiter,
            newlines_in_values=True,
            ignore_empty_lines=False,
            invalid_row_handler=note,
        ),
        convert_options=arrow_csv.ConvertOptions(
            column_types={f"f{i}": kind for i in range(width + 1)},
            null_values=[],
            strings_can_be_null=False,
            quoted_strings_can_be_null=False,
        ),
    ) as reader:
        return reader.read_all(), wrong


def _with_wrong_rows(
    table: pa.Table, wrong: list[tuple[int, int, str]], header: tuple[str, ...], lines_above: int
) -> RawTable:
    """The table with its wrong rows back in their places, as rows of empty cells."""
    wrong_numbers = np.array([number for number, _, _ in wrong], dtype=np.int64)
    numbers = np.arange(2, table.num_rows + 2 + len(wrong), dtype=np.int64)
    if wrong:
        numbers = np.setdiff1d(numbers, wrong_numbers, assume_unique=True)
    cells = np.full(len(numbers), len(header), dtype=np.int64)
    columns = list(table.columns)
    if held := [(number, count) for number, count, text in wrong if text.strip(" \t\r\n,;\"'")]:
        numbers = np.concatenate([numbers, np.array([number for number, _ in held], dtype=np.int64)])
        cells = np.concatenate([cells, np.array([count for _, count in held], dtype=np.int64)])
        order = np.argsort(numbers, kind="stable")
        numbers, cells = numbers[order], cells[order]
        empty = pa.array([""] * len(held), pa.string())
        texts = (as_text(column).cast(pa.string()) for column in columns)
        columns = [pa.chunked_array([*column.chunks, empty]).take(pa.array(order)) for column in texts]
    return RawTable(header, tuple(columns), numbers + lines_above, cells)


# --- JSON -------------------------------------------------------------------------------------------------


class _Twice(ValueError):
    """An object has one key twice."""


class _NotANumber(ValueError):
    """NaN or Infinity, which JSON doesn't have."""


_JSON_WORDS: dict[object, str] = {True: "true", False: "false", None: ""}

_NO_CELL = "\0an object or an array"
"""Stands for a value that is no cell. It is told by identity, so that no text of a file can pass for it."""


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return _JSON_WORDS[value]
    return _NO_CELL


def _number_text(text: str) -> str:
    """A number as it was written, but for a fraction of zeros: programs write the year 2025 as 2025.0."""
    whole, _, fraction = text.partition(".")
    return text if fraction.strip("0") else whole


def _record(pairs: list[tuple[str, object]]) -> dict[str, str]:
    """One object as text, its keys trimmed and case-folded."""
    record = {key.strip().casefold(): value if type(value) is str else _text(value) for key, value in pairs}
    if len(record) != len(pairs):
        raise _Twice
    return record


def _refuse_constant(name: str) -> str:
    raise _NotANumber(name)


def _loads(text: str, whole: str, line_of: Callable[[int], int]) -> list[dict[str, str]]:
    """The objects of an array.

    ``whole`` says what was expected; ``line_of`` turns a line of ``text`` into the file's.
    """
    try:
        found = json.loads(
            text,
            parse_int=str,
            parse_float=_number_text,
            parse_constant=_refuse_constant,
            object_pairs_hook=_record,
        )
    except json.JSONDecodeError as error:
        raise Unreadable(
            "FILE-JSON",
            f"The file is no valid JSON from line {line_of(error.lineno)} on. Expected is {whole}.",
        ) from None
    except _Twice:
        raise Unreadable("FILE-JSON-DUPLICATE", "An object has one key twice. Keep one of them.") from None
    except _NotANumber:
        raise Unreadable(
            "FILE-JSON-NAN", "NaN and Infinity are no JSON. Write null for what is missing."
        ) from None
    except RecursionError:
        raise Unreadable(
            "FILE-JSON-NESTED", "The values are nested too deeply. Write flat objects."
        ) from None
    if not isinstance(found, list) or any(type(record) is not dict for record in found):
        raise Unreadable("FILE-JSON", f"The file holds something else than objects. Expected is {whole}.")
    return found


def _from_records(records: list[dict[str, str]], rows: Iterable[int], dataset: Dataset) -> RawTable:
    """The table of objects. One that has an object or an array in a column of the dataset is a wrong row."""
    if not (header := tuple(dict.fromkeys(chain.from_iterable(records)))):
        raise Unreadable(
            "FILE-EMPTY",
            "The file holds no object with a key, and so no column. To say that there are no rows, deliver "
            "a CSV file with only its header.",
        )
    known = {column.name for column in dataset.columns}
    cells = np.full(len(records), len(header), dtype=np.int64)
    columns = []
    for name in header:
        values = [record.get(name, "") for record in records]
        if _NO_CELL in values:
            nested = np.fromiter((value is _NO_CELL for value in values), dtype=np.bool_, count=len(values))
            values = ["" if value is _NO_CELL else value for value in values]
            if name in known:
                cells[nested] = 0
        columns.append(text_array(values))
    numbers = np.fromiter(rows, dtype=np.int64, count=len(records))
    return RawTable(named_header(header), tuple(columns), numbers, cells)


def read_json(path: Path, dataset: Dataset) -> RawTable:
    """Rows of an array of objects; the row number is the object's place, from 1."""
    text = decoded(path.read_bytes()).decode()
    records = _loads(text, "an array of objects", lambda line: line)
    return _from_records(records, range(1, len(records) + 1), dataset)


def read_jsonl(path: Path, dataset: Dataset) -> RawTable:
    """Rows of one object a line, blank lines skipped; the row number is the line's."""
    lines = decoded(path.read_bytes()).decode().split("\n")
    held = [number for number, line in enumerate(lines, start=1) if line.strip()]
    joined = "[" + ",\n".join(lines[number - 1].strip() for number in held) + "]"
    whole = "one object a line"
    records = _loads(joined, whole, lambda line: held[min(line, len(held)) - 1])
    if len(records) != len(held):
        raise Unreadable("FILE-JSON", f"A line holds more than one object. Expected is {whole}.")
    return _from_records(records, held, dataset)


# --- Parquet ----------------------------------------------------------------------------------------------


def read_parquet(path: Path, dataset: Dataset) -> RawTable:
    """Rows of a Parquet file; the row number is the row's place, from 1."""
    try:
        with pq.ParquetFile(path) as file:
            about = file.metadata
            unfolded = sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups))
            if about.num_rows * max(about.num_columns, 1) > MAX_CELLS or unfolded > MAX_UNFOLDED_BYTES:
                raise Unreadable(
                    "FILE-BOMB", "Unpacked, the file is far larger than any delivery. Deliver it in parts."
                )
            table = file.read()
    except pa.ArrowMemoryError:
        raise
    except (pa.ArrowException, OSError, ValueError):
        raise Unreadable(
            "FILE-PARQUET",
            "The file can't be read as Parquet: truncated, or something else. Export it again.",
        ) from None
    header = named_header(table.column_names)
    known = {column.name for column in dataset.columns}
    columns = tuple(
        _parquet_text(column, name if name in known else None)
        for column, name in zip(table.columns, header, strict=True)
    )
    numbers = np.arange(1, table.num_rows + 1, dtype=np.int64)
    return RawTable(header, columns, numbers, np.full(len(numbers), len(header), dtype=np.int64))


def _parquet_text(column: pa.ChunkedArray, name: str | None) -> pa.Array:
    """A column as text: dates ISO, midnights as dates, whole floats without a point.

    ``name``: of a column of the dataset. One that it doesn't know is not loaded, and empty where it is no
    text.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _parquet_text(column.cast(kind.value_type), name)
    try:
        if pa.types.is_timestamp(kind):
            return text_array(_without(pc.strftime(column, "%Y-%m-%dT%H:%M:%S"), r"(T00:00:00)?(\.0+)?$"))
        if pa.types.is_floating(kind):
            # A half has no text of its own; a single has, shorter than that of the same double.
            return _float_text(column.cast(pa.float32()) if pa.types.is_float16(kind) else column)
        if pa.types.is_decimal(kind):
            return text_array(_without(column.cast(pa.string()), r"\.0+$"))
        if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            raise pa.ArrowInvalid("no text")
        return text_array(column.cast(pa.large_string()))
    except pa.ArrowMemoryError:
        raise
    except (pa.ArrowException, OSError):
        if name is None:
            return pa.array([""] * len(column), pa.large_string())
        raise Unreadable(
            "FILE-PARQUET-TYPE",
            f"{name} holds lists, structures or bytes, which are no cells. Write it as text.",
        ) from None


def _without(column: pa.ChunkedArray, pattern: str) -> pa.ChunkedArray:
    return pc.replace_substring_regex(column, pattern=pattern, replacement="")


def _float_text(column: pa.ChunkedArray) -> pa.Array:
    """Shortest text of each distinct number; with an exponent beyond the digits that it keeps, so that it is
    no id."""
    encoded = column.combine_chunks().dictionary_encode()
    words = [_number(value) for value in encoded.dictionary.to_numpy()]
    return text_array(pa.array(words, pa.large_string()).take(encoded.indices))


def _number(value: np.floating[Any]) -> str:
    if not np.isfinite(value):
        return NO_NUMBER
    return large_number(float(value)) or np.format_float_positional(value, trim="-")
