"""What a refresh costs with 1, 10 and 100 times as much data as there is in life.

``make scale`` (``SIZES=1,10`` for some of them) makes a delivery of each size (sources/sample/generate.py),
refreshes a new home from it with the program's own command, and writes what it took into ``docs/scaling.md``,
between its two marks:

- seconds on the clock and processor seconds, medians of three rounds, the peak memory of all processes
  together, bytes written;
- how the cost grows from one size to the next above the fixed cost, that of the smallest size, as the
  exponent of the number of rows;
- what a million answers more cost, beside what DuckDB alone takes to read the same CSV files and write them
  as Parquet, in the same run: the largest delivery is taken in once more without most of its files of
  answers and with everything else, for registers, reports and statements are no answers;
- how long the largest home's marts take to be read (tests/bench_reads.py).
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median

import duckdb
from rich.console import Console

from sources.sample.generate import SEED, generate
from tests import bench_reads
from tests.bench import BIN, MEBIBYTE, ROOT, Once, machine, markdown, timed

PAGE = ROOT / "docs" / "scaling.md"
BEGIN, END = "<!-- written by make scale -->\n", "<!-- end of what make scale writes -->\n"
AS_OF = "2026-11-20"
"""The day on which the sample's last row was received."""
PEAK_AIM = 1.5 * 1024 * MEBIBYTE
EXPONENT_AIM = 1.0
MARGINAL_AIM = 5.0
ANSWERS = "article7_answers--*.csv"
FEW = 0.05
"""Share of the answers, in bytes, with which the largest delivery is taken in once more, at most."""
COSTS = (("seconds", "seconds"), ("cpu", "processor seconds"))
DUCKDB = """
import json, sys, time, duckdb
files, target = json.loads(sys.argv[1]), sys.argv[2]
clock, cpu = time.perf_counter(), time.process_time()
with duckdb.connect() as connection:
    connection.execute("set enable_progress_bar = false")
    connection.execute(
        f"copy (from read_csv({files!r}, all_varchar = true, header = true)) to '{target}' "
        "(format parquet)"
    )
print(json.dumps((time.perf_counter() - clock, time.process_time() - cpu)))
"""


@dataclass(frozen=True)
class Size:
    """What one delivery took: medians of the rounds. ``rows`` that were read, ``answers`` among them;
    ``duckdb``: seconds and processor seconds that it takes alone for the files of answers; ``phases``:
    seconds and processor seconds, of one of the rounds."""

    scale: int
    delivered: int
    rows: int
    answers: int
    taken: Once
    written: int
    duckdb: tuple[float, float]
    phases: dict[str, tuple[float, float]]


@dataclass
class Case:
    """A delivery of one size, the home that is refreshed from it, and what the rounds took.

    ``alone``: DuckDB's seconds and processor seconds for its answers, in each round.
    """

    scale: int
    delivery: Path
    home: Path
    taken: list[Once] = field(default_factory=list)
    alone: list[tuple[float, float]] = field(default_factory=list)
    written: int = 0
    peak: int = 0

    def refresh(self, work: Path, look_every: float | None = None) -> Once:
        """Refresh a new home. Raises ``RuntimeError`` where that fails."""
        shutil.rmtree(self.home, ignore_errors=True)
        before = _written()
        command = [str(BIN / "sraap"), "refresh", "--home", str(self.home), "--inbox", str(self.delivery)]
        once = timed([*command, "--as-of", AS_OF], {}, work, look_every=look_every)
        self.written = _written() - before
        return once

    def by_duckdb(self, work: Path) -> tuple[float, float]:
        """What DuckDB alone takes for the answers."""
        answers = json.dumps(sorted(map(str, self.delivery.glob(ANSWERS))))
        alone = subprocess.run(
            [sys.executable, "-c", DUCKDB, answers, str(work / "answers.parquet")],
            capture_output=True,
            check=True,
        )
        seconds, cpu = json.loads(alone.stdout.splitlines()[-1])
        return seconds, cpu

    def size(self) -> Size:
        """What was found, after the rounds."""
        (run,) = sorted((self.home / "runs").glob("*/run.json"))
        phases = {
            phase["name"]: (phase["seconds"], phase["cpu"])
            for phase in json.loads(run.read_text(encoding="utf-8"))["phases"]
        }
        with duckdb.connect(str(self.home / "published" / "warehouse.duckdb"), read_only=True) as connection:
            found = connection.execute(
                "select sum(rows_read), sum(rows_read) filter (dataset = 'article7_answers') "
                "from audit.row_balance"
            ).fetchone()
        assert found is not None
        return Size(
            self.scale,
            sum(path.stat().st_size for path in self.delivery.iterdir()),
            int(found[0]),
            int(found[1]),
            Once(median(o.seconds for o in self.taken), median(o.cpu for o in self.taken), self.peak),
            self.written,
            (median(one[0] for one in self.alone), median(one[1] for one in self.alone)),
            phases,
        )


