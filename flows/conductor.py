"""The process that runs the nightly flow in Prefect, and asks its parent to take each step.

Prefect takes seconds to import, and so does Great Expectations. Here Prefect and its server have a process of
their own, and a core of their own while both start; the parent, which holds the home, imports what judges
and takes the steps (flows.night). The first ones it takes while Prefect still starts, in the flow's order;
the flow has what came of them as soon as it asks. Lines of JSON on two pipes: from here
``{"imported": seconds}``, ``{"step": name}`` for each step, ``{"away": true}`` before work of its own, and at
last ``{"ended": error or null}``, from there ``{"value": …}`` or ``{"error": …}``. Only names of steps,
errors' words and what people are shown pass.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from flows import children, errors, quiet
from flows.errors import Defect, Interrupted, SraapError
from flows.home import Home
from flows.runs import Run

PATIENCE = 180.0
"""Seconds after which a flow that has not begun, or not ended after its last step, is given up."""

FAREWELL = 5.0
"""Seconds that the flow of an interrupted run has to write down how it ended."""

YIELDING = 10
"""How far the flow's process stands back (``nice``), for what its parent does meanwhile comes first."""

TakeStep = Callable[[str], Any]
Away = Callable[[], contextlib.AbstractContextManager[None]]


class Overdue(Exception):
    """Prefect gave a step up (its timeout) while it was still being taken."""


# --- the parent's side --------------------------------------------------------------------------------------


