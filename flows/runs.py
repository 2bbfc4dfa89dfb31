"""What a run leaves: ``runs/<run_id>/run.json``, the truth about a run.

What Prefect says about a run is for people; what counts stands here (docs/architecture.md, A home).
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from flows import children
from flows.files import read_json, write_json
from flows.home import Home, timestamp

Outcome = Literal[
    "running", "published", "nothing_new", "blocked", "failed", "abandoned", "dry_run", "reproduced"
]

_ID = "%Y%m%dT%H%M%S.%fZ"

listeners: list[Callable[[str], None]] = []
"""Called with the name of each phase as it begins; the command line shows progress with it."""


_NEEDED = {
    "run_id",
    "state",
    "started_at",
    "ended_at",
    "as_of",
    "exit_code",
    "batch",
    "publication_id",
    "message",
}
"""What is asked of earlier runs' records."""


class Run:
    """One run: its folder and what is known about it. ``record`` is what run.json holds."""

    def __init__(self, home: Home, record: dict[str, Any]) -> None:
        self.home = home
        self.record = record
        self.run_id: str = record["run_id"]
        self.folder = home.runs / self.run_id
        self.staged = self.folder / "batch"

    @classmethod
    def begin(cls, home: Home, as_of: date, settings: dict[str, Any]) -> Run:
        """Open a new run. ``settings``: what it was asked for. Raises ``OSError``."""
        run_id = _free_run_id(home)
        run = cls(
            home,
            {
                "run_id": run_id,
                "state": "running",
                "pid": os.getpid(),
                "started_at": timestamp(),
                "ended_at": None,
                "as_of": as_of.isoformat(),
                "asked": settings,
                "exit_code": None,
                "batch": None,
                "publication_id": None,
                "message": None,
                "phases": [],
            },
        )
        run.save()
        return run

    @classmethod
    def load(cls, home: Home, run_id: str) -> Run:
        """An earlier run, or this one in another task. Raises ``OSError`` if there is none of that id."""
        return cls(home, read_json(home.runs / run_id / "run.json"))

    @property
    def as_of(self) -> date:
        return date.fromisoformat(self.record["as_of"])

    @property
    def target(self) -> str:
        """Where dbt builds, one of ``flows.spark.TARGETS``."""
        return str(self.record["asked"].get("target") or "duckdb")

    def save(self) -> None:
        """Write run.json in one step."""
        write_json(self.folder / "run.json", self.record)

    def end(self, state: Outcome, exit_code: int, message: str) -> None:
        """Close the run."""
        self.record.update(state=state, exit_code=exit_code, message=message, ended_at=timestamp())
        self.save()

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time one phase, tell the listeners, and keep both in run.json."""
        for listener in listeners:
            listener(name)
        began, used = time.monotonic(), children.cpu_seconds()
        try:
            yield
        finally:
            seconds, cpu = time.monotonic() - began, children.cpu_seconds() - used
            self.record["phases"].append({"name": name, "seconds": round(seconds, 3), "cpu": round(cpu, 3)})
            self.save()


def _free_run_id(home: Home) -> str:
    """The moment, as an id that sorts after every earlier one, also where the clock was put back since: what
    was delivered and published is put in order by it. The lock is held."""
    home.runs.mkdir(parents=True, exist_ok=True)
    moment = datetime.now(UTC)
    used = [path.name for folder in (home.runs, home.publications) for path in folder.glob("[0-9]*T*Z")]
    with contextlib.suppress(ValueError):
        last = datetime.strptime(max(used, default=""), _ID).replace(tzinfo=UTC)
        moment = max(moment, last + timedelta(milliseconds=1))
    run_id = moment.strftime(_ID)[:-4] + "Z"
    (home.runs / run_id).mkdir()
    return run_id


def all_runs(home: Home) -> list[dict[str, Any]]:
    """Every run's record, oldest first; a folder without a readable run.json is left out."""
    folders = sorted(home.runs.iterdir()) if home.runs.is_dir() else []
    return [record for record in map(read_record, folders) if record is not None]


def read_record(folder: Path) -> dict[str, Any] | None:
    """What a folder's run.json says; ``None`` where it is not what a run writes."""
    try:
        record = read_json(folder / "run.json")
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and record.keys() >= _NEEDED else None


def unended(home: Home) -> list[str]:
    """Ids of runs that were begun and not ended, as only the newest can be: runs hold the lock, and each
    begins by closing those before it."""
    found = []
    for folder in newest_runs(home, 100):
        record = read_record(folder)
        if record is None:
            continue
        if record["state"] != "running":
            break
        found.append(folder.name)
    return found


def abandon(home: Home, run_id: str) -> None:
    """Mark a run that died as abandoned. The caller holds the lock, so that no process can still be at it.
    Raises ``OSError``."""
    run = Run.load(home, run_id)
    if run.record["state"] == "running":
        run.end("abandoned", 70, "The process ended before the run did.")


def newest_runs(home: Home, count: int) -> list[Path]:
    """Folders of the newest runs, newest first."""
    if not home.runs.is_dir():
        return []
    return sorted(home.runs.iterdir(), reverse=True)[:count]
