"""Cells of text as values: dates, words, money, yes and no.

Used by the rules and by the landing alike, so that what passes the door can be typed. Every function works
on the distinct values of a column, of which there are few, and gives NA (NaT) for what isn't one. Source:
docs/contract/inputs.md (Every dataset).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from sources import frames

YES = frozenset({"yes", "true", "1", "y"})
NO = frozenset({"no", "false", "0", "n"})

_YEAR = r"(?:[0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)"
"""Any but 0000, which the calendar doesn't have, though ISO 8601 and pandas do."""
_ISO = _YEAR + r"-[0-9]{2}-[0-9]{2}"
_DECIMAL = r"[+-]?[0-9]{1,16}(\.[0-9]{1,2}0*)?"
"""DECIMAL(18,2): sixteen digits before the point; zeros beyond the second place change nothing."""
_MOST_CODES = 2**62
_MANY_CODES = 2**32


def spread(column: pd.Series, of_distinct: pd.Series) -> pd.Series:
    """Results for the distinct values of a column, back on its rows; the index of ``of_distinct`` are the
    values."""
    if not isinstance(column.dtype, pd.CategoricalDtype):
        codes = pd.Index(of_distinct.index).get_indexer(pd.Index(column))
    elif of_distinct.index.is_(column.cat.categories):
        codes = column.cat.codes.to_numpy()
    else:
        places = of_distinct.index.get_indexer(column.cat.categories)
        codes = np.append(places, -1)[column.cat.codes.to_numpy()]
    return pd.Series(of_distinct.array.take(codes, allow_fill=True), index=column.index)


def distinct(column: pd.Series) -> pd.Series:
    """The distinct values of a column, each indexed by itself, missing ones left out.

    Of a packed column (``packed``) all that it could hold, also those that no row has any more.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        texts = column.cat.categories
        return pd.Series(texts.array, index=texts)
    values = pd.Series(column.dropna().unique(), dtype="str")
    return values.set_axis(pd.Index(values))


def arrow(column: pd.Series | pd.Index) -> pa.Array:
    """Text as one Arrow array."""
    array = pa.array(column, pa.large_string(), from_pandas=True)
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def packed(column: pd.Series) -> pd.Series:
    """The column as ``sources.frames.packed`` has it."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column
    return pd.Series(frames.packed(arrow(column.astype("str"))), index=column.index)


def mapped(column: pd.Series, of_distinct: pd.Series) -> pd.Series:
    """As ``spread``, for texts, packed."""
    numbers, texts = pd.factorize(of_distinct.reindex(distinct(column).index))
    places = np.append(numbers, -1)[codes(packed(column))[0]]
    return pd.Series(pd.Categorical.from_codes(places, pd.Index(texts, dtype="str")), index=column.index)


def used(column: pd.Series) -> pd.Series:
    """A packed column without the texts that no row has any more."""
    numbers = column.cat.codes.to_numpy()
    texts = column.cat.categories
    there = np.bincount(numbers.astype(np.int64) + 1, minlength=len(texts) + 1)[1:] > 0
    if there.all():
        return column
    anew = np.append(np.cumsum(there) - 1, -1)[numbers]
    return pd.Series(pd.Categorical.from_codes(anew, texts[there]), index=column.index)


def text(column: pd.Series) -> pd.Series:
    """The column as ``str``, whether it was packed or not."""
    return spread(column, distinct(column)) if isinstance(column.dtype, pd.CategoricalDtype) else column


def codes(column: pd.Series) -> tuple[npt.NDArray[np.int64], int]:
    """A number for each value of a column, -1 where it is missing, and how many numbers there are."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy().astype(np.int64), len(column.cat.categories)
    if column.dtype == np.int64 and len(column):
        numbers = column.to_numpy()
        low, high = int(numbers.min()), int(numbers.max())
        if high - low < _MANY_CODES:  # numbers already
            return numbers - low, high - low + 1
    found, uniques = pd.factorize(column)
    return found.astype(np.int64), len(uniques)


def row_codes(columns: Sequence[pd.Series]) -> npt.NDArray[np.int64]:
    """A number for each row: rows that are the same in all columns have the same one."""
    first, *others = columns
    together, count = codes(first)
    together, count = together + 1, count + 1
    for column in others:
        more, size = codes(column)
        if count * (size + 1) > _MOST_CODES:
            together, uniques = pd.factorize(together)
            count = len(uniques)
        together = together * (size + 1) + more + 1
        count *= size + 1
    return together


def dates(column: pd.Series) -> pd.Series:
    """``datetime64``: the real dates written ``YYYY-MM-DD``, NaT for anything else."""
    values = distinct(column)
    written = values.where(values.str.fullmatch(_ISO))
    return spread(
        column, pd.to_datetime(written, format="%Y-%m-%d", errors="coerce").astype("datetime64[us]")
    )


def is_decimal(column: pd.Series) -> pd.Series:
    """True for a plain number with a point that fits DECIMAL(18,2) exactly."""
    values = distinct(column)
    return spread(column, values.str.fullmatch(_DECIMAL).astype("boolean")).fillna(False).astype(bool)


def cents(column: pd.Series) -> pd.Series:
    """``Int64``: hundredths, exact; NA for what isn't a decimal."""
    values = distinct(column)
    values = values[values.str.fullmatch(_DECIMAL).astype(bool)]
    whole = values.str.extract(r"^[+-]?([0-9]+)", expand=False)
    places = values.str.extract(r"\.([0-9]{1,2})", expand=False).fillna("").str.ljust(2, "0")
    sign = values.str.startswith("-").map({True: -1, False: 1})
    return spread(column, (whole + places).astype("int64").mul(sign).astype("Int64"))


def is_year(column: pd.Series) -> pd.Series:
    """True for a whole number of four digits."""
    values = distinct(column)
    return spread(column, values.str.fullmatch("[1-9][0-9]{3}").astype("boolean")).fillna(False).astype(bool)


def is_id(column: pd.Series) -> pd.Series:
    """True for an id that a person can tell from others: all of it is seen, and no spreadsheet has cut it."""
    values = distinct(column)
    return spread(column, ~values.map(_is_doubtful).astype("boolean")).fillna(False).astype(bool)


_CUT = re.compile(r"[+-]?[0-9](\.[0-9]+)?E\+[0-9]{2,3}", re.ASCII)
"""A number of more digits than fit, as spreadsheets show and save it: 1.23457E+17."""
_LOST = "\N{REPLACEMENT CHARACTER}"


def _is_doubtful(text: str) -> bool:
    """Whether a text holds what is not seen (controls, zero width, blanks that are no plain space), a
    character that was lost, or is a number that was cut."""
    if text.isascii() and text.isprintable():
        return _CUT.fullmatch(text) is not None
    return any((unicodedata.category(c)[0] in "CZ" and c != " ") or c == _LOST for c in text)


def words(column: pd.Series) -> pd.Series:
    """Words without regard to case."""
    values = distinct(column)
    return spread(column, values.str.casefold())


def yes_no(column: pd.Series) -> pd.Series:
    """``boolean``: NA for what is neither yes nor no."""
    values = distinct(column).str.casefold()
    return spread(
        column, values.map({**dict.fromkeys(YES, True), **dict.fromkeys(NO, False)}).astype("boolean")
    )
