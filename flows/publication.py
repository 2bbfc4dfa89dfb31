"""The publication: built aside, whole and on disk, then put in place by one rename and one link.

Tables and evidence are those of docs/contract/outputs.md (A publication). Parquet and CSV of the same inputs
and as-of date are the same bytes, because every table is sorted by all its columns; ``dim_publication`` alone
holds times and ids of runs.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows import evidence, faults, memory
from flows import ledger as ledgers
from flows.build import quoted, target_path, warehouse_path
from flows.fetching import receipts
from flows.files import json_bytes, read_json, sync_file, sync_folder
from flows.home import Home, timestamp
from flows.ledger import COLUMNS, Ledger, Staged
from flows.plain_text import copy_to_csv
from flows.runs import Run, all_runs
from flows.site import beside

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

STORAGE_VERSION = "v1.2.0"

RUN_COLUMNS = {
    "run_id": "varchar",
    "started_at": "timestamp",
    "ended_at": "timestamp",
    "outcome": "varchar",
    "exit_code": "int",
    "as_of": "date",
    "batch": "bigint",
    "publication_id": "varchar",
    "message": "varchar",
}


@dataclass(frozen=True)
class Content:
    """What a publication is made of besides dbt's tables.

    ``tables``: frames with the columns of ``flows.ledger.COLUMNS``.

    ``validations``: Great Expectations' own results; ``settings``: as_of, batch, last_delivery_seq,
    plan_version, program_version, figures_version, target, plans.
    """

    tables: Mapping[str, pd.DataFrame]
    validations: Sequence[Mapping[str, Any]]
    settings: Mapping[str, Any]
    withdrawals: Sequence[Mapping[str, Any]]


def ledger_tables(
    ledger: Ledger, staged: Staged | None, checks: Sequence[Mapping[str, Any]]
) -> dict[str, pd.DataFrame]:
    """The ledger's tables as they stand with the staged batch, and with dbt's checks among the results."""
    import pandas as pd

    tables: dict[str, pd.DataFrame] = {}
    for name in ledgers.SNAPSHOTS:
        tables[name] = ledgers.read_table(name, staged.ledger_path(name)) if staged else ledger.table(name)
    results = [ledger.table("validation_results")]
    if staged:
        results.append(ledgers.read_table("validation_results", staged.ledger_path("validation_results")))
    if checks:
        results.append(ledgers.typed("validation_results", pd.DataFrame(list(checks))))
    tables["validation_results"] = pd.concat(results, ignore_index=True)
    return tables


def prepare(run: Run) -> None:
    """Do what needs no table of the publication while dbt makes them: start the process that writes the site,
    import what writes exports, and write the pages of what Great Expectations found. Raises ``OSError``."""
    beside.start(run)
    import xlsxwriter  # noqa: F401

    evidence.write_docs(run, run.folder / evidence.DOCS, validations_of(run))


def validations_of(run: Run) -> list[dict[str, Any]]:
    """Great Expectations' own results of the run; none where it judged nothing. Raises ``OSError``."""
    path = run.folder / "validations.json"
    found: list[dict[str, Any]] = read_json(path) if path.exists() else []
    return found


def write_aside(home: Home, run: Run, content: Content) -> Path:
    """Write the publication of this run under a temporary name, every byte synced; returns its folder.

    The site is written in a process of its own beside the other evidence. Raises ``OSError``,
    ``duckdb.Error``, and what ``beside.Writer`` raises; nothing that readers see has changed then.
    """
    try:
        return _write_aside(home, run, content, beside.of(run))
    finally:
        beside.end(run)


def _write_aside(home: Home, run: Run, content: Content, site: beside.Writer) -> Path:
    folder = home.publications / f".{run.run_id}.tmp"
    folder.mkdir()
    for part in ("parquet", "csv", "evidence"):
        (folder / part).mkdir()
    _write_tables(home, run, folder, content)
    faults.point("evidence.before")
    _write_evidence(target_path(home, run.target), folder / "evidence", content, run.run_id)
    previous = evidence.previous_of(home)
    site.begin(folder, previous=previous, is_sample=home.kind == "sample", coming=evidence.EXPORTS)
    files = records(content.tables["files"])
    described = evidence.write_exports(
        home, run, folder, settings=content.settings, files=files, validations=content.validations
    )
    site.wait()
    faults.point("evidence.before_manifest")
    evidence.write_manifest(
        home,
        run,
        folder,
        described,
        settings=content.settings,
        inputs=files,
        acceptances=records(content.tables["acceptances"]),
        withdrawals=content.withdrawals,
    )
    faults.point("evidence.before_sync")
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        sync_file(path)
    for path in (*sorted(p for p in folder.rglob("*") if p.is_dir()), folder):
        sync_folder(path)
    return folder