class Conductor:
    """The flow's process, as its parent sees it."""

    def __init__(self, home: Home, run: Run) -> None:
        self._log = run.folder / "prefect.log"
        self._said: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._taking = False
        self._ended = False
        self._process = children.start(
            "flows.conductor",
            str(home.root),
            run.run_id,
            log=self._log,
            environment={"PREFECT_HOME": os.environ.get("PREFECT_HOME") or str(home.prefect)},
        )
        self.imported = 0.0
        """Seconds that importing Prefect and starting its server took, once the flow has asked for a step."""
        threading.Thread(target=self._listen, daemon=True, name="conductor").start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said = json.loads(line)
            if "ended" in said:
                self._ended = True
                if self._taking:
                    os.kill(os.getpid(), signal.SIGALRM)
            self._said.put(said)
        self._said.put(None)

    def _next(self, patience: float | None = PATIENCE) -> dict[str, Any]:
        try:
            said = self._said.get(timeout=patience)
        except queue.Empty:
            said = None
        if said is None:
            raise Defect(
                "Prefect's process ended by itself, or did not answer",
                where=str(self._log),
                next_step="Read the end of that log; PREFECT_API_URL names a server to use instead.",
            )
        return said

    def conduct(self, take: TakeStep, ahead: Sequence[str] = (), away: Away = contextlib.nullcontext) -> None:
        """Take the steps that the flow asks for, until it ends.

        ``ahead``: its first steps, which are taken at once; the first that fails is the last of them, and
        is taken anew if the flow asks again. One that gives a list of work for the flow is the last, too.
        ``away``: gives what is entered while the flow has work of its own. Raises what a step raised if that
        ended the flow, else ``SraapError``.
        """
        if threading.current_thread() is not threading.main_thread():
            self._conduct(take, ahead, away)
            return
        before = signal.signal(signal.SIGALRM, self._overdue)
        try:
            self._conduct(take, ahead, away)
        finally:
            signal.signal(signal.SIGALRM, before)

    def _overdue(self, _number: int, _frame: FrameType | None) -> None:
        """Interrupt the step that Prefect gave up, as a timeout of Prefect's own would."""
        if self._taking:
            raise Overdue

    def _conduct(self, take: TakeStep, ahead: Sequence[str], away: Away) -> None:
        failed: Exception | None = None
        taken: dict[str, tuple[dict[str, Any], Exception | None]] = {}
        for step in ahead:
            taken[step] = self._taken(take, step)
            answer, error = taken[step]
            if error is not None or (isinstance(answer["value"], list) and answer["value"]):
                break
        said = self._next()
        if "imported" in said:
            self.imported = said["imported"]
            said = self._next()
        while "ended" not in said:
            if "away" in said:
                with away():
                    said = self._next(None)
                continue
            step = said["step"]
            answer, failed = taken.pop(step) if step in taken else self._taken(take, step)
            self._answer(answer)
            said = self._next()
        if said["ended"] is not None:
            raise failed or _error(said["ended"])

    def _taken(self, take: TakeStep, step: str) -> tuple[dict[str, Any], Exception | None]:
        """What the flow is told of a step, and the error where it failed."""
        self._taking = True
        try:
            return {"value": take(step)}, None
        except Exception as error:
            shown = error if isinstance(error, SraapError) else Defect(type(error).__name__)
            return {"error": _told(shown)}, error
        except BaseException:
            self._taking = False  # the flow is about to end, and may do so without waking this thread
            self._answer({"error": _told(Interrupted("interrupted"))})
            self._let_end()
            raise
        finally:
            self._taking = False

    def _let_end(self) -> None:
        """Give the flow a moment to write down how it ended."""
        end = time.monotonic() + FAREWELL
        with contextlib.suppress(queue.Empty):
            while not self._ended and self._said.get(timeout=max(0.0, end - time.monotonic())) is not None:
                continue

    def _answer(self, answer: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(answer, default=str).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            self._said.put(None)

    def stop(self) -> None:
        """End the process, wherever it is: it ends as soon as its pipe closes."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        children.stop(self._process)


def _told(error: SraapError) -> dict[str, Any]:
    return {
        "kind": type(error).__name__,
        "what": error.what,
        "where": error.where,
        "next_step": error.next_step,
    }


def _error(told: dict[str, Any]) -> SraapError:
    kind: type[SraapError] = getattr(errors, told["kind"])
    return kind(told["what"], where=told["where"], next_step=told["next_step"])


# --- the child's side ---------------------------------------------------------------------------------------

_answers: queue.Queue[dict[str, Any]] | None = None
_asks: Any = None


def take(step: str, home: str, run_id: str) -> Any:
    """Have a step of ``flows.night`` taken: by the parent where there is one, else in this process.

    Raises nothing but ``SraapError``.
    """
    if _answers is None:
        from flows import night

        return night.take(getattr(night, step), home, run_id)
    _say({"step": step})
    answer = _answers.get()
    if "error" in answer:
        raise _error(answer["error"])
    return answer["value"]


def away() -> None:
    """Say that the flow has work that is no step; the parent waits for as long as it lasts."""
    if _answers is not None:
        _say({"away": True})


def _say(document: dict[str, Any]) -> None:
    _asks.write(json.dumps(document) + "\n")
    _asks.flush()


def _listen_to_parent(answers: queue.Queue[dict[str, Any]]) -> None:
    """Answers as they come; the process ends when the parent's pipe closes, whatever else it is doing."""
    with os.fdopen(os.dup(0), "rb", buffering=0) as pipe:
        buffer = b""
        while part := pipe.read(1 << 16):
            *lines, buffer = (buffer + part).split(b"\n")
            for line in lines:
                answers.put(json.loads(line))
    os._exit(1)


def main() -> None:
    """Run the flow for the home and run named in the arguments."""
    global _answers, _asks  # noqa: PLW0603 - the two ends of the pipe, one a process
    children.ignore_interrupts()
    os.nice(YIELDING)
    _asks = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    _answers = queue.Queue()
    threading.Thread(target=_listen_to_parent, args=(_answers,), daemon=True, name="answers").start()
    home, run_id = sys.argv[1:3]
    ended: dict[str, Any] | None = None
    try:
        _run_flow(home, run_id)
    except SraapError as error:
        ended = _told(error)
    except Exception as error:
        from flows import prefect_server, refresh, storage

        place = Home(Path(home))
        shown = prefect_server.not_reached(error) or storage.shown(place, error)
        ended = _told(shown or refresh.defect(place, run_id, error))
    _say({"ended": ended})
    os._exit(0)  # nothing is left to be done, and taking Python down takes its time


def _run_flow(home: str, run_id: str) -> None:
    """Run the flow on the configured server, or on one of our own."""
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        with quiet.importing():
            if not os.environ.get("PREFECT_API_URL"):
                from flows.prefect_server import serving

                stack.enter_context(serving())
            from flows.nightly import nightly, settle_events
        if _answers is not None:
            _say({"imported": time.monotonic() - began})
        try:
            nightly(home, run_id)
        finally:
            settle_events()


if __name__ == "__main__":
    sys.modules["flows.conductor"] = sys.modules["__main__"]  # the flow's tasks ask through this module
    main()
