"""What the rows of one source say against what it said before, and against other sources.

A source is a reader of files (sources/readers.py): the depositary's table, a database that repeats it, a
registration system. It gives its whole table each time, so that most of its rows repeat what it said before;
and two of them may give different days for one act. Rows of canonical deliveries have no source: they are
versions as the contract says and are never held back by anything here.

Rules (docs/decisions/014-when-sources-disagree.md):

- a row that says what its source said last is a repetition and counts as a duplicate;
- a row that contradicts a source that goes before its own waits, until they agree;
- a row that contradicts what another source, or a delivery, said before loads, and people are told.

Everything is compared after typing, so that no name of a person takes part in it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pyarrow as pa

from expectations.judging import ROW
from expectations.rows import key_text
from sources.contract import PROVENANCE, Dataset

COLUMNS = (ROW, "_held", "_differs")

_NOT_COMPARED = {name for name, _, _ in PROVENANCE} | {"received_on", "source_ref"}


def compared(
    dataset: Dataset,
    rows: pd.DataFrame,
    typed: pa.Table,
    landed: pd.DataFrame,
    precedence: Mapping[str, int],
) -> pd.DataFrame:
    """What the checks of the stage ``source`` look at, one line for each row of a source.

    ``rows``: rows that stand, with ``delivery_seq``, ``_key``, ``_source`` (a reader's name, else empty),
    ``_new`` and ``_judged``. ``typed``: their landing columns. ``landed``: all versions in the landing, with
    ``_source``. ``precedence``: of the sources that have one; the smaller number goes first.

    Gives ``delivery_seq``, ``_held`` and ``_differs`` (0 or 1), ``_repeated``, and ``_told``: what the row
    says and what stands against it, in words; without values for a dataset that holds people's data.
    """
    spoken = rows[rows["_judged"] & (rows["_source"] != "")]
    if spoken.empty:
        return pd.DataFrame(columns=[*COLUMNS, "_repeated", "_told"])
    says = [name for name, _ in dataset.landing_columns if name not in _NOT_COMPARED]
    now = _texts(typed.to_pandas(), says).set_index(ROW).loc[spoken[ROW]].reset_index()
    now = now.assign(
        _key=spoken["_key"].to_numpy(),
        _source=spoken["_source"].to_numpy(),
        _new=spoken["_new"].to_numpy(),
        _now=True,
    )
    before = _texts(landed, says).assign(_source=landed["_source"], _new=False, _now=False)
    before["_key"] = key_text(dataset, before).to_numpy()
    before = before[before["_key"].isin(now["_key"])]
    statements = pd.concat([before, now], ignore_index=True)
    statements["_rank"] = statements["_source"].map(precedence).astype("float64").fillna(np.inf)
    statements = statements.sort_values(ROW, kind="stable").reset_index(drop=True)
    repeated = _repeats(statements, says)
    first = _first(statements)
    against_first = _Against(statements, first, says)
    below = np.isfinite(statements["_rank"]) & (
        statements["_rank"] > statements["_key"].map(first["_rank"]).astype("float64")
    )
    held = below & against_first.conflicts
    adds_nothing = below & ~against_first.conflicts & against_first.silent
    other = _others(statements)
    against_other = _Against(statements, other, says, by="_row")
    mine = statements["_now"]
    repeated |= adds_nothing
    held &= ~repeated
    differs = against_other.conflicts & ~repeated & ~held
    told = pd.Series("", index=statements.index, dtype="str")
    told[held & mine] = against_first.told(held & mine, dataset)
    told[differs & mine] = against_other.told(differs & mine, dataset)
    return pd.DataFrame(
        {
            ROW: statements[ROW].astype("int64"),
            "_held": held.astype("int64"),
            "_differs": differs.astype("int64"),
            "_repeated": repeated,
            "_told": told,
        }
    )[mine].reset_index(drop=True)


def _texts(frame: pd.DataFrame, says: list[str]) -> pd.DataFrame:
    """Typed cells as text that compares: a missing one is empty."""
    return pd.DataFrame(
        {name: _text(frame[name]) for name in (*says, "received_on")} | {ROW: frame[ROW].astype("int64")}
    )


def _text(column: pd.Series) -> pd.Series:
    return column.astype("object").where(column.notna(), "").astype("str")


def _repeats(statements: pd.DataFrame, says: list[str]) -> pd.Series:
    """Rows that say what their source said last, and rows that waited and that their source has overtaken."""
    of_source = statements.groupby(["_key", "_source"], sort=False)
    same_as_last = pd.Series(True, index=statements.index)
    same_as_newest = pd.Series(True, index=statements.index)
    for name in says:
        same_as_last &= statements[name] == of_source[name].shift()
        same_as_newest &= statements[name] == of_source[name].transform("last")
    overtaken = statements["_now"] & ~statements["_new"] & ~same_as_newest
    return (same_as_last & (statements["_source"] != "")) | overtaken


def _first(statements: pd.DataFrame) -> pd.DataFrame:
    """Key -> the newest statement of the source that goes first, of those that have a precedence."""
    ranked = statements[np.isfinite(statements["_rank"])]
    newest: pd.DataFrame = ranked.sort_values(["_rank", ROW], ascending=[True, False], kind="stable")
    return newest.drop_duplicates("_key").set_index("_key")


def _others(statements: pd.DataFrame) -> pd.DataFrame:
    """Row -> the newest earlier version that came from elsewhere."""
    in_time = statements.assign(_row=statements.index)
    pairs = in_time[in_time["_now"]][["_row", "_key", "_source"]].merge(
        in_time[~in_time["_now"]], on="_key", suffixes=("", "_of")
    )
    pairs = pairs[pairs["_source"] != pairs["_source_of"]]
    newest = pairs.sort_values(["received_on", ROW], kind="stable").drop_duplicates("_row", keep="last")
    return newest.assign(_source=newest["_source_of"]).set_index("_row")


class _Against:
    """Each statement against one other: ``conflicts`` where both speak and differ, or each says what the
    other leaves open; ``silent`` where it leaves open what the other says."""

    def __init__(
        self, statements: pd.DataFrame, other: pd.DataFrame, says: list[str], by: str = "_key"
    ) -> None:
        keys = statements["_key"] if by == "_key" else pd.Series(statements.index, index=statements.index)
        self._says = says
        self._mine = statements
        self._theirs = pd.DataFrame(
            {name: _text(keys.map(other[name])) for name in (*says, "_source")}, index=statements.index
        )
        compares = keys.isin(other.index)
        both = pd.Series(False, index=statements.index)
        silent, more = both.copy(), both.copy()
        self._differ = {}
        for name in says:
            mine, theirs = statements[name], self._theirs[name]
            self._differ[name] = compares & (mine != theirs) & (mine != "") & (theirs != "")
            both |= self._differ[name]
            silent |= compares & (mine == "") & (theirs != "")
            more |= compares & (mine != "") & (theirs == "")
        self.silent = silent & ~more
        self.conflicts = both | (silent & more)

    def told(self, which: pd.Series, dataset: Dataset) -> pd.Series:
        """In words: what the row says, and what the other says."""
        source: pd.Series = self._theirs.loc[which, "_source"].replace("", "an earlier delivery")
        if dataset.holds_people:
            return source + " says something else"
        words = pd.Series("", index=source.index, dtype="str")
        for name in self._says:
            differ = self._differ[name][which]
            here = f"{name} is " + self._mine.loc[which, name] + " here and " + self._theirs.loc[which, name]
            words = words.mask(differ, words + here + " by " + source + "; ")
        return words.str.removesuffix("; ").mask(words == "", source + " leaves open what is said here")
