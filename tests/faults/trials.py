"""``make faults`` and ``make faults-full``: do harm in every way we know, and count what was survived.

Trials run in two workers, each with a home of its own. The table that is printed, with ``--write`` also into
docs/reliability.md, says how many faults were injected and how many a home survived: nothing torn, nothing
lost, nothing left running, and the next run publishing the reference's bytes.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from itertools import product
from multiprocessing import get_context
from pathlib import Path

from flows import faults
from flows.program import ROOT
from flows.refresh import Night
from tests.faults import disks, kills, readers, sequences
from tests.faults.homes import Bench, Reference, Scenario, reference, with_stored_build
from tests.faults.sequences import with_live_build, without_dbt
from tests.flows.harness import without_prefect

PAGE = ROOT / "docs" / "reliability.md"
PHASES = ("receive", "judge", "build", "check", "publish")
LEFT = (0, 200_000, 2_000_000)
DISK_MEGABYTES = 400
NIGHTS = 5
"""Publications of a drawn sequence."""


@dataclass(frozen=True)
class Trial:
    """One fault: its kind, and what it takes to make it again."""

    kind: str
    name: str
    number: int


@dataclass
class Count:
    """What became of the trials of one kind."""

    injected: int = 0
    survived: int = 0
    skipped: str = ""
    harms: list[str] = field(default_factory=list)


@cache
def _bench() -> tuple[Bench, dict[Scenario, Reference]]:
    """This worker's bench, with what undisturbed runs give."""
    bench = Bench(Path(tempfile.mkdtemp(prefix="worker-")))
    bench.prepare()
    scenarios: tuple[Scenario, ...] = ("first", "next", "fetched")
    return bench, {scenario: reference(bench, scenario) for scenario in scenarios}


@cache
def _calls() -> int:
    bench, _ = _bench()
    return disks.count_calls(bench, "next", with_stored_build(bench.build_of("next")))


def _recovering() -> Night:
    """The next run: the compiled SQL over the landing as it stands, without the seconds that dbt takes."""
    return with_live_build(_bench()[0].build_of("next"))


def _kill_point(trial: Trial) -> None:
    bench, expected = _bench()
    # one in six is killed below Prefect and dbt, where that makes no difference, and takes half the time
    is_plain = trial.number % 6 == 0 and not trial.name.startswith("dbt.")
    program = "tests.faults.plain" if is_plain else "flows.cli"
    kills.kill_at_point(bench, trial.name, trial.number, expected, program=program, night=_recovering())


def _kill_moment(trial: Trial) -> None:
    bench, expected = _bench()
    kills.kill_at_moment(bench, trial.number, expected, night=_recovering())


def _fail_call(trial: Trial) -> None:
    bench, expected = _bench()
    if trial.number <= _calls():
        disks.fail_call(
            bench,
            "next",
            trial.number,
            int(trial.name),
            expected=expected["next"],
            night=with_stored_build(bench.build_of("next")),
            lasting=trial.kind == STAYS,
        )


