"""The rows of one dataset in one run, and what becomes of each of them.

Text is looked at portion by portion, so that memory does not grow with a delivery; of each row only a few
numbers and marks are kept until its dataset is judged. Rows of one file and key are always in one portion,
for they are compared with each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from pandas.api.types import union_categoricals

from expectations import values
from expectations.door import KEY_SEPARATOR, DeliveredTable
from expectations.facts import facts
from expectations.judging import ROW, Outcome
from expectations.suite import Check
from sources.contract import PROVENANCE, Dataset
from sources.frames import MERGED, UNCOMPUTED, UNQUOTED

SAMPLE_ROWS = 10
ERRORS_OF_FORMULAS = (
    *("#REF!", "#N/A", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#SPILL!", "#CALC!", "#FIELD!"),
    *("#BLOCKED!", "#CONNECT!", "#GETTING_DATA"),
    *(UNCOMPUTED, MERGED),
)
"""What spreadsheets show, and save as text, where a formula gives nothing; Excel's in English, as files hold
them. And what readers write where a cell has no value of its own."""
PORTION_ROWS = 300_000
"""Rows that are judged at a time."""

_MIX = np.uint64(0x9E3779B97F4A7C15)

Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int32]


@dataclass(frozen=True)
class _Part:
    """Rows of one table: ``inside`` are their positions in its frame, or ``None`` for all of them."""

    table: int
    first: int
    rows: int
    inside: Places | None


class Rows:
    """All rows of a dataset in this run, by their place: table by table, in order of delivery.

    ``seqs``: their ``delivery_seq``; ``table``: places of their tables in ``tables``. Of a table read again
    it holds the rows asked for (``judged``) and those with their keys, which are looked at and not judged.
    ``out``, ``waits`` and ``repeats`` mark the rows that are quarantined, lack a parent, or repeat another.
    ``told``: ``delivery_seq`` -> what a source says against the row, in words. Raises ``RuntimeError`` where
    two rows have one ``delivery_seq``.
    """

    def __init__(self, dataset: Dataset, tables: Sequence[DeliveredTable]) -> None:
        self.dataset = dataset
        self.tables = tables
        self._parts: list[_Part] = []
        seqs: list[Places] = [np.empty(0, dtype=np.int64)]
        judged: list[Flags] = [np.empty(0, dtype=bool)]
        count = 0
        for place, delivered in enumerate(tables):
            inside, asked = _inside(dataset, delivered)
            rows = len(delivered.table.frame) if inside is None else len(inside)
            self._parts.append(_Part(place, count, rows, inside))
            seqs.append(delivered.first_seq + (np.arange(rows, dtype=np.int64) if inside is None else inside))
            judged.append(np.ones(rows, dtype=bool) if asked is None else asked)
            count += rows
        self.seqs = np.concatenate(seqs)
        self.judged = np.concatenate(judged)
        self.table = np.repeat(
            np.arange(len(tables), dtype=np.int32), np.array([p.rows for p in self._parts], dtype=np.int64)
        )
        self._order = None if (np.diff(self.seqs) > 0).all() else np.argsort(self.seqs, kind="stable")
        self._sorted = self.seqs if self._order is None else self.seqs[self._order]
        if not (np.diff(self._sorted) > 0).all():
            raise RuntimeError(f"{dataset.name}: two rows have one delivery_seq")
        self.out = np.zeros(count, dtype=bool)
        self.waits = np.zeros(count, dtype=bool)
        self.repeats = np.zeros(count, dtype=bool)
        self.faults: list[tuple[Check, Places]] = []
        self.told = pd.Series(dtype="str")

    def __len__(self) -> int:
        return len(self.seqs)

    @property
    def is_large(self) -> bool:
        """Whether they are judged in several portions."""
        return len(self) > PORTION_ROWS

    @property
    def marks(self) -> tuple[Flags, Flags, Flags]:
        """What became of the rows: ``out``, ``waits``, ``repeats``."""
        return self.out, self.waits, self.repeats

    @marks.setter
    def marks(self, marks: tuple[Flags, Flags, Flags]) -> None:
        self.out, self.waits, self.repeats = marks

    @property
    def waiting(self) -> Flags:
        """Rows whose only fault is a parent that is not known yet."""
        return self.waits & ~self.out & ~self.repeats

    def waiting_at(self, places: Places) -> Flags:
        """``waiting`` of the rows at these places."""
        return self.waits[places] & ~self.out[places] & ~self.repeats[places]

    def held_at(self, places: Places) -> Flags:
        """Which of the rows at these places are quarantined, or wait."""
        return (self.out[places] | self.waiting_at(places)) & self.judged[places]

    @cached_property
    def judged_of_table(self) -> Places:
        """How many rows of each table are judged."""
        return self.by_table(self.judged)

    @cached_property
    def retracts(self) -> Flags:
        """Rows that take a record back."""
        found = [np.empty(0, dtype=bool)]
        for part in self._parts:
            status = _taken(_column(self.tables[part.table].table.frame, "record_status"), part.inside)
            takes_back = values.words(values.distinct(status)) == "retracted"
            of_table = values.spread(status, takes_back.astype("boolean")).fillna(False)
            found.append(of_table.to_numpy(dtype=bool))
        return np.concatenate(found)

    @property
    def loads(self) -> Flags:
        """Rows that are taken in."""
        return self.judged & ~(self.out | self.waits | self.repeats)

    def loads_at(self, places: Places) -> Flags:
        """``loads`` of the rows at these places."""
        lost = self.out[places] | self.waits[places] | self.repeats[places]
        return self.judged[places] & ~lost

    @property
    def new(self) -> Flags:
        """Rows of new files."""
        return np.array([delivered.is_new for delivered in self.tables], dtype=bool)[self.table]

    @property
    def in_order(self) -> bool:
        """Whether the places are in order of delivery."""
        return self._order is None

    @property
    def has_sources(self) -> bool:
        """Whether a source speaks (expectations/agreement.py)."""
        return any(delivered.source for delivered in self.tables)

    def cells(self) -> tuple[Counts, Counts, Counts, Counts]:
        """Cells that each row had, that the header of its table had, that hold the error of a formula, and 1
        for a row with a quotation mark where none may stand."""
        nothing = np.empty(0, dtype=np.int32)
        frames = [(self.tables[part.table].table.frame, part.inside) for part in self._parts if part.rows]
        had = [_taken(frame["_cells"], inside).to_numpy() for frame, inside in frames]
        errors = [_errors(self.dataset, frame) for frame, _ in frames]
        errors = [
            of_table if inside is None else of_table[inside]
            for of_table, (_, inside) in zip(errors, frames, strict=True)
        ]
        headers = np.array([len(delivered.table.header) for delivered in self.tables], dtype=np.int32)
        cells = np.concatenate([nothing, *had]).astype("int32")
        wanted = headers[self.table] if len(headers) else nothing
        unquoted = cells == UNQUOTED
        return (
            np.where(unquoted, wanted, cells),
            wanted,
            np.concatenate([nothing, *errors]),
            unquoted.astype("int32"),
        )

    def portions(self, whole: bool) -> list[Places]:
        """The places of the rows, in portions that are judged one after the other; ``whole``: in one."""
        if whole or not self.is_large:
            return [np.arange(len(self), dtype=np.int64)]
        found: list[Places] = []
        for delivered_by_source in (False, True):
            held: list[Places] = []
            for part in self._parts:
                if bool(self.tables[part.table].source) != delivered_by_source or not part.rows:
                    continue
                places = np.arange(part.first, part.first + part.rows, dtype=np.int64)
                if part.rows > PORTION_ROWS and not delivered_by_source:
                    found += self._by_key(part, places)
                    continue
                # What sources say is compared with what others say: all of it is one portion.
                if held and sum(map(len, held)) + part.rows > PORTION_ROWS and not delivered_by_source:
                    found.append(np.concatenate(held))
                    held = []
                held.append(places)
            if held:
                found.append(np.concatenate(held))
        return found

    def _by_key(self, part: _Part, places: Places) -> list[Places]:
        """A large table in portions, the rows of one key in one of them."""
        frame = self.tables[part.table].table.frame
        key = [_taken(_column(frame, name), part.inside) for name in self.dataset.key]
        numbers = _key_numbers(self.dataset, key).to_numpy(dtype="uint64", na_value=0)
        # Spread evenly, whatever the numbers have in common.
        portion = ((numbers * _MIX) >> np.uint64(32)) % np.uint64(-(-part.rows // PORTION_ROWS))
        return [places[portion == number] for number in np.unique(portion)]

    def frame(self, places: Places) -> pd.DataFrame:
        """The rows at these places, indexed by place.

        Text columns of the contract, packed (``values.packed``), ``_key`` (a number for each key, NA where a
        part is missing), ``_cells``, ``_header_cells``, ``_source`` and the columns of provenance.
        """
        within = np.split(places, np.searchsorted(self.table[places], np.arange(1, len(self.tables))))
        # Portions are ascending, so that the rows of each table follow each other.
        pieces: list[tuple[DeliveredTable, pd.DataFrame]] = []
        for part, mine in zip(self._parts, within, strict=False):
            if len(mine):
                positions = mine - part.first
                if part.inside is not None:
                    positions = part.inside[positions]
                source = self.tables[part.table].table.frame
                all_of_it = len(positions) == len(source)
                pieces.append((self.tables[part.table], source if all_of_it else source.iloc[positions]))
        index = pd.Index(places)
        columns = {c.name: _joined([_column(f, c.name) for _, f in pieces]) for c in self.dataset.columns}
        lengths = [len(frame) for _, frame in pieces]
        said: dict[str, list[str | None]] = {
            "file_sha256": [d.file_sha256 for d, _ in pieces],
            "file_name": [d.file_name for d, _ in pieces],
            "sheet": [d.table.sheet for d, _ in pieces],
            "_source": [d.source for d, _ in pieces],
        }
        frame = pd.DataFrame({name: column.array for name, column in columns.items()}, index=index)
        headers = np.repeat([len(d.table.header) for d, _ in pieces], lengths).astype("int64")
        return frame.assign(
            _key=_key_numbers(self.dataset, [frame[name] for name in self.dataset.key]),
            _cells=_numbers([f["_cells"] for _, f in pieces]),
            _header_cells=headers,
            delivery_seq=self.seqs[places],
            row_number=_numbers([f["_row"] for _, f in pieces]),
            place=_joined([_column(f, "_place") for _, f in pieces]).array,
            **{name: _repeated(texts, lengths) for name, texts in said.items()},
        )

    def row_numbers(self, places: Places) -> pd.DataFrame:
        """``table`` and ``row_number`` of the rows at these places."""
        numbers = np.empty(len(places), dtype=np.int64)
        tables = self.table[places]
        for table in np.unique(tables):
            mine = tables == table
            part = self._parts[table]
            positions = places[mine] - part.first
            if part.inside is not None:
                positions = part.inside[positions]
            numbers[mine] = self.tables[table].table.frame["_row"].to_numpy()[positions]
        return pd.DataFrame({"table": tables.astype("int64"), "row_number": numbers})

    def places(self, seqs: Sequence[int]) -> Places:
        """Places of those of the given rows that are here."""
        wanted = np.array(seqs, dtype=np.int64)
        at = np.searchsorted(self._sorted, wanted)
        at = np.minimum(at, max(len(self) - 1, 0))
        here = self._sorted[at] == wanted if len(self) else np.zeros(len(wanted), dtype=bool)
        found = at[here]
        return np.asarray(found if self._order is None else self._order[found], dtype=np.int64)

    def note(self, outcomes: Sequence[Outcome]) -> None:
        """Keep what the checks of a stage mean for the rows."""
        for outcome in outcomes:
            places = self.places(outcome.failing)
            check = outcome.check
            if not len(places):
                continue
            if check.repeats:
                self.repeats[places] = True
            elif check.severity == "quarantine":
                (self.waits if check.waits else self.out)[places] = True
                self.faults.append((check, places))
        self.repeats &= ~self.out

    def repeat(self, seqs: Sequence[int]) -> None:
        """These rows repeat what their source said before."""
        self.repeats[self.places(seqs)] = True

    def balance(self) -> list[dict[str, Any]]:
        """A line for each table: read = loaded + duplicate + quarantined."""
        held = (self.out | self.waiting) & self.judged
        counts = {
            "rows_read": self.judged_of_table,
            "rows_loaded": self.by_table(self.loads),
            "rows_duplicate": self.by_table(self.repeats & self.judged),
            "rows_quarantined": self.by_table(held),
            "rows_waiting": self.by_table(self.waiting & self.judged),
        }
        return [
            {
                "file_sha256": delivered.file_sha256,
                "file_name": delivered.file_name,
                "sheet": delivered.table.sheet,
                "dataset": self.dataset.name,
                **{name: int(of_table[place]) for name, of_table in counts.items()},
            }
            for place, delivered in enumerate(self.tables)
        ]

    def by_table(self, flags: Flags) -> Places:
        """How many rows of each table are marked."""
        of_parts = [flags[part.first : part.first + part.rows] for part in self._parts]
        return np.array([np.count_nonzero(marked) for marked in of_parts], dtype=np.int64)

    def failing(self, outcomes: Sequence[Outcome]) -> dict[int, tuple[int, list[int]]]:
        """Table -> how many of its judged rows failed, and the numbers of the first of them."""
        seqs = [seq for outcome in outcomes for seq in outcome.failing]
        if not seqs:
            return {}
        places = self.places(seqs)
        lines = self.row_numbers(places)
        numbers = lines.loc[self.judged[places], "row_number"]
        found: dict[int, tuple[int, list[int]]] = {}
        for table in lines["table"].unique().tolist():
            mine = numbers[lines["table"] == table].sort_values()
            found[table] = (len(mine), mine.head(SAMPLE_ROWS).tolist())
        return found


def portioned(places: Places) -> list[Places]:
    """Places in portions of as many rows as are judged at a time."""
    return [places[first : first + PORTION_ROWS] for first in range(0, len(places), PORTION_ROWS)]


def _inside(dataset: Dataset, delivered: DeliveredTable) -> tuple[Places | None, Flags | None]:
    """Positions in a table's frame of the rows to look at, and which of them are judged; none for all."""
    if delivered.only_rows is None:
        return None, None
    frame = delivered.table.frame
    asked = frame["_row"].isin(list(delivered.only_rows)).to_numpy()
    # A row that is judged again may contradict, or repeat, one of its file that was judged before.
    key = pd.Series(_key_numbers(dataset, [_column(frame, name) for name in dataset.key]))
    mates = key.isin(key[asked].dropna()).to_numpy(dtype=bool)
    inside = np.flatnonzero(asked | mates)
    return inside, asked[inside]


