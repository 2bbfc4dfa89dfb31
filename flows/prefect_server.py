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
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flows import prefect_database
from flows.errors import Defect, ServerFailed

if TYPE_CHECKING:
    from prefect.server.database.configurations import AioSqliteConfiguration
    from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction

PATIENCE = 120.0
"""Seconds after which a server that does not answer is given up; a new database takes about ten to set up."""

SETTINGS = {
    "PREFECT__SERVER_EPHEMERAL": "1",  # no service but those that write down what the run tells
    "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",  # the flow uses no block
    "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",  # no browser comes here
}


ASKED = ("/flows", "/flow_runs", "/admin", "/v2/concurrency_limits", "/logs", "/artifacts", "/events")
"""What a run asks of the server. What stands before it is made ready with it, so that this stands first."""


_own: list[Path] = []
"""Folder of the database of this process's own server, once it has served."""


def _failed(how: str) -> Defect:
    """What to say where a server of our own did not start, or did not answer as it should."""
    database = Path(os.environ["PREFECT_HOME"]) / prefect_database.NAME
    return Defect(
        f"Prefect's own server failed ({how})",
        where=str(database),
        next_step="Move that file away and run this again: it holds what Prefect shows of runs, and nothing "
        "published depends on it. The end of prefect.log in the run's folder says more.",
    )


def not_reached(error: Exception) -> ServerFailed | Defect | None:
    """What to say where an error is that the server of PREFECT_API_URL, or our own, did not answer, or
    refused; else none.

    What the address may hold of a user and a password is left out.
    """
    import httpx

    address = os.environ.get("PREFECT_API_URL")
    if not address or not isinstance(error, httpx.HTTPError):
        return None
    if _own:
        return _failed(type(error).__name__)
    parts = urlsplit(address)
    return ServerFailed(
        f"the Prefect server can't be reached or refuses ({type(error).__name__})",
        where=f"PREFECT_API_URL={parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}",
        next_step="Start that server, or correct the address; without PREFECT_API_URL none is needed.",
    )


def loopback() -> socket.socket:
    """A socket on loopback that says it is TCP.

    asyncio sends small answers at once only then; else each waits 40 ms for the other side to acknowledge.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    return listener


def one_writer(address: str) -> AioSqliteConfiguration:
    """Prefect's SQLite, where each transaction takes its place among the writers when it begins.

    Prefect begins most as readers. One that writes after another has written meanwhile fails ("database is
    locked"), and the client tries again after two seconds; that befell every other run.
    """
    from prefect.server.database.configurations import AioSqliteConfiguration

    class OneWriter(AioSqliteConfiguration):
        @contextlib.asynccontextmanager
        async def begin_transaction(
            self, session: AsyncSession, with_for_update: bool = False
        ) -> AsyncGenerator[AsyncSessionTransaction, None]:
            async with super().begin_transaction(session, with_for_update=True) as transaction:
                yield transaction

    return OneWriter(connection_url=address)


def _prepare() -> None:
    """Have Prefect's server use ``one_writer`` where its database is SQLite, and begin with what is asked."""
    from prefect.server.api import server
    from prefect.server.database.dependencies import MODELS_DEPENDENCIES
    from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL

    routers = sorted(server.API_ROUTERS, key=lambda router: router.prefix not in ASKED)
    server.API_ROUTERS = tuple(routers)  # type: ignore[assignment]
    address = PREFECT_API_DATABASE_CONNECTION_URL.value()
    if address is not None and address.startswith("sqlite"):
        MODELS_DEPENDENCIES["database_config"] = one_writer(address)


@contextlib.contextmanager
def serving(*, schedules: bool = False) -> Iterator[None]:
    """Serve this process's own Prefect. Must be entered before prefect is imported.

    ``PREFECT_HOME`` names the folder of its database; ``schedules``: with Prefect's scheduler and its other
    services, which one run has no use for. Raises ``Defect`` where it ends while it starts or
    does not answer in time, and ``OSError``.
    """
    prefect_home = Path(os.environ["PREFECT_HOME"])
    prefect_home.mkdir(parents=True, exist_ok=True, mode=0o700)
    prefect_database.supply(prefect_home)
    password = f"sraap:{secrets.token_urlsafe(24)}"
    listener = loopback()
    for name, value in SETTINGS.items():
        if not (schedules and name == "PREFECT__SERVER_EPHEMERAL"):
            os.environ.setdefault(name, value)
    os.environ["PREFECT_SERVER_API_AUTH_STRING"] = password
    os.environ["PREFECT_API_AUTH_STRING"] = password
    os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{listener.getsockname()[1]}/api"

    import uvicorn
    from prefect.server.api.server import create_app
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    _prepare()

    class InThread(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            """End without the tenth of a second that uvicorn leaves to connections, where there is none."""
            if self.server_state.connections or self.server_state.tasks:
                await super().shutdown(sockets)
                return
            for one in self.servers:
                one.close()
            await self.lifespan.shutdown()

    server = InThread(
        uvicorn.Config(create_app, factory=True, log_level="error", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True, name="prefect server")
    thread.start()
    end = time.monotonic() + PATIENCE
    while not server.started:
        if not thread.is_alive() or time.monotonic() > end:
            raise _failed("it did not start")
        time.sleep(0.005)
    _own.append(prefect_home)
    try:
        # A heartbeat tells a server that outlives the run of one that died. This one does not outlive it.
        with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
            yield
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
