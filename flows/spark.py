"""The same dbt project on Spark: what a build there is given, and what comes back.

dbt runs as on DuckDB, in the same process of its own, against a Spark session that it starts or the Thrift
server of a cluster. What the landing and ``control`` hold is written as Parquet into a folder that Spark
sees; Spark leaves each table there as Parquet, and the marts are copied into the working database, from
which everything after the build goes on as ever (docs/decisions/026-spark.md).
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from flows.errors import Defect, ServerFailed, StorageFailed, UsageProblem
from flows.files import read_json
from flows.home import Home

if TYPE_CHECKING:
    import duckdb

DUCKDB = "duckdb"
SESSION = "spark"
THRIFT = "spark-thrift"
TARGETS = (DUCKDB, SESSION, THRIFT)
"""Where dbt can build; names of outputs in ``dbt_project/profiles.yml``."""

TARGET_VARIABLE = "SRAAP_TARGET"
STORAGE_VARIABLE = "SRAAP_SPARK_STORAGE"
SCHEMA_VARIABLE = "SRAAP_SPARK_SCHEMA"
PASSWORD_VARIABLE = "SRAAP_SPARK_PASSWORD"

_MARK = "sraap.home"
_PATIENCE = 20.0
"""Seconds that a Thrift server has to accept a connection."""

_INPUT = ("landing", "control")
_INSTALL = (
    "Install them with: make setup-spark, and use .venv/spark/bin/sraap; or: pip install 'sraap[spark]'"
)


def chosen(target: str | None) -> str:
    """The target that was asked for, else the one that the environment names, else DuckDB.

    Raises ``UsageProblem`` for an unknown one, and where what it needs is not installed.
    """
    named = target or os.environ.get(TARGET_VARIABLE) or DUCKDB
    if named not in TARGETS:
        raise UsageProblem(
            f"there is no target {named!r}",
            where="--target" if target else TARGET_VARIABLE,
            next_step=f"Choose one of: {', '.join(TARGETS)}.",
        )
    if named == DUCKDB:
        return named
    modules = ("dbt.adapters.spark", "pyspark" if named == SESSION else "pyhive")
    missing = [module for module in modules if not _is_installed(module)]
    if missing:
        raise UsageProblem(
            f"the target {named} needs the extra spark, which is not installed ({', '.join(missing)})",
            where="--target",
            next_step=_INSTALL,
        )
    if named == SESSION and not _java():
        raise UsageProblem(
            "the target spark needs Java 17, which is not installed",
            where="JAVA_HOME, PATH",
            next_step="Install it (Debian: openjdk-17-jre-headless), or name it in JAVA_HOME.",
        )
    return named


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _java() -> str | None:
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")


def reach(target: str) -> None:
    """Return if what builds can be reached. Raises ``ServerFailed`` where a Thrift server does not answer."""
    if target != THRIFT:
        return
    host = os.environ.get("SRAAP_SPARK_HOST") or "localhost"
    port = os.environ.get("SRAAP_SPARK_PORT") or "10000"
    try:
        socket.create_connection((host, int(port)), timeout=_PATIENCE).close()
    except (OSError, ValueError) as error:
        raise ServerFailed(
            f"the Thrift server of Spark can't be reached ({error})",
            where=f"{host}:{port}",
            next_step="SRAAP_SPARK_HOST and SRAAP_SPARK_PORT say where it is; is it running?",
        ) from error


def storage(home: Home) -> Path:
    """The folder of this home's builds on Spark: its own, or one below ``SRAAP_SPARK_STORAGE``."""
    configured = os.environ.get(STORAGE_VARIABLE)
    if not configured:
        return home.build / "spark" / "storage"
    return Path(configured).absolute() / (os.environ.get(SCHEMA_VARIABLE) or "sraap")


def environment(home: Home, target: str) -> dict[str, str]:
    """What dbt's process is told besides what the person set. Raises ``UsageProblem``."""
    if target == DUCKDB:
        return {}
    told = {"SRAAP_BUILD_STORAGE": str(storage(home))}
    if target == SESSION:
        told["SPARK_LOCAL_IP"] = os.environ.get("SPARK_LOCAL_IP") or "127.0.0.1"
        # JVM's own temporary files and Spark's go where the home is, which has the room
        told["SPARK_LOCAL_DIRS"] = os.environ.get("SPARK_LOCAL_DIRS") or str(home.build / "spark" / "local")
    password = _password()
    if password:
        told["DBT_ENV_SECRET_SPARK_PASSWORD"] = password
    return told


