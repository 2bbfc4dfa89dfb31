"""A reader for the tests that does to its process what the file says."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
from pathlib import Path

import pandas as pd

from sources.readers import Reading, ReadingContext, ReadTable, Unreadable


def read(path: Path, ending: str, context: ReadingContext) -> Reading:
    """Do harm. Raises ``Unreadable`` with HARM-REFUSED where it was refused."""
    what = path.read_text(encoding="utf-8")
    try:
        _do(what)
    except PermissionError:
        raise Unreadable("HARM-REFUSED", "It was refused.") from None
    letters = "a" * 100_000 if what == "output" else "a"
    return Reading(
        (ReadTable("states", None, pd.DataFrame({"iso3": [letters], "_row": [1], "_place": ["1"]})),)
    )


def _do(what: str) -> None:
    match what:
        case "network":
            socket.create_connection(("127.0.0.1", 9))
        case "network by the C library":
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.socket(socket.AF_INET, socket.SOCK_STREAM, 0) == -1:
                raise PermissionError(ctypes.get_errno(), "socket")
        case "program":
            subprocess.run(["true"], check=True)
        case "secret":
            if not any(name.startswith("SRAAP_") for name in os.environ):
                raise PermissionError
        case "memory":
            held = []
            while True:
                held.append(bytearray(os.urandom(1024) * 10_000))
        case "time":
            while True:
                pass
        case "death":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "nonsense":
            os.write(_answers(), json.dumps({"format": "txt", "tables": [{"dataset": "x"}]}).encode() + b"\n")
            os._exit(0)
        case _ if what.startswith("end who asks, unless "):
            mark = Path(what.removeprefix("end who asks, unless "))
            if not mark.exists():
                mark.touch()
                os.kill(os.getppid(), signal.SIGKILL)
        case "unforeseen":
            raise KeyError(what)


def _answers() -> int:
    """The pipe to the parent: the one that is open for writing besides what is said to the log."""
    log = os.fstat(2)
    for number in range(3, 64):
        try:
            found = os.fstat(number)
        except OSError:
            continue
        if os.path.samestat(found, log):
            continue
        if str(Path(f"/proc/self/fd/{number}").readlink()).startswith("pipe:"):
            said = Path(f"/proc/self/fdinfo/{number}").read_text(encoding="ascii")
            if int(said.split("flags:")[1].split()[0], 8) & os.O_WRONLY:
                return number
    raise KeyError("no pipe")
