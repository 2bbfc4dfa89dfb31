"""Accepted rows as the landing holds them: typed, words as the vocabulary writes them, people's data gone.

Nothing is judged here. What the suites passed can be typed; where it can't, that is a defect of a suite and
stops the run. Source: docs/architecture.md, docs/contract/inputs.md (Every dataset).
"""

from __future__ import annotations

from functools import cache

import duckdb
import pandas as pd
import pyarrow as pa

from expectations import people, values
from expectations.facts import facts
from sources.contract import PEOPLE_KEYS, PROVENANCE, Column, Dataset

SYNTHETIC = "synthetic sample"
"""The only source_ref that a register of people may keep: any other text of it could name a person."""


def typed(dataset: Dataset, rows: pd.DataFrame, retracted: pd.Series, people_key: bytes) -> pa.Table:
    """The rows with the dataset's ``landing_columns``, in their order.

    ``rows``: text columns of the contract (NA = missing) and the columns of ``PROVENANCE``. ``retracted``:
    rows that keep only key, received_on and record_status. Raises ``RuntimeError`` where a cell can't be
    typed.
    """
    kept = rows.copy(deep=False)
    always = {*dataset.key, "received_on", "record_status"}
    for column in dataset.columns:
        text = rows[column.name]
        kept[column.name] = _canonical(
            dataset, column, text if column.name in always else text.mask(retracted)
        )
    if dataset.holds_people:
        kept = _without_people(kept, people_key)
    return _cast(dataset, kept)


def _canonical(dataset: Dataset, column: Column, text: pd.Series) -> pd.Series:
    """Text that a cast understands: words as in the vocabulary, states as codes, yes/no as true/false."""
    if column.name == "record_status":
        return values.words(text).fillna("active")
    match column.type:
        case "word":
            spelling = {word.casefold(): word for word in column.words}
            return values.words(text).map(spelling).astype("str")
        case "iso3":
            return text.str.upper() if dataset.name == "states" else facts().state_of(text)
        case "yes_no":
            return values.yes_no(text).map({True: "true", False: "false"}).astype("str")
        case _:
            return text


def _without_people(rows: pd.DataFrame, people_key: bytes) -> pd.DataFrame:
    """Keyed hashes in the place of names; iso3 of a state's delegation only."""
    state = rows["iso3"].where(rows["delegation_kind"] == "state")
    hashes = people.person_keys(rows, state, people_key)
    return rows.assign(
        iso3=state,
        source_ref=rows["source_ref"].where(rows["source_ref"] == SYNTHETIC),
        **{name: hashes[name] for name, _, _ in PEOPLE_KEYS},
    )


def _cast(dataset: Dataset, rows: pd.DataFrame) -> pa.Table:
    provenance = {name for name, _, _ in PROVENANCE}
    columns = [name for name, _ in dataset.landing_columns]
    text = pa.Table.from_pandas(rows[columns], preserve_index=False)
    for place, name in enumerate(columns):
        if name not in provenance:
            text = text.set_column(place, name, text.column(name).cast(pa.large_string()))
    with _database().cursor() as connection:
        connection.register("judged", text)
        try:
            return connection.sql(
                f"select {_casts(dataset)} from judged order by delivery_seq"
            ).to_arrow_table()
        except duckdb.Error as error:
            raise RuntimeError(
                f"{dataset.name}: a row that passed every check can't be typed ({type(error).__name__}). "
                "A check of its suite is missing."
            ) from None


@cache
def nothing(dataset: Dataset) -> pa.Table:
    """No row of the dataset, with its ``landing_columns``."""
    absent = ", ".join(f'null as "{name}"' for name, _ in dataset.landing_columns)
    with _database().cursor() as connection:
        return connection.sql(f"select {_casts(dataset)} from (select {absent}) limit 0").to_arrow_table()


def _casts(dataset: Dataset) -> str:
    return ", ".join(
        f'cast("{name}" as {sql_type}) as "{name}"' for name, sql_type in dataset.landing_columns
    )


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """A database that holds nothing; opening one takes longer than typing a small table."""
    return duckdb.connect(":memory:")
