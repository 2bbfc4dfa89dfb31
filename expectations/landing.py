"""Accepted rows as the landing holds them: typed, words as the vocabulary writes them, people's data gone.

Nothing is judged here. What the suites passed can be typed; where it can't, that is a defect of a suite and
stops the run. Source: docs/architecture.md, docs/contract/inputs.md (Every dataset).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from expectations import people, values
from expectations.facts import facts
from sources.contract import PEOPLE_KEYS, PROVENANCE, Column, Dataset

Flags = npt.NDArray[np.bool_]

SYNTHETIC = "synthetic sample"
"""The only source_ref that a register of people may keep: any other text of it could name a person."""


def typed(dataset: Dataset, rows: pd.DataFrame, retracted: Flags, people_key: bytes) -> pa.Table:
    """The rows with the dataset's ``landing_columns``, in their order; texts as Arrow dictionaries.

    ``rows``: text columns of the contract, packed, and the columns of ``PROVENANCE``. ``retracted``: rows
    that keep only key, received_on and record_status. Raises ``RuntimeError`` where a cell can't be typed.
    """
    kept = {name: rows[name] for name, _, _ in PROVENANCE}
    always = {*dataset.key, "received_on", "record_status"}
    for column in dataset.columns:
        text = rows[column.name]
        if column.name not in always and retracted.any():
            text = text.mask(retracted)
        kept[column.name] = _canonical(column, text)
    if dataset.holds_people:
        kept |= _without_people(kept, people_key)
    with _cursor() as connection:
        try:
            return pa.table(
                {name: _cast(connection, kept[name], kind) for name, kind in dataset.landing_columns}
            )
        except duckdb.Error as error:
            raise RuntimeError(
                f"{dataset.name}: a row that passed every check can't be typed ({type(error).__name__}). "
                "A check of its suite is missing."
            ) from None


def _canonical(column: Column, text: pd.Series) -> pd.Series:
    """Text that a cast understands: words as in the vocabulary, states as codes, yes/no as true/false."""
    said = values.distinct(text)
    if column.name == "record_status":
        stated = values.mapped(text, values.words(said))
        return stated.cat.set_categories(stated.cat.categories.union(["active"])).fillna("active")
    match column.type:
        case "word":
            spelling = {word.casefold(): word for word in column.words}
            return values.mapped(text, values.words(said).map(spelling).astype("str"))
        case "iso3":
            return values.mapped(text, facts().state_of(said))
        case "yes_no":
            return values.mapped(text, values.yes_no(said).map({True: "true", False: "false"}).astype("str"))
        case _:
            return text


def _without_people(rows: Mapping[str, pd.Series], people_key: bytes) -> dict[str, pd.Series]:
    """Keyed hashes in the place of names; iso3 of a state's delegation only."""
    state = rows["iso3"].where(rows["delegation_kind"] == "state")
    hashes = people.person_keys(rows, values.text(state), people_key)
    return {
        "iso3": state,
        "source_ref": rows["source_ref"].where(rows["source_ref"] == SYNTHETIC),
        **{name: values.packed(hashes[name]) for name, _, _ in PEOPLE_KEYS},
    }


def _cast(connection: duckdb.DuckDBPyConnection, column: pd.Series, kind: str) -> pa.Array:
    """A column as its SQL type; of a text its distinct values are cast. Raises ``duckdb.Error``."""
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return pa.array(column)
    column = values.used(column)
    texts = values.arrow(column.cat.categories)
    numbers = pa.array(column.cat.codes.to_numpy().astype("int32"))
    numbers = pc.if_else(pc.less(numbers, 0), None, numbers)
    if kind.casefold() == "varchar":
        return pa.DictionaryArray.from_arrays(numbers, texts.cast(pa.string()))
    asked = pa.table({"said": texts})
    connection.register("asked", asked)
    found = connection.sql(f"select cast(said as {kind}) as meant from asked").to_arrow_table()
    return found.column("meant").combine_chunks().take(numbers)


@cache
def nothing(dataset: Dataset) -> pa.Table:
    """No row of the dataset, with its ``landing_columns``."""
    absent = ", ".join(f'cast(null as {kind}) as "{name}"' for name, kind in dataset.landing_columns)
    with _cursor() as connection:
        return connection.sql(f"select {absent} limit 0").to_arrow_table()


def _cursor() -> duckdb.DuckDBPyConnection:
    return _database(os.getpid()).cursor()


@cache
def _database(process: int) -> duckdb.DuckDBPyConnection:
    """A database that holds nothing, of this process; opening one takes longer than typing a small table. A
    copy of this process (flows/apart.py) can't use its parent's, for it lacks that one's threads."""
    return duckdb.connect(":memory:")
