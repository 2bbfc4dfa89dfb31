"""The shipped sample, refreshed once for all tests that only read what it published.

Tests run in several processes (``make test``); the first that asks makes the home, the others wait for it.
Tests of one file stay in one process; files that take minutes come first, lest one runs alone at the end.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

SAMPLE_AS_OF = date(2026, 11, 23)

LONGEST_FIRST = (
    "test_drawn_refresh.py",
    "test_faults.py",
    "test_whole_refresh.py",
    "test_people_kept.py",
    "test_agreement.py",
    "test_project.py",
    "test_oracle.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring the longest files to the front; the others keep their order."""
    places = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


@dataclass(frozen=True)
class Sample:
    """A sample home, and the publication that was its first and stays whatever is published later."""

    home: Path
    publication: Path


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """The shipped delivery as known on ``SAMPLE_AS_OF``, published by the command as a user starts it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    home, first = shared / "sample" / "home", shared / "sample" / "first"
    home.parent.mkdir(exist_ok=True)
    with (shared / "sample" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not first.exists():
            kept = {k: v for k, v in os.environ.items() if not k.startswith(("SRAAP_", "PREFECT_"))}
            command = [str(Path(sys.executable).parent / "sraap"), "refresh", "--home", str(home)]
            done = subprocess.run(
                [*command, "--as-of", SAMPLE_AS_OF.isoformat()],
                capture_output=True,
                text=True,
                check=False,
                env=kept,
            )
            assert done.returncode == 1, done.stderr[-4000:]
            first.write_text((home / "published").resolve().name, encoding="utf-8")
    return Sample(home, home / "publications" / first.read_text(encoding="utf-8"))
