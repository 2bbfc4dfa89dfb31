"""What the rules may ask besides the rows they judge.

Great Expectations writes an expectation's arguments into its result, so that ten thousand known keys, or
names of persons, must not be arguments. The door puts them here for as long as it judges. Source:
docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from expectations.door import Limits


class KeyRing:
    """Keys known so far: those of the landing, read when first asked for, and those of this run."""

    def __init__(self, landed: Mapping[str, Collection[str] | pa.Array]) -> None:
        self._landed = landed
        self._read: dict[str, pa.ChunkedArray] = {}
        self._of_run: dict[str, list[pa.Array]] = {}

    def add(self, dataset: str, keys: pd.Series) -> None:
        """Keys of rows that load in this run; missing ones are none."""
        self._of_run.setdefault(dataset, []).append(pa.array(keys.dropna(), pa.large_string()))

    def knows(self, dataset: str, column: pd.Series) -> pd.Series:
        """True where the key is known in the dataset."""
        if dataset not in self._read:
            self._read[dataset] = _as_keys(self._landed.get(dataset, ()))
        known = [*self._read[dataset].chunks, *self._of_run.get(dataset, [])]
        if not sum(map(len, known)):
            return pd.Series(False, index=column.index)
        asked = pa.array(column, pa.large_string())
        found = pc.is_in(asked, value_set=pa.chunked_array(known, pa.large_string()), skip_nulls=True)
        return pd.Series(found.to_numpy(zero_copy_only=False), index=column.index)


def _as_keys(keys: Collection[str] | pa.Array) -> pa.ChunkedArray:
    array = keys if isinstance(keys, pa.Array | pa.ChunkedArray) else pa.array(list(keys), pa.large_string())
    if isinstance(array, pa.Array):
        array = pa.chunked_array([array])
    return array.cast(pa.large_string())


@dataclass
class Facts:
    """Facts of one run.

    ``state_of``: column of names or codes -> column of ISO alpha-3 codes, NA where a name means no state.
    ``names_person``: column of text -> True where it holds an e-mail address or the name of a person.
    ``keys``: keys of all datasets that are known so far. ``said``: keys of this run's rows without fault in
    the dataset that is being judged; a retraction may mean one of them. ``indicators``: plan_version -> ids
    of its indicators that a report answers.
    """

    today: date
    plan_version: str
    indicators: Mapping[str, frozenset[str]]
    limits: Limits
    state_of: Callable[[pd.Series], pd.Series] = field(repr=False)
    names_person: Callable[[pd.Series], pd.Series] = field(repr=False)
    keys: KeyRing = field(default_factory=lambda: KeyRing({}), repr=False)
    said: pd.Series = field(default_factory=lambda: pd.Series(dtype="str"), repr=False)
    meeting_starts: pd.Series = field(default_factory=lambda: pd.Series(dtype="datetime64[us]"), repr=False)
    contributions: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False)


_CURRENT: ContextVar[Facts] = ContextVar("facts")


def facts() -> Facts:
    """The facts of the run that is being judged. Raises ``LookupError`` outside of one."""
    return _CURRENT.get()


@contextmanager
def judging_with(current: Facts) -> Iterator[Facts]:
    """Make the facts known to the rules inside the block."""
    token = _CURRENT.set(current)
    try:
        yield current
    finally:
        _CURRENT.reset(token)
