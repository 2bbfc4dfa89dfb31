"""Work in a copy of this process, on a core of its own.

The copy (a fork) holds what its parent holds without another byte, needs nothing imported, and hands back
what its work gives. It ends with its parent, however that ends. Only where Linux runs on two cores or more:
elsewhere a copy is not safe, or no quicker. Source: docs/decisions/035-a-copy-that-judges.md.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable
from multiprocessing.connection import wait
from typing import Any

from expectations.door import Lost

_DIES_WITH_PARENT = 1
"""``PR_SET_PDEATHSIG`` of Linux's prctl."""

_ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGALRM)


def possible() -> bool:
    """Whether a copy can be made here, and has a core to run on. Children of a daemon of multiprocessing may
    have none themselves."""
    is_child = multiprocessing.current_process().daemon
    return sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1 and not is_child


class Apart:
    """One piece of work that is done in a copy of this process.

    No other thread of this process may be inside a library that has threads of its own (DuckDB) when it is
    begun. What the work gives has to be picklable.
    """

    def __init__(self, work: Callable[[], Any]) -> None:
        """Begin. Raises ``OSError`` where no copy, or no room for what it gives, is to be had."""
        self._given = tempfile.TemporaryFile(prefix="sraap-apart-")  # noqa: SIM115 - kept as long as this is
        self._process = multiprocessing.get_context("fork").Process(
            target=self._do, args=(work, os.getpid()), name="sraap-apart", daemon=True
        )
        # What is there already is never looked through for garbage: looking would copy its memory.
        gc.collect()
        gc.freeze()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of threads: see above
                self._process.start()
        except OSError:
            self.stop()
            raise

    def _do(self, work: Callable[[], Any], parent: int) -> None:
        """In the copy: do the work, and leave at once, without Python's end or a word."""
        done = False
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which stops the copy
            for number in _ENDING:
                signal.signal(number, signal.SIG_DFL)
            ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGKILL)
            if os.getppid() == parent:
                pickle.dump(work(), self._given, protocol=5)
                self._given.flush()
                done = True
        finally:
            os._exit(0 if done else 1)  # no traceback: it could quote a cell

    def result(self, patience: float) -> Any:
        """What the work gave, once. Raises ``Lost`` where it failed, was killed, or takes more seconds than
        ``patience``."""
        try:
            if not wait([self._process.sentinel], patience):
                raise Lost(f"it took more than {patience:.0f} seconds")
            self._process.join()
            if self._process.exitcode:
                raise Lost(f"it ended with {self._process.exitcode}")
            self._given.seek(0)
            return pickle.load(self._given)
        finally:
            self.stop()

    def stop(self) -> None:
        """End the copy, if it still works, and forget what it gave. May be called again."""
        if self._process.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            self._process.join()
        self._given.close()
        gc.unfreeze()
