"""Frames of text with notes on the faults in them.

A synthetic frame has the columns of its dataset and three notes, ``_column``, ``_kind`` and
``_outcome``, empty for a sound row. The notes travel with the row through every sort and split, so
that the list of expected findings is written by the same hand that writes the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from sources.sample.chance import Chance

NOTES = ("_column", "_kind", "_outcome")
SYNTHETIC = "synthetic sample"
LAST_RECEIVED = np.datetime64("2026-11-20", "D")
"""No row of the sample was received later."""

Outcome = Literal["quarantined", "waiting", "duplicate", "warned"]


def frame(columns: Mapping[str, object]) -> pd.DataFrame:
    """A frame of text, with ``record_status`` and ``source_ref`` where not given, and empty notes."""
    made = pd.DataFrame(dict(columns), dtype=object).astype(str)
    if "record_status" not in made:
        made["record_status"] = ""
    if "source_ref" not in made:
        made["source_ref"] = SYNTHETIC
    for note in NOTES:
        made[note] = ""
    return made


def note(
    rows: pd.DataFrame, at: npt.NDArray[np.int64] | Sequence[int], column: str, kind: str, outcome: Outcome
) -> None:
    """Note a fault on the rows at these positions."""
    for name, value in zip(NOTES, (column, kind, outcome), strict=True):
        rows.iloc[np.asarray(at), rows.columns.get_loc(name)] = value  # type: ignore[index]


def spoil(
    rows: pd.DataFrame,
    at: npt.NDArray[np.int64] | Sequence[int],
    column: str,
    values: Sequence[str],
    kind: str,
    *,
    outcome: Outcome = "quarantined",
) -> None:
    """Put ``values`` (in turn) into a column of the rows at these positions, and note the fault."""
    put(rows, at, column, values)
    note(rows, at, column, kind, outcome)


def put(
    rows: pd.DataFrame, at: npt.NDArray[np.int64] | Sequence[int], column: str, values: Sequence[str]
) -> None:
    """Put ``values`` (in turn) into a column of the rows at these positions: odd, and no fault."""
    at = np.asarray(at, dtype=np.int64)
    filled = np.resize(np.asarray(values, dtype=object), len(at))
    rows.iloc[at, rows.columns.get_loc(column)] = filled  # type: ignore[index]


def after(rows: pd.DataFrame, extra: pd.DataFrame, at: npt.NDArray[np.int64]) -> pd.DataFrame:
    """``rows`` with each row of ``extra`` placed right after position ``at``."""
    place = np.concatenate([np.arange(len(rows)) * 2, at * 2 + 1])
    both = pd.concat([rows, extra], ignore_index=True)
    return both.iloc[np.argsort(place, kind="stable")].reset_index(drop=True)


def scatter(rows: pd.DataFrame, extra: pd.DataFrame, chance: Chance) -> pd.DataFrame:
    """``rows`` with the rows of ``extra`` at random places."""
    return after(rows, extra, chance.integers(0, len(rows) - 1, len(extra)))


def repeat(rows: pd.DataFrame, at: npt.NDArray[np.int64]) -> pd.DataFrame:
    """``rows`` with an exact copy below each row at these positions, noted as a duplicate."""
    copies = rows.iloc[at].copy()
    note(copies, np.arange(len(copies)), "", "exact_duplicate", "duplicate")
    return after(rows, copies, at)


def contradict(
    rows: pd.DataFrame, at: npt.NDArray[np.int64], column: str, values: Mapping[str, str]
) -> pd.DataFrame:
    """``rows`` with a copy below each row at these positions that differs in one column.

    Same key and same received_on: the door can't tell which is right, so both are noted, on their key.
    """
    note(rows, at, str(rows.columns[0]), "conflicting_duplicate", "quarantined")
    copies = rows.iloc[at].copy()
    copies[column] = copies[column].map(values)
    return after(rows, copies, at)


def single(rows: pd.DataFrame, key: Sequence[str]) -> npt.NDArray[np.int64]:
    """Positions of sound rows whose key stands once in the frame: faults there touch no other row."""
    once = ~rows.duplicated(list(key), keep=False) & (rows["_outcome"] == "")
    return np.flatnonzero(once.to_numpy())
