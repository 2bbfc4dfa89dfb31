"""Which values differ between any two publications, and for each the rows that made it differ.

The reasons are those of ``indicator_revisions``: its own SQL, as compiled for the second publication, is run
in memory on the tables of both and on the landing, with the first in the place of the publication before.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from flows import plans, revisions, show
from flows.build import Dbt, Settings, make_control, make_landing, quoted
from flows.counterfactual import TABLES, CompiledFigures, compiled_figures, figures, make_seeds
from flows.errors import UsageProblem
from flows.files import read_json
from flows.home import Home
from flows.ledger import Ledger
from flows.program import figures_version
from flows.spark import DUCKDB

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_MODELS = (
    "int_row_changes",
    "int_record_bearings",
    "int_changed_values",
    "int_revision_topics",
    "int_revision_causes",
    "indicator_revisions",
)
_TABLES = ("indicator_values", "dim_indicator")
_VALUE = ("reporting_year", "plan_version", "indicator_id", "breakdown", "breakdown_value")
_FIGURES = ("numerator", "denominator", "value", "status")
_CAUSE = (
    "change",
    "is_known",
    "dataset",
    "record_key",
    "record_status",
    "received_on",
    "file_sha256",
    "file_name",
    "sheet",
    "row_number",
    "delivery_seq",
)


def diff(home: Home, first: str, second: str) -> dict[str, Any]:
    """What differs between two publications, each an id or ``published``.

    Gives a JSON-able dict: ``from`` and ``to`` (publication_id, as_of, batch, plan_version, program_version)
    and ``values``, a dict for each value that differs: its key, ``old`` and ``new`` (numerator, denominator,
    value, status; null where it was or is not there), ``reason`` and ``rows`` (outputs.md,
    indicator_revisions). Raises ``UsageProblem`` for a publication that is unknown or whose tables are gone.
    """
    sides = [revisions.manifest_of(home, revisions.resolve(home, name)) for name in (first, second)]
    rows = _revisions(home, sides[0], sides[1])
    return {
        "from": _about(sides[0]),
        "to": _about(sides[1]),
        "values": [
            _value(list(found)) for _, found in groupby(rows, key=lambda row: [row[name] for name in _VALUE])
        ],
    }


def _about(manifest: Mapping[str, Any]) -> dict[str, Any]:
    names = ("publication_id", "as_of", "batch", "plan_version", "program_version")
    return {name: manifest[name] for name in names}


def _value(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """One value that differs, from its rows of ``indicator_revisions``."""
    first = rows[0]
    return {
        **{name: first[name] for name in _VALUE},
        "old": None if first["old_status"] is None else {name: first[f"old_{name}"] for name in _FIGURES},
        "new": None if first["new_status"] is None else {name: first[f"new_{name}"] for name in _FIGURES},
        "reason": first["reason"],
        "rows": [{name: row[name] for name in _CAUSE} for row in rows if row["dataset"] is not None],
    }


def _revisions(home: Home, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of ``indicator_revisions`` as if ``new`` had followed on ``old``, ordered by value and cause."""
    import duckdb

    known = Ledger.read(home)
    before = revisions.previous_of(_folder(home, old), old)
    batch = int(new["batch"])
    files = revisions.landing_batches(known, max(batch, before.batch))
    settings = Settings(
        as_of=date.fromisoformat(new["as_of"]),
        plan_version=str(new["plan_version"]),
        last_delivery_seq=int(new["last_delivery_seq"]),
        batch=batch,
        program_version=str(new["program_version"]),
        publication_id=str(new["publication_id"]),
        run_id=str(new["publication_id"]),
        created_at=datetime.now(UTC).replace(tzinfo=None),
        plans=plans.those_of(home, new),
    )
    manifest = _dbt_manifest(home, new)
    compiled = compiled_figures(manifest)
    knowledge = revisions.Known(
        settings=settings,
        definition=revisions.definition_of(new),
        files=files,
        headers=sorted(revisions.header_only(known, batch)),
        headers_before=sorted(revisions.header_only(known, before.batch)),
    )
    own = figures(compiled, knowledge.landing(batch), settings, knowledge.headers, settings.as_of)
    with duckdb.connect(":memory:") as connection:
        connection.execute("attach ':memory:' as warehouse")
        connection.execute("use warehouse")
        make_landing(connection, {name: [path for path, _ in found] for name, found in files.items()})
        make_control(connection, settings, knowledge.headers)
        revisions.fill_previous(connection, before, knowledge, lambda: compiled)
        _copy_tables(connection, _folder(home, new), compiled, own)
        for relation, sql in _compiled(manifest):
            connection.execute(f"create table {relation} as {sql}")
        found = connection.execute(
            "select * from marts.indicator_revisions "
            "order by plan_version, reporting_year, length(indicator_id), indicator_id, breakdown, "
            "breakdown_value, cause_number"
        )
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _folder(home: Home, manifest: Mapping[str, Any]) -> Path:
    """The folder of a publication. Raises ``UsageProblem`` if its tables are gone."""
    folder = home.publications / str(manifest["publication_id"])
    if not (folder / "parquet" / "indicator_values.parquet").is_file():
        raise UsageProblem(
            f"the tables of publication {folder.name} are gone; only its manifest stands",
            where=str(folder),
            next_step=f"Make them again with: sraap refresh --reproduce {folder.name}",
        )
    return folder


