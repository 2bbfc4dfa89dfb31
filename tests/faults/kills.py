"""Runs that are killed with SIGKILL at a named point or at a random moment, and what is left afterwards."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
from collections.abc import Mapping

from flows import faults
from flows.refresh import Night
from flows.runs import all_runs
from tests.faults.homes import (
    Bench,
    Harm,
    Reference,
    Scenario,
    archive_kept,
    fingerprint,
    lock_free,
    nothing_torn,
    recovered,
    whole,
)
from tests.flows.harness import without_prefect

MOST_HITS = {
    "archive.before_copy": 3,
    "archive.before_rename": 3,
    "archive.after_rename": 3,
    "read.file": 3,
    "stage.data": 3,
    "stage.ledger": 5,
    "dbt.seed": 2,
    "dbt.staging": 10,
    "dbt.intermediate": 15,
    "dbt.marts": 45,
    "dbt.test": 10,
    "export.table": 45,
    "commit.data": 3,
    "commit.ledger": 5,
}
"""How often each point is passed at least, in either scenario; other points once."""

LONGEST = 300.0
"""Seconds after which a run that should have died is given up."""


def scenario_of(seed: int, point: str = "") -> Scenario:
    """Every third seed begins with a new home; points of fetching are passed where there is a source."""
    if point.startswith("fetch."):
        return "fetched"
    return "first" if seed % 3 == 1 else "next"


def kill_at_point(
    bench: Bench,
    point: str,
    seed: int,
    expected: Mapping[Scenario, Reference],
    *,
    program: str = "flows.cli",
    night: Night = without_prefect,
) -> None:
    """Kill one run at a named point. Raises ``Harm`` if a promise does not hold.

    The seed draws which time the point is passed; every third kills the process alone, not its group.
    ``program`` is what is killed, ``night`` how the next run is made.
    """
    scenario = scenario_of(seed, point)
    hit = random.Random(f"{point} {seed}").randint(1, MOST_HITS.get(point, 1))
    alone = seed % 3 == 2
    bench.restore(scenario)
    before = fingerprint(bench.home.current_publication())
    settings = {faults.POINT: point, faults.HIT: str(hit), faults.SCOPE: "process" if alone else "group"}
    code = _wait(bench.command(scenario, program, **settings))
    # dbt and the site have processes of their own: if one alone dies, the run says so and ends as failed.
    outlived = alone and point.startswith(("dbt.", "site."))
    if code != (70 if outlived else -signal.SIGKILL):
        raise Harm(
            f"the run was not killed at {point}, hit {hit}, but ended with {code}: {bench.said()[-500:]}"
        )
    _look_at_what_is_left(bench, before)
    recovered(bench, scenario, expected[scenario], night)
    died = all_runs(bench.home)[-2]["state"] if len(all_runs(bench.home)) > 1 else "none"
    if died != ("failed" if outlived else "abandoned"):
        raise Harm(f"the killed run is called {died}")


def kill_at_moment(
    bench: Bench, seed: int, expected: Mapping[Scenario, Reference], night: Night = without_prefect
) -> None:
    """Kill one run at a moment drawn uniformly over its length. Raises ``Harm``."""
    scenario = scenario_of(seed)
    moment = random.Random(f"moment {seed}").uniform(0, expected[scenario].seconds)
    bench.restore(scenario)
    before = fingerprint(bench.home.current_publication())
    process = bench.command(scenario)
    try:
        process.wait(moment)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            if seed % 3 == 2:
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL)
    _wait(process)
    _look_at_what_is_left(bench, before)
    recovered(bench, scenario, expected[scenario], night)


def _wait(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait(LONGEST)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise Harm("the run neither died nor ended") from None


def _look_at_what_is_left(bench: Bench, before: str) -> None:
    home = bench.home
    if left := bench.left_running():
        raise Harm(f"processes were left behind: {left}")
    lock_free(home)
    nothing_torn(home)
    archive_kept(home)
    published = home.current_publication()
    if before != "none" and published is None:
        raise Harm("the publication has gone")
    if published is not None:
        whole(published)
    if before != "none" and before not in {fingerprint(p) for p in home.publications.glob("[!.]*")}:
        raise Harm("the publication before was changed")