def _errors(dataset: Dataset, frame: pd.DataFrame) -> Counts:
    """How many cells of each row hold the error of a formula."""
    found = np.zeros(len(frame), dtype=np.int32)
    for name in {column.name for column in dataset.columns} & set(frame.columns):
        column = frame[name]
        if not isinstance(column.dtype, pd.CategoricalDtype):
            found += column.isin(ERRORS_OF_FORMULAS).to_numpy(dtype=bool)
        elif (are := column.cat.categories.isin(ERRORS_OF_FORMULAS)).any():
            found += np.append(are, False)[column.cat.codes.to_numpy()]
    return found


def first_errors(dataset: Dataset, cells: pd.DataFrame) -> pd.Series:
    """Name of the first column of each row whose cell is the error of a formula; NA where none is."""
    found = pd.Series(None, index=cells.index, dtype="str")
    for column in reversed(dataset.columns):
        found = found.mask(cells[column.name].isin(ERRORS_OF_FORMULAS), column.name)
    return found


def _column(frame: pd.DataFrame, name: str) -> pd.Series:
    """A column packed; missing throughout where the frame has none."""
    if name not in frame:
        return pd.Series(
            pd.Categorical.from_codes(np.full(len(frame), -1, "int8"), NO_TEXT), index=frame.index
        )
    return values.packed(frame[name])


