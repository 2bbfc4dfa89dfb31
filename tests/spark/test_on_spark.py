"""One night built twice, on DuckDB and on Spark: every mart row for row, every check, every published byte.

The night is the second of a home that holds the sample; its delivery corrects and retracts, so that values
move and the reasons are compared as well. Spark and its environment are made by ``make setup-spark``.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flows.program import ROOT
from sources.sample import DELIVERY
from tests.conftest import Sample
from tests.flows.harness import write_csv

pytestmark = pytest.mark.skipif(
    "SRAAP_ON_SPARK" not in os.environ, reason="needs Spark and minutes: make spark, make spark-small"
)

SRAAP = Path(sys.executable).parent / "sraap"
SPARK_BIN = Path(sys.prefix) / "spark" / "bin"
ON_SPARK = {"SPARK_CONF_DIR": str(Path(__file__).parent / "conf"), "SPARK_LOCAL_IP": "127.0.0.1"}
AS_OF = "2026-11-24"
RECEIVED = "2026-11-23"

OF_THE_RUN = "dim_publication"
"""The one table that holds times and ids of runs."""


def refresh(home: Path, *arguments: str, sraap: Path = SRAAP, **environment: str) -> str:
    """A refresh in a process of its own; what it said. Fails the test where it did not publish."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SRAAP_", "PREFECT_"))}
    done = subprocess.run(
        [str(sraap), "refresh", "--home", str(home), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**kept, "SRAAP_READ_SECONDS": "120", **environment},
    )
    assert done.returncode in (0, 1), f"ended with {done.returncode}\n{done.stdout}\n{done.stderr[-4000:]}"
    return done.stdout


def rows_of(*names: str, encoding: str = "utf-8-sig") -> list[dict[str, str]]:
    """Rows of files of the sample, whatever separates their cells."""
    found = []
    for name in names:
        text = (DELIVERY / name).read_text(encoding=encoding)
        separator = ";" if ";" in text.partition("\n")[0] else ","
        found += list(csv.DictReader(text.splitlines(), delimiter=separator))
    return found


def corrections(inbox: Path) -> Path:
    """A delivery after the sample: answers that turn, reports and participants that go, no line of cases."""
    answers = [row for row in rows_of("article7_answers--2026.csv") if row["answer"] in ("yes", "no")][::7]
    turned = [{**row, "answer": {"yes": "no", "no": "yes"}[row["answer"]]} for row in answers[:60]]
    reports = rows_of("article7_reports--2026.csv")[10:30:5]
    gone = [{**row, "record_status": "retracted"} for row in reports]
    people = rows_of("meeting_participants--23MSP-PM1.csv")[:12]
    left = [{**row, "record_status": "retracted"} for row in people]
    for name, rows in (
        ("article7_answers", turned),
        ("article7_reports", gone),
        ("meeting_participants", left),
    ):
        write_csv(inbox / f"{name}.csv", [{**row, "received_on": RECEIVED} for row in rows])
    (inbox / "compliance_cases.csv").write_text(
        "case_id,iso3,article,opened_on,closed_on,basis,received_on\n", encoding="utf-8"
    )
    return inbox


@dataclass(frozen=True)
class Nights:
    """The same home after the same second night, by the engine that built it."""

    on_duckdb: Path
    on_spark: Path


