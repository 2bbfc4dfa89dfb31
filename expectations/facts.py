"""What the rules may ask besides the rows they judge.

Great Expectations writes an expectation's arguments into its result, so that ten thousand known keys, or names of
persons, must not be arguments. The door puts them here for as long as it judges. Source: docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
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


@dataclass
class Facts:
    """Facts of one run.

    ``state_of``: column of names or codes -> column of ISO alpha-3 codes, NA where a name means no state.
    ``names_person``: column of text -> True where it holds an e-mail address or the name of a person.
    ``keys``: dataset -> keys known so far, landing and this run.
    ``indicators``: plan_version -> ids of its indicators that a report answers.
    """

    today: date
    plan_version: str
    indicators: Mapping[str, frozenset[str]]
    limits: Limits
    state_of: Callable[[pd.Series], pd.Series] = field(repr=False)
    names_person: Callable[[pd.Series], pd.Series] = field(repr=False)
    keys: dict[str, pa.ChunkedArray] = field(default_factory=dict, repr=False)
    meeting_starts: pd.Series = field(default_factory=lambda: pd.Series(dtype="datetime64[us]"), repr=False)
    contributions: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False)

    def knows(self, dataset: str, column: pd.Series) -> pd.Series:
        """True where the key is known in the dataset."""
        known = self.keys.get(dataset)
        if known is None or len(known) == 0:
            return pd.Series(False, index=column.index)
        found = pc.is_in(pa.array(column, pa.large_string()), value_set=known)
        return pd.Series(found.to_numpy(zero_copy_only=False), index=column.index)


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
