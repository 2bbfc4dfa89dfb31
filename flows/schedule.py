"""The nightly schedule: a flow that Prefect starts by itself, and what ``sraap serve`` registers and runs.

The flow asks ``flows.refresh`` for one refresh, which decides whether there is anything to do, holds the lock
and runs the night as a subflow; so a night that Prefect starts and one that cron starts are the same night.
``prefect.yaml`` describes the same deployment for a work pool.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from prefect import flow, task
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy, State, TaskRun
from prefect.deployments.runner import RunnerDeployment
from prefect.runner import Runner
from prefect.schedules import Cron
from prefect.states import Completed, Failed
from prefect.tasks import Task
from prefect.types.entrypoint import EntrypointType

from flows.errors import Locked, SourceFailed, SraapError, StorageFailed
from flows.refresh import Request, refresh

MINUTE = 60
DEPLOYMENT = "nightly"
TAGS = ("sraap", "nightly")


def _may_pass(_task: Task[Any, Any], _run: TaskRun, state: State[Any]) -> bool:
    """A source, a disk or a lock may be better later; checks and defects are not."""
    problem = state.result(raise_on_failure=False)
    return isinstance(problem, SourceFailed | StorageFailed | Locked)


@task(
    task_run_name="refresh",
    retries=2,
    retry_delay_seconds=[5 * MINUTE, 20 * MINUTE],
    retry_condition_fn=_may_pass,
    persist_result=False,
)
def refresh_once(home: str, inbox: list[str], as_of: str | None) -> dict[str, Any]:
    """One refresh; what is known of it, without a cell of any file. Raises ``SraapError``."""
    result = refresh(Request(home=Path(home), inboxes=tuple(map(Path, inbox)), as_of=as_of))
    if result.error is not None:
        raise result.error
    return {name: result.record.get(name) for name in ("run_id", "state", "exit_code", "publication_id")}


@task(task_run_name="judge only", persist_result=False)
def judge_only(home: str, inbox: list[str], as_of: str | None) -> str:
    """What a refresh would take in; changes nothing. Raises ``SraapError``."""
    from flows.check import dry_run

    return dry_run(Request(home=Path(home), inboxes=tuple(map(Path, inbox)), as_of=as_of)).sentence


@flow(name="refresh", flow_run_name="refresh {home}", persist_result=False)
def scheduled(
    home: str = "data", inbox: list[str] | None = None, as_of: str | None = None, dry_run: bool = False
) -> State[Any]:
    """One refresh of ``home``, as ``sraap refresh`` runs it.

    ``inbox``: folders with deliveries; ``as_of``: day of knowledge, YYYY-MM-DD, today if empty; ``dry_run``:
    only judge. The state's message is the one line a person needs: a blocked night is a failed run that is
    called Blocked.
    """
    try:
        if dry_run:
            return Completed(message=judge_only(home, inbox or [], as_of))
        ended = refresh_once(home, inbox or [], as_of)
    except SraapError as error:
        name = {2: "Blocked", 3: "SourceFailed", 4: "Locked"}.get(error.exit_code)
        said = " ".join(part for part in (error.what, f"({error.where})", error.next_step) if part)
        return Failed(message=said, name=name)
    if ended["state"] == "nothing_new":
        return Completed(message="Nothing new: the publication stands as it is.")
    rows = " Some rows are quarantined: sraap audit." if ended["exit_code"] == 1 else ""
    return Completed(message=f"Published {ended['publication_id']}.{rows}")


def deployment(
    home: Path, inboxes: tuple[Path, ...], cron: str, timezone: str, *, paused: bool = False
) -> RunnerDeployment:
    """The nightly deployment. Raises ``ValueError`` for a cron line or a time zone that is none."""
    found = scheduled.to_deployment(
        DEPLOYMENT,
        schedules=[Cron(cron, timezone=timezone)],
        parameters={
            "home": str(home.resolve()),
            "inbox": [str(path.resolve()) for path in inboxes],
            "as_of": None,
            "dry_run": False,
        },
        concurrency_limit=ConcurrencyLimitConfig(
            limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW
        ),
        tags=list(TAGS),
        paused=paused,
        description=scheduled.description,
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    return cast(RunnerDeployment, found)  # awaitable only where an event loop runs already


def register(nightly: RunnerDeployment) -> None:
    """Tell the server of the deployment. Raises ``ServerFailed`` where it does not answer."""
    from flows.prefect_server import not_reached

    try:
        nightly.apply()
    except Exception as error:
        raise not_reached(error) or error from error


def serve_nightly(nightly: RunnerDeployment, registered: Callable[[], None]) -> None:
    """Register the deployment, say so, and run what the server schedules of it, until stopped by Ctrl-C,
    SIGTERM or SIGHUP; then its schedule is paused. Raises ``ServerFailed`` where the server does not
    answer."""
    with contextlib.suppress(KeyboardInterrupt):
        register(nightly)
        registered()
        runner = _Runner(limit=1)
        runner.add_deployment(nightly)
        asyncio.run(runner.start())
    nightly.paused = True  # whether or not the runner had begun, and would have seen to it
    register(nightly)


class _Runner(Runner):
    """Prefect's runner, which SIGTERM ends as Ctrl-C does: by itself it would exit in the middle, with a
    warning of Python's for what it says."""

    def handle_sigterm(self, *_: Any, **__: Any) -> None:
        raise KeyboardInterrupt
