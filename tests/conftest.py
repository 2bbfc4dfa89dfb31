"""The shipped sample, refreshed once for all tests that only read what it published.

Tests run in several processes (``make test``); the first that asks makes the home, the others wait for it.
Tests of one file stay in one process; files that take minutes come first, lest one runs alone at the end.
"""

from __future__ import annotations

import fcntl
import gc
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from flows import quiet
from tests import forked

SAMPLE_AS_OF = date(2026, 11, 23)

LONGEST_FIRST = (
    "test_drawn_refresh.py",
    "test_faults.py",
    "test_whole_refresh.py",
    "test_agreement.py",
    "test_trace.py",
    "test_docs.py",
    "test_accepting.py",
    "test_revisions.py",
    "test_plans.py",
    "test_sources.py",
    "test_parts.py",
    "test_schedule.py",
    "test_canaries.py",
    "test_door.py",
    "test_nightly.py",
    "test_full.py",
    "test_site_browser.py",
    "test_refresh.py",
    "test_people_kept.py",
    "test_sources_to_figures.py",
    "test_project.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring the longest files to the front; the others keep their order."""
    places = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


@pytest.fixture(scope="module", autouse=True)
def little_garbage_collection() -> None:
    """Look for garbage after a hundred thousand new objects instead of seven hundred, and never again among
    those of earlier modules: Great Expectations alone keeps a million, and looking at them took a tenth of
    the time of tests that judge."""
    gc.set_threshold(100_000, 20, 20)
    quiet.keep()


@pytest.fixture
def usual_signals() -> Iterator[None]:
    """Signals as a terminal leaves them: ``nohup``, and ``&`` in a script, start the tests with some ignored,
    and what the tests start would ignore them too."""
    usual: dict[int, Any] = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGHUP: signal.SIG_DFL,
        signal.SIGTERM: signal.SIG_DFL,
    }
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that all processes of this run of the tests share, made by the first that asks for it."""
    base = factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    folder, done = shared / name, shared / f"{name}.done"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            folder.mkdir()
            make(folder)
            done.touch()
    return folder


@pytest.fixture(scope="session", autouse=True)
def children_that_are_imported() -> Iterator[None]:
    """Refreshes in the tests' own processes don't import dbt and the site each time."""
    with forked.processes():
        yield


@dataclass(frozen=True)
class Sample:
    """A sample home, and the publication that was its first and stays whatever is published later.

    ``untouched``: the home as it was after its first refresh, to be copied.
    """

    home: Path
    publication: Path
    untouched: Path


def _make_sample(folder: Path) -> None:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SRAAP_", "PREFECT_"))}
    command = [str(Path(sys.executable).parent / "sraap"), "refresh", "--home", str(folder / "home")]
    done = subprocess.run(
        [*command, "--as-of", SAMPLE_AS_OF.isoformat()],
        capture_output=True,
        text=True,
        check=False,
        env=kept,
    )
    assert done.returncode == 1, done.stderr[-4000:]
    shutil.copytree(folder / "home", folder / "untouched", symlinks=True)


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """The shipped delivery as known on ``SAMPLE_AS_OF``, published by the command as a user starts it."""
    folder = made_once(tmp_path_factory, "sample", _make_sample)
    home, untouched = folder / "home", folder / "untouched"
    return Sample(home, home / "publications" / (untouched / "published").resolve().name, untouched)
