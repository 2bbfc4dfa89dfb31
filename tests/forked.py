"""Child processes of a refresh, forked from one that has imported dbt already.

Importing dbt costs more than a second of each refresh, and starting Python and what writes the site a part of
one; the tests make dozens of refreshes in their own processes, and those take such children from here.
Whatever a test starts as a command starts its own, as a user's does.
"""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from flows import children, quiet

MODULES = ("flows.dbt_worker", "flows.site.beside")

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.parsed", "flows.site.pages"])


def _run(
    module: str, said: Connection, answers: Connection, log: Connection, environment: dict[str, str]
) -> None:
    """In the fork: be what ``python -m module`` is."""
    for number, pipe in enumerate((said, answers, log)):
        os.dup2(pipe.fileno(), number)
        pipe.close()
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w")
    os.environ.clear()
    os.environ.update(environment)
    if module == "flows.dbt_worker":
        _prepare_dbt()
    importlib.import_module(module).main()


def _prepare_dbt() -> None:
    """Let dbt take the project as parsed already, and build one node after the other: as many tests run at
    once as there are cores, and two threads of dbt's that wait for each other take a tenth more of them."""
    from dbt.cli.main import dbtRunner

    from tests import parsed

    invoke = dbtRunner.invoke

    def prepared(self: Any, arguments: list[str], **given: Any) -> Any:
        if parsed.is_answered(arguments):
            return parsed.RESULT
        return invoke(self, [*arguments, *(("--threads", "1") if arguments[0] == "build" else ())], **given)

    dbtRunner.invoke = prepared


class Forked:
    """A fork, with as much of ``subprocess.Popen`` as is used of a child of ``flows.children``."""

    def __init__(self, module: str, log: Path, environment: Mapping[str, str]) -> None:
        (to_read, to_ask), (to_hear, to_answer) = os.pipe(), os.pipe()
        log.parent.mkdir(parents=True, exist_ok=True)
        errors = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        theirs = [
            Connection(to_read, writable=False),
            Connection(to_answer, readable=False),
            Connection(errors, readable=False),
        ]
        self._process: Any = _context.Process(
            target=_run, args=(module, *theirs, {**os.environ, **environment}), daemon=True
        )
        self._process.start()
        for pipe in theirs:
            pipe.close()
        self.stdin, self.stdout = os.fdopen(to_ask, "wb"), os.fdopen(to_hear, "rb")
        self.pid: int = self._process.pid or 0

    def poll(self) -> int | None:
        code: int | None = self._process.exitcode
        return code

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired("a fork", timeout or 0.0)
        return code

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()


@contextlib.contextmanager
def processes() -> Iterator[None]:
    """Let this process have its dbt, and what writes its sites, from here."""
    started = children.start
    quiet.settle()

    def start(module: str, *arguments: str, **asked: Any) -> Any:
        if module not in MODULES:
            return started(module, *arguments, **asked)
        child: Any = Forked(module, asked["log"], asked["environment"])
        children._running.add(child)
        return child

    children.start = start
    try:
        yield
    finally:
        children.start = started
