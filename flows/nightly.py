"""The night, on one screen: what a delivery goes through until it is published.

Prefect schedules, shows and notifies; the truth of a run is its run.json and the audit tables. Only the
home's path and the run's id pass through Prefect, and no result is kept, so that no person's data can reach
it (semantics.md, People). Configured sources were asked before, by ``flows/refresh.py``, for without anything
new there is no night; their receipts are shown here. The steps themselves are in ``flows/night.py``; the
parent of this process takes them (``flows/conductor.py``).
"""

from __future__ import annotations

from concurrent.futures import BrokenExecutor
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_link_artifact, create_table_artifact
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

from flows import parts, task_runners
from flows.conductor import away, take
from flows.errors import Defect, SourceFailed
from flows.task_runners import RUNNER

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
def receive(home: str, run_id: str) -> list[str]:
    """Archive new files by their SHA-256, before anything reads them."""
    shared: list[str] = take("receive", home, run_id)
    return shared


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


@task(task_run_name="read a part", tags=["archive"], timeout_seconds=120 * MINUTE)
def read_part(part: str) -> str:
    """Read the files of one part, in whatever process the task runner has; a path comes and a path goes."""
    return parts.read_part(part)


@flow(name="read", flow_run_name="read in parts", persist_result=False, validate_parameters=False)
def read(shared: list[str]) -> None:
    """Read many files on a task runner (docs/decisions/027-task-runners.md). Raises ``SraapError``."""
    failed: list[Exception] = []
    for future in read_part.map(shared):
        try:
            future.result()
        except Exception as error:
            failed.append(error)
    if failed:
        raise _shown(failed[0])


def _shown(error: Exception) -> Exception:
    """The error, or what to say where a worker was lost, which is no fault of the program's."""
    if not isinstance(error, BrokenExecutor) and not type(error).__module__.startswith("distributed"):
        return error
    return Defect(
        f"a process that reads files ended, or was ended, by itself ({type(error).__name__})",
        where=RUNNER,
        next_step="Nothing was taken in, and the next run reads the files again. Where this comes again, "
        "look for what ends it (often a lack of memory), or leave this setting out.",
    )


@flow(
    name="nightly",
    flow_run_name="nightly {run_id}",
    timeout_seconds=240 * MINUTE,
    persist_result=False,
    validate_parameters=False,
)
def nightly(home: str, run_id: str) -> None:
    """One night: receive, read if there is much to read, judge, build, check, publish, show."""
    shared = receive(home, run_id)
    if shared:
        away()
        read.with_options(task_runner=task_runners.configured().runner())(shared)
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
