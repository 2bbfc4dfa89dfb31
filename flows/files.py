"""Writing that survives a crash.

A file appears under its final name only when it is whole and on disk: written aside, synced, renamed, and the
folder synced (docs/architecture.md, A home).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CHUNK = 1 << 20


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Give an ``OSError`` that names no file the name of the one it is about."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable. Raises ``OSError``."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with naming(folder):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Make the bytes of ``path`` durable. Raises ``OSError``."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with naming(path):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def aside(path: Path) -> Iterator[Path]:
    """Give a name beside ``path`` to write to; what was written there is synced and renamed to ``path``.

    Nothing is left behind if the block fails. Raises ``OSError``.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with naming(path):
            yield temporary
            sync_file(temporary)
            temporary.replace(path)
            sync_folder(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):  # what a failing disk keeps, the next run clears
            temporary.unlink(missing_ok=True)
        raise


def clear_asides(folder: Path) -> None:
    """Remove what writers that died left beside the files of ``folder``. Raises ``OSError``."""
    for path in folder.glob(".*.tmp"):
        if path.is_file():
            path.unlink()


def write_bytes(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write a whole file in one step. Raises ``OSError``."""
    with aside(path) as temporary:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(content)


def json_bytes(document: Any) -> bytes:
    """JSON for people and programs: indented, ASCII only (names of files may hold undecodable bytes)."""
    return (json.dumps(document, indent=1, ensure_ascii=True, default=str) + "\n").encode("ascii")


def write_json(path: Path, document: Any, mode: int = 0o644) -> None:
    """Write a JSON document in one step. Raises ``OSError``."""
    write_bytes(path, json_bytes(document), mode)


def read_json(path: Path) -> Any:
    """Read a JSON document. Raises ``OSError`` and ``ValueError``."""
    return json.loads(path.read_bytes())


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal. Raises ``OSError``."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