def _password() -> str | None:
    named = os.environ.get(f"{PASSWORD_VARIABLE}_FILE")
    if not named:
        return os.environ.get(PASSWORD_VARIABLE)
    try:
        return Path(named).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise UsageProblem(
            "the file of Spark's password can't be read",
            where=f"{PASSWORD_VARIABLE}_FILE={named}",
            next_step="Name a file that this user can read.",
        ) from error


def give_input(home: Home, warehouse: Path) -> None:
    """Write the landing and ``control`` of the working database into the storage, one file a table.

    Their types are those of the database, so that Spark has nothing to guess or cast. Raises
    ``UsageProblem`` where the storage is another's, ``StorageFailed`` where it can't be written.
    """
    import duckdb

    folder = storage(home)
    try:
        _claim(home, folder)
        clear(home)
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            for schema, table in _tables(connection):
                place = folder / "input" / schema / table
                place.mkdir(parents=True)
                path = str(place / "rows.parquet").replace("'", "''")
                connection.execute(
                    f"copy {schema}.\"{table}\" to '{path}' (format parquet, compression zstd)"
                )
    except OSError as error:
        raise _unusable(folder, error) from error


def _tables(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    return connection.execute(
        "select table_schema, table_name from information_schema.tables "
        f"where table_schema in {_INPUT} order by all"
    ).fetchall()


def _unusable(folder: Path, error: OSError) -> StorageFailed:
    return StorageFailed(
        f"the storage of Spark can't be used ({error.strerror or type(error).__name__})",
        where=str(folder),
        next_step=f"{STORAGE_VARIABLE} names a folder that this user and Spark can write.",
    )


def _claim(home: Home, folder: Path) -> None:
    """Mark the storage as this home's, lest two homes build in one, or another folder is emptied."""
    mark = folder / _MARK
    owner = str(home.root.resolve())
    if mark.exists():
        if mark.read_text(encoding="utf-8") == owner:
            return
        raise UsageProblem(
            "another home builds on Spark in this storage",
            where=str(folder),
            next_step=f"Give each home a name of its own in {SCHEMA_VARIABLE}.",
        )
    if folder.is_dir() and any(folder.iterdir()):
        raise UsageProblem(
            "the storage of Spark is not empty and was not made by this program",
            where=str(folder),
            next_step=f"Name an empty folder in {STORAGE_VARIABLE}, or another name in {SCHEMA_VARIABLE}.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    mark.write_text(owner, encoding="utf-8")


def clear(home: Home, *, keep_input: bool = False) -> None:
    """Empty the storage of this home, if there is one. Raises ``OSError``.

    ``keep_input``: only of tables; Spark refuses to write a table into a folder that holds something.
    """
    folder = storage(home)
    if (folder / _MARK).exists():
        for entry in folder.iterdir():
            if entry.name != _MARK and not (keep_input and entry.name == "input"):
                shutil.rmtree(entry)
    if not keep_input:
        shutil.rmtree(home.build / "spark" / "local", ignore_errors=True)


def take_back(home: Home, warehouse: Path, target_folder: Path) -> None:
    """Copy the marts that Spark wrote into the working database, then empty the storage.

    A mart that was not built is left out; what dbt says of it decides. ``target_folder``: dbt's.
    Raises ``Defect`` where Spark built a mart that this machine does not see.
    """
    import duckdb

    folder = storage(home)
    results = {
        result["unique_id"]: result["status"]
        for result in read_json(target_folder / "run_results.json")["results"]
    }
    nodes = read_json(target_folder / "manifest.json")["nodes"]
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("create schema marts")
        for key, node in sorted(nodes.items()):
            if node["resource_type"] != "model" or node["config"].get("schema") != "marts":
                continue
            if results.get(key) != "success":
                continue
            files = sorted((folder / "marts" / node["alias"]).glob("*.parquet"))
            if not files:
                raise Defect(
                    f"Spark built {node['alias']}, but its Parquet is not in the storage",
                    where=str(folder),
                    next_step=f"{STORAGE_VARIABLE} must be the same folder for this machine and for Spark.",
                )
            connection.execute(
                f'create table marts."{node["alias"]}" as select * from read_parquet(?)',
                [[str(f) for f in files]],
            )
    try:
        clear(home)
    except OSError as error:
        raise _unusable(folder, error) from error
