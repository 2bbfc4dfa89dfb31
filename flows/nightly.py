"""The night, on one screen: what a delivery goes through until it is published.

Prefect schedules, shows and notifies; the truth of a run is its run.json and the audit tables. Only the
home's path and the run's id pass through Prefect, and no result is kept, so that no person's data can reach
it (semantics.md, People). Configured sources were asked before, by ``flows/refresh.py``, for without anything
new there is no night; their receipts are shown here. The steps themselves are in ``flows/night.py``; the
parent of this process takes them (``flows/conductor.py``).
"""

from __future__ import annotations

from typing import Any

from prefect import flow, task
from prefect.artifacts import create_link_artifact, create_table_artifact
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

from flows.conductor import take
from flows.errors import SourceFailed

MINUTE = 60


def _source_failed(_task: Task[Any, Any], _run: TaskRun, state: State[Any]) -> bool:
    """A share that was away comes back; nothing else gets better by trying again."""
    return isinstance(state.result(raise_on_failure=False), SourceFailed)


@task(
    task_run_name="receive what is new",
    tags=["archive"],
    retries=3,
    retry_delay_seconds=[5, 30, 120],
    retry_condition_fn=_source_failed,
    timeout_seconds=60 * MINUTE,
)
def receive(home: str, run_id: str) -> None:
    """Archive new files by their SHA-256, before anything reads them."""
    take("receive", home, run_id)


@task(task_run_name="judge at the door", tags=["great-expectations"], timeout_seconds=60 * MINUTE)
def judge(home: str, run_id: str) -> None:
    """Great Expectations judges every row; what passes is staged."""
    take("judge", home, run_id)


@task(task_run_name="build the marts", tags=["dbt"], timeout_seconds=60 * MINUTE)
def build(home: str, run_id: str) -> None:
    """dbt builds and tests everything on the landing and the staged batch."""
    take("build_marts", home, run_id)


@task(task_run_name="read dbt's verdict", tags=["dbt"], timeout_seconds=5 * MINUTE)
def check(home: str, run_id: str) -> None:
    """Every node there and passed, or nothing is published."""
    take("check_marts", home, run_id)


@task(task_run_name="publish", tags=["publication"], timeout_seconds=60 * MINUTE)
def publish(home: str, run_id: str) -> None:
    """Publication aside, batch taken in, publication in place."""
    take("publish", home, run_id)


@task(task_run_name="show in Prefect", tags=["publication"], retries=1, timeout_seconds=5 * MINUTE)
def show(home: str, run_id: str) -> None:
    """Values, checks, row balance and receipts of sources as tables for people; where the publication is."""
    shown = take("shown_to_people", home, run_id)
    for key, title, rows in shown["tables"]:
        create_table_artifact(rows, key=key, description=f"{title}, run {run_id}")
    create_link_artifact(shown["link"], key="publication", link_text=run_id, description="The publication")


@flow(
    name="nightly",
    flow_run_name="nightly {run_id}",
    timeout_seconds=240 * MINUTE,
    persist_result=False,
    validate_parameters=False,
)
def nightly(home: str, run_id: str) -> None:
    """One night: receive, judge, build, check, publish, show."""
    receive(home, run_id)
    judge(home, run_id)
    build(home, run_id)
    check(home, run_id)
    publish(home, run_id)
    show(home, run_id)


def settle_events() -> None:
    """Send what Prefect still holds back of this run, before its server ends."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    APILogWorker.drain_all(timeout=10)
    EventsWorker.drain_all(timeout=10)
