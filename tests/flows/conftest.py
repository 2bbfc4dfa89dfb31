"""One real refresh of a small delivery, shared by the tests that look at what it left.

Each process of the tests has a copy of the home, for some tests go on with it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import made_once
from tests.flows.harness import ANSWERS, AS_OF, CANARY, deliver


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of whoever runs the tests takes part."""
    for name in (
        "SRAAP_HOME",
        "SRAAP_TZ",
        "SRAAP_PEOPLE_KEY",
        "SRAAP_SIGNING_KEY_FILE",
        "PREFECT_API_URL",
        "PREFECT_HOME",
        "SRAAP_NOTIFY_URL",
        "SRAAP_NOTIFY_MAIL_TO",
        "SRAAP_NOTIFY_SMTP",
    ):
        monkeypatch.delenv(name, raising=False)


@dataclass(frozen=True)
class Refreshed:
    """A home after ``sraap refresh --inbox … --json``, what it printed, and its inbox.

    ``made``: where the refresh ran; ``home`` is a copy of it.
    """

    home: Path
    made: Path
    inbox: Path
    exit_code: int
    stdout: str
    stderr: str

    @property
    def published(self) -> Path:
        return (self.home / "published").resolve()

    @property
    def record(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.stdout)
        return document


def sraap(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user would, without the settings of whoever runs the tests."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SRAAP_", "PREFECT_"))}
    return subprocess.run(
        [sys.executable, "-m", "flows.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**kept, **environment},
        timeout=300,
    )


def _refresh(folder: Path) -> None:
    inbox = deliver(
        folder / "inbox",
        article7_answers=[*ANSWERS, {"report_id": "R-KHM", "indicator_id": "1.2", "answer": "oui"}],
    )
    (inbox / f"{CANARY}.txt").write_text(f"{CANARY}, canarybird@example.org", encoding="utf-8")
    (inbox / "meeting_participants.csv").rename(inbox / f"meeting_participants--{CANARY}.csv")
    done = sraap(
        "refresh", "--home", folder / "home", "--inbox", inbox, "--as-of", AS_OF, "--json", "--profile"
    )
    said = {"exit_code": done.returncode, "stdout": done.stdout, "stderr": done.stderr}
    (folder / "said.json").write_text(json.dumps(said), encoding="utf-8")


@pytest.fixture(scope="session")
def refreshed(tmp_path_factory: pytest.TempPathFactory) -> Refreshed:
    """A real home after one real refresh through Prefect, with a quarantined row and names in odd places."""
    folder = made_once(tmp_path_factory, "refreshed", _refresh)
    home = tmp_path_factory.mktemp("refreshed") / "home"
    shutil.copytree(folder / "home", home, symlinks=True)
    said = json.loads((folder / "said.json").read_text(encoding="utf-8"))
    return Refreshed(home, folder / "home", folder / "inbox", **said)
