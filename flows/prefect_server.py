"""A Prefect server for the length of one run, where none is configured.

Prefect would start one itself, but only when the flow starts, and importing the whole server into the parent
on the way. Ours starts while files are still being hashed, listens on a socket that the parent opened, wants
a password that only this run knows, and ends with the parent.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from flows import children, prefect_database
from flows.errors import Defect
from flows.home import Home

PATIENCE = 120.0
"""Seconds after which a server that does not answer is given up; a new database takes about ten to set up."""


class Server:
    """A server that is starting or running."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, log: Path) -> None:
        self._process = process
        self._url = url
        self._log = log

    def wait(self) -> None:
        """Return when the server answers. Raises ``Defect`` if it ends or takes too long."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if self._process.poll() is not None:
                break
            if self._answers():
                return
            time.sleep(0.05)
        raise Defect(
            "Prefect's server did not start",
            where=str(self._log),
            next_step="Read the end of that log; PREFECT_API_URL names a server to use instead.",
        )

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self._url}/health", timeout=PATIENCE) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def stop(self) -> None:
        """End the server."""
        children.stop(self._process)


def start(home: Home, run_folder: Path) -> Server | None:
    """Start a server for this process, and tell Prefect of it; ``None`` if PREFECT_API_URL names one already.

    Must be called before prefect is imported. Raises ``OSError``.
    """
    if os.environ.get("PREFECT_API_URL"):
        return None
    os.environ.setdefault("PREFECT_HOME", str(home.prefect))
    prefect_home = Path(os.environ["PREFECT_HOME"])
    prefect_home.mkdir(parents=True, exist_ok=True, mode=0o700)
    prefect_database.supply(prefect_home)
    listener = socket.create_server(("127.0.0.1", 0))
    password = f"sraap:{secrets.token_urlsafe(24)}"
    log = run_folder / "prefect-server.log"
    with listener:
        process = children.start(
            "flows.prefect_server",
            str(listener.fileno()),
            log=log,
            environment={"PREFECT_SERVER_API_AUTH_STRING": password, "PREFECT__SERVER_EPHEMERAL": "1"},
            pass_descriptors=(listener.fileno(),),
        )
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/api"
    os.environ["PREFECT_API_URL"] = url
    os.environ["PREFECT_API_AUTH_STRING"] = password
    return Server(process, url, log)


def forget() -> None:
    """Let the environment name no server any more that has ended."""
    for name in ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING"):
        os.environ.pop(name, None)


def main() -> None:
    """Serve on the socket whose descriptor is the first argument, until the parent ends."""
    children.ignore_interrupts()
    children.end_with_parent(sys.stdin.buffer)
    os.environ["PREFECT__SERVER_FINAL"] = "1"
    import uvicorn
    from prefect.server.api.server import create_app

    class Quiet(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            signal.signal(signal.SIGTERM, self.handle_exit)
            yield

    listener = socket.socket(fileno=int(sys.argv[1]))
    config = uvicorn.Config(create_app, factory=True, log_level="error", timeout_graceful_shutdown=1)
    Quiet(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
