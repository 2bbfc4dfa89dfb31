"""The build: dbt over the landing, in a database made anew, and its verdict read from what dbt wrote.

dbt's exit code says too little: warnings leave it at zero. What counts is ``run_results.json``: every node
that was to run is there, and passed or warned (docs/architecture.md, What dbt reads).
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows import children, dbt_parse, memory, plans, spark
from flows.errors import Defect
from flows.files import read_json
from flows.home import Home
from flows.plans import Plan
from flows.program import DBT_PROJECT

if TYPE_CHECKING:
    import duckdb

    from sources.contract import Dataset

SELECTION = ("--exclude-resource-type", "unit_test")
"""What runs at night; unit tests prove the program, not the data."""


@dataclass(frozen=True)
class Settings:
    """The one row of ``control.run_settings``: what fixes a publication."""

    as_of: date
    plan_version: str
    last_delivery_seq: int
    batch: int
    program_version: str
    publication_id: str
    run_id: str
    created_at: datetime
    plans: tuple[Plan, ...] = ()


def warehouse_path(home: Home) -> Path:
    """dbt's working database: the same path every night, so that dbt's partial parse stays good."""
    return home.build / "warehouse.duckdb"


def target_path(home: Home, target: str = spark.DUCKDB) -> Path:
    """Where dbt writes its manifest, its results and the compiled SQL, for one of ``spark.TARGETS``."""
    return _folder(home, target) / "target"


def _folder(home: Home, target: str) -> Path:
    return home.build if target == spark.DUCKDB else home.build / target


class Dbt:
    """dbt in a process of its own (flows.dbt_worker), started early so that it is ready when it is needed."""

    def __init__(
        self,
        home: Home,
        log: Path,
        folder: Path | None = None,
        target: str = spark.DUCKDB,
        *,
        anew: bool = False,
    ) -> None:
        """``folder``: where its database and target are, if not where the night has them; ``target``: one of
        ``spark.TARGETS``; ``anew``: parse everything, whatever was parsed before."""
        memory.megabytes()  # said here where it is none: dbt would say it in its own way
        folder = folder or _folder(home, target)
        folder.mkdir(parents=True, exist_ok=True)
        self._home = home
        self._log = log
        self._on = target
        self._target = folder / "target"
        self._common = [
            "--project-dir",
            str(DBT_PROJECT),
            "--profiles-dir",
            str(DBT_PROJECT),
            "--target",
            target,
            "--target-path",
            str(self._target),
            "--log-path",
            str(folder / "logs"),
            "--log-level",  # dbt makes a line of each of some thousand events, and then drops it;
            "none",  # the worker writes down what went wrong
            "--log-level-file",
            "none",
            "--no-use-colors",
        ]
        dbt_parse.supply(self._target, target)
        self._process: subprocess.Popen[bytes] = children.start(
            "flows.dbt_worker",
            log=log,
            environment={
                "SRAAP_BUILD_DB": str(folder / "warehouse.duckdb"),
                **spark.environment(home, target),
            },
        )
        self._send(["parse", *self._common, "--no-write-json", *(["--no-partial-parse"] if anew else [])])
        self._parsing = True
        self.tools: dict[str, float] = {}
        """Seconds that importing dbt and parsing the project took."""

    def _send(self, arguments: Sequence[str]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"arguments": list(arguments)}).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._died() from None

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self._died()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _died(self) -> Defect:
        return Defect(
            "dbt's process ended by itself", where=str(self._log), next_step="Read the end of that log."
        )

    def parsed(self) -> None:
        """Return when the project is parsed. Raises ``Defect`` if it can't be."""
        if not self._parsing:
            return
        self._parsing = False
        answer = self._answer()
        self.tools = {"import dbt": answer["imported"], "parse the dbt project": answer["seconds"]}
        if not answer["success"]:
            raise Defect(
                f"the dbt project can't be parsed: {answer['exception']}",
                where=str(DBT_PROJECT),
                next_step=f"Read the end of {self._log}.",
            )

    def build(self, exclude: Sequence[str] = (), meanwhile: Callable[[], None] | None = None) -> None:
        """Build and test everything but the tests named in ``exclude``; ``meanwhile`` is done beside it.

        Raises ``Defect`` if dbt could not run at all, and what ``meanwhile`` raises.
        """
        self.parsed()
        for left in ("run_results.json", "compiled"):  # of an earlier night, lest it be taken for this one's
            _remove(self._target / left)
        if self._on != spark.DUCKDB:
            spark.clear(self._home, keep_input=True)
        self._send(["build", *self._common, *SELECTION, *(["--exclude", *exclude] if exclude else [])])
        if meanwhile is not None:
            meanwhile()
        answer = self._answer()
        if answer["exception"]:
            raise Defect(
                f"dbt could not build: {answer['exception']}",
                where=str(DBT_PROJECT),
                next_step=f"Read the end of {self._log}.",
            )

    def compile(self, models: Sequence[str]) -> dict[str, Any]:
        """Compile models and all they are made from; give dbt's manifest. Raises ``Defect`` if that fails."""
        self.parsed()
        self._send(["compile", *self._common, "--select", *(f"+{model}" for model in models)])
        answer = self._answer()
        if not answer["success"]:
            raise Defect(
                f"the dbt project can't be compiled: {answer['exception']}",
                where=str(DBT_PROJECT),
                next_step=f"Read the end of {self._log}.",
            )
        manifest: dict[str, Any] = read_json(self._target / "manifest.json")
        return manifest

    def stop(self) -> None:
        """End the process, which lets go of the database."""
        children.stop(self._process)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


