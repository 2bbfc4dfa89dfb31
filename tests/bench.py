"""How long the main job takes, and beside it, in the same run, what it can be measured against.

``make bench`` times whole commands as a user would start them, interleaved, five rounds after a first
that is not counted, and writes ``docs/performance.md``:

- a first refresh of the shipped delivery, in a new home;
- a refresh with one new delivery, in that home;
- a refresh with nothing new; ``explain``; ``check`` of that delivery;
- the site of the publication, built by a process of its own from what was published;
- the copy of all marts to an empty database of a PostgreSQL server on this machine;
- ``dbt build`` alone, by its own command, on the same project, data and selection;
- the independent recomputation in plain Python of the same delivery.

Given are medians with the least and the most, ratios to ``dbt build`` alone beside what is aimed at,
processor seconds, and the peak memory of all processes of a command together (shared pages counted once).
How long the marts take to be read stands there too (tests/bench_reads.py).
The first round leaves behind what every later night finds: dbt's partial parse, compiled bytecode. Memory is
watched in one more round, which is not timed: a look at it takes time from a command that keeps both cores at
work, and none from one that does not.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
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
from typing import Any

import duckdb
import psutil
from rich.console import Console
from rich.table import Table

from flows import site
from sources.contract import datasets
from sources.sample import DELIVERY
from tests.postgres import empty_database, running

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
DBT_ALONE = "dbt build alone"
SUCCESS = (0, 1)
PAGE = ROOT / "docs" / "performance.md"
AIMS = {"first refresh": 2.0, "one new delivery": 1.2, "nothing new": 0.25}
"""Ratios to ``dbt build`` alone."""

SITE = "site build"
COPY = "copy to PostgreSQL"
AIMS_IN_SECONDS = {"explain": 1.0, SITE: 3.0, COPY: 5.0}

LOOK_EVERY = 0.05
"""Seconds between two looks at the memory of a command."""

MEBIBYTE = 1024 * 1024


@dataclass
class Measured:
    """Seconds and processor seconds of the counted rounds of one command, peak bytes of the watched one."""

    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    peak: int = 0


@dataclass(frozen=True)
class Once:
    """One round of one command; ``peak`` is zero where nobody watched."""

    seconds: float
    cpu: float
    peak: int


def _memory(process: psutil.Process) -> int:
    total = 0
    for member in (process, *process.children(recursive=True)):
        try:
            total += member.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied, FileNotFoundError, ProcessLookupError):
            continue
    return total


def timed(
    command: list[str], environment: dict[str, str], folder: Path, look_every: float | None = None
) -> Once:
    """Seconds, processor seconds and peak memory in bytes of a command with all its processes.

    ``look_every``: seconds between two looks at their memory, at which nobody looks without it. Raises
    ``RuntimeError`` if the command fails.
    """
    peak = 0
    done = threading.Event()
    log = folder / "command.log"
    used = _cpu_of_children()
    with log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **environment}, stdout=output, stderr=subprocess.STDOUT
        )
        watched = psutil.Process(process.pid)

        def watch() -> None:
            nonlocal peak
            while not done.wait(look_every or 0.0):
                try:
                    peak = max(peak, _memory(watched))
                except psutil.NoSuchProcess:
                    return

        watcher = threading.Thread(target=watch, daemon=True)
        if look_every is not None:
            watcher.start()
        code = process.wait()
        seconds = time.perf_counter() - started
        done.set()
        if look_every is not None:
            watcher.join()
    if code not in SUCCESS:
        raise RuntimeError(
            f"{' '.join(command)} ended with {code}: {log.read_text(errors='replace')[-2000:]}"
        )
    return Once(seconds, _cpu_of_children() - used, peak)


def _cpu_of_children() -> float:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime


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


def _rounds(work: Path, address: str) -> dict[str, Callable[[int, float | None], Once]]:
    """The commands; each takes the number of its round, and how often to look at its memory."""
    home = work / "home"
    environment = {"SRAAP_HOME": str(home)}
    sraap = str(BIN / "sraap")

    def first(number: int, look: float | None) -> Once:
        shutil.rmtree(home, ignore_errors=True)
        return timed([sraap, "refresh"], environment, work, look)

    def one_new(number: int, look: float | None) -> Once:
        delivery = _new_delivery(work / f"delivery-{number}", number)
        return timed([sraap, "refresh", "--inbox", str(delivery)], environment, work, look)

    def nothing_new(number: int, look: float | None) -> Once:
        return timed([sraap, "refresh"], environment, work, look)

    def explain(number: int, look: float | None) -> Once:
        return timed([sraap, "explain", "7.1", "--year", "2026", "--state", "KEN"], environment, work, look)

    def check(number: int, look: float | None) -> Once:
        return timed([sraap, "check", str(work / f"delivery-{number}")], environment, work, look)

    def site_build(number: int, look: float | None) -> Once:
        publication = work / "publication"
        shutil.rmtree(publication, ignore_errors=True)
        shutil.copytree(home / "published", publication, ignore=shutil.ignore_patterns("site"))
        return timed([sys.executable, "-m", "tests.bench", "--site", str(publication)], {}, work, look)

    def copy(_: int, look: float | None) -> Once:
        service = empty_database(address, "bench", work)
        return timed(
            [sraap, "publish", "--to", "bench"], {**environment, "PGSERVICEFILE": str(service)}, work, look
        )

    def dbt_alone(number: int, look: float | None) -> Once:
        build = home / "build"
        _point_at_landing(home)
        return timed(
            [
                str(BIN / "dbt"), "build", "--exclude-resource-type", "unit_test", "--quiet",
                "--project-dir", str(ROOT / "dbt_project"), "--profiles-dir", str(ROOT / "dbt_project"),
                "--target-path", str(work / "target"), "--log-path", str(work / "logs"),
            ],
            {"SRAAP_BUILD_DB": str(build / "warehouse.duckdb")},
            work,
            look,
        )  # fmt: skip

    def recomputation(number: int, look: float | None) -> Once:
        today = date.today().isoformat()  # noqa: DTZ011 - any day does
        return timed([sys.executable, "-m", "tests.oracle", str(DELIVERY), "--as-of", today], {}, work, look)

    return {
        "first refresh": first,
        "one new delivery": one_new,
        "nothing new": nothing_new,
        "explain": explain,
        "check": check,
        SITE: site_build,
        COPY: copy,
        DBT_ALONE: dbt_alone,
        "plain recomputation": recomputation,
    }


def machine() -> str:
    """The machine in a few words."""
    model = platform.processor() or platform.machine()
    with Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    memory = psutil.virtual_memory().total / MEBIBYTE / 1024
    return f"{os.cpu_count()} cores ({names[0] if names else model}), {memory:.0f} GiB of memory"


def _table(measured: dict[str, Measured]) -> list[list[str]]:
    """What was measured as rows of text, the heading first."""
    base = statistics.median(measured[DBT_ALONE].seconds)
    rows = [["", "median s", "least", "most", "× dbt alone", "aim", "processor s", "peak MiB"]]
    for what, figures in measured.items():
        median = statistics.median(figures.seconds)
        rows.append(
            [
                what,
                f"{median:.2f}",
                f"{min(figures.seconds):.2f}",
                f"{max(figures.seconds):.2f}",
                f"{median / base:.2f}",
                _aim(what),
                f"{statistics.median(figures.cpu):.2f}",
                f"{figures.peak / MEBIBYTE:.0f}",
            ]
        )
    return rows


def _aim(what: str) -> str:
    if what in AIMS_IN_SECONDS:
        return f"≤ {AIMS_IN_SECONDS[what]:.0f} s"
    return f"≤ {AIMS[what]:.2f}" if what in AIMS else ""


def markdown(rows: list[list[str]]) -> str:
    """Rows of text, the heading first, as a table."""
    heading, *others = rows
    lines = [heading, ["---", *["---:"] * (len(heading) - 1)], *others]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _phases(profile: dict[str, Any]) -> list[list[str]]:
    phases = [*profile["phases"], {"name": "whole", **profile["whole"]}]
    rows = [[line["name"], f"{line['seconds']:.2f}", f"{line['cpu']:.2f}"] for line in phases]
    return [["phase", "seconds", "processor seconds"], *rows]


def _page(
    rounds: int, rows: list[list[str]], profiles: dict[str, dict[str, Any]], reads: list[list[str]]
) -> str:
    parts = [
        "# Performance\n\n",
        "Written by `make bench`; change nothing here by hand. Why it is as it is: "
        "[decision 021](decisions/021-four-processes.md).\n\n",
        f"{rounds} rounds, interleaved, after one that is not counted, on {machine()}; Python "
        f"{platform.python_version()}. Ratios are of medians, to `dbt build` by its own command on the same "
        "project, data and selection in the same rounds. Peak memory is of all processes of a command "
        "together, in one more round, which is not timed because watching takes time; the aim is 900 MB "
        "(858 MiB). What is done beside each other: receiving and judging beside the start of Prefect and of "
        "dbt, figures of the night before beside judging, evidence that needs no table beside dbt's build, "
        "the site beside the other evidence.\n\n",
        markdown(rows),
    ]
    for what, profile in profiles.items():
        parts.append(
            f"\n## Where the time of a {what} goes\n\nOne run, as `sraap refresh --profile` gives it.\n\n"
        )
        parts.append(markdown(_phases(profile)))
        tools = [["started beside each other", "seconds"]]
        tools += [[name, f"{seconds:.2f}"] for name, seconds in profile["tools"].items()]
        parts.append("\n" + markdown(tools))
    parts.append(
        "\n## How long the marts take to be read\n\nMilliseconds, from the published `warehouse.duckdb` "
        "(and Parquet, where that is said), through one connection: every cell as clients get them that "
        "take rows as they come, 2,048 at a time (the aim is about these: median and least of 15, and the "
        "first reading of that connection); as one Arrow table, which needs its memory in one piece; and "
        "within DuckDB, with nothing handed over. All other marts are read faster.\n\n"
    )
    parts.append(markdown(reads))
    return "".join(parts)


def _profiles(work: Path, number: int) -> dict[str, dict[str, Any]]:
    """Profiles of a first refresh and of one new delivery."""
    home = work / "home"
    shutil.rmtree(home)
    found = {}
    inbox = ["--inbox", str(_new_delivery(work / f"delivery-{number}", number))]
    for what, more in (("first refresh", []), ("refresh with one new delivery", inbox)):
        done = subprocess.run(
            [str(BIN / "sraap"), "refresh", "--home", str(home), "--profile", "--json", *more],
            capture_output=True,
            check=False,
        )
        found[what] = json.loads(done.stdout)["profile"]
    return found


def main(arguments: list[str] | None = None) -> int:
    """Runs the rounds, prints the table and writes the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--site", type=Path, help="only build the site of this copy of a publication")
    options = parser.parse_args(arguments)
    if options.site:
        site.write(options.site, previous=None, is_sample=True)
        return 0
    console = Console()
    with tempfile.TemporaryDirectory() as name, running(Path(name) / "postgres") as address:
        rounds = _rounds(Path(name), address)
        measured = {what: Measured() for what in rounds}
        for number in range(options.rounds + 1):
            for what, run in rounds.items():
                once = run(number, None)
                console.print(f"round {number}: {what} {once.seconds:.2f} s", style="dim")
                if number:
                    measured[what].seconds.append(once.seconds)
                    measured[what].cpu.append(once.cpu)
        for what, run in rounds.items():
            measured[what].peak = run(options.rounds + 1, LOOK_EVERY).peak
            console.print(f"memory of {what}: {measured[what].peak / MEBIBYTE:.0f} MiB", style="dim")
        profiles = _profiles(Path(name), options.rounds + 2)
        # In a process of its own, as a client has: this one has long got its memory.
        reads = json.loads(
            subprocess.run(
                [sys.executable, "-m", "tests.bench_reads", str(Path(name) / "home"), "--json"],
                stdout=subprocess.PIPE,
                check=False,
                cwd=ROOT,
            ).stdout
        )
    heading, *lines = _table(measured)
    table = Table(*heading, title=f"{options.rounds} rounds")
    for line in lines:
        table.add_row(*line)
    console.print(table)
    options.page.write_text(_page(options.rounds, [heading, *lines], profiles, reads), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