def _written() -> int:
    """Bytes that this process and its ended children gave to the disk; 0 where the system doesn't tell."""
    try:
        lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return int(dict(line.split(": ") for line in lines)["write_bytes"])


def made(scale: int, work: Path, say: Console) -> Case:
    """A delivery of so many times life."""
    delivery = work / f"delivery-{scale}"
    began = time.perf_counter()
    generate(delivery, SEED, scale)
    say.print(f"{scale}: made in {time.perf_counter() - began:.0f} s", style="dim")
    return Case(scale, delivery, work / f"home-{scale}")


def with_few_answers(whole: Case, work: Path) -> Case:
    """The delivery without most of its files of answers, and with everything else."""
    few = work / f"delivery-{whole.scale}-few"
    few.mkdir()
    answers = sorted(whole.delivery.glob(ANSWERS), key=lambda path: path.stat().st_size)
    room = FEW * sum(path.stat().st_size for path in answers)
    for path in whole.delivery.iterdir():
        if path not in answers:
            (few / path.name).hardlink_to(path)
    for path in answers:
        room -= path.stat().st_size
        if room < 0:
            break
        (few / path.name).hardlink_to(path)
    return Case(whole.scale, few, work / f"home-{whole.scale}-few")


def run(cases: Sequence[Case], rounds: int, work: Path, say: Console) -> list[Size]:
    """Each delivery in each round, one after the other, and DuckDB alone beside it; then each once more while
    its memory is watched, which takes time itself and is not timed."""
    for number in range(1, rounds + 1):
        for case in cases:
            case.taken.append(case.refresh(work))
            case.alone.append(case.by_duckdb(work))
            say.print(
                f"round {number}, {case.delivery.name}: {case.taken[-1].seconds:.1f} s, "
                f"{case.taken[-1].cpu:.1f} processor seconds; DuckDB alone {case.alone[-1][0]:.2f} s",
                style="dim",
            )
    sizes = []
    for case in cases:
        case.peak = case.refresh(work, look_every=0.25).peak
        sizes.append(case.size())
        say.print(f"watched, {case.delivery.name}: {case.peak / MEBIBYTE:.0f} MiB", style="dim")
    return sizes


def exponent(first: Size, one: Size, other: Size, cost: str) -> float:
    """How ``cost`` (``seconds`` or ``cpu``) grows with the rows from one size to the other, above the first;
    NaN where one cost no more than the first."""
    costs = [getattr(size.taken, cost) - getattr(first.taken, cost) for size in (one, other)]
    rows = [size.rows - first.rows for size in (one, other)]
    if min(costs) <= 0:
        return math.nan
    return math.log(costs[1] / costs[0]) / math.log(rows[1] / rows[0])


def _sizes(sizes: list[Size]) -> list[list[str]]:
    heading = [
        "times life",
        "delivered MB",
        "rows",
        "answers",
        "seconds",
        "processor s",
        "peak MiB",
        "written MB",
    ]
    return [heading] + [
        [
            str(size.scale),
            f"{size.delivered / 1e6:.1f}",
            f"{size.rows:,}",
            f"{size.answers:,}",
            f"{size.taken.seconds:.1f}",
            f"{size.taken.cpu:.1f}",
            f"{size.taken.peak / MEBIBYTE:.0f}",
            f"{size.written / 1e6:.0f}",
        ]
        for size in sizes
    ]