NO_TEXT = pd.Index([], dtype="str")


def _taken(column: pd.Series, inside: Places | None) -> pd.Series:
    return column if inside is None else column.iloc[inside]


def _joined(columns: Sequence[pd.Series]) -> pd.Series:
    """Packed columns below each other."""
    if not columns:
        return pd.Series(pd.Categorical.from_codes([], NO_TEXT))
    if len(columns) == 1:
        return columns[0]
    return pd.Series(union_categoricals([column.array for column in columns]))


def _numbers(columns: Sequence[pd.Series]) -> Places:
    return np.concatenate([np.empty(0, dtype=np.int64), *(c.to_numpy() for c in columns)]).astype("int64")


def _repeated(texts: Sequence[str | None], lengths: Sequence[int]) -> pd.Categorical:
    """A text for each table, on its rows."""
    distinct = [text for text in dict.fromkeys(texts) if text is not None]
    number = {text: place for place, text in enumerate(distinct)}
    numbers = [-1 if text is None else number[text] for text in texts]
    return pd.Categorical.from_codes(np.repeat(numbers, lengths), pd.Index(distinct, dtype="str"))


def _key_numbers(dataset: Dataset, key: Sequence[pd.Series]) -> pd.arrays.IntegerArray:
    """A number for each key; NA where a part is missing."""
    columns = (
        [values.mapped(key[0], facts().state_of(values.distinct(key[0])))]
        if dataset.name == "states"
        else key
    )
    missing = np.logical_or.reduce([column.isna().to_numpy() for column in columns])
    return pd.arrays.IntegerArray(values.row_codes(columns), missing)


