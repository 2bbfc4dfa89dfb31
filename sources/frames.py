"""What every reader makes: columns of text under one header.

The formats differ in how a cell becomes text; what a header is, which rows are no rows and when a table
can't be taken is the same for all and stands here once.
Source: docs/contract/inputs.md, docs/architecture.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    import pandas as pd

OWN_COLUMNS = ("_row", "_cells", "_place")
"""What a table has besides the cells; a column of a file that is called so is not kept."""


UNCOMPUTED = "#UNCOMPUTED!"
"""Stands in the place of a formula that no program has computed, so that its cell doesn't pass for empty."""
MERGED = "#MERGED!"
"""Stands in the cells that are merged into another one: what they say is that one's, or nothing."""
NO_NUMBER = "#NUM!"
"""Stands in the place of what a program stored as the result of a computation that has none (NaN)."""

UNQUOTED = -1
"""The number of cells of a row in which a quotation mark stands where none may."""

MAX_COLUMNS = 2_000
"""Datasets have a dozen; each column costs memory before it holds a cell."""

MOST_SHOWN = 12
"""Places of columns in a sentence."""


@dataclass(frozen=True)
class FileProblem:
    """Why a file, or one table of it, can't be taken: a stable code and a sentence that says what to do."""

    code: str
    sentence: str


class Unreadable(Exception):
    """A file that can't be read. It carries no word of the file's content."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(f"{code}: {sentence}")
        self.problem = FileProblem(code, sentence)


@dataclass(frozen=True)
class RawTable:
    """Cells as a format gave them: ``columns`` of Arrow strings or dictionaries below ``header``, in order,
    without nulls.

    ``rows``: the row number of each row. ``cells``: how many cells each row had. ``places``: where each row
    stands, in words, if its number doesn't say it.
    """

    header: tuple[str, ...] = field(repr=False)
    columns: tuple[pa.Array | pa.ChunkedArray, ...] = field(repr=False)
    rows: npt.NDArray[np.int64] = field(repr=False)
    cells: npt.NDArray[np.int64] = field(repr=False)
    places: pa.Array | None = field(default=None, repr=False)


def text_array(values: Sequence[str] | pa.ChunkedArray | pa.Array) -> pa.Array:
    """Arrow strings, nulls as ``""``. Raises ``Unreadable`` for text that isn't Unicode (lone surrogates)."""
    try:
        array = (
            values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values, pa.large_string())
        )
    except pa.ArrowMemoryError:
        raise
    except (UnicodeEncodeError, pa.ArrowException):
        raise Unreadable(
            "FILE-ENCODING", "The file holds text that is not Unicode. Save it again as UTF-8."
        ) from None
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    return pc.fill_null(array.cast(pa.large_string()), "")


EXACT_BELOW = 1e15
"""From here on a number has more digits than spreadsheets keep."""


def large_number(value: float) -> str | None:
    """A number of more than fifteen digits as spreadsheets show it (1.23E+17), for its last ones may be lost;
    None for any other."""
    if abs(value) < EXACT_BELOW:
        return None
    return np.format_float_scientific(value, trim="-", exp_digits=2).upper()


def named_header(cells: Sequence[str]) -> tuple[str, ...]:
    """Column names, trimmed and case-folded; a column without a name is called by its place.

    Raises ``Unreadable`` for a name that isn't Unicode (lone surrogates).
    """
    text_array(cells)
    return tuple(name.strip().casefold() or f"column {place}" for place, name in enumerate(cells, start=1))


def check_width(columns: int) -> None:
    """Raise ``Unreadable`` for a table that is far wider than any dataset."""
    if columns > MAX_COLUMNS:
        raise Unreadable(
            "FILE-COLUMNS-MANY",
            f"The table has {columns:,} columns, more than the {MAX_COLUMNS:,} that are read. Delete those "
            "that hold nothing.",
        )


