"""The three streams and the signals of a command, whatever it was started with.

A timer may start it without a standard output, a pipe may lead to a full disk, a locale may know ASCII
alone. None of that may end a command in a traceback, or with an exit code that means something else. Standard
library alone.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any, TextIO, cast

from flows.errors import Interrupted, StorageFailed

SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Besides Ctrl-C: what ends a command in order, as systemd, a shell that is closed, or ``kill`` ask it to."""

_stopped_by: int = signal.SIGINT


def interrupted() -> Interrupted:
    """The error of a command that a signal ended."""
    return Interrupted(
        "interrupted",
        next_step="What is published stands and what was archived is kept; the next run goes on from there.",
        number=_stopped_by,
    )


def _stop(number: int, _frame: FrameType | None) -> None:
    global _stopped_by  # noqa: PLW0603 - one a process, as the signal is
    _stopped_by = number
    raise KeyboardInterrupt


class _Stream:
    """A stream of Python whose failing writes are told as ``_named`` has it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with self._named():
            return self._stream.write(text)

    def flush(self) -> None:
        with self._named():
            self._stream.flush()

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        yield


class _Output(_Stream):
    """Standard output whose failures, other than a reader that has gone, are errors that say so."""

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            nobody_reads()
            raise StorageFailed(
                f"what there is to say can't be written ({error.strerror})",
                where="standard output",
                next_step="Write it to another place; what the command did stands.",
            ) from error


class _Errors(_Stream):
    """Standard error: where it can't be written, nobody can be told, and the exit code alone speaks."""

    def write(self, text: str) -> int:
        super().write(text)
        return len(text)

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            _to_nowhere(self._stream)


def nobody_reads() -> None:
    """From now on nothing is said on standard output, not even by Python's farewell."""
    _to_nowhere(sys.stdout)


def _to_nowhere(stream: TextIO) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


@contextlib.contextmanager
def settled() -> Iterator[None]:
    """Streams that are there and take every character; signals that end in order."""
    global _stopped_by  # noqa: PLW0603 - see _stop
    _stopped_by = signal.SIGINT
    _open_what_is_closed()
    before = sys.stdout, sys.stderr
    for stream in before:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    sys.stdout, sys.stderr = cast("TextIO", _Output(before[0])), cast("TextIO", _Errors(before[1]))
    handlers = {}
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            if signal.getsignal(number) is signal.SIG_DFL:  # ignored ones stay so, as with nohup
                handlers[number] = signal.signal(number, _stop)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        sys.stdout, sys.stderr = before


@contextlib.contextmanager
def farewell() -> Iterator[None]:
    """Let the process that raises ``SystemExit`` here end when its threads have ended and all has been done
    that was asked for at exit since: Python would take down object by object what the system drops at once,
    and after a night that is most of a second."""
    codes: list[int] = []
    atexit.register(_leave, codes)  # what is registered first is called last
    try:
        yield
    except SystemExit as ended:
        if isinstance(ended.code, int):
            codes.append(ended.code)
        raise


def _leave(codes: list[int]) -> None:
    """End this process with the first of ``codes``; without one, or where what was said can't be written,
    it ends as Python has it."""
    if not codes:
        return
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        return
    os._exit(codes[0])


def _open_what_is_closed() -> None:
    """Open the null device where a stream is closed: else the next file that is opened would take its place,
    and what libraries say would be written into it."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for the whole process
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
