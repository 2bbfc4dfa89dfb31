"""Dropping old publications: files go, manifests stay, so that the chain of hashes is never broken.

A pruned publication keeps ``evidence/manifest.json`` (and its signature) and says in ``pruned.json`` what was
removed, when and why. That note is written first: after a crash the next pruning removes what is left.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from flows.errors import UsageProblem
from flows.files import read_json, sync_folder, write_json
from flows.home import Home, timestamp

NOTE = "pruned.json"
MANIFEST = "evidence/manifest.json"
KEPT = (MANIFEST, "evidence/manifest.sig", NOTE)


@dataclass(frozen=True)
class Pruned:
    """What a pruning did: ids of publications it dropped and of those whole ones it kept, runs whose folders
    hold only ``run.json`` now, and the bytes that went."""

    dropped: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    bytes: int = 0

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def prune(home: Home, keep: int) -> Pruned:
    """Drop all publications but the newest ``keep`` and the published one; the caller holds the lock.

    Folders of runs older than every publication kept whole lose all but ``run.json``. Raises ``UsageProblem``
    for a number below 1 and ``OSError`` where a disk fails.
    """
    if keep < 1:
        raise UsageProblem(
            "at least one publication is kept", where="--keep", next_step="Give a number from 1 on."
        )
    folders = sorted(
        path for path in home.publications.glob("*") if path.is_dir() and not path.name.startswith(".")
    )
    whole = [path for path in folders if (path / MANIFEST).exists() and not (path / NOTE).exists()]
    current = home.current_publication()
    kept = {*whole[-keep:], *([current] if current else [])}
    dropped = [path for path in folders if path not in kept and (path in whole or is_pruned(path))]
    size = sum(_drop(path, f"pruned: the newest {keep} are kept") for path in dropped)
    oldest = min((path.name for path in kept), default="")
    old = [path for path in home.runs.glob("*") if path.name < oldest and _has_more(path)]
    size += sum(_strip_run(path) for path in old)
    return Pruned(
        dropped=tuple(path.name for path in whole if path not in kept),
        kept=tuple(sorted(path.name for path in kept)),
        runs=tuple(sorted(path.name for path in old)),
        bytes=size,
    )


def is_pruned(publication: Path) -> bool:
    """Whether only the manifest of the publication is left."""
    return (publication / NOTE).exists()


def _drop(folder: Path, why: str) -> int:
    """Remove a publication's files, the note first; returns how many bytes went."""
    going = [
        path
        for path in sorted(folder.rglob("*"))
        if (path.is_file() or path.is_symlink()) and path.relative_to(folder).as_posix() not in KEPT
    ]
    if not going:
        return 0
    before = _removed_before(folder)
    removed = [{"path": path.relative_to(folder).as_posix(), "bytes": path.lstat().st_size} for path in going]
    note = {"publication_id": folder.name, "pruned_at": timestamp(), "why": why}
    write_json(folder / NOTE, {**note, "removed": [*before, *(r for r in removed if r not in before)]})
    for path in going:
        path.unlink()
    # deepest first; a folder that still holds what is kept stays
    for path in sorted((p for p in folder.rglob("*") if p.is_dir()), reverse=True):
        if not any(path.iterdir()):
            path.rmdir()
    sync_folder(folder)
    return sum(int(str(item["bytes"])) for item in removed)


def _removed_before(folder: Path) -> list[dict[str, object]]:
    """What the note says went already; nothing where it can't be read, for the manifest names every file."""
    try:
        removed: list[dict[str, object]] = read_json(folder / NOTE)["removed"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return []
    return removed


def _has_more(run: Path) -> bool:
    return (run / "run.json").exists() and any(path.name != "run.json" for path in run.iterdir())


def _strip_run(run: Path) -> int:
    """Remove what a run left, but for its record; returns how many bytes went."""
    going = [path for path in run.iterdir() if path.name != "run.json"]
    size = sum(p.lstat().st_size for path in going for p in (path, *path.rglob("*")) if not p.is_dir())
    for path in going:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    sync_folder(run)
    return size
