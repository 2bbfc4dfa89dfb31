"""How long the published tables take to be read: ``python -m tests.bench_reads HOME``.

Each mart is read whole from ``warehouse.duckdb``, every cell of it, in three ways: within DuckDB, where
nothing is handed over; as clients get it that take DuckDB's rows as they come (JDBC and ODBC do), 2,048 at a
time; and as one Arrow table of record batches of a million rows, for which the process must get memory from
the system, page by page, which can take as long again as the reading. And one indicator of one year is asked
of those that hold several, there and in Parquet, where the statistics of the row groups say which of them
could hold it. Aims: a full scan in 10 ms at life size, one indicator of one year in 100 ms at 100 times life;
both are about rows as they come. Medians of 15, after five that are not counted; the first is given too.
"""

from __future__ import annotations

import json
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

ROUNDS, UNCOUNTED = 15, 5
BATCH = 2048
"""Rows of a vector of DuckDB's."""
SCAN_AIM, QUERY_AIM = 10.0, 100.0
"""Milliseconds."""
QUESTION = (2026, "1.1")
"""Reporting year and indicator of the queries of one indicator."""
ASKED = "reporting_year = 2026 and indicator_id = '1.1'"


@dataclass(frozen=True)
class Taken:
    """Rows, and milliseconds: of the first reading, median and least of those that count."""

    rows: int
    first: float
    median: float
    least: float


@dataclass(frozen=True)
class Reading:
    """What was read, and how long it took; the aim, in milliseconds, is about rows ``as_they_come``.

    ``within`` DuckDB: ``None`` for queries of one indicator, which are not measured there.
    """

    what: str
    as_they_come: Taken
    as_one: Taken
    within: Taken | None
    aim: float

    @property
    def met(self) -> bool:
        return self.as_they_come.median <= self.aim


def _taken(read: Callable[[], int]) -> Taken:
    taken = []
    rows = 0
    for _ in range(UNCOUNTED + ROUNDS):
        began = time.perf_counter()
        rows = read()
        taken.append((time.perf_counter() - began) * 1000)
    counted = taken[UNCOUNTED:]
    return Taken(rows, taken[0], statistics.median(counted), min(counted))


def read_all(home: Path) -> list[Reading]:
    """Read every mart whole, and one indicator of one year of those that hold several."""
    published = (home / "published").resolve()
    found: list[Reading] = []
    with duckdb.connect(str(published / "warehouse.duckdb"), read_only=True) as connection:

        def asked(what: str, sql: str, aim: float, within: Callable[[], int] | None = None) -> None:
            def as_they_come() -> int:
                return sum(len(batch) for batch in connection.sql(sql).to_arrow_reader(BATCH))

            def as_one() -> int:
                return len(connection.sql(sql).to_arrow_table())

            inside = _taken(within) if within else None
            found.append(Reading(what, _taken(as_they_come), _taken(as_one), inside, aim))

        def cells(name: str) -> Callable[[], int]:
            columns = [row[0] for row in connection.execute(f'describe marts."{name}"').fetchall()]
            hashes = ", ".join(f'bit_xor(hash("{column}"))' for column in columns)
            return lambda: len(connection.execute(f'select {hashes} from marts."{name}"').fetchall())

        names = [
            str(name)
            for (name,) in connection.execute(
                "select table_name from information_schema.tables where table_schema = 'marts' order by all"
            ).fetchall()
        ]
        for name in names:
            asked(f"{name}, all of it", f'from marts."{name}"', SCAN_AIM, cells(name))
        for name in ("indicator_values", "indicator_observations", "observation_sources"):
            file = published / "parquet" / f"{name}.parquet"
            met, groups = row_groups(file)
            asked(f"{name}, one indicator of one year", f"from marts.{name} where {ASKED}", QUERY_AIM)
            asked(
                f"the same in Parquet ({met} of {groups} row groups)",
                f"from read_parquet('{file}') where {ASKED}",
                QUERY_AIM,
            )
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
    """The slowest scans and all queries as rows of text, the heading first; milliseconds."""
    scans = sorted((r for r in readings if r.aim == SCAN_AIM), key=lambda r: -r.as_they_come.median)
    rows = [["read", "rows", "as they come", "least", "aim", "first", "as one table", "within DuckDB"]]
    for r in (*scans[:most], *(r for r in readings if r.aim != SCAN_AIM)):
        come = r.as_they_come
        rows.append(
            [
                r.what,
                f"{come.rows:,}",
                f"{come.median:.1f}",
                f"{come.least:.1f}",
                f"≤ {r.aim:.0f}",
                f"{come.first:.1f}",
                f"{r.as_one.median:.1f}",
                f"{r.within.median:.1f}" if r.within else "",
            ]
        )
    return rows


def main() -> int:
    """Prints the table of a home; exit code 1 where a full scan or a query takes longer than is aimed at.

    ``--json``: the rows of the few slowest as JSON, for ``make bench``.
    """
    home, *options = sys.argv[1:]
    readings = read_all(Path(home))
    if options == ["--json"]:
        sys.stdout.write(json.dumps(table(readings, most=4)))
    else:
        Console().print(markdown(table(readings)), soft_wrap=True)
    return int(not all(reading.met for reading in readings))


if __name__ == "__main__":
    raise SystemExit(main())
