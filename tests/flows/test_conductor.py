"""The first steps are taken before Prefect asks, and the flow hears of each what came of it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import queue
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows.conductor import Conductor
from flows.errors import Blocked, Defect, SourceFailed
from flows.refresh import AHEAD


class Flow:
    """A conductor whose process says what it is told to say; ``log``: what was taken and heard, in order."""

    def __init__(self, *said: dict[str, Any]) -> None:
        self.log: list[str] = []
        self._conductor = Conductor.__new__(Conductor)
        self._pipe = io.BytesIO()
        self._conductor._process = SimpleNamespace(stdin=self._pipe)  # type: ignore[assignment]
        self._conductor._said = _Said(said, self.log)
        self._conductor._taking = self._conductor._ended = False

    def conduct(self, take: Callable[[str], Any]) -> None:
        def logged(step: str) -> Any:
            self.log.append(f"take {step}")
            return take(step)

        self._conductor.conduct(logged, ahead=AHEAD, away=self._away)

    @contextlib.contextmanager
    def _away(self) -> Iterator[None]:
        self.log.append("away")
        yield
        self.log.append("back")

    @property
    def answers(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._pipe.getvalue().splitlines()]


class _Said(queue.Queue[dict[str, Any] | None]):
    def __init__(self, said: Sequence[dict[str, Any]], log: list[str]) -> None:
        super().__init__()
        self._log = log
        for document in said:
            self.put(document)

    def get(self, block: bool = True, timeout: float | None = None) -> dict[str, Any] | None:
        found = super().get(block=False)
        self._log.append(f"hear {next(iter((found or {}).values()))}")
        return found


def asked(*steps: str) -> list[dict[str, Any]]:
    return [{"imported": 2.5}, *({"step": step} for step in steps)]


def test_the_first_steps_are_taken_once_and_before_the_flow_asks() -> None:
    steps = ("receive", "judge", "build_marts", "check_marts")
    flow = Flow(*asked(*steps), {"ended": None})
    flow.conduct(lambda step: f"{step} done")
    assert flow.log[:4] == ["take receive", "take judge", "take build_marts", "hear 2.5"]
    assert [line for line in flow.log if line.startswith("take")] == [f"take {step}" for step in steps]
    assert flow.answers == [{"value": f"{step} done"} for step in steps]


def test_a_step_that_failed_ahead_is_told_and_taken_anew_when_it_is_asked_again() -> None:
    failures = [SourceFailed("the share is away", where="inbox", next_step="Look at it.")]

    def take(step: str) -> str:
        if failures:
            raise failures.pop()
        return "done"

    flow = Flow(*asked("receive", "receive", "judge"), {"ended": None})
    flow.conduct(take)
    assert flow.log.count("take receive") == 2
    assert flow.log.index("take judge") > flow.log.index("hear judge")
    assert [next(iter(answer)) for answer in flow.answers] == ["error", "value", "value"]
    assert flow.answers[0]["error"]["kind"] == "SourceFailed"


def test_what_blocked_ahead_of_the_flow_is_what_ends_the_run() -> None:
    blocked = Blocked("blocked by checks", where="run", next_step="Deliver what is missing.")

    def take(step: str) -> None:
        if step == "judge":
            raise blocked

    flow = Flow(*asked("receive", "judge"), {"ended": {"kind": "Blocked", "what": "blocked"}})
    with pytest.raises(Blocked) as caught:
        flow.conduct(take)
    assert caught.value is blocked


def test_a_step_that_leaves_the_flow_work_is_the_last_one_taken_ahead() -> None:
    (imported, receive), judge = asked("receive"), {"step": "judge"}
    flow = Flow(imported, receive, {"away": True}, judge, {"ended": None})
    flow.conduct(lambda step: ["a part"] if step == "receive" else None)
    assert flow.log[:3] == ["take receive", "hear 2.5", "hear receive"]
    assert flow.log[3:] == ["hear True", "away", "hear judge", "back", "take judge", "hear None"]
    assert flow.answers == [{"value": ["a part"]}, {"value": None}]


def test_an_interrupted_step_is_not_taken_for_one_that_prefect_gave_up() -> None:
    """The flow ends as soon as it hears of the interrupt, which may be before anything else is done here."""
    flow = Flow(*asked("receive"))
    conductor = flow._conductor

    class Ends(io.BytesIO):
        def flush(self) -> None:
            conductor._ended = True
            if conductor._taking:
                signal.raise_signal(signal.SIGALRM)

    conductor._process = SimpleNamespace(stdin=Ends())  # type: ignore[assignment]

    def take(step: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        flow.conduct(take)


def test_nothing_is_published_before_the_flow_asks() -> None:
    flow = Flow({"ended": {"kind": "Defect", "what": "no server", "where": "log", "next_step": "Read it."}})
    with pytest.raises(Defect, match="no server"):
        flow.conduct(lambda step: None)
    assert "take publish" not in flow.log and "take check_marts" not in flow.log


def test_a_server_that_is_not_there_is_named_without_its_password(tmp_path: Path) -> None:
    """Not a defect of ours: whoever runs it has to start the server, or to correct its address."""
    with subprocess.Popen(
        [sys.executable, "-m", "flows.conductor", str(tmp_path), "20260601T000000.000Z"],
        env={
            **os.environ,
            "PREFECT_API_URL": "http://me:secret@127.0.0.1:9/api",
            "PREFECT_HOME": str(tmp_path),
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        said = process.stdout.read()
    ended = json.loads(said.splitlines()[-1])["ended"]
    assert ended["kind"] == "ServerFailed"
    assert ended["where"] == "PREFECT_API_URL=http://127.0.0.1:9/api"
    assert "secret" not in said
