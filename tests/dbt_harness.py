"""Runs the compiled SQL of the dbt project on rows given in memory, without a home and without dbt.

A whole ``dbt build`` costs seconds, nearly all of it overhead per node. Tests that look at hundreds of
small deliveries compile the project once and then execute the very same SQL, model after model, in
one in-memory DuckDB. Contracts, tests and hooks of dbt are not in play here; whole refreshes cover them.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from flows import dbt_parse
from flows.dbt_worker import parse_for_any_home
from flows.revisions import PREVIOUS
from sources import contract

PROJECT = Path(__file__).resolve().parents[1] / "dbt_project"
CATALOG = "warehouse"
PLAN_VERSION = "draft-2024-08-16"
FIGURES = ("indicator_values", "indicator_observations", "population_members")
ARROW_TYPES = {
    "varchar": pa.string(),
    "date": pa.date32(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "boolean": pa.bool_(),
    "decimal(18,2)": pa.decimal128(18, 2),
}

LandingRows = Mapping[str, Sequence[Mapping[str, Any]]]
"""Rows by dataset with the landing's columns; a dataset may be missing, a cell too (null)."""


@dataclass(frozen=True)
class Model:
    """A model: its unique id, its quoted relation, its compiled SQL and what it depends on."""

    unique_id: str
    name: str
    relation: str
    sql: str
    depends_on: tuple[str, ...]


class Seeds:
    """The seeds, and databases with a copy of them to build in.

    Every table that is built and rolled back leaves something in DuckDB's catalogue, so that building gets
    slower each time; a new database every now and then costs less.
    """

    RENEWED_AFTER = 20

    def __init__(self, kept: duckdb.DuckDBPyConnection) -> None:
        self._kept = kept
        self._used = 0
        self._working = kept

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A cursor on a database that holds the seeds and the schemas of the models, and nothing else."""
        if self._used % self.RENEWED_AFTER == 0:
            self._working = _database()
            copy_seeds(self._kept, self._working)
        self._used += 1
        return self._working.cursor()


def _database() -> duckdb.DuckDBPyConnection:
    memory = duckdb.connect(":memory:", config={"threads": 1})
    memory.execute(f"attach ':memory:' as {CATALOG}")
    memory.execute(f"use {CATALOG}")
    return memory


@dataclass(frozen=True)
class CompiledProject:
    """Models in the order in which they can be built, and databases that hold the seeds.

    ``checks``: dbt's own tests that stop a publication; their SQL gives the rows that fail.
    """

    models: tuple[Model, ...]
    seeds: Seeds
    checks: tuple[Model, ...] = ()

    def with_sql(self, name: str, sql: str) -> CompiledProject:
        """The same project with other SQL for one model, for tests that break a rule on purpose.

        Raises ``KeyError`` for an unknown model.
        """
        if name not in {model.name for model in self.models}:
            raise KeyError(name)
        models = tuple(replace(m, sql=sql) if m.name == name else m for m in self.models)
        return replace(self, models=models)

    def needed_for(self, tables: Iterable[str]) -> list[Model]:
        """The models from which those tables are made, themselves included, parents first."""
        wanted = {model.unique_id for model in self.models if model.name in set(tables)}
        needed: list[Model] = []
        for model in reversed(self.models):
            if model.unique_id in wanted:
                needed.append(model)
                wanted.update(model.depends_on)
        return needed[::-1]

    def run(
        self,
        landing: LandingRows,
        as_of: date,
        header_only: Iterable[str] = (),
        tables: Sequence[str] = FIGURES,
        loaded_plan: Sequence[Mapping[str, Any]] = (),
    ) -> dict[str, list[dict[str, Any]]]:
        """The rows of those marts, as dicts, built from landing rows as known on ``as_of``.

        ``loaded_plan``: rows of ``control.plan_indicators``, a plan loaded besides the shipped one.
        """
        connection = self.seeds.cursor()
        connection.execute(f"use {CATALOG}")
        connection.execute("begin transaction")
        try:
            fill_landing(connection, landing)
            fill_control(connection, as_of, header_only, loaded_plan)
            for model in self.needed_for(tables):
                connection.execute(f"create or replace table {model.relation} as {model.sql}")
            return {m.name: rows_of(connection, m.relation) for m in self.models if m.name in tables}
        finally:
            connection.execute("rollback")
            connection.close()


def rows_of(connection: duckdb.DuckDBPyConnection, relation: str) -> list[dict[str, Any]]:
    """The rows of a relation, as dicts by column."""
    rows = connection.execute(f"select * from {relation}")
    names = [column[0] for column in rows.description]
    return [dict(zip(names, row, strict=True)) for row in rows.fetchall()]


def copy_seeds(source: duckdb.DuckDBPyConnection | Seeds, target: duckdb.DuckDBPyConnection) -> None:
    """Copies the seeds, and makes the schemas that the models need, in another database."""
    cursor = source.cursor()
    cursor.execute(f"use {CATALOG}")
    for (schema,) in cursor.execute(
        "select schema_name from duckdb_schemas() where database_name = $1 and not internal", [CATALOG]
    ).fetchall():
        target.execute(f'create schema if not exists "{schema}"')
    for schema, name in cursor.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = $1", [CATALOG]
    ).fetchall():
        target.register("seed_rows", cursor.sql(f'from "{schema}"."{name}"').to_arrow_table())
        target.execute(f'create table "{schema}"."{name}" as from seed_rows')
        target.unregister("seed_rows")


def fill_landing(connection: duckdb.DuckDBPyConnection, landing: LandingRows) -> None:
    """Makes a landing table of each dataset from rows; columns as ``contract.landing_columns``."""
    connection.execute("create schema if not exists landing")
    for name, dataset in contract.datasets().items():
        columns = dataset.landing_columns
        schema = pa.schema([(column, ARROW_TYPES[sql_type]) for column, sql_type in columns])
        rows = [{column: row.get(column) for column, _ in columns} for row in landing.get(name, ())]
        connection.register("landing_rows", pa.Table.from_pylist(rows, schema=schema))
        connection.execute(f"create or replace table landing.{name} as select * from landing_rows")
        connection.unregister("landing_rows")


def fill_control(
    connection: duckdb.DuckDBPyConnection,
    as_of: date,
    header_only: Iterable[str] = (),
    loaded_plan: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Makes the tables of schema ``control`` (docs/architecture.md, What dbt reads)."""
    connection.execute("create schema if not exists control")
    connection.execute(
        """
        create or replace table control.run_settings as
        select
            $as_of::date as as_of, $plan::varchar as plan_version, 0::bigint as last_delivery_seq,
            0::bigint as batch, 'test' as program_version, 'test' as publication_id, 'test' as run_id,
            $created::varchar as created_at
        """,
        {
            "as_of": as_of,
            "plan": PLAN_VERSION,
            "created": "2026-01-01 00:00:00",
        },
    )
    for table, columns in PREVIOUS.items():
        connection.execute(f"create or replace table control.{table} ({columns})")
    connection.execute("create or replace table control.empty_deliveries (dataset varchar)")
    for dataset in header_only:
        connection.execute("insert into control.empty_deliveries values (?)", [dataset])
    connection.execute(
        "create or replace table control.plan_crosswalk (plan_version varchar, indicator_id varchar, "
        "other_plan_version varchar, other_indicator_id varchar, note varchar)"
    )
    for table in ("plan_actions", "plan_indicators"):
        connection.execute(
            f"create or replace table control.{table} as select * from plan.{table} where false"
        )
    if loaded_plan:
        connection.register("plan_rows", pa.Table.from_pylist([dict(row) for row in loaded_plan]))
        connection.execute("insert into control.plan_indicators by name select * from plan_rows")
        connection.unregister("plan_rows")


