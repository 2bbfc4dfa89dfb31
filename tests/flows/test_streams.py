"""A command says how it ended by its exit code, whatever its streams are and whichever signal ends it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flows import cli, refresh, streams
from flows.home import Home
from flows.runs import Run
from tests.flows.harness import deliver

SRAAP = f"exec {sys.executable} -m flows.cli"


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (f"{SRAAP} plan list --json --home nowhere >&-", 5, "there is no home here"),
        (f"{SRAAP} template out.xlsx --json >&- <&-", 0, ""),
        (f"{SRAAP} template out.xlsx --json >/dev/full", 5, "standard output"),
        (f"{SRAAP} template out.xlsx >/dev/full", 5, "No space left on device"),
        (f"{SRAAP} plan list --home nowhere 2>/dev/full", 5, ""),
        (f"PYTHONIOENCODING=ascii {SRAAP} template 'Côte.xlsx' --json", 0, ""),
        (f"PYTHONIOENCODING=ascii {SRAAP} template 'Côte.xlsx'", 0, ""),
    ],
)
def test_streams_that_are_closed_full_or_ascii(command: str, code: int, said: str, tmp_path: Path) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(cli.__file__).parent.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


FAREWELL = """
import atexit, os, sys, threading
from flows import cli

class Kept:
    def __del__(self):
        os.write(1, b"taken down\\n")

def late():
    threading.main_thread().join()
    print("a thread ended")

def main():
    atexit.register(print, "asked for at exit")
    threading.Thread(target=late).start()
    sys.stdout.write("not flushed yet\\n")
    sys.exit({code})

kept = Kept()
cli.main = main
cli.script()
"""


@pytest.mark.parametrize(("code", "left"), [("3", 3), ("0", 0), ("'words'", 1)])
def test_a_command_leaves_without_taking_down_what_it_kept(code: str, left: int) -> None:
    """Threads and what was asked for at exit come first; an exit that is no code is Python's own."""
    done = subprocess.run(
        [sys.executable, "-c", FAREWELL.replace("{code}", code)], capture_output=True, text=True, check=False
    )
    assert done.returncode == left, done.stderr
    said = ["not flushed yet", "a thread ended", "asked for at exit"]
    assert done.stdout.splitlines() == [*said, *(["taken down"] if left == 1 else [])]


@pytest.mark.usefixtures("usual_signals")
@pytest.mark.parametrize("number", streams.SIGNALS)
def test_a_signal_that_asks_a_run_to_end_is_recorded(
    number: signal.Signals,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As Ctrl-C is: the run says how it ended, the lock is free, the code is the shell's for the signal."""
    handler = signal.getsignal(number)

    def night(home: Home, run: Run, to_judge: bool) -> None:
        os.kill(os.getpid(), number)

    monkeypatch.setattr(refresh, "in_prefect", night)
    place = tmp_path / "home"
    with pytest.raises(SystemExit) as ended:
        cli.main(["refresh", "--home", str(place), "--inbox", str(deliver(tmp_path / "inbox"))])
    assert ended.value.code == 128 + number
    assert "Error: interrupted" in capsys.readouterr().err
    (path,) = place.glob("runs/*/run.json")
    record = json.loads(path.read_text("ascii"))
    assert (record["state"], record["exit_code"]) == ("failed", 128 + number)
    with Home(place).lock():
        pass
    assert signal.getsignal(number) == handler


def test_a_signal_that_is_ignored_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """``nohup`` starts a command so that it outlives its terminal."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with streams.settled():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
