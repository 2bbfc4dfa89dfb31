"""Child processes that never outlive their parent.

Starting tools is what costs most in a nightly run, so two of them start in processes of their own while files
are read: dbt and, where no server is configured, Prefect's; the site is written in a third one. Each holds
the other end of a pipe to its parent and ends when that closes, even if the parent was killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_running: set[subprocess.Popen[bytes]] = set()


def start(
    module: str,
    *arguments: str,
    log: Path,
    environment: Mapping[str, str],
    pass_descriptors: tuple[int, ...] = (),
    inherit: bool = True,
) -> subprocess.Popen[bytes]:
    """Start ``python -m module`` with pipes on its standard input and output; what it says else goes to
    ``log``. Without ``inherit``, ``environment`` is all that it gets of one."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as errors:
        child = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**(os.environ if inherit else {}), **environment},
            pass_fds=pass_descriptors,
        )
    _running.add(child)
    return child


def stop(child: subprocess.Popen[bytes], patience: float = 5.0) -> None:
    """End a child: ask it to write down what it has and go, then kill it."""
    if child.poll() is None:
        child.terminate()
    try:
        child.wait(patience)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    _running.discard(child)
    for stream in (child.stdin, child.stdout):
        if stream is not None:
            with contextlib.suppress(BrokenPipeError):
                stream.close()


def cpu_seconds() -> float:
    """Processor seconds that this process and its children, running and ended, have used so far."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = time.process_time() + ended.ru_utime + ended.ru_stime
    for child in _running:
        with contextlib.suppress(OSError):  # where there is no /proc, or the child has just ended
            fields = Path(f"/proc/{child.pid}/stat").read_text(encoding="ascii", errors="replace")
            user, system = fields.rpartition(")")[2].split()[11:13]
            used += (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    return used


def ignore_interrupts() -> None:
    """Leave Ctrl-C to the parent, which decides what of the run is kept and then ends its children."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def requests() -> queue.Queue[dict[str, Any]]:
    """In a child: the lines of JSON that its parent sends, as they come; the process ends as soon as the
    parent's pipe closes, whatever it is doing."""
    received: queue.Queue[dict[str, Any]] = queue.Queue()

    def receive() -> None:
        for line in sys.stdin:
            received.put(json.loads(line))
        os._exit(1)

    threading.Thread(target=receive, daemon=True, name="requests").start()
    return received