def _dbt(folder: Path, *arguments: str) -> None:
    from dbt.cli.main import dbtRunner

    parse_for_any_home()
    os.environ["SRAAP_BUILD_DB"] = str(folder / f"{CATALOG}.duckdb")
    os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
    paths = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
    output = ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs"), "--quiet"]
    result = dbtRunner().invoke([*arguments, *paths, *output])
    if not result.success:
        raise RuntimeError(f"dbt {arguments[0]} failed: {result.exception or result.result}")


def models_of(manifest: Mapping[str, Any]) -> tuple[Model, ...]:
    """Models of a manifest, parents first."""
    nodes = {k: n for k, n in manifest["nodes"].items() if n["resource_type"] == "model"}
    placed: dict[str, Model] = {}

    def place(unique_id: str) -> None:
        if unique_id in placed:
            return
        node = nodes[unique_id]
        parents = tuple(p for p in node["depends_on"]["nodes"] if p in nodes)
        for parent in parents:
            place(parent)
        placed[unique_id] = Model(
            unique_id, node["name"], node["relation_name"], node["compiled_code"], parents
        )

    for unique_id in sorted(nodes):
        place(unique_id)
    return tuple(placed.values())


def _checks(manifest: Mapping[str, Any]) -> tuple[Model, ...]:
    return tuple(
        Model(key, node["name"], "", node["compiled_code"], tuple(node["depends_on"]["nodes"]))
        for key, node in sorted(manifest["nodes"].items())
        if node["resource_type"] == "test" and node["config"]["severity"].lower() == "error"
    )


@cache
def compiled_project() -> CompiledProject:
    """The project as it stands, compiled once for each process.

    Raises ``RuntimeError`` where dbt can't compile it or load the seeds.
    """
    before = os.environ.get("SRAAP_BUILD_DB")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = folder / f"{CATALOG}.duckdb"
        with duckdb.connect(str(database)) as connection:
            fill_landing(connection, {})
            connection.execute("create schema control")
        dbt_parse.supply(folder / "target")
        try:
            _dbt(folder, "seed")
            _dbt(folder, "compile")
        finally:
            if before is None:
                os.environ.pop("SRAAP_BUILD_DB", None)
            else:
                os.environ["SRAAP_BUILD_DB"] = before
        manifest = json.loads((folder / "target" / "manifest.json").read_text(encoding="utf-8"))
        memory = _database()
        _copy_seeds(memory, database, manifest)
    models = models_of(manifest)
    for schema in sorted({model.relation.split(".")[1] for model in models}):
        memory.execute(f"create schema if not exists {CATALOG}.{schema}")
    return CompiledProject(models, Seeds(memory), _checks(manifest))


def _copy_seeds(memory: duckdb.DuckDBPyConnection, database: Path, manifest: Mapping[str, Any]) -> None:
    with duckdb.connect(str(database)) as source:
        for node in manifest["nodes"].values():
            if node["resource_type"] == "seed":
                memory.execute(f'create schema if not exists {CATALOG}."{node["schema"]}"')
                memory.register("seed_rows", source.table(node["relation_name"]).to_arrow_table())
                memory.execute(f"create table {node['relation_name']} as from seed_rows")
                memory.unregister("seed_rows")