def put_in_place(home: Home, folder: Path, publication_id: str) -> Path:
    """Give the publication its name and let ``published`` name it; each is one atomic step."""
    final = home.publications / publication_id
    faults.point("publish.before_rename")
    folder.rename(final)
    faults.point("publish.after_rename")
    sync_folder(home.publications)
    link = home.root / f".published.{secrets.token_hex(4)}.tmp"
    link.symlink_to(Path("publications") / publication_id)
    os.replace(link, home.published)  # noqa: PTH105 - the one call this module is about
    faults.point("publish.after_link")
    sync_folder(home.root)
    return final


def clear_unfinished(home: Home) -> None:
    """Remove what runs that died left of publications."""
    for folder in home.publications.glob(".*.tmp"):
        shutil.rmtree(folder)
    for link in home.root.glob(".published.*.tmp"):
        link.unlink()


# --- tables -------------------------------------------------------------------------------------------------


def _write_tables(home: Home, run: Run, folder: Path, content: Content) -> None:
    """Write the published database, and beside its comments and audit tables the Parquet and CSV files."""
    import duckdb

    with duckdb.connect(":memory:") as connection:
        connection.execute("set preserve_insertion_order = true")
        memory.limit(connection, home.build / "aside")
        connection.execute(f"attach {quoted(str(warehouse_path(home)))} as build")
        connection.execute(
            f"attach {quoted(str(folder / 'warehouse.duckdb'))} as publication "
            f"(storage_version {quoted(STORAGE_VERSION)})"
        )
        # Two transactions: else each statement would wait for the disk, and there are hundreds. What the
        # first one wrote another connection reads.
        connection.execute("begin")
        copy_marts(connection)
        connection.execute("commit")
        with _meanwhile(connection, partial(write_files, folder=folder)):
            connection.execute("begin")
            _describe(connection, target_path(home, run.target))
            _write_audit(connection, home, run, content)
            faults.point("export.before_commit")
            connection.execute("commit")
        connection.execute("detach publication")


@contextlib.contextmanager
def _meanwhile(
    connection: duckdb.DuckDBPyConnection, work: Callable[[duckdb.DuckDBPyConnection], None]
) -> Iterator[None]:
    """Do ``work`` in a thread, with another connection to the same database. Raises what it raises; its
    statements are interrupted until it ends where what is done beside it fails."""
    other = connection.cursor()
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(work, other)
        try:
            yield
            done.result()
        except BaseException:
            while not done.done():
                other.interrupt()  # nothing between two statements
                wait([done], timeout=0.05)
            raise


def marts(connection: duckdb.DuckDBPyConnection, database: str) -> list[str]:
    """Names of all relations in the schema ``marts`` of an attached database, sorted."""
    found = connection.execute(
        "select table_name from information_schema.tables "
        "where table_catalog = ? and table_schema = 'marts' order by table_name",
        [database],
    ).fetchall()
    return [str(name) for (name,) in found]


def copy_marts(connection: duckdb.DuckDBPyConnection) -> None:
    """Copy all marts from the attached database ``build`` to ``publication``, sorted by all columns.

    Raises ``OSError`` and ``duckdb.Error``.
    """
    connection.execute("create schema publication.marts")
    for name in marts(connection, "build"):
        connection.execute(
            f'create table publication.marts."{name}" as select * from build.marts."{name}" order by all'
        )
        faults.point("export.table")


