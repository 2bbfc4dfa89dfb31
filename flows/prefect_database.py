"""An empty database of Prefect's, made once for an environment.

Prefect makes a new database by running all of its migrations since the first, which takes as long as the
rest of a first refresh. ``make setup`` lets it do so once and keeps the result beside the interpreter; a
new home starts with a copy. Without it Prefect makes its database itself, only slower.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

NAME = "prefect.db"
SPOILED = ".spoiled"
"""Ending of a database that was put aside because it is none any more."""


def template() -> Path:
    """Where the empty database of this environment and this version of Prefect stands, if it was made."""
    return Path(sys.prefix) / "share" / "sraap" / f"prefect-{version('prefect')}.db"


def supply(prefect_home: Path) -> None:
    """Give a new PREFECT_HOME a copy of the empty database, also where what is there is none any more: what
    Prefect keeps is for people to look at, and no night should fail for it. Raises ``OSError``."""
    database = prefect_home / NAME
    if database.exists() and not _is_database(database):
        for ending in ("", "-wal", "-shm"):
            part = database.with_name(NAME + ending)
            if part.exists():
                part.replace(part.with_name(part.name + SPOILED))
    if database.exists() or not template().exists():
        return
    aside = prefect_home / f".{NAME}.{os.getpid()}"
    shutil.copyfile(template(), aside)
    aside.rename(database)


def _is_database(path: Path) -> bool:
    """Whether SQLite takes a file for a database; not whether all of it is sound, which takes too long."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        try:
            connection.execute("select count(*) from sqlite_master").fetchall()
        except sqlite3.OperationalError:
            return True  # locked, or the disk fails: others say so
        except sqlite3.DatabaseError:
            return False
    return True


def make() -> None:
    """Let Prefect make the database, and keep it.

    Raises ``subprocess.CalledProcessError`` and ``OSError``.
    """
    if template().exists():
        return
    template().parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=template().parent) as folder:
        settings = {
            "PREFECT_HOME": folder,
            "PREFECT_API_URL": "",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        }
        subprocess.run(
            [sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes"],
            env={**os.environ, **settings},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        (Path(folder) / NAME).rename(template())


if __name__ == "__main__":
    make()