_started: dict[Path, Dbt] = {}


def begin(home: Home, log: Path, target: str = spark.DUCKDB, *, anew: bool = False) -> Dbt:
    """Start dbt for this home, so that ``ready`` finds it; ``anew``: without what it parsed before.

    Raises ``ServerFailed`` if a cluster does not answer.
    """
    spark.reach(target)
    _started[home.root] = Dbt(home, log, target=target, anew=anew)
    return _started[home.root]


def ready(home: Home) -> Dbt:
    """The dbt process that ``begin`` started for this home. Raises ``KeyError`` if none was."""
    return _started[home.root]


def end(dbt: Dbt) -> None:
    """End a dbt process that ``begin`` started."""
    dbt.stop()
    for root in [root for root, started in _started.items() if started is dbt]:
        del _started[root]


def make_warehouse(
    path: Path,
    landing: Mapping[str, Sequence[Path]],
    settings: Settings,
    header_only: Sequence[str],
    fill_previous: Callable[[duckdb.DuckDBPyConnection], None],
) -> None:
    """Make the database that dbt reads and writes, anew, with the schemas ``landing`` and ``control``.

    ``landing``: Parquet files of each dataset; ``fill_previous``: makes the tables that tell of the
    publication before (flows.revisions). Raises ``OSError`` and ``duckdb.Error``.
    """
    import duckdb

    for old in (path, path.with_name(path.name + ".wal")):
        old.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as connection:
        make_landing(connection, landing)
        make_control(connection, settings, header_only)
        fill_previous(connection)


def make_landing(
    connection: duckdb.DuckDBPyConnection,
    landing: Mapping[str, Sequence[Path]],
    received_by: date | None = None,
) -> None:
    """Make the schema ``landing``: a view of each dataset over its Parquet files; with ``received_by``, over
    the rows that were received by that day. Raises ``duckdb.Error``."""
    from sources.contract import datasets

    connection.execute("create schema landing")
    condition = f" where received_on <= date '{received_by}'" if received_by else ""
    for name, dataset in datasets().items():
        paths = landing.get(name, ())
        if paths:
            connection.execute(
                f'create view landing."{name}" as '
                f"select * from {landed(connection, dataset, paths)}{condition}"
            )
        else:
            typed = ", ".join(f'"{column}" {kind}' for column, kind in dataset.landing_columns)
            connection.execute(f'create table landing."{name}" ({typed})')


def landed(connection: duckdb.DuckDBPyConnection, dataset: Dataset, paths: Sequence[Path]) -> str:
    """A query, in parentheses, that gives ``landing_columns`` of Parquet files of the landing.

    A column that none of them has, because an earlier program wrote them, is null. Raises ``duckdb.Error``.
    """
    files = ", ".join(quoted(str(path)) for path in paths)
    rows = f"read_parquet([{files}], union_by_name = true, hive_partitioning = false)"
    held = {column[0] for column in connection.execute(f"describe select * from {rows}").fetchall()}
    columns = ", ".join(
        f'"{name}"' if name in held else f'cast(null as {kind}) as "{name}"'
        for name, kind in dataset.landing_columns
    )
    return f"(select {columns} from {rows})"


def make_control(
    connection: duckdb.DuckDBPyConnection, settings: Settings, header_only: Sequence[str]
) -> None:
    """Make the schema ``control``, less what tells of the publication before. Raises ``duckdb.Error``."""
    connection.execute("create schema control")
    connection.execute(
        "create table control.run_settings (as_of date, plan_version varchar, last_delivery_seq bigint, "
        "batch bigint, program_version varchar, publication_id varchar, run_id varchar, created_at timestamp)"
    )
    connection.execute(
        "insert into control.run_settings values (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            settings.as_of,
            settings.plan_version,
            settings.last_delivery_seq,
            settings.batch,
            settings.program_version,
            settings.publication_id,
            settings.run_id,
            settings.created_at,
        ],
    )
    connection.execute("create table control.empty_deliveries (dataset varchar)")
    for dataset in header_only:
        connection.execute("insert into control.empty_deliveries values (?)", [dataset])
    for table in ("plan_actions", "plan_indicators"):
        seed = quoted(str(DBT_PROJECT / "seeds" / f"{table}.csv"))
        connection.execute(
            f"create table control.{table} as select * replace (cast(action as integer) as action) "
            f"from read_csv({seed}, header = true, all_varchar = true) limit 0"
        )
    plans.fill(connection, settings.plans)


