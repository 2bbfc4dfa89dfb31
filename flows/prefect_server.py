"""A Prefect server for the length of one run, where none is configured.

Prefect would start one itself, in a process of its own and only when the flow starts. Ours is a thread of the
process that runs the flow (flows.conductor), which has imported half of it already. It listens on loopback,
wants a password that only that process knows, and ends with it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from flows import prefect_database

PATIENCE = 120.0
"""Seconds after which a server that does not answer is given up; a new database takes about ten to set up."""

SETTINGS = {
    "PREFECT__SERVER_EPHEMERAL": "1",  # no service but those that write down what the run tells
    "PREFECT__SERVER_FINAL": "1",
    "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",  # the flow uses no block
    "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",  # no browser comes here
}


class NotStarted(Exception):
    """The server ended while it started, or did not answer in time."""


@contextlib.contextmanager
def serving(*, schedules: bool = False) -> Iterator[None]:
    """Serve this process's own Prefect. Must be entered before prefect is imported.

    ``PREFECT_HOME`` names the folder of its database; ``schedules``: with Prefect's scheduler and its other
    services, which one run has no use for. Raises ``NotStarted`` and ``OSError``.
    """
    prefect_home = Path(os.environ["PREFECT_HOME"])
    prefect_home.mkdir(parents=True, exist_ok=True, mode=0o700)
    prefect_database.supply(prefect_home)
    password = f"sraap:{secrets.token_urlsafe(24)}"
    listener = socket.create_server(("127.0.0.1", 0))
    for name, value in SETTINGS.items():
        if not (schedules and name == "PREFECT__SERVER_EPHEMERAL"):
            os.environ.setdefault(name, value)
    os.environ["PREFECT_SERVER_API_AUTH_STRING"] = password
    os.environ["PREFECT_API_AUTH_STRING"] = password
    os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{listener.getsockname()[1]}/api"

    import uvicorn
    from prefect.server.api.server import create_app
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    class InThread(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    server = InThread(
        uvicorn.Config(create_app, factory=True, log_level="error", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True, name="prefect server")
    thread.start()
    end = time.monotonic() + PATIENCE
    while not server.started:
        if not thread.is_alive() or time.monotonic() > end:
            raise NotStarted("Prefect's server did not start")
        time.sleep(0.005)
    try:
        # A heartbeat tells a server that outlives the run of one that died. This one does not outlive it.
        with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
            yield
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
