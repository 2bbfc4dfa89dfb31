"""How long the published tables take to be read: ``python -m tests.bench_reads HOME``.

Each mart is read whole from ``warehouse.duckdb`` as a client does, cells and all; and one indicator of one
year from those that hold several, there and in Parquet, where the statistics of the row groups say which of
them could hold it. Aims: a full scan in 10 ms at life size, one indicator of one year in 100 ms at 100 times
life. Medians of five, after one that is not counted.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
from rich.console import Console

from tests.bench import markdown

ROUNDS = 5
SCAN_AIM, QUERY_AIM = 10.0, 100.0
"""Milliseconds."""
QUESTION = (2026, "1.1")
"""Reporting year and indicator of the queries of one indicator."""
ASKED = "reporting_year = 2026 and indicator_id = '1.1'"


@dataclass(frozen=True)
class Reading:
    """What was read, rows it gave, milliseconds (median and least), and what is aimed at."""

    what: str
    rows: int
    milliseconds: float
    least: float
    aim: float


def _taken(read: Callable[[], int]) -> tuple[int, float, float]:
    """Rows, and the median and the least of milliseconds."""
    taken = []
    rows = 0
    for _ in range(ROUNDS + 1):
        began = time.perf_counter()
        rows = read()
        taken.append((time.perf_counter() - began) * 1000)
    return rows, statistics.median(taken[1:]), min(taken[1:])


def read_all(home: Path) -> list[Reading]:
    """Read every mart whole, and one indicator of one year of those that hold several."""
    published = (home / "published").resolve()
    found = []
    with duckdb.connect(str(published / "warehouse.duckdb"), read_only=True) as connection:

        def asked(sql: str) -> Callable[[], int]:
            return lambda: int(connection.sql(sql).to_arrow_table().num_rows)

        names = [
            str(name)
            for (name,) in connection.execute(
                "select table_name from information_schema.tables where table_schema = 'marts' order by all"
            ).fetchall()
        ]
        for name in names:
            taken = _taken(asked(f'from marts."{name}"'))
            found.append(Reading(f"{name}, all of it", *taken, SCAN_AIM))
        for name in ("indicator_values", "indicator_observations", "observation_sources"):
            taken = _taken(asked(f"from marts.{name} where {ASKED}"))
            found.append(Reading(f"{name}, one indicator of one year", *taken, QUERY_AIM))
            file = published / "parquet" / f"{name}.parquet"
            taken = _taken(asked(f"from read_parquet('{file}') where {ASKED}"))
            met, groups = row_groups(file)
            what = f"the same in Parquet ({met} of {groups} row groups)"
            found.append(Reading(what, *taken, QUERY_AIM))
    return found


def row_groups(path: Path) -> tuple[int, int]:
    """How many row groups could hold the question by their statistics, and how many there are."""
    with pq.ParquetFile(path) as file:
        about = file.metadata
        place = {name: number for number, name in enumerate(file.schema_arrow.names)}
        met = 0
        for number in range(about.num_row_groups):
            bounds = [
                about.row_group(number).column(place[name]).statistics
                for name in ("reporting_year", "indicator_id")
            ]
            met += all(
                bound is None or bound.min <= wanted <= bound.max
                for bound, wanted in zip(bounds, QUESTION, strict=True)
            )
        return met, about.num_row_groups


def table(readings: list[Reading], most: int = 16) -> list[list[str]]:
    """The slowest scans and all queries as rows of text, the heading first."""
    scans = sorted((r for r in readings if r.aim == SCAN_AIM), key=lambda r: -r.milliseconds)
    rows = [["read", "rows", "median ms", "least ms", "aim"]]
    shown = (*scans[:most], *(r for r in readings if r.aim != SCAN_AIM))
    return rows + [
        [r.what, f"{r.rows:,}", f"{r.milliseconds:.1f}", f"{r.least:.1f}", f"≤ {r.aim:.0f}"] for r in shown
    ]


def main() -> int:
    """Prints the table of a home; exit code 1 where a full scan or a query takes longer than is aimed at."""
    readings = read_all(Path(sys.argv[1]))
    Console().print(markdown(table(readings)), soft_wrap=True)
    return int(any(reading.milliseconds > reading.aim for reading in readings))


if __name__ == "__main__":
    raise SystemExit(main())
