"""Small deliveries, and nights without Prefect or dbt: what a home does, proved in little time."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from flows import build, ledger, night
from flows.home import Home
from flows.ledger import Ledger, read_staged
from flows.refresh import Request, Result, refresh
from flows.runs import Run
from flows.site import beside

AS_OF = "2026-06-01"
CANARY = "Quilla Canarybird"

STATES = [
    {"iso3": "KHM", "name": "Cambodia", "un_region": "Asia-Pacific"},
    {"iso3": "KEN", "name": "Kenya", "un_region": "African"},
]
TREATY_ACTIONS = [
    {
        "action_id": "KHM-1",
        "iso3": "KHM",
        "action": "ratification",
        "deposited_on": "1999-07-28",
        "effective_on": "2000-01-01",
    },
    {
        "action_id": "KEN-1",
        "iso3": "KEN",
        "action": "ratification",
        "deposited_on": "2001-01-23",
        "effective_on": "2001-07-01",
    },
]
OBLIGATIONS = [
    {
        "obligation_id": "KHM-5",
        "iso3": "KHM",
        "kind": "article_5",
        "starts_on": "2000-01-01",
        "deadline": "2030-12-31",
    }
]
REPORTS = [
    {
        "report_id": "R-KHM",
        "iso3": "KHM",
        "reporting_year": "2025",
        "submitted_on": "2025-04-30",
        "uses_guide": "yes",
        "has_implementation_update": "no",
    }
]
ANSWERS = [{"report_id": "R-KHM", "indicator_id": "1.1", "answer": "yes", "evidence": "Page 3"}]
MEETINGS = [
    {
        "meeting_id": "22MSP",
        "title": "Twenty-second meeting",
        "kind": "meeting_of_states_parties",
        "starts_on": "2025-12-01",
        "ends_on": "2025-12-05",
    }
]
PARTICIPANTS = [
    {
        "registration_id": "REG-1",
        "meeting_id": "22MSP",
        "delegation_kind": "state",
        "iso3": "KHM",
        "full_name": CANARY,
        "email": "canarybird@example.org",
        "gender": "female",
        "attended": "yes",
    }
]
REQUIRED: dict[str, list[dict[str, str]]] = {
    "states": STATES,
    "treaty_actions": TREATY_ACTIONS,
    "obligations": OBLIGATIONS,
    "article7_reports": REPORTS,
    "article7_answers": ANSWERS,
    "meetings": MEETINGS,
    "meeting_participants": PARTICIPANTS,
}


def write_csv(path: Path, rows: Iterable[Mapping[str, str]], received_on: str = "2025-06-01") -> Path:
    """Write rows as a CSV file, each received on the day unless it says otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [{"received_on": received_on, **row} for row in rows]
    names = list(dict.fromkeys(name for line in lines for name in line))
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, names, restval="")
        writer.writeheader()
        writer.writerows(lines)
    return path


def deliver(inbox: Path, **instead: list[dict[str, str]]) -> Path:
    """Write a delivery of all required datasets; ``instead`` replaces or adds some, ``[]`` leaves one out."""
    inbox.mkdir(parents=True, exist_ok=True)
    for dataset, rows in {**REQUIRED, **instead}.items():
        if rows:
            write_csv(inbox / f"{dataset}.csv", rows)
    return inbox


def taking_in(home: Home, run: Run, to_judge: bool) -> None:
    """A night that ends when the batch is taken in: nothing is built or published."""
    night.receive(home, run)
    night.judge(home, run)
    staged = read_staged(run.staged)
    if staged:
        ledger.commit(home, staged)
    judged = run.record["judged"]
    run.end("published", 1 if judged and judged["quarantines"] else 0, "Taken in.")


def without_prefect(home: Home, run: Run, to_judge: bool) -> None:
    """A whole night as plain Python; dbt is only started once nothing blocks the run."""
    for step in (night.receive, night.judge):
        night.take(step, str(home.root), run.run_id)
    dbt = build.begin(home, run.folder / "dbt.log")
    try:
        for step in (night.build_marts, night.check_marts, night.publish):
            night.take(step, str(home.root), run.run_id)
    finally:
        build.end(dbt)
        beside.end(run)


def take_in(home: Path, *inboxes: Path, **asked: Any) -> Result:
    """Refresh a home up to the point where the batch is taken in."""
    return refresh(Request(home=home, inboxes=inboxes, as_of=AS_OF, **asked), taking_in)


def table(home: Path, name: str) -> list[dict[str, Any]]:
    """A ledger table as it stands, as dicts with ``None`` for nulls."""
    frame = Ledger.read(Home(home)).table(name).astype(object)
    return [
        {str(key): value for key, value in line.items()}
        for line in frame.where(frame.notna(), None).to_dict("records")
    ]


def snapshot(folder: Path) -> dict[str, bytes | str]:
    """Every file below a folder with its bytes, every link with what it names."""
    return {
        path.relative_to(folder).as_posix(): str(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }
