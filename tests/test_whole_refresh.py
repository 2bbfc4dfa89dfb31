"""Whole refreshes, as a user starts them: the command, a new home, the published files.

What is published is compared with the independent recomputation, on the shipped delivery and on drawn
ones; rejected rows are compared with the list of faults that the sample's generator keeps.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from sources.sample import DELIVERY, EXPECTED_FINDINGS
from sources.sample.spellings import SPELLINGS
from tests.agreement import PLAN, marts_differences
from tests.conftest import SAMPLE_AS_OF, Sample
from tests.dbt_harness import FIGURES, rows_of
from tests.oracle.indicators import answerable, compute
from tests.oracle.rows import read_deliveries

SRAAP = str(Path(sys.executable).parent / "sraap")
AS_OF = SAMPLE_AS_OF


def run(*arguments: str, expected: tuple[int, ...]) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own; fails the test where it ends otherwise than expected."""
    done = subprocess.run(
        [SRAAP, *arguments], capture_output=True, text=True, check=False, env=dict(os.environ)
    )
    assert done.returncode in expected, f"{arguments} ended with {done.returncode}\n{done.stderr[-4000:]}"
    return done


def published(home: Path) -> dict[str, list[dict[str, Any]]]:
    with duckdb.connect(str(home / "published" / "warehouse.duckdb"), read_only=True) as connection:
        return {table: rows_of(connection, f"marts.{table}") for table in FIGURES}


@pytest.fixture(scope="module")
def sample_home(sample: Sample) -> Path:
    return sample.home


def audit(home: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(home / "published" / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_the_published_sample_agrees_with_the_recomputation(sample_home: Path) -> None:
    names = {form: iso3 for iso3, forms in SPELLINGS.items() for form in forms}
    rows = read_deliveries([DELIVERY], names, answerable(PLAN))
    lines = marts_differences(compute(rows, AS_OF, PLAN), published(sample_home))
    assert not lines, "\n".join(lines[:40])


def test_every_indicator_has_a_total_for_every_year_begun(sample_home: Path) -> None:
    found = audit(
        sample_home,
        "select reporting_year, count(distinct indicator_id) from marts.indicator_values "
        "where breakdown = 'total' group by all order by all",
    )
    assert found == [(2025, 87), (2026, 87)]


def test_what_the_sample_gets_wrong_is_what_is_rejected(sample_home: Path) -> None:
    with EXPECTED_FINDINGS.open(encoding="utf-8", newline="") as handle:
        faults = [row for row in csv.DictReader(handle) if row["outcome"] in ("quarantined", "waiting")]
    rejected = audit(
        sample_home,
        "select f.file_sha256, q.row_number, bool_or(q.waiting) from audit.quarantined_rows q "
        "join audit.files f using (file_sha256) group by all",
    )
    assert len(rejected) == len({(f["file"], f["sheet"], f["row_number"]) for f in faults})
    assert sum(waiting for *_, waiting in rejected) == sum(f["outcome"] == "waiting" for f in faults)


def test_every_row_read_is_accounted_for(sample_home: Path) -> None:
    balance = audit(
        sample_home,
        "select file_name, rows_read, rows_loaded, rows_duplicate, rows_quarantined from audit.row_balance",
    )
    assert len(balance) >= len(list(DELIVERY.iterdir()))
    assert all(read == loaded + duplicate + rejected for _, read, loaded, duplicate, rejected in balance)


def test_files_for_other_tools_hold_what_the_warehouse_holds(sample_home: Path) -> None:
    tables = [
        name
        for (name,) in audit(sample_home, "select table_name from duckdb_tables() where schema_name='marts'")
    ]
    assert len([t for t in tables if t.startswith("action_")]) == 45
    for table in tables:
        count = audit(sample_home, f"select count(*) from marts.{table}")[0][0]
        parquet = pq.read_table(sample_home / "published" / "parquet" / f"{table}.parquet")
        assert parquet.num_rows == count, table
        with (sample_home / "published" / "csv" / f"{table}.csv").open(
            encoding="utf-8", newline=""
        ) as handle:
            assert sum(1 for _ in csv.reader(handle)) == count + 1, table


def test_the_same_inputs_and_day_give_the_same_bytes(sample_home: Path, tmp_path: Path) -> None:
    again = tmp_path / "home"
    run("refresh", "--home", str(again), "--as-of", AS_OF.isoformat(), expected=(1,))
    compared = 0
    for folder in ("parquet", "csv"):
        for path in sorted((sample_home / "published" / folder).iterdir()):
            if path.stem != "dim_publication":
                assert path.read_bytes() == (again / "published" / folder / path.name).read_bytes(), path.name
                compared += 1
    assert compared > 100


def test_a_second_refresh_finds_nothing_new_and_changes_nothing(sample_home: Path) -> None:
    before = (sample_home / "published").readlink()
    done = run("refresh", "--home", str(sample_home), "--as-of", AS_OF.isoformat(), "--json", expected=(0,))
    assert json.loads(done.stdout)["state"] == "nothing_new"
    assert (sample_home / "published").readlink() == before


def test_an_earlier_day_is_published_from_the_same_landing(sample_home: Path, tmp_path: Path) -> None:
    """After the others: the home's current publication moves to another day of knowledge."""
    day = date(2026, 3, 1)
    run("refresh", "--home", str(sample_home), "--as-of", day.isoformat(), expected=(0, 1))
    names = {form: iso3 for iso3, forms in SPELLINGS.items() for form in forms}
    rows = read_deliveries([DELIVERY], names, answerable(PLAN))
    lines = marts_differences(compute(rows, day, PLAN), published(sample_home))
    assert not lines, "\n".join(lines[:40])
