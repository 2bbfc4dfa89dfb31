"""Many files read at once, in parts: what the flow maps over, and where what was read lies meanwhile.

A part is a JSON document that names files of the archive; reading it leaves a folder beside it for each file.
A worker is given the path of a part and gives it back, so that only paths pass between processes and through
Prefect. All of it lies in the restricted part of the archive, for registers are among the files, and is gone
when the night has judged. What stands there is what the process with limits said (flows/reading.py), and is
looked at as closely as if it came from there at this moment; in what order or by whom files were read makes
no difference. Source: docs/decisions/027-task-runners.md.
"""

from __future__ import annotations

import hashlib
import shutil
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from flows import reading, task_runners
from flows.errors import Defect
from flows.files import read_json, write_json
from flows.home import Home
from flows.program import program_version
from flows.reading import Limits

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flows.received import Received
    from sources.reading import FileContent

MANY_FILES = 48
MANY_BYTES = 32_000_000
"""Fewer and smaller files than these are read where they are judged, unless a task runner was chosen: that
takes less time than it takes to begin with more processes."""


def folder(home: Home) -> Path:
    """Where parts, and what was read of them, lie."""
    return home.restricted / "reading"


def clear(home: Home) -> None:
    """Remove all parts, of this night or of one that died; the lock is held. Raises ``OSError``."""
    if folder(home).exists():
        shutil.rmtree(folder(home))


def share_out(home: Home, files: Iterable[Received]) -> list[str]:
    """Share files out in parts, one for each worker and all about as large; gives the parts' paths.

    None where reading in parts does not pay. Raises ``UsageProblem`` and ``OSError``.
    """
    from sources.reading import classify

    chosen = task_runners.configured()
    once = {_key(item.entry.sha256, item.entry.name, item.received_on): item for item in files}
    known = [
        (item, item.path, item.path.stat().st_size)
        for item in once.values()
        if item.path is not None and classify(item.entry.name).format != "unknown"
    ]
    least = 2 if chosen.chosen else MANY_FILES
    if len(known) < least and (len(known) < 2 or sum(size for _, _, size in known) < MANY_BYTES):
        return []
    shares: list[list[dict[str, str]]] = [[] for _ in range(min(chosen.workers, len(known)))]
    filled = [0] * len(shares)
    for item, path, size in sorted(known, key=lambda one: (-one[2], one[0].entry.sha256)):
        smallest = filled.index(min(filled))
        filled[smallest] += size + 1
        day = item.received_on.isoformat()
        shares[smallest].append(
            {
                "path": str(path.absolute()),
                "name": item.entry.name,
                "received_on": day,
                "folder": _key(item.entry.sha256, item.entry.name, item.received_on),
            }
        )
    folder(home).mkdir(mode=0o700)
    paths = []
    for number, share in enumerate(shares):
        path = folder(home) / f"part-{number:03}.json"
        readers = [str(one) for one in reading.folders_of_readers()]
        write_json(
            path, {"program_version": program_version(), "readers": readers, "files": share}, mode=0o600
        )
        paths.append(str(path))
    return paths


def read_part(part: str) -> str:
    """Read the files of a part, each by a process with limits; gives the part's path again.

    Raises ``Defect`` where this worker has another version of the program, and ``OSError``.
    """
    path = Path(part)
    document = read_json(path)
    if document["program_version"] != program_version():
        raise Defect(
            "a worker has another version of the program",
            where=part,
            next_step="Install the version of the machine that starts the night on every worker.",
        )
    with reading.Aside(tuple(map(Path, document["readers"])), path.parent) as aside:
        for file in document["files"]:
            aside.read(
                Path(file["path"]),
                file["name"],
                date.fromisoformat(file["received_on"]),
                path.parent / file["folder"],
            )
    return part


def read(home: Home, path: Path, sha256: str, name: str, received_on: date) -> FileContent:
    """As ``reading.read``: what a worker read of this file in this night, or else what is read now."""
    left = folder(home) / _key(sha256, name, received_on)
    try:
        return reading.read_back(left, name, Limits.of(path.stat().st_size))
    except FileNotFoundError:
        return reading.read(path, name, received_on)


def _key(*parts: object) -> str:
    """The name of a file's folder: names of files may name people, and the same bytes may have come twice."""
    return hashlib.sha256("\0".join(map(str, parts)).encode("utf-8", "surrogateescape")).hexdigest()[:32]
