"""Two publications in a row over a drawn delivery, without a home: what differs, and why by the SQL.

A drawn delivery's rows are split in two batches; ``moved`` builds the earlier publication, then the later
one with the earlier as the one before it, and gives the rows of ``indicator_revisions`` of the later one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import Any

import duckdb
import pyarrow as pa

from flows.counterfactual import TABLES
from tests.dbt_harness import CATALOG, CompiledProject, fill_control, fill_landing, rows_of
from tests.oracle.rows import Row, Rows
from tests.oracle.strategies import Delivery, landing_rows

VALUE_KEY = ("reporting_year", "plan_version", "indicator_id", "breakdown", "breakdown_value")
FIGURES = ("numerator", "denominator", "value", "status")


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


def moved(
    project: CompiledProject,
    before: Knowledge,
    now: Knowledge,
    published: CompiledProject | None = None,
    tables: Sequence[str] = ("indicator_revisions",),
) -> dict[str, list[dict[str, Any]]]:
    """The rows of ``tables`` of the publication ``now`` after the publication ``before``, by default those of
    ``indicator_revisions``. ``published``: the project that made the one before, where it is another one."""
    given = _previous(project, before, now, published)
    connection = project.seeds.cursor()
    connection.execute(f"use {CATALOG}")
    connection.execute("begin transaction")
    try:
        fill_landing(connection, landing_rows(_together(before.rows, now.rows)))
        fill_control(connection, now.as_of, now.rows.header_only)
        connection.execute("update control.run_settings set batch = 2")
        connection.execute(
            "insert into control.previous_settings values (?, 1, ?)", [before.as_of, published is None]
        )
        for table, rows in given.items():
            _insert(connection, f"control.{table}", rows)
        for dataset in before.rows.header_only:
            connection.execute("insert into control.previous_empty_deliveries values (?)", [dataset])
        _insert(connection, "control.row_batches", _row_batches(before.rows, now.rows))
        for model in project.needed_for(tables):
            connection.execute(f"create or replace table {model.relation} as {model.sql}")
        return {m.name: rows_of(connection, m.relation) for m in project.models if m.name in tables}
    finally:
        connection.execute("rollback")
        connection.close()


def _previous(
    project: CompiledProject, before: Knowledge, now: Knowledge, published: CompiledProject | None
) -> dict[str, list[dict[str, Any]]]:
    """What flows.revisions tells of the publication before: its tables, and what they would be otherwise."""

    def figures(by: CompiledProject, knowledge: Knowledge, day: date) -> dict[str, list[dict[str, Any]]]:
        rows = landing_rows(knowledge.known())
        return by.run(rows, day, knowledge.rows.header_only, list(TABLES.values()))

    later_day = max(before.as_of, now.as_of)
    found = figures(project, before, later_day)
    given = {f"{name}_before": found[model] for name, model in TABLES.items()}
    if now.as_of < later_day:
        found = figures(project, now, later_day)
        given |= {f"{name}_after": found[model] for name, model in TABLES.items()}
    old = figures(published or project, before, before.as_of)
    given["previous_values"] = old["indicator_values"]
    if published:
        given["redefined_values"] = figures(project, before, before.as_of)["indicator_values"]
    return given


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    columns = [name for name, *_ in connection.execute(f"describe {table}").fetchall()]
    types = {name: kind for name, kind, *_ in connection.execute(f"describe {table}").fetchall()}
    arrow = {
        "VARCHAR": pa.string(),
        "INTEGER": pa.int32(),
        "BIGINT": pa.int64(),
        "DOUBLE": pa.float64(),
        "DATE": pa.date32(),
    }
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
