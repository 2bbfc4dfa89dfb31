"""Two publications in a row over a drawn delivery, without a home: what differs, and why by the SQL.

A drawn delivery's rows are split in two batches; ``moved`` builds the earlier publication, then the later
one with the earlier as the one before it, and gives the rows of ``indicator_revisions`` of the later one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from random import Random
from typing import Any

import duckdb
import pyarrow as pa

from tests.dbt_harness import CATALOG, CompiledProject, fill_control, fill_landing, rows_of
from tests.oracle.rows import Row, Rows
from tests.oracle.strategies import Delivery, landing_rows

VALUE_KEY = ("reporting_year", "plan_version", "indicator_id", "breakdown", "breakdown_value")
FIGURES = ("numerator", "denominator", "value", "status")
_NEEDED = ("indicator_values", "indicator_observations", "dim_state")


@dataclass(frozen=True)
class Knowledge:
    """What a publication knew: the rows of its batches, and its day."""

    rows: Rows
    as_of: date

    def known(self) -> Rows:
        """Its rows less those not received by its day."""
        kept = {
            dataset: [row for row in found if row["received_on"] <= self.as_of]
            for dataset, found in self.rows.tables.items()
        }
        return Rows(kept, header_only=self.rows.header_only)


def halves(delivery: Delivery, seed: int) -> tuple[Rows, Rows]:
    """Some of the accepted rows of a delivery, and all of them; each has its place in both."""
    random = Random(seed)
    share = random.choice((0.7, 0.9, 0.97))
    whole = delivery.accepted
    late = {
        (dataset, row["delivery_seq"])
        for dataset, found in whole.tables.items()
        for row in found
        if random.random() > share
    }
    first = {
        dataset: [row for row in found if (dataset, row["delivery_seq"]) not in late]
        for dataset, found in whole.tables.items()
    }
    return Rows(first, header_only=whole.header_only), whole


def moved(project: CompiledProject, before: Knowledge, now: Knowledge) -> list[dict[str, Any]]:
    """The rows of ``indicator_revisions`` of the publication ``now`` after the publication ``before``."""
    old = project.run(landing_rows(before.known()), before.as_of, before.rows.header_only, _NEEDED)
    connection = project.seeds.cursor()
    connection.execute(f"use {CATALOG}")
    connection.execute("begin transaction")
    try:
        fill_landing(connection, landing_rows(_together(before.rows, now.rows)))
        fill_control(connection, now.as_of, now.rows.header_only)
        connection.execute("update control.run_settings set batch = 2")
        connection.execute("insert into control.previous_settings values (?, 1, true)", [before.as_of])
        for table, mart in zip(
            ("previous_values", "previous_observations", "previous_states"), _NEEDED, strict=True
        ):
            _insert(connection, f"control.{table}", old[mart])
        for dataset in before.rows.header_only:
            connection.execute("insert into control.previous_empty_deliveries values (?)", [dataset])
        _insert(connection, "control.row_batches", _row_batches(before.rows, now.rows))
        for model in project.needed_for(("indicator_revisions",)):
            connection.execute(f"create or replace table {model.relation} as {model.sql}")
        return rows_of(connection, "marts.indicator_revisions")
    finally:
        connection.execute("rollback")
        connection.close()


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    columns = [name for name, *_ in connection.execute(f"describe {table}").fetchall()]
    types = {name: kind for name, kind, *_ in connection.execute(f"describe {table}").fetchall()}
    arrow = {"VARCHAR": pa.string(), "INTEGER": pa.int32(), "BIGINT": pa.int64(), "DOUBLE": pa.float64()}
    schema = pa.schema([(name, arrow.get(types[name], pa.bool_())) for name in columns])
    connection.register(
        "rows", pa.Table.from_pylist([{c: r[c] for c in columns} for r in rows], schema=schema)
    )
    connection.execute(f"insert into {table} select * from rows")
    connection.unregister("rows")


def _together(before: Rows, now: Rows) -> Rows:
    """All rows that either of them has."""
    tables: dict[str, list[Row]] = {}
    for rows in (now, before):
        for dataset, found in rows.tables.items():
            have = {row["delivery_seq"] for row in tables.setdefault(dataset, [])}
            tables[dataset] += [row for row in found if row["delivery_seq"] not in have]
    for found in tables.values():
        found.sort(key=lambda row: int(row["delivery_seq"]))
    return Rows(tables, header_only=now.header_only)


def _row_batches(before: Rows, now: Rows) -> list[dict[str, Any]]:
    """Batch 2 for the rows that came after the publication before."""
    return [
        {"dataset": dataset, "delivery_seq": row["delivery_seq"], "batch": 2}
        for dataset, found in now.tables.items()
        for row in found
        if row["delivery_seq"] not in {one["delivery_seq"] for one in before.tables.get(dataset, [])}
    ]