def write_files(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Write all marts of ``publication`` to Parquet and CSV, in the order in which they stand there.

    The folders ``parquet`` and ``csv`` are there. Raises ``OSError`` and ``duckdb.Error``.
    """
    for name in marts(connection, "publication"):
        source = f'publication.marts."{name}"'
        connection.execute(
            f"copy {source} to {quoted(str(folder / 'parquet' / f'{name}.parquet'))} "
            "(format parquet, compression zstd)"
        )
        copy_to_csv(connection, source, folder / "csv" / f"{name}.csv")


def _describe(connection: duckdb.DuckDBPyConnection, target: Path) -> None:
    """Put dbt's descriptions on tables and columns, for those who open the warehouse with a tool."""
    nodes = read_json(target / "manifest.json")["nodes"]
    for node in nodes.values():
        if node["resource_type"] != "model" or node["config"].get("schema") != "marts":
            continue
        table = f'publication.marts."{node["alias"]}"'
        if node["description"]:
            connection.execute(f"comment on table {table} is {quoted(node['description'].strip())}")
        for column in node["columns"].values():
            if column["description"]:
                connection.execute(
                    f'comment on column {table}."{column["name"]}" is {quoted(column["description"].strip())}'
                )


def _write_audit(connection: duckdb.DuckDBPyConnection, home: Home, run: Run, content: Content) -> None:
    connection.execute("create schema publication.audit")
    frames = {"runs": (RUN_COLUMNS, _runs(home, run))}
    frames["fetches"] = (receipts.COLUMNS, receipts.table(home))
    frames |= {name: (COLUMNS[name], frame) for name, frame in content.tables.items()}
    for name, (columns, frame) in frames.items():
        connection.register("frame", frame)
        selected = ", ".join(f'cast("{column}" as {kind}) as "{column}"' for column, kind in columns.items())
        connection.execute(f'create table publication.audit."{name}" as select {selected} from frame')
        connection.unregister("frame")


def _runs(home: Home, run: Run) -> pd.DataFrame:
    """All runs up to this one, which will have been published by the time anyone reads it."""
    import pandas as pd

    lines = [
        {
            "run_id": record["run_id"],
            "started_at": record["started_at"],
            "ended_at": record["ended_at"],
            "outcome": record["state"],
            "exit_code": record["exit_code"],
            "as_of": record["as_of"],
            "batch": record["batch"],
            "publication_id": record["publication_id"],
            "message": record["message"],
        }
        for record in all_runs(home)
        if record["run_id"] != run.run_id
    ]
    lines.append(
        {
            "run_id": run.run_id,
            "started_at": run.record["started_at"],
            "ended_at": timestamp(),
            "outcome": "published",
            "exit_code": run.record["exit_code"],
            "as_of": run.record["as_of"],
            "batch": run.record["batch"],
            "publication_id": run.run_id,
            "message": "Published.",
        }
    )
    frame = pd.DataFrame(lines, columns=list(RUN_COLUMNS)).astype(object)
    frame = frame.where(frame.notna(), None)
    for column in ("started_at", "ended_at"):
        frame[column] = frame[column].str.removesuffix("Z")
    return frame.astype("string[pyarrow]")


# --- evidence -----------------------------------------------------------------------------------------------


def _write_evidence(target: Path, folder: Path, content: Content, run_id: str) -> None:
    """``validation.json`` says what this run checked; what earlier runs did is in the audit table, and would
    let the file grow with every night."""
    import duckdb

    (folder / "dbt").mkdir()
    for name in ("manifest.json", "run_results.json"):
        shutil.copyfile(target / name, folder / "dbt" / name)
    if (target / "compiled").is_dir():
        shutil.copytree(target / "compiled", folder / "dbt" / "compiled")
    results = content.tables["validation_results"]
    results = results[results["run_id"] == run_id]
    (folder / "validation.json").write_bytes(
        json_bytes({"results": records(results), "great_expectations": list(content.validations)})
    )
    quarantined = content.tables["quarantined_rows"]
    with duckdb.connect(":memory:") as connection:
        connection.register("frame", quarantined)
        path = quoted(str(folder / "quarantined_rows.parquet"))
        connection.execute(
            f"copy (select * from frame order by all) to {path} (format parquet, compression zstd)"
        )
    write_quarantined(folder / "quarantined_rows.csv", quarantined)


def write_quarantined(path: Path, quarantined: pd.DataFrame) -> None:
    """Write quarantined rows (columns of ``COLUMNS``) as CSV. Raises ``OSError`` and ``duckdb.Error``."""
    import duckdb

    with duckdb.connect(":memory:") as connection:
        connection.register("frame", quarantined)
        copy_to_csv(connection, "(select * from frame order by all)", path)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A frame as JSON-able records, nulls as ``None``."""
    plain = frame.astype(object)
    found = plain.where(plain.notna(), None).to_dict(orient="records")
    return [{str(name): value for name, value in record.items()} for record in found]
