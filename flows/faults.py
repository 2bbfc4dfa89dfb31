"""Named points at which a run can be killed, to prove that no kill does harm (docs/reliability.md).

``SRAAP_FAULT_POINT`` names the point and ``SRAAP_FAULT_HIT`` which time it is passed (the first unless
given); ``SRAAP_FAULT_SCOPE=process`` kills the process alone and leaves its children to notice. Unset, as in
every real run, passing a point is one comparison.
"""

from __future__ import annotations

import os
import signal
from typing import NoReturn

POINT = "SRAAP_FAULT_POINT"
HIT = "SRAAP_FAULT_HIT"
SCOPE = "SRAAP_FAULT_SCOPE"

ARMED = os.environ.get(POINT)
"""The point at which this process is to die; ``None`` in every real run."""

POINTS = (
    "run.begun",
    "fetch.before_ask",
    "fetch.before_rename",
    "fetch.after_rename",
    "fetch.after_standing",
    "fetch.after_receipts",
    "archive.before_copy",
    "archive.before_rename",
    "archive.after_rename",
    "archive.before_list",
    "archive.after_list",
    "read.file",
    "judge.before_door",
    "judge.after_door",
    "stage.data",
    "stage.ledger",
    "stage.before_list",
    "stage.after_list",
    "build.before_database",
    "build.after_database",
    "dbt.parse",
    "dbt.build",
    "dbt.seed",
    "dbt.staging",
    "dbt.intermediate",
    "dbt.marts",
    "dbt.test",
    "dbt.built",
    "check.before_list",
    "export.table",
    "export.before_commit",
    "evidence.before",
    "site.before",
    "evidence.before_manifest",
    "evidence.before_sync",
    "commit.data",
    "commit.ledger",
    "commit.before_list",
    "commit.after_list",
    "publish.before_rename",
    "publish.after_rename",
    "publish.after_link",
    "publish.before_end",
)
"""Every point, in the order in which a run passes them; those of dbt and ``site.before`` in
processes of their own."""

_passed = 0


def point(name: str) -> None:
    """Die here if the environment asks for it."""
    if name == ARMED:
        _pass()


def _pass() -> None:
    global _passed  # noqa: PLW0603 - counts within the process, and only where a fault is asked for
    _passed += 1
    if _passed == int(os.environ.get(HIT) or 1):
        die()


def die() -> NoReturn:
    """SIGKILL this process, with its whole group unless ``SRAAP_FAULT_SCOPE`` says otherwise."""
    if os.environ.get(SCOPE) == "process":
        os.kill(os.getpid(), signal.SIGKILL)
    else:
        os.killpg(0, signal.SIGKILL)
    raise SystemExit(128 + signal.SIGKILL)