@pytest.fixture(scope="module")
def first(sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the sample published, and beside it the delivery of the second night."""
    folder = tmp_path_factory.mktemp("spark")
    shutil.copytree(sample.untouched, folder / "first", symlinks=True)
    corrections(folder / "inbox")
    return folder / "first"


def second_night(first: Path, name: str, *arguments: str, **options: Any) -> Path:
    home = first.parent / name
    shutil.copytree(first, home, symlinks=True)
    refresh(home, "--inbox", str(first.parent / "inbox"), "--as-of", AS_OF, *arguments, **options)
    return home


@pytest.fixture(scope="module")
def on_duckdb(first: Path) -> Path:
    return second_night(first, "duckdb")


@pytest.fixture(scope="module")
def nights(first: Path, on_duckdb: Path) -> Nights:
    return Nights(
        on_duckdb,
        second_night(first, "spark", "--target", "spark", sraap=SPARK_BIN / "sraap", **ON_SPARK),
    )


def tables(home: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted((home / "published" / "parquet").glob("*.parquet"))}


def differences(one: Path, other: Path) -> list[str]:
    """Which marts of two homes differ, in columns, types, or rows and their order."""
    found = []
    ours, theirs = tables(one), tables(other)
    if set(ours) != set(theirs):
        found.append(f"tables: {set(ours) ^ set(theirs)}")
    with duckdb.connect() as connection:
        for name in sorted(set(ours) & set(theirs)):
            first, second = (connection.read_parquet(str(side[name])) for side in (ours, theirs))
            if (first.columns, first.types) != (second.columns, second.types):
                found.append(
                    f"{name}: columns {first.columns} {first.types}, {second.columns} {second.types}"
                )
            elif name != OF_THE_RUN and first.fetchall() != second.fetchall():
                alone = connection.sql("select * from first except all select * from second").fetchall()
                found.append(f"{name}: {len(alone)} rows differ, such as {alone[:2]}")
    return found


def published(home: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(home / "published" / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_every_mart_is_the_same_row_for_row(nights: Nights) -> None:
    assert len(tables(nights.on_spark)) > 60
    assert differences(nights.on_duckdb, nights.on_spark) == []
    moved = published(nights.on_spark, "select reason, count(*) from marts.indicator_revisions group by all")
    assert {reason for reason, _ in moved} >= {"correction", "retraction"}


def test_every_published_byte_of_the_tables_is_the_same(nights: Nights) -> None:
    for part in ("parquet", "csv"):
        ours, theirs = (
            {p.name: p.read_bytes() for p in (home / "published" / part).iterdir() if p.stem != OF_THE_RUN}
            for home in (nights.on_duckdb, nights.on_spark)
        )
        assert set(ours) == set(theirs)
        assert [name for name in ours if ours[name] != theirs[name]] == []


def test_the_same_models_contracts_and_tests_ran(nights: Nights) -> None:
    ours, theirs = (
        json.loads((home / "published" / "evidence" / "dbt" / "manifest.json").read_text(encoding="utf-8"))
        for home in (nights.on_duckdb, nights.on_spark)
    )
    assert (ours["metadata"]["adapter_type"], theirs["metadata"]["adapter_type"]) == ("duckdb", "spark")
    assert set(ours["nodes"]) == set(theirs["nodes"])
    for key, node in theirs["nodes"].items():
        assert node["config"].get("contract") == ours["nodes"][key]["config"].get("contract")
    checks = (
        "select check_code, subject, severity, outcome, rows_failing from audit.validation_results "
        "where engine = 'dbt' and run_id = (select max(run_id) from audit.validation_results) order by all"
    )
    found = published(nights.on_spark, checks)
    assert len(found) > 10
    assert found == published(nights.on_duckdb, checks)


def test_what_spark_built_is_explained_and_made_again_on_duckdb(nights: Nights) -> None:
    said = refresh(nights.on_spark, "--reproduce", "published")
    assert "have the same bytes" in said
    before = sorted(p.name for p in (nights.on_spark / "publications").iterdir())[0]
    found = []
    for home in (nights.on_duckdb, nights.on_spark):
        done = subprocess.run(
            [str(SRAAP), "diff", before, "published", "--home", str(home), "--json"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout)["values"])
    assert found[0] == found[1] != []


def test_nothing_of_the_build_is_left_in_the_storage(nights: Nights) -> None:
    storage = nights.on_spark / "build" / "spark" / "storage"
    assert [path.name for path in storage.iterdir()] == ["sraap.home"]


# --- through Thrift -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def thrift_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A Thrift server of the pyspark package; the variables that lead to it."""
    folder = tmp_path_factory.mktemp("thrift")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    settings: Mapping[str, str] = {
        "spark.hadoop.javax.jdo.option.ConnectionURL": "jdbc:derby:memory:metastore;create=true",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.ui.enabled": "false",
    }
    given = [word for name, value in settings.items() for word in ("--conf", f"{name}={value}")]
    command = [str(SPARK_BIN / "spark-submit"), "--master", "local[2]", *given]
    command += ["--class", "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2", "spark-internal"]
    server = subprocess.Popen(
        command,
        cwd=folder,
        env={
            **os.environ,
            **ON_SPARK,
            "PATH": f"{SPARK_BIN}{os.pathsep}{os.environ['PATH']}",
            "HIVE_SERVER2_THRIFT_BIND_HOST": "127.0.0.1",
            "HIVE_SERVER2_THRIFT_PORT": port,
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stderr is not None
        said = []
        for line in server.stderr:
            said.append(line)
            if re.search(r"Starting ThriftBinaryCLIService on port", line):
                break
        else:
            raise AssertionError("".join(said[-40:]))
        log = (folder / "server.log").open("w")
        drain = subprocess.Popen(["cat"], stdin=server.stderr, stdout=log)
        yield {"SRAAP_SPARK_HOST": "127.0.0.1", "SRAAP_SPARK_PORT": port, "SRAAP_SPARK_POLL": "0"}
    finally:
        server.terminate()
        server.wait()
    drain.wait()
    log.close()


@pytest.mark.skipif(os.environ.get("SRAAP_ON_SPARK") == "small", reason="a second build: make spark")
def test_through_thrift_it_is_the_same(
    first: Path, on_duckdb: Path, thrift_server: dict[str, str], tmp_path: Path
) -> None:
    storage = {"SRAAP_SPARK_STORAGE": str(tmp_path / "shared"), "SRAAP_SPARK_SCHEMA": "mine"}
    home = second_night(
        first, "thrift", "--target", "spark-thrift", sraap=SPARK_BIN / "sraap", **thrift_server, **storage
    )
    assert differences(on_duckdb, home) == []
    assert [path.name for path in (tmp_path / "shared" / "mine").iterdir()] == ["sraap.home"]


# --- the dialects -------------------------------------------------------------------------------------------

THREE_DAYS = (date(2024, 2, 28), date(2024, 12, 31), date(2025, 2, 28))
DIALECT = {
    "add_days('on_day', 1)": ["2024-02-29", "2025-01-01", "2025-03-01", None],
    "add_days('on_day', -1)": ["2024-02-27", "2024-12-30", "2025-02-27", None],
    "add_months('on_day', 12)": ["2025-02-28", "2025-12-31", "2026-02-28", None],
    "add_months('on_day', 2)": ["2024-04-28", "2025-02-28", "2025-04-28", None],
    "year_day(2028, '02-29')": ["2028-02-29"] * 4,
    "days_of_era('on_day')": [*(str(day.toordinal() - 1) for day in THREE_DAYS), None],
    "beginning_of_time()": ["0001-01-01"] * 4,
    "end_of_time()": ["9999-12-31"] * 4,
}
"""A macro, and what it gives for 2024-02-28, 2024-12-31, 2025-02-28 and null."""


@pytest.mark.parametrize("target", ["duckdb", "spark"])
def test_macros_give_the_same_dates_on_both(target: str, tmp_path: Path) -> None:
    days = [f"cast('{day}' as date)" for day in THREE_DAYS]
    union = " union all ".join(
        f"select {number} as place, {day} as on_day"
        for number, day in enumerate([*days, "cast(null as date)"])
    )
    columns = ", ".join(
        f"cast({{{{ {call} }}}} as {{{{ dbt.type_string() }}}}) as c{number}"
        for number, call in enumerate(DIALECT)
    )
    command = [
        str(SPARK_BIN / "dbt"),
        "--quiet",
        "show",
        "--target",
        target,
        "--limit",
        "-1",
        "--output",
        "json",
    ]
    command += ["--project-dir", str(ROOT / "dbt_project"), "--profiles-dir", str(ROOT / "dbt_project")]
    command += ["--target-path", str(tmp_path / "target"), "--log-path", str(tmp_path / "logs")]
    command += ["--inline", f"select place, {columns} from ({union}) as days"]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, **ON_SPARK, "SRAAP_BUILD_STORAGE": str(tmp_path / "storage")},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    shown = json.loads(done.stdout[done.stdout.index("{") :])["show"]
    shown.sort(key=lambda row: row["place"])
    found = {call: [row[f"c{number}"] for row in shown] for number, call in enumerate(DIALECT)}
    assert found == DIALECT
