"""Cells of text as values: dates, words, money, yes and no.

Used by the rules and by the landing alike, so that what passes the door can be typed. Every function works
on the distinct values of a column, of which there are few, and gives NA (NaT) for what isn't one. Source:
docs/contract/inputs.md (Every dataset).
"""

from __future__ import annotations

import pandas as pd

YES = frozenset({"yes", "true", "1", "y"})
NO = frozenset({"no", "false", "0", "n"})

_ISO = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_DECIMAL = r"[+-]?[0-9]{1,16}(\.[0-9]{1,2}0*)?"
"""DECIMAL(18,2): sixteen digits before the point; zeros beyond the second place change nothing."""


def spread(column: pd.Series, of_distinct: pd.Series) -> pd.Series:
    """Results for the distinct values of a column, back on its rows; the index of ``of_distinct`` are the
    values."""
    codes = pd.Index(of_distinct.index).get_indexer(pd.Index(column))
    return pd.Series(of_distinct.array.take(codes, allow_fill=True), index=column.index)


def distinct(column: pd.Series) -> pd.Series:
    """The distinct values of a column, each indexed by itself, missing ones left out."""
    values = pd.Series(column.dropna().unique(), dtype="str")
    return values.set_axis(pd.Index(values))


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
