"""Set Superset up over the published warehouse, check what it shows, or keep it running.

``make superset`` checks and stops; ``make superset-serve`` serves until Ctrl-C. Exit codes: 0 all is equal,
1 a chart shows something else or a forbidden query was answered, 5 bad usage, 70 Superset does not start.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import time
from pathlib import Path

from rich.console import Console

from flows import show
from flows.errors import SraapError, UsageProblem
from flows.program import ROOT
from flows.superset import acceptance, assets
from flows.superset.client import Client
from flows.superset.service import Superset, free_port

PORT = 8088


def main() -> int:
    """What was asked for; the exit code."""
    console = Console(highlight=False, soft_wrap=True)
    parser = argparse.ArgumentParser(prog="python -m flows.superset", description=__doc__)
    parser.add_argument("--serve", action="store_true", help="Keep it running until Ctrl-C.")
    parser.add_argument("--port", type=int, default=PORT, help=f"Port of loopback for --serve; {PORT}.")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that Superset ends with us
    try:
        return _run(console, given.serve, given.port)
    except SraapError as error:
        show.error(Console(stderr=True), error)
        return error.exit_code


def _run(console: Console, serve: bool, port: int) -> int:
    published = Path(os.environ.get("SRAAP_HOME") or "data").absolute() / "published"
    warehouse = published / "warehouse.duckdb"
    if not warehouse.exists():
        raise UsageProblem("there is no publication", where=str(published), next_step="make refresh")
    superset = Superset(ROOT / ".venv" / "superset", ROOT / "build" / "superset")
    began = time.monotonic()

    def say(what: str) -> None:
        console.print(f"{time.monotonic() - began:6.1f} s  {what}")

    say("setting up Superset")
    superset.set_up()
    say("starting it on loopback")
    with superset.running(port if serve else free_port()) as (address, process):
        client = Client(address, superset.password)
        say("importing the database, the datasets and the dashboard")
        client.install(assets.bundle(warehouse))
        if serve:
            console.print(f"\n{address}/superset/dashboard/{assets.DASHBOARD}/")
            console.print(f"user admin, password in {superset.folder / 'admin.password'}; Ctrl-C ends it")
            with contextlib.suppress(KeyboardInterrupt):
                process.wait()
            return 0
        say("comparing every chart with the published tables")
        return _judge(console, client, published.resolve())


def _judge(console: Console, client: Client, published: Path) -> int:
    wrong = acceptance.findings(client)
    console.print()
    for name, (compared, differing) in acceptance.comparisons(client, assets.DASHBOARD, published).items():
        console.print(f"{name:44} {compared:6,} rows  {'differ' if differing else 'equal'}", markup=False)
        if differing:
            wrong.append(f"{name}: {show.amount(len(differing), 'row')} differ, such as {differing[0]}")
    console.print(f"{'Forbidden questions in SQL Lab':44} {len(acceptance.FORBIDDEN):6,} tried")
    console.print()
    for what in wrong:
        console.print(f"Wrong: {what}", markup=False)
    if wrong:
        return 1
    console.print(f"Superset shows publication {published.name} as it was published, and nothing else.")
    console.print("Keep it running with: make superset-serve")
    return 0


if __name__ == "__main__":
    sys.exit(main())
