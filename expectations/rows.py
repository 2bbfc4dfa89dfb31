"""The rows of one dataset in one run, and what becomes of each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from expectations.door import KEY_SEPARATOR, DeliveredTable
from expectations.judging import ROW, Outcome
from expectations.suite import Check
from sources.contract import PROVENANCE, Dataset

SAMPLE_ROWS = 10
ERRORS_OF_FORMULAS = (
    *("#REF!", "#N/A", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#SPILL!", "#CALC!", "#FIELD!"),
    *("#BLOCKED!", "#CONNECT!", "#GETTING_DATA"),
)
"""What spreadsheets show, and save as text, where a formula gives nothing; Excel's in English, as files hold
them."""


class Rows:
    """All rows of a dataset in this run.

    ``frame``: text columns of the contract (NA = missing), the columns of provenance, ``_cells``,
    ``_header_cells``, ``_error_cells``, ``_table`` (place of its table in ``tables``), ``_new``, ``_judged``
    and ``_key``. Of a table read again it holds the rows asked for and those with their keys, which are
    looked at and not judged again. ``out``, ``waits`` and ``repeats`` mark the rows that are quarantined,
    lack a parent, or repeat another. ``told``: ``delivery_seq`` -> what a source says against the row, in
    words.
    """

    def __init__(self, dataset: Dataset, tables: Sequence[DeliveredTable]) -> None:
        self.dataset = dataset
        self.tables = tables
        parts = [_frame_of(dataset, place, delivered) for place, delivered in enumerate(tables)]
        frame = pd.concat(parts, ignore_index=True) if parts else _frame_of(dataset, 0, None)
        self.frame = frame.assign(_key=key_text(dataset, frame))
        self._seqs = pd.Index(frame[ROW])
        if not self._seqs.is_unique:
            raise RuntimeError(f"{dataset.name}: two rows have one delivery_seq")
        self.out = pd.Series(False, index=frame.index)
        self.waits = pd.Series(False, index=frame.index)
        self.repeats = pd.Series(False, index=frame.index)
        self.faults: list[tuple[Check, npt.NDArray[np.int64]]] = []
        self.told = pd.Series(dtype="str")

    @property
    def waiting(self) -> pd.Series:
        """Rows whose only fault is a parent that is not known yet."""
        return self.waits & ~self.out & ~self.repeats

    @property
    def loads(self) -> pd.Series:
        """Rows that are taken in."""
        return self.frame["_judged"] & ~(self.out | self.waits | self.repeats)

    def places(self, seqs: Sequence[int]) -> npt.NDArray[np.int64]:
        """Positions in ``frame`` of those of the given rows that are in it."""
        places = self._seqs.get_indexer(np.array(seqs, dtype=np.int64))
        return np.asarray(places[places >= 0], dtype=np.int64)

    def note(self, outcomes: Sequence[Outcome]) -> None:
        """Keep what the checks of a stage mean for the rows."""
        for outcome in outcomes:
            places = self.places(outcome.failing)
            check = outcome.check
            if not len(places):
                continue
            if check.repeats:
                self.repeats.iloc[places] = True
            elif check.severity == "quarantine":
                (self.waits if check.waits else self.out).iloc[places] = True
                self.faults.append((check, places))
        self.repeats &= ~self.out

    def repeat(self, seqs: Sequence[int]) -> None:
        """These rows repeat what their source said before."""
        self.repeats.iloc[self.places(seqs)] = True

    def balance(self) -> list[dict[str, Any]]:
        """A line for each table: read = loaded + duplicate + quarantined."""
        marks = pd.DataFrame(
            {
                "table": self.frame["_table"],
                "read": self.frame["_judged"],
                "loaded": self.loads,
                "duplicate": self.repeats & self.frame["_judged"],
                "quarantined": (self.out | self.waiting) & self.frame["_judged"],
                "waiting": self.waiting & self.frame["_judged"],
            }
        )
        sums = marks.groupby("table").sum().reindex(range(len(self.tables)), fill_value=0).astype("int64")
        counts = sums.add_prefix("rows_").to_dict("records")
        return [
            {
                "file_sha256": delivered.file_sha256,
                "file_name": delivered.file_name,
                "sheet": delivered.table.sheet,
                "dataset": self.dataset.name,
                **{str(name): count for name, count in counts[place].items()},
            }
            for place, delivered in enumerate(self.tables)
        ]

    def failing(self, outcomes: Sequence[Outcome]) -> dict[int, tuple[int, list[int]]]:
        """Table -> how many of its judged rows failed, and the numbers of the first of them."""
        seqs = [seq for outcome in outcomes for seq in outcome.failing]
        if not seqs:
            return {}
        part = self.frame.iloc[self.places(seqs)]
        numbers = part.loc[part["_judged"], "row_number"]
        found: dict[int, tuple[int, list[int]]] = {}
        for place in part["_table"].unique().tolist():
            mine = numbers[part["_table"] == place].sort_values()
            found[place] = (len(mine), mine.head(SAMPLE_ROWS).tolist())
        return found


def _frame_of(dataset: Dataset, place: int, delivered: DeliveredTable | None) -> pd.DataFrame:
    columns = [column.name for column in dataset.columns]
    source = delivered.table.frame if delivered else pd.DataFrame({"_row": [], "_cells": []})
    text = source.reindex(columns=columns).astype("str")
    said = (delivered.file_sha256, delivered.file_name, delivered.table.sheet) if delivered else (None,) * 3
    frame = text.mask(text == "").assign(
        _cells=source["_cells"].astype("int64"),
        _header_cells=len(delivered.table.header) if delivered else 0,
        _error_cells=text.isin(ERRORS_OF_FORMULAS).sum(axis=1).astype("int64"),
        _table=place,
        _new=delivered.is_new if delivered else False,
        _source=delivered.source if delivered else "",
        _judged=True,
        delivery_seq=(delivered.first_seq if delivered else 0) + np.arange(len(source), dtype=np.int64),
        row_number=source["_row"].astype("int64"),
        **{
            name: pd.Series(value, index=source.index, dtype="str")
            for name, value in zip(("file_sha256", "file_name", "sheet"), said, strict=True)
        },
        place=source.get("_place", pd.Series(None, index=source.index, dtype="str")).astype("str"),
    )
    if delivered is None or delivered.only_rows is None:
        return frame
    asked = frame["row_number"].isin(list(delivered.only_rows))
    # A row that is judged again may contradict, or repeat, one of its file that was judged before.
    mates = key_text(dataset, frame).isin(key_text(dataset, frame[asked]).dropna())
    return frame.assign(_judged=asked)[asked | mates]


def key_text(dataset: Dataset, frame: pd.DataFrame) -> pd.Series:
    """A row's key as one text, as ``Context.known_keys`` has it; NA where a part is missing."""
    first, *others = (frame[column] for column in dataset.key)
    key = first.str.upper() if dataset.name == "states" else first
    for other in others:
        key = key + KEY_SEPARATOR + other
    return key


def key_frame(dataset: Dataset, standing: pd.DataFrame, typed: pa.Table) -> pd.DataFrame:
    """What the checks of keys look at: file, key, day, and a number for what the row says after typing."""
    frame = pd.DataFrame(
        {
            ROW: standing[ROW],
            "_file": standing["file_sha256"],
            "_key": standing["_key"],
            "_received_on": standing["received_on"],
            "_content": 0,
        }
    )
    again = frame.duplicated(["_file", "_key"], keep=False)
    if again.any():
        seqs = frame.loc[again, ROW]
        said = typed.filter(pc.is_in(typed.column(ROW), value_set=pa.array(seqs, pa.int64()))).to_pandas()
        place = {name for name, _, _ in PROVENANCE}
        columns = [name for name, _ in dataset.landing_columns if name not in place]
        content = said.groupby(columns, dropna=False, sort=False).ngroup().set_axis(said[ROW])
        frame.loc[again, "_content"] = content.reindex(seqs).to_numpy()
    return frame