def _copy_tables(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    compiled: CompiledFigures,
    own: Mapping[str, pa.Table],
) -> None:
    """The tables that the reasons are found from: as published, and ``own``, what figures are made of."""
    for schema in ("intermediate", "marts"):
        connection.execute(f"create schema {schema}")
    for table in _TABLES:
        path = quoted(str(folder / "parquet" / f"{table}.parquet"))
        connection.execute(f"create view marts.{table} as select * from read_parquet({path})")
    for name in ("members", "payment_limits"):
        connection.register("own_rows", own[name])
        connection.execute(f"create table intermediate.{TABLES[name]} as from own_rows")
        connection.unregister("own_rows")
    make_seeds(connection, compiled)


def _dbt_manifest(home: Home, publication: Mapping[str, Any]) -> dict[str, Any]:
    """dbt's manifest as a publication kept it, with the compiled SQL of the models that give the reasons.

    Where Spark built it, the project is compiled for DuckDB, if its SQL is still the same. Raises
    ``UsageProblem`` if the publication's evidence has none, because another program made it.
    """
    folder = _folder(home, publication)
    path = folder / "evidence" / "dbt" / "manifest.json"
    try:
        if publication.get("target", DUCKDB) != DUCKDB:
            if publication.get("figures_version") != figures_version():
                raise KeyError
            return _compiled_here(home)
        manifest: dict[str, Any] = read_json(path)
        names = {node["name"] for node in manifest["nodes"].values() if "compiled_code" in node}
        if not names.issuperset((*_MODELS, *TABLES.values())):
            raise KeyError
    except (OSError, ValueError, KeyError) as error:
        raise UsageProblem(
            f"publication {folder.name} has no SQL that says why values moved",
            where=str(path),
            next_step="Compare with a publication made by this program version.",
        ) from error
    return manifest


def _compiled_here(home: Home) -> dict[str, Any]:
    """dbt's manifest, compiled by a dbt of this machine. Raises ``Defect`` if dbt can't."""
    dbt = Dbt(home, home.build / "compiling" / "dbt.log", home.build / "compiling")
    try:
        return dbt.compile([*TABLES.values(), *_MODELS])
    finally:
        dbt.stop()


def _compiled(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Relation and SQL of the models that give the reasons, in the order in which they are built."""
    nodes = {node["name"]: node for node in manifest["nodes"].values()}
    return [(nodes[name]["relation_name"], nodes[name]["compiled_code"]) for name in _MODELS]


def show_diff(console: Console, found: Mapping[str, Any]) -> None:
    """Print what differs, for people: a line for each value, and below it its rows."""
    old, new, values = found["from"], found["to"], found["values"]
    for label, side in (("from", old), ("to", new)):
        console.print(
            f"{label:<5}{side['publication_id']}, as of {side['as_of']}, batch {side['batch']}",
            highlight=False,
        )
    console.print()
    if not values:
        console.print("No value differs.", highlight=False)
        return
    console.print(f"{show.amount(len(values), 'value')} differ", style="bold", highlight=False)
    for value in values:
        part = "" if value["breakdown"] == "total" else f", {value['breakdown']} {value['breakdown_value']}"
        show.paragraph(
            console,
            f"{value['indicator_id']} {value['reporting_year']}{part}: "
            f"{_figure(value['old'])} -> {_figure(value['new'])}, {value['reason']}",
        )
        for row in value["rows"]:
            show.paragraph(console, _place(row), indent=4)


def _figure(side: Mapping[str, Any] | None) -> str:
    return "none" if side is None else f"{show.figure(side)} ({side['status']})"


def _place(row: Mapping[str, Any]) -> str:
    """A row in a line: what it does, what it is, where it stands."""
    verb = str(row["change"]) if row["is_known"] else f"{row['change']} (no longer known)"
    if row["file_name"] is None:
        return f"{verb}: {row['dataset']}, a file with only its header"
    sheet = f", sheet {row['sheet']}" if row["sheet"] else ""
    number = f", row {row['row_number']}" if row["row_number"] is not None else ""
    return (
        f"{verb}: {row['dataset']} {row['record_key']}, received {row['received_on']}, "
        f"{row['file_name']}{sheet}{number}, SHA-256 {str(row['file_sha256'])[:12]}"
    )