def key_text(dataset: Dataset, frame: pd.DataFrame) -> pd.Series:
    """A row's key as one text, as ``Context.known_keys`` has it; NA where a part is missing."""
    first, *others = (values.text(frame[column]) for column in dataset.key)
    key = facts().state_of(first) if dataset.name == "states" else first
    for other in others:
        key = key + KEY_SEPARATOR + other
    return key


def key_frame(dataset: Dataset, standing: pd.DataFrame, typed: pa.Table) -> pd.DataFrame:
    """What the checks of keys look at: a number for file, key and day (``_record``), and one for what the row
    says after typing (``_content``); -1 and 0 where no other row has that file, key and day.

    ``typed``: the rows of ``standing``, in their order.
    """
    place = [standing["file_sha256"], standing["_key"].astype("int64"), standing["received_on"]]
    record = values.row_codes(place)
    again = pd.Series(record).duplicated(keep=False).to_numpy()
    frame = pd.DataFrame({ROW: standing[ROW], "_record": np.where(again, record, -1), "_content": 0})
    if again.any():
        said = typed.filter(pa.array(again)).to_pandas()
        provenance = {name for name, _, _ in PROVENANCE}
        columns = [name for name, _ in dataset.landing_columns if name not in provenance]
        content = said.groupby(columns, dropna=False, sort=False, observed=True).ngroup()
        frame.loc[again, "_content"] = content.to_numpy()
    return frame
