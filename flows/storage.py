"""When the disk under a home fails or is full: said as what it is, and asked about before a run begins.

A full disk is nobody's bug. Python, Arrow and DuckDB each say it in their own way, and dbt passes on what
DuckDB said; here it becomes one error that says what failed, where, and what to do (exit code 5 of
docs/contract/outputs.md). Only the standard library is imported: errors are told by their words and numbers.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from flows.errors import Defect, SraapError, StorageFailed
from flows.home import Home

MEGABYTE = 1_000_000
ALWAYS_NEEDED = 50 * MEGABYTE
"""Bytes a run needs whatever it takes in: logs, dbt's artifacts, Prefect's database."""

TIMES_DELIVERED = 4
"""A delivery stands in the archive, the staged batch, the build and the publication."""

TIMES_PUBLISHED = 3
"""A publication stands in the build, in its own folder, and a third time while DuckDB writes it."""

NEARLY_NOTHING = MEGABYTE
"""With less than this left, what failed otherwise without a reason failed for want of room."""

_FULL = "Make room there, then run it again. The last publication stands, and what was archived is kept."
_NEXT = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EIO: "Look at that disk or share (the system's log says more), then run it again. "
    "The last publication stands.",
    errno.EROFS: "Make that disk writable, then run it again. The last publication stands.",
    errno.EACCES: "Let the user who runs sraap read and write there, then run it again. "
    "The last publication stands.",
}
_NEXT[errno.EPERM] = _NEXT[errno.EACCES]


def failure(home: Home, error: BaseException) -> StorageFailed | None:
    """The error to show if the disk is what failed; ``None`` if it was something else.

    Of a file outside the home only the folder is named: names of delivered files may be persons'.
    """
    code = _code(error)
    if code is None:
        code = _code_in_words(error) if _tells_in_words(error) else None
    if code is None and not isinstance(error, OSError) and _nothing_left(home):
        code = errno.ENOSPC
    if code is None:
        return None
    return StorageFailed(
        f"the disk could not be used ({os.strerror(code)})", where=_where(home, error), next_step=_NEXT[code]
    )


def _code(error: BaseException) -> int | None:
    """The system's number, if it is one that tells of a disk and not of a defect."""
    return error.errno if isinstance(error, OSError) and error.errno in _NEXT else None


def _tells_in_words(error: BaseException) -> bool:
    """DuckDB, dbt's errors passed on, and copies of whole folders have the system's number in words only."""
    library = type(error).__module__.split(".")[0]
    return isinstance(error, Defect | shutil.Error) or library in ("duckdb", "_duckdb")


def _code_in_words(error: BaseException) -> int | None:
    text = str(error)
    return next((code for code in _NEXT if os.strerror(code) in text), None)


def _nothing_left(home: Home) -> bool:
    try:
        return shutil.disk_usage(home.root).free < NEARLY_NOTHING
    except OSError:
        return False


def _where(home: Home, error: BaseException) -> str:
    named = getattr(error, "filename", None)
    if not isinstance(named, str):
        found = re.search(r'file \\?"([^"\\]+)', str(error))
        named = found.group(1) if found else None
    if named is None:
        return str(home.root)
    path = Path(named)
    return str(path if home.root in (path, *path.parents) else path.parent)


def within(home: Home, error: OSError) -> bool:
    """Whether it was a file of the home that failed, and not one of an inbox."""
    return isinstance(error.filename, str) and home.root in Path(error.filename).parents


def check_room(home: Home, delivered: Iterable[int]) -> None:
    """Ask for room before a run begins. ``delivered``: bytes of each new file.

    Raises ``StorageFailed`` if the disk has less free than a run is known to need.
    """
    needed = ALWAYS_NEEDED + TIMES_DELIVERED * sum(delivered) + TIMES_PUBLISHED * _published(home.manifest())
    free = shutil.disk_usage(home.root).free
    if free < needed:
        raise StorageFailed(
            f"too little room: {_megabytes(free)} MB are free, a run needs about {_megabytes(needed)} MB",
            where=str(home.root),
            next_step=_FULL,
        )


def _published(manifest: dict[str, Any] | None) -> int:
    return sum(int(output["bytes"]) for output in manifest["outputs"]) if manifest else 0


def _megabytes(size: int) -> str:
    return f"{size / MEGABYTE:,.1f}"


def shown(home: Home, error: Exception) -> SraapError | None:
    """``error`` as it may be shown: itself, what the disk did, or what of the home is spoiled; ``None`` if
    nobody foresaw it."""
    known = error if isinstance(error, SraapError) else None
    if known is None or isinstance(known, Defect):
        return failure(home, error) or _damage(home) or known
    return known


def _damage(home: Home) -> SraapError | None:
    from flows import damage

    try:
        return damage.found(home)
    except OSError:
        return None  # the first error says more
