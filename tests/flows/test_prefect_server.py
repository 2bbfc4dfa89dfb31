"""Prefect's own server answers at once, and its writers wait for each other instead of failing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import sqlalchemy

from flows import prefect_database, prefect_server
from flows.prefect_server import ASKED, loopback, one_writer


def test_small_answers_are_sent_at_once() -> None:
    async def accepted() -> int:
        listener = loopback()
        answers: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def connected(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            found: socket.socket = writer.get_extra_info("socket")
            answers.set_result(found.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        async with await asyncio.start_server(connected, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            found = await answers
            writer.close()
        return found

    assert asyncio.run(accepted())


def test_a_transaction_that_begins_by_reading_is_a_writer_already(tmp_path: Path) -> None:
    """Else it fails when it writes after another has written meanwhile, and the client waits two seconds."""
    path = tmp_path / "prefect.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("create table runs (id integer)")

    async def meanwhile() -> None:
        config = one_writer(f"sqlite+aiosqlite:///{path}")
        engine = await config.engine()
        async with await config.session(engine) as session, config.begin_transaction(session):
            await session.execute(sqlalchemy.text("select * from runs"))
            other = sqlite3.connect(path, timeout=0, isolation_level=None)
            with contextlib.closing(other), pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("begin immediate")
            await session.execute(sqlalchemy.text("insert into runs values (1)"))
        await engine.dispose()

    asyncio.run(meanwhile())
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("select id from runs").fetchall() == [(1,)]


FAREWELL = """
from flows import quiet
quiet.settle()
from flows.prefect_server import serving
from uvicorn.lifespan import on
shutdown = on.LifespanOn.shutdown
async def told(self):
    await shutdown(self)
    print("ended in order")
on.LifespanOn.shutdown = told
with serving():
    pass
"""


def test_a_server_that_nobody_asks_any_more_ends_in_order(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FAREWELL],
        env={**os.environ, "PREFECT_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "ended in order\n"), done.stderr


def test_parts_of_the_server_that_a_run_asks_are_there() -> None:
    from prefect.server.api import server

    assert {router.prefix for router in server.API_ROUTERS} >= set(ASKED)


def test_a_server_of_our_own_that_fails_is_not_taken_for_a_configured_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    monkeypatch.setattr(prefect_server, "_own", [])
    error = httpx.ConnectError("refused")
    configured = prefect_server.not_reached(error)
    assert configured is not None and configured.where == "PREFECT_API_URL=http://127.0.0.1:9/api"
    prefect_server._own.append(tmp_path)
    own = prefect_server.not_reached(error)
    assert own is not None and own.where == str(tmp_path / "prefect.db")
    assert prefect_server.not_reached(ValueError()) is None


def test_a_database_that_is_none_any_more_is_put_aside(tmp_path: Path) -> None:
    """What Prefect keeps is for people to look at; no night fails for it."""
    path = tmp_path / prefect_database.NAME
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("create table runs (id integer)")
    sound = path.read_bytes()
    prefect_database.supply(tmp_path)
    assert path.read_bytes() == sound
    path.write_bytes(b"x" * 10_000)
    prefect_database.supply(tmp_path)
    assert path.with_name(path.name + prefect_database.SPOILED).read_bytes() == b"x" * 10_000
    if prefect_database.template().exists():
        assert path.read_bytes() == prefect_database.template().read_bytes()
    else:
        assert not path.exists()