def tidy(raw: RawTable, known: Collection[str]) -> tuple[pa.Table, tuple[str, ...]]:
    """The table of text and its header: cells trimmed, empty rows and nameless empty columns left out.

    Columns as in ``reading.Table.frame``; of more than ``PACKED_ROWS`` rows as Arrow dictionaries, in which a
    cell without text is null, each text stands once, and none stands that no row has. A row that is empty
    throughout is a row all the same where it had a wrong number of cells: its cells were dropped because
    nobody knows to which column they belong. Of the ``known`` columns each may be there once; others of one
    name are called by their place.
    Raises ``Unreadable`` for two columns of one known name and for NUL characters.
    """
    large = len(raw.rows) > PACKED_ROWS
    columns = [_packed(column) if large else _trimmed(column) for column in raw.columns]
    filled = [column.is_valid() if large else pc.not_equal(column, "") for column in columns]
    times = Counter(raw.header)
    names = [
        (place, name if name in known or times[name] == 1 else f"column {place + 1}")
        for place, name in enumerate(raw.header)
        if name != f"column {place + 1}" or pc.any(filled[place]).as_py()
    ]
    header = tuple(name for _, name in names)
    check_width(len(header))
    if twice := {name for name, times in Counter(header).items() if times > 1}:
        places = [str(place + 1) for place, name in names if name in twice]
        shown = ", ".join(places[:MOST_SHOWN]) + (", …" if len(places) > MOST_SHOWN else "")
        raise Unreadable(
            "FILE-HEADER-DUPLICATE", f"Columns {shown} share a name. Give every column a name of its own."
        )
    texts = [column.dictionary if large else column for column in columns]
    if any(pc.any(pc.match_substring(texts[place], "\0")).as_py() for place, _ in names):
        raise Unreadable("FILE-NUL", "The file holds NUL characters. Export it again as plain text.")
    keep: npt.NDArray[np.bool_] = raw.cells != len(raw.header)
    for mask in filled:
        keep = keep | mask.to_numpy(zero_copy_only=False)
    held = {name: columns[place] for place, name in names if name not in OWN_COLUMNS}
    held["_row"] = pa.array(raw.rows, pa.int64())
    # Without its nameless columns the header may have as many as a row that lacks some: such a row has none.
    cells = np.where(raw.cells == len(header), 0, raw.cells)
    held["_cells"] = pa.array(np.where(raw.cells == len(raw.header), len(header), cells), pa.int64())
    if raw.places is not None:
        held["_place"] = _packed(raw.places) if large else raw.places
    table = pa.table(held)
    if not keep.all():
        table = table.filter(pa.array(keep))
    if large and table.num_rows <= PACKED_ROWS:
        table = pa.table({name: as_text(table.column(name)) for name in table.column_names})
    return table, header


def _trimmed(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """The column itself where nothing is to be trimmed, so that most are held once."""
    column = as_text(column)
    trimmed = pc.utf8_trim_whitespace(column)
    return column if trimmed.equals(column) else trimmed


PACKED_ROWS = 50_000
"""A larger table is held packed (``packed``)."""

PACKED = pa.dictionary(pa.int32(), pa.large_string())
"""The type of a packed column in Arrow."""


def as_text(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """A column of text whether it was packed or not, null as ``""``; any other column as it is."""
    if not pa.types.is_dictionary(column.type):
        return column
    return pc.fill_null(column.cast(pa.large_string()), "")


def _packed(column: pa.Array | pa.ChunkedArray) -> pa.DictionaryArray:
    """A column trimmed and as a dictionary (``tidy``): what is done with a text is done once, and not once
    for each row that has it."""
    if not pa.types.is_dictionary(column.type):
        column = column.cast(pa.large_string()).dictionary_encode()
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    # Two texts may be the same once they are trimmed.
    once = pc.utf8_trim_whitespace(column.dictionary.cast(pa.large_string())).dictionary_encode()
    place = np.append(once.indices.to_numpy(), -1)[pc.fill_null(column.indices, -1).to_numpy()]
    there = np.bincount(place + 1, minlength=len(once.dictionary) + 1)[1:] > 0
    there &= pc.not_equal(once.dictionary, "").to_numpy(zero_copy_only=False)
    if not there.all():
        place = np.append(np.where(there, np.cumsum(there) - 1, -1), -1)[place]
    numbers = pa.array(place.astype(np.int32), mask=place < 0)
    return pa.DictionaryArray.from_arrays(numbers, once.dictionary.filter(pa.array(there)))


def frame_of(table: pa.Table) -> pd.DataFrame:
    """A table that ``tidy`` made, as pandas has it: ``str`` columns, ``_row`` and ``_cells`` int64.

    Of more than ``PACKED_ROWS`` rows: packed columns, in which a cell without text is missing, and int32.
    """
    import pandas as pd

    if table.num_rows > PACKED_ROWS:
        columns = {
            name: table.column(name).to_numpy().astype("int32")
            if name in ("_row", "_cells")
            else packed(table.column(name))
            for name in table.column_names
        }
        return pd.DataFrame(columns)
    frame: pd.DataFrame = table.to_pandas()
    other = [
        name for name in table.column_names if name not in ("_row", "_cells") and frame.dtypes[name] != "str"
    ]
    return frame.astype(dict.fromkeys(other, "str")) if other else frame


def packed(texts: pa.Array | pa.ChunkedArray) -> pd.Categorical:
    """Text as numbers of its distinct values, ``""`` as missing; a column of ``tidy``'s as it is.

    A column of a million cells has a few hundred words, days and ids; what is done with it costs as much as
    these, and four bytes a row.
    """
    import pandas as pd

    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    encoded = (
        texts
        if pa.types.is_dictionary(texts.type)
        else pc.if_else(pc.equal(texts, ""), None, texts).dictionary_encode()
    )
    numbers = pc.fill_null(encoded.indices, -1).to_numpy()
    return pd.Categorical.from_codes(numbers, categories=pd.Index(pd.array(encoded.dictionary, dtype="str")))
