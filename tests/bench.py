"""How long the main job takes, and beside it, in the same run, what it can be measured against.

``make bench`` times whole commands as a user would start them, interleaved, five rounds after a first
that is not counted:

- a first refresh of the shipped delivery, in a new home;
- a refresh with one new delivery, in that home;
- a refresh with nothing new;
- ``dbt build`` alone, by its own command, on the same project, data and selection;
- the independent recomputation in plain Python of the same delivery.

Printed are medians with the least and the most, ratios to ``dbt build`` alone, and the peak memory of
all processes of a command together (shared pages counted once).
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import duckdb
import psutil
from rich.console import Console
from rich.table import Table

from sources.contract import datasets
from sources.sample import DELIVERY

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
DBT_ALONE = "dbt build alone"
SUCCESS = (0, 1)
MEBIBYTE = 1024 * 1024


@dataclass
class Measured:
    """Seconds and peak bytes of the counted rounds of one command."""

    seconds: list[float] = field(default_factory=list)
    peaks: list[int] = field(default_factory=list)


def _memory(process: psutil.Process) -> int:
    total = 0
    for member in (process, *process.children(recursive=True)):
        try:
            total += member.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied, FileNotFoundError, ProcessLookupError):
            continue
    return total


def timed(command: list[str], environment: dict[str, str], folder: Path) -> tuple[float, int]:
    """Seconds of a command and the peak memory in bytes of all its processes.

    Raises ``RuntimeError`` if it fails.
    """
    peak = 0
    done = threading.Event()
    log = folder / "command.log"
    with log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **environment}, stdout=output, stderr=subprocess.STDOUT
        )
        watched = psutil.Process(process.pid)

        def watch() -> None:
            nonlocal peak
            while not done.wait(0.1):
                try:
                    peak = max(peak, _memory(watched))
                except psutil.NoSuchProcess:
                    return

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        code = process.wait()
        seconds = time.perf_counter() - started
        done.set()
        watcher.join()
    if code not in SUCCESS:
        raise RuntimeError(
            f"{' '.join(command)} ended with {code}: {log.read_text(errors='replace')[-2000:]}"
        )
    return seconds, peak


def _new_delivery(folder: Path, number: int) -> Path:
    """A delivery of one report and its answer, new in each round."""
    folder.mkdir()
    report = f"BENCH-{number}"
    (folder / "article7_reports.csv").write_text(
        "report_id,iso3,reporting_year,submitted_on,uses_guide,has_implementation_update,received_on,source_ref\n"
        f"{report},KHM,2026,2026-04-30,yes,yes,2026-05-01,synthetic sample\n",
        encoding="utf-8",
    )
    (folder / "article7_answers.csv").write_text(
        "report_id,indicator_id,answer,received_on,source_ref\n"
        f"{report},1.1,yes,2026-05-01,synthetic sample\n",
        encoding="utf-8",
    )
    return folder


def _point_at_landing(home: Path) -> None:
    """Make the build's views of the landing anew: a run's own batch has moved there since."""
    with duckdb.connect(str(home / "build" / "warehouse.duckdb")) as connection:
        for folder in (home / "landing").iterdir():
            if folder.name in datasets() and any(folder.glob("*.parquet")):
                connection.execute(
                    f"create or replace view landing.{folder.name} as from read_parquet('{folder}/*.parquet')"
                )


def _rounds(work: Path) -> dict[str, Callable[[int], tuple[float, int]]]:
    home = work / "home"
    environment = {"SRAAP_HOME": str(home)}
    sraap = str(BIN / "sraap")

    def first(number: int) -> tuple[float, int]:
        shutil.rmtree(home, ignore_errors=True)
        return timed([sraap, "refresh"], environment, work)

    def one_new(number: int) -> tuple[float, int]:
        delivery = _new_delivery(work / f"delivery-{number}", number)
        return timed([sraap, "refresh", "--inbox", str(delivery)], environment, work)

    def nothing_new(number: int) -> tuple[float, int]:
        return timed([sraap, "refresh"], environment, work)

    def dbt_alone(number: int) -> tuple[float, int]:
        build = home / "build"
        _point_at_landing(home)
        return timed(
            [
                str(BIN / "dbt"), "build", "--exclude-resource-type", "unit_test", "--quiet",
                "--project-dir", str(ROOT / "dbt_project"), "--profiles-dir", str(ROOT / "dbt_project"),
                "--target-path", str(build / "target"), "--log-path", str(build / "logs"),
            ],
            {"SRAAP_BUILD_DB": str(build / "warehouse.duckdb")},
            work,
        )  # fmt: skip

    def recomputation(number: int) -> tuple[float, int]:
        today = date.today().isoformat()  # noqa: DTZ011 - any day does
        return timed([sys.executable, "-m", "tests.oracle", str(DELIVERY), "--as-of", today], {}, work)

    return {
        "first refresh": first,
        "one new delivery": one_new,
        "nothing new": nothing_new,
        DBT_ALONE: dbt_alone,
        "plain recomputation": recomputation,
    }


def main(arguments: list[str] | None = None) -> int:
    """Runs the rounds and prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    console = Console()
    with tempfile.TemporaryDirectory() as name:
        rounds = _rounds(Path(name))
        measured = {what: Measured() for what in rounds}
        for number in range(options.rounds + 1):
            for what, run in rounds.items():
                seconds, peak = run(number)
                console.print(f"round {number}: {what} {seconds:.2f} s", style="dim")
                if number:
                    measured[what].seconds.append(seconds)
                    measured[what].peaks.append(peak)
    base = statistics.median(measured[DBT_ALONE].seconds)
    table = Table(
        "", "median s", "least", "most", "× dbt alone", "peak MiB", title=f"{options.rounds} rounds"
    )
    for what, figures in measured.items():
        median = statistics.median(figures.seconds)
        table.add_row(
            what,
            f"{median:.2f}",
            f"{min(figures.seconds):.2f}",
            f"{max(figures.seconds):.2f}",
            f"{median / base:.2f}",
            f"{max(figures.peaks) / MEBIBYTE:.0f}",
        )
    console.print(table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