def _phases(sizes: list[Size]) -> list[list[str]]:
    names = list(dict.fromkeys(name for size in sizes for name in size.phases))
    rows = [["processor seconds of phase", *(f"× {size.scale}" for size in sizes)]]
    return rows + [[name, *(f"{s.phases.get(name, (0, 0))[1]:.1f}" for s in sizes)] for name in names]


def _aims(sizes: list[Size], few: Size) -> list[list[str]]:
    """``few``: the last of the sizes with few of its answers."""
    first, last = sizes[0], sizes[-1]
    rows = [["what", "measured", "aim"]]
    peak = last.taken.peak / MEBIBYTE
    rows.append(
        [f"peak memory at {last.scale} times life, MiB", f"{peak:.0f}", f"≤ {PEAK_AIM / MEBIBYTE:.0f}"]
    )
    for one, other in pairwise(sizes[1:]):
        for cost, words in COSTS:
            value = f"{exponent(first, one, other, cost):.2f}"
            what = f"exponent of {words}, {one.scale} to {other.scale} times life"
            rows.append([what, value, f"≤ {EXPONENT_AIM:.1f}"])
    millions = (last.answers - few.answers) / 1e6
    for place, (cost, words) in enumerate(COSTS):
        more = (getattr(last.taken, cost) - getattr(few.taken, cost)) / millions
        alone = (last.duckdb[place] - few.duckdb[place]) / millions
        rows += [
            [f"{words} of a million answers more", f"{more:.2f}", ""],
            [f"{words} DuckDB alone takes for a million", f"{alone:.2f}", ""],
            [f"ratio of {words}", f"{more / alone:.1f}", f"≤ {MARGINAL_AIM:.0f}"],
        ]
    return rows


def page(sizes: list[Size], few: Size, rounds: int, reads: str) -> str:
    """What stands between the marks. ``few``: the last of the sizes with few of its answers."""
    last = sizes[-1].scale
    return (
        f"\nMeasured on {machine()}; Python {platform.python_version()}, DuckDB {duckdb.__version__}; "
        f"medians of {rounds} rounds, interleaved, as of {AS_OF}, seed {SEED}. Peak memory is of all "
        "processes together, shared pages counted once, in one more run, which is not timed because watching "
        "takes time.\n\n"
        f"{markdown(_sizes(sizes))}\n{markdown(_aims(sizes, few))}\n"
        f"What a million answers more cost is told by the delivery of {last} times life with all of its "
        f"answers and with few of them ({few.taken.seconds:.1f} s and {few.taken.cpu:.1f} processor seconds "
        f"with {few.answers:,}, and everything else).\n\n"
        f"{markdown(_phases(sizes))}\n"
        f"Reads at {last} times life (`python -m tests.bench_reads HOME`), in milliseconds; a full scan is "
        f"to take 10 at life size, and grows with its rows:\n\n{reads}\n"
    )


def write(path: Path, text: str) -> None:
    """Put the text between the marks of a page. Raises ``ValueError`` where it has none."""
    old = path.read_text(encoding="utf-8")
    before, begin, rest = old.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path} lacks the marks between which the table stands")
    path.write_text(before + begin + text + end + after, encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Runs the sizes, prints the tables and writes the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", default="1,10,100", help="times life, separated by commas")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", type=Path, help="folder that is kept (default: a temporary one)")
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args(arguments)
    console = Console()
    wanted = sorted({int(size) for size in options.sizes.split(",")})
    with tempfile.TemporaryDirectory(prefix="sraap-scale-") as name:
        work = options.work or Path(name)
        work.mkdir(parents=True, exist_ok=True)
        cases = [made(scale, work, console) for scale in wanted]
        *sizes, few = run([*cases, with_few_answers(cases[-1], work)], options.rounds, work, console)
        reads = markdown(bench_reads.table(bench_reads.read_all(work / f"home-{wanted[-1]}")))
    text = page(sizes, few, options.rounds, reads)
    console.print(text)
    write(options.page, text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