def _fail_command(trial: Trial) -> None:
    bench, expected = _bench()
    number = max(1, _calls() * trial.number // 100)
    disks.fail_command(bench, number, int(trial.name), expected["next"], _recovering())


def _fill_disk(trial: Trial) -> None:
    bench, expected = _bench()
    small = bench.folder / "small"
    with disks.small_disk(small, DISK_MEGABYTES):
        for name in ("prepared", "next"):
            shutil.copytree(bench.folder / name, small / name, symlinks=True)
        disks.fill_disk(Bench(small), trial.name, trial.number, expected["next"], without_prefect)


def _read(trial: Trial) -> None:
    bench, _ = _bench()
    nights = [without_prefect if trial.name == "dbt" else with_stored_build(bench.build_of("next"))]
    readers.read_while_publishing(bench, nights, trial.number)


POINT = "killed at a named point"
MOMENT = "killed at a random moment"
FAILS = "one call that writes, syncs or renames fails"
STAYS = "such a call and all after it fail"
COMMAND = "such a call fails in the whole command"
FULL = "a real disk fills up as a phase begins"
READERS = "a refresh publishes while 8 processes read"
AGAIN = "a publication of a drawn sequence is made again byte for byte, its registers deleted"


def _make_again(trial: Trial) -> None:
    bench, _ = _bench()
    instead = contextlib.nullcontext() if trial.name == "dbt" else without_dbt(bench.build_of("next"))
    with tempfile.TemporaryDirectory() as folder, instead:
        sequences.remake_sequence(Path(folder), trial.number, NIGHTS, without_prefect)


KINDS: dict[str, Callable[[Trial], None]] = {
    POINT: _kill_point,
    MOMENT: _kill_moment,
    FAILS: _fail_call,
    STAYS: _fail_call,
    COMMAND: _fail_command,
    FULL: _fill_disk,
    READERS: _read,
    AGAIN: _make_again,
}


def work(trial: Trial) -> tuple[Trial, str, str]:
    """Run one trial in a worker; gives what harm it found, and why it was skipped if it was."""
    try:
        KINDS[trial.kind](trial)
    except PermissionError as error:
        if trial.kind == FULL:
            return trial, "", str(error)
        return trial, repr(error), ""
    except Exception as error:
        return trial, f"{type(error).__name__}: {error}", ""
    return trial, "", ""


def calls(_: int) -> int:
    """How many calls an undisturbed run makes, counted in a worker."""
    return _calls()


def plan(options: argparse.Namespace, count: int) -> Iterator[Trial]:
    """All trials of a run of the harness; ``count``: calls of an undisturbed run."""
    for place, point in enumerate(faults.POINTS[:: options.points_step]):
        for seed in range(options.seeds):
            yield Trial(POINT, point, place + seed)
    for seed in range(options.moments):
        yield Trial(MOMENT, "", seed)
    for place, number in enumerate(range(1, count + 1, options.every)):
        codes = disks.CODES if options.full else (disks.CODES[place % 3],)
        for code in codes:
            yield Trial(FAILS, str(code), number)
    for number in range(1, count + 1, options.every * 7):
        yield Trial(STAYS, str(disks.CODES[0]), number)
    for place in range(options.commands):
        yield Trial(COMMAND, str(disks.CODES[place % 3]), (100 * place + 50) // options.commands)
    for left, phase in list(product(LEFT, reversed(PHASES)))[: options.fills]:
        yield Trial(FULL, phase, left)
    for seed in range(options.sequences):
        yield Trial(AGAIN, "" if seed else "dbt", seed)


def run(options: argparse.Namespace) -> tuple[dict[str, Count], int]:
    """Run every trial, saying what is survived as it goes; gives the counts and the number of calls."""
    counts = {kind: Count() for kind in KINDS}
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        number_of_calls = max(pool.map(calls, range(options.workers)))
        for trial, harm, skipped in pool.map(work, plan(options, number_of_calls)):
            _tell(counts, trial, harm, skipped, NIGHTS if trial.kind == AGAIN else 1)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        name = "dbt" if options.full else "stored"
        trial, harm, skipped = pool.submit(work, Trial(READERS, name, options.refreshes)).result()
        _tell(counts, trial, harm, skipped, options.refreshes)
    return counts, number_of_calls


def _tell(counts: dict[str, Count], trial: Trial, harm: str, skipped: str, times: int = 1) -> None:
    count = counts[trial.kind]
    if skipped:
        count.skipped = skipped
        return
    count.injected += times
    count.survived += 0 if harm else times
    sys.stderr.write(f"{'HARM' if harm else 'survived'}  {trial.kind}: {trial.name} {trial.number} {harm}\n")
    if harm:
        count.harms.append(f"{trial.name} {trial.number}: {harm}")


def table(counts: dict[str, Count]) -> str:
    """The counts as a table in Markdown."""
    lines = ["| fault | injected | survived |", "| --- | ---: | ---: |"]
    for kind, count in counts.items():
        skipped = f" (skipped: {count.skipped})" if count.skipped else ""
        lines.append(f"| {kind}{skipped} | {count.injected} | {count.survived} |")
    return "\n".join(lines)


def write(page: Path, counts: dict[str, Count], said: str) -> None:
    """Put the table into the page, between its two marks. Raises ``ValueError`` if they are missing."""
    text = page.read_text(encoding="utf-8")
    before, rest = text.split("<!-- results -->\n", 1)
    _, after = rest.split("<!-- /results -->", 1)
    page.write_text(
        f"{before}<!-- results -->\n{said}\n\n{table(counts)}\n<!-- /results -->{after}", encoding="utf-8"
    )


def options_of(arguments: list[str]) -> argparse.Namespace:
    """The size of a run; ``--full`` sets the sizes that were not given."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--full", action="store_true", help="20 seeds a point, every call, every error")
    parser.add_argument("--write", action="store_true", help="put the table into docs/reliability.md")
    parser.add_argument("--seeds", type=int, help="seeds for each named point")
    parser.add_argument("--points-step", type=int, default=1, help="take every n-th named point")
    parser.add_argument("--moments", type=int, help="kills at random moments")
    parser.add_argument("--every", type=int, help="let every n-th call fail")
    parser.add_argument("--commands", type=int, help="whole commands in which calls fail")
    parser.add_argument("--fills", type=int, help="times a real disk fills up")
    parser.add_argument("--sequences", type=int, help="drawn sequences whose publications are made again")
    parser.add_argument("--refreshes", type=int, default=50, help="refreshes beside the readers")
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1))
    options = parser.parse_args(arguments)
    small = {"seeds": 3, "moments": 12, "every": 13, "commands": 6, "fills": 10, "sequences": 6}
    large = {"seeds": 20, "moments": 200, "every": 1, "commands": 20, "fills": 15, "sequences": 100}
    for name, value in (large if options.full else small).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    return options


def main(arguments: list[str]) -> int:
    """Run the harness; 1 if anything was not survived."""
    options = options_of(arguments)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sraap-faults-") as folder:
        os.environ["TMPDIR"] = folder  # for the workers
        counts, number_of_calls = run(options)
    minutes = (time.monotonic() - began) / 60
    points = len(faults.POINTS[:: options.points_step])
    said = (
        f"`python -m tests.faults {' '.join(arguments)}`".replace(" `", "`")
        + f", {datetime.now(UTC).date()}, {minutes:.0f} minutes with {options.workers} workers: {points} of "
        f"{len(faults.POINTS)} points with {options.seeds} seeds each; every {options.every}. of "
        f"{number_of_calls} calls; {options.refreshes} refreshes beside 8 readers."
    )
    sys.stdout.write(f"{said}\n\n{table(counts)}\n")
    if options.write:
        write(PAGE, counts, said)
    return 1 if any(count.harms for count in counts.values()) else 0
