"""Where the night's many files are read: threads, processes or a Dask cluster, as the environment says.

Prefect is imported only where a runner is made, so that a wrong setting is said before anything starts.
Source: docs/decisions/027-task-runners.md.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, cast

from flows.errors import UsageProblem

if TYPE_CHECKING:
    from prefect.task_runners import TaskRunner

RUNNER = "SRAAP_TASK_RUNNER"
WORKERS = "SRAAP_TASK_WORKERS"
ADDRESS = "SRAAP_DASK_ADDRESS"
Kind = Literal["threads", "processes", "dask"]


@dataclass(frozen=True)
class Configured:
    """What was configured. ``chosen``: whether somebody did, so that few files are read there as well."""

    kind: Kind
    workers: int
    address: str
    chosen: bool

    def runner(self) -> TaskRunner[Any]:
        """Prefect's task runner; nothing is started before a flow uses it."""
        from prefect.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner

        if self.kind == "threads":
            return cast("TaskRunner[Any]", ThreadPoolTaskRunner(max_workers=self.workers))
        if self.kind == "processes":
            return cast("TaskRunner[Any]", ProcessPoolTaskRunner(max_workers=self.workers))
        from prefect_dask.task_runners import DaskTaskRunner

        if self.address:
            return cast("TaskRunner[Any]", DaskTaskRunner(address=self.address))
        local = {"n_workers": self.workers, "threads_per_worker": 1, "dashboard_address": None}
        return cast(
            "TaskRunner[Any]", DaskTaskRunner(cluster_class="distributed.LocalCluster", cluster_kwargs=local)
        )


def configured() -> Configured:
    """What the environment says. Raises ``UsageProblem`` where that makes no sense."""
    kind = os.environ.get(RUNNER, "").strip()
    address = os.environ.get(ADDRESS, "").strip()
    if kind not in ("", "threads", "processes", "dask"):
        raise UsageProblem(
            f"{kind!r} is no task runner",
            where=RUNNER,
            next_step="Give threads, processes or dask, or leave it out for threads.",
        )
    if address and kind != "dask":
        raise UsageProblem(
            "the address of a Dask cluster is given, but Dask is not chosen",
            where=ADDRESS,
            next_step=f"Set {RUNNER} to dask, or leave {ADDRESS} out.",
        )
    if kind == "dask" and find_spec("prefect_dask") is None:
        raise UsageProblem(
            "Dask is chosen, but not installed",
            where=RUNNER,
            next_step="Install it with: make setup-dask",
        )
    return Configured(cast(Kind, kind or "threads"), _workers(), address, chosen=bool(kind))


def _workers() -> int:
    text = os.environ.get(WORKERS, "").strip()
    if not text:
        return len(os.sched_getaffinity(0))
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise UsageProblem(
            f"{text!r} is no number of workers",
            where=WORKERS,
            next_step="Give a whole number of 1 or more, or leave it out for one for each processor.",
        )
    return int(text)