def quoted(text: str) -> str:
    """Text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


@dataclass(frozen=True)
class BuildResult:
    """What dbt found. ``checks``: dicts with the columns of ``validation_results``; ``broken``: nodes, other
    than tests, that failed, were skipped without a failing test before them, or never ran, each with its
    message."""

    checks: list[dict[str, Any]] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    @property
    def blocking(self) -> list[dict[str, Any]]:
        """Checks of severity ``block`` that did not pass."""
        return [c for c in self.checks if c["severity"] == "block" and c["outcome"] != "pass"]


_OUTCOMES = {"pass": "pass", "warn": "fail", "fail": "fail", "error": "error", "skipped": "error"}


def read_results(target: Path, run_id: str, database: Path | None = None) -> BuildResult:
    """Read what dbt wrote (manifest.json, run_results.json). Raises ``Defect`` if that can't be read.

    ``database``: dbt's working database, once dbt has let go of it; then a failed test that looks at several
    tables names those that failed it.
    """
    try:
        nodes = read_json(target / "manifest.json")["nodes"]
        results = {r["unique_id"]: r for r in read_json(target / "run_results.json")["results"]}
    except (OSError, ValueError, KeyError) as error:
        raise Defect("dbt's results can't be read", where=str(target)) from error
    found = BuildResult()
    for unique_id, node in sorted(nodes.items()):
        if node["resource_type"] not in ("model", "seed", "snapshot", "test"):
            continue
        if node["config"].get("materialized") == "ephemeral":
            continue
        result = results.get(unique_id)
        if node["resource_type"] == "test":
            found.checks.append(_check(node, result, run_id, database))
        elif result is None:
            found.broken.append(f"{node['name']}: never ran")
        elif result["status"] not in ("success", "skipped"):
            found.broken.append(f"{node['name']}: {result['message']}")
    if not found.blocking:
        found.broken.extend(
            f"{nodes[unique_id]['name']}: skipped"
            for unique_id, result in results.items()
            if result["status"] == "skipped" and unique_id in nodes
        )
    return found


def check_code(node: Mapping[str, Any]) -> str:
    """The code of a dbt test, as its ``meta`` gives it; its name if that gives none."""
    meta = {**node.get("meta", {}), **node["config"].get("meta", {})}
    return str(meta.get("code") or node["name"])


def _check(
    node: Mapping[str, Any], result: Mapping[str, Any] | None, run_id: str, database: Path | None
) -> dict[str, Any]:
    """A dbt test as a row of ``validation_results``; what it says of itself stands in its ``meta``."""
    meta = {**node.get("meta", {}), **node["config"].get("meta", {})}
    severity = "warn" if str(node["config"].get("severity", "error")).casefold() == "warn" else "block"
    outcome = _OUTCOMES.get(result["status"], "error") if result else "error"
    message = None if result is None or outcome != "error" else result.get("message")
    if outcome == "fail" and database is not None and "named_by" in meta:
        message = f"{'; '.join(_failing(node, meta['named_by'], database))}: {meta['sentence']}"
    return {
        "run_id": run_id,
        "check_code": check_code(node),
        "engine": "dbt",
        "subject": meta.get("subject") or _subject(node),
        "file_sha256": None,
        "file_name": None,
        "sheet": None,
        "column_name": node.get("column_name"),
        "guards": meta.get("guards") or node.get("description") or None,
        "dimension": meta.get("dimension") or "consistency",
        "severity": severity,
        "outcome": outcome,
        "rows_checked": None,
        "rows_failing": result.get("failures") if result else None,
        "sample_rows": None,
        "sentence": None if outcome == "pass" else (message or meta.get("sentence")),
    }


def _failing(node: Mapping[str, Any], column: str, database: Path) -> list[str]:
    """What the rows that fail a test say in a column. Raises ``Defect`` if they can't be had again."""
    import duckdb

    try:
        with duckdb.connect(str(database), read_only=True) as connection:
            rows = connection.execute(f"select distinct {column} from ({node['compiled_code']}) order by all")
            return [str(name) for (name,) in rows.fetchall()]
    except duckdb.Error as error:
        raise Defect(
            f"the rows that fail {check_code(node)} can't be read ({type(error).__name__})",
            where=str(database),
        ) from error


def _subject(node: Mapping[str, Any]) -> str:
    attached = node.get("attached_node")
    if attached:
        return str(attached).rsplit(".", 1)[-1]
    models = [name.rsplit(".", 1)[-1] for name in node["depends_on"]["nodes"]]
    return ", ".join(models) or str(node["name"])
