"""What ``make bench`` and ``make scale`` say of reads: that everything is read, and held against its aim."""

from __future__ import annotations

import dataclasses
import json

import duckdb
import pytest

from tests import bench_reads
from tests.bench_reads import Reading, Taken
from tests.flows.conftest import Refreshed


@pytest.fixture
def once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_reads, "ROUNDS", 1)
    monkeypatch.setattr(bench_reads, "UNCOUNTED", 0)


@pytest.mark.usefixtures("once")
def test_every_mart_is_read_whole(refreshed: Refreshed) -> None:
    readings = {reading.what: reading for reading in bench_reads.read_all(refreshed.home)}
    with duckdb.connect(str(refreshed.published / "warehouse.duckdb"), read_only=True) as connection:
        marts = [
            name
            for (name,) in connection.execute(
                "select table_name from information_schema.tables where table_schema = 'marts'"
            ).fetchall()
        ]
        rows = {name: connection.execute(f'select count(*) from marts."{name}"').fetchone() for name in marts}
        asked = connection.execute(
            "select count(*) from marts.observation_sources "
            "where reporting_year = 2026 and indicator_id = '1.1'"
        ).fetchone()
    scans = {what: reading for what, reading in readings.items() if what.endswith(", all of it")}
    assert set(scans) == {f"{name}, all of it" for name in marts}
    for name in marts:
        scan = scans[f"{name}, all of it"]
        assert scan.within is not None
        assert scan.as_they_come.rows == scan.as_one.rows
        assert (scan.as_they_come.rows,) == rows[name]
    assert (readings["observation_sources, one indicator of one year"].as_they_come.rows,) == asked
    assert asked != (0,)


def reading(median: float, aim: float = bench_reads.SCAN_AIM, what: str = "one") -> Reading:
    slow = Taken(3, 99.0, 99.0, 99.0)
    return Reading(what, Taken(1234, 12.0, median, 1.0), slow, slow, aim)


def test_rows_as_they_come_are_held_against_the_aim() -> None:
    assert reading(10.0).met
    assert not reading(10.1).met


def test_the_first_readings_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter(range(1000))
    lasts = iter([9.0, 8.0, 1.0, 3.0, 2.0])
    began = 0.0

    def clock() -> float:
        nonlocal began
        began += next(lasts) / 1000 if next(times) % 2 else 1.0
        return began

    monkeypatch.setattr(bench_reads, "ROUNDS", 3)
    monkeypatch.setattr(bench_reads, "UNCOUNTED", 2)
    monkeypatch.setattr("tests.bench_reads.time.perf_counter", clock)
    taken = bench_reads._taken(lambda: 7)
    assert dataclasses.astuple(taken) == pytest.approx((7, 9.0, 2.0, 1.0))


def test_the_slowest_scans_and_all_queries_are_shown() -> None:
    quick, slow = reading(1.0, what="quick"), reading(8.04, what="slow")
    query = dataclasses.replace(reading(2.0, bench_reads.QUERY_AIM, "query"), within=None)
    assert bench_reads.table([quick, slow, query], most=1)[1:] == [
        ["slow", "1,234", "8.0", "1.0", "≤ 10", "12.0", "99.0", "99.0"],
        ["query", "1,234", "2.0", "1.0", "≤ 100", "12.0", "99.0", ""],
    ]


@pytest.mark.usefixtures("once")
@pytest.mark.parametrize(("aim", "code"), [(1e9, 0), (0.0, 1)])
def test_exit_code_says_whether_the_aims_are_met(
    refreshed: Refreshed,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    aim: float,
    code: int,
) -> None:
    monkeypatch.setattr(bench_reads, "SCAN_AIM", aim)
    monkeypatch.setattr(bench_reads, "QUERY_AIM", 1e9)
    monkeypatch.setattr("sys.argv", ["bench_reads", str(refreshed.home), "--json"])
    assert bench_reads.main() == code
    heading, *rows = json.loads(capsys.readouterr().out)
    assert heading[0] == "read" and rows
