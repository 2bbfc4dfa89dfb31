"""Nights that read their files on Prefect's task runners, as far as they are taken in.

A program of its own, for Prefect is imported and its server started once for all of them, and because task
runners start processes that import the program again. Gives how each night ended, as JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def main(folder: Path, inbox: Path, mark: Path) -> None:
    """Take the inbox in once for each task runner, in homes below ``folder`` that are named after them.

    As long as the file ``mark`` is missing, a worker is killed: one of the processes in the first night, and
    one of a cluster that stands at an address in the last.
    """
    os.environ["PREFECT_HOME"] = str(folder / "prefect")
    from flows import quiet
    from flows.prefect_server import serving

    quiet.settle()
    with serving():
        ended = {
            kind: one_night(folder / kind.partition(" ")[0], inbox, kind.partition(" ")[0])
            for kind in ("processes killed", "processes", "dask", "threads")
        }
        mark.unlink()
        with standing_cluster() as address:
            ended["cluster killed"] = one_night(folder / "cluster", inbox, "dask", address)
        assert mark.exists(), "nothing was killed"
        from flows.nightly import settle_events

        settle_events()
    print(json.dumps(ended))


@contextlib.contextmanager
def standing_cluster() -> Iterator[str]:
    """A Dask cluster that stands while nights come and go; gives its scheduler's address."""
    from distributed import LocalCluster

    with LocalCluster(  # type: ignore[no-untyped-call]
        n_workers=2, threads_per_worker=1, dashboard_address=None
    ) as cluster:
        yield cluster.scheduler_address


def one_night(home: Path, inbox: Path, kind: str, address: str = "") -> dict[str, Any]:
    """How a night ended: its exit code, number of parts, the error's words, and what lies aside."""
    from flows import ledger, night, nightly, parts, reading, task_runners
    from flows.home import Home
    from flows.ledger import read_staged
    from flows.refresh import Request, refresh
    from flows.runs import Run
    from sources import readers
    from sources.contract import SOURCES
    from tests.flows.harness import AS_OF

    readers.FOLDERS = (SOURCES, Path(__file__).parent / "harmful")
    os.environ[task_runners.RUNNER] = kind
    os.environ[task_runners.WORKERS] = "2"
    os.environ[task_runners.ADDRESS] = address

    def steps(place: Home, run: Run, _: bool) -> None:
        shared = night.receive(place, run)
        for part in shared:
            document = json.loads(Path(part).read_bytes())
            random.Random(kind).shuffle(document["files"])
            Path(part).write_text(json.dumps(document), encoding="ascii")
        random.Random(kind).shuffle(shared)
        nightly.read.with_options(task_runner=task_runners.configured().runner())(shared)
        aside.extend(path.parent.name for path in parts.folder(place).glob(f"*/{reading.TOLD}"))
        night.judge(place, run)
        staged = read_staged(run.staged)
        assert staged is not None
        ledger.commit(place, staged)
        run.end("published", 0, "Taken in.")

    aside: list[str] = []
    result = refresh(Request(home, (inbox,), AS_OF), steps)
    return {
        "exit_code": result.exit_code,
        "parts": result.record.get("parts"),
        "read": len(aside),
        "error": result.error.as_dict() if result.error else None,
        "left": parts.folder(Home(home)).exists(),
    }


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
