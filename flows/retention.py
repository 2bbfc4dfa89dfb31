"""How long received files that may hold people's data are kept, and the record of what was deleted.

Registers of people serve to tell persons apart at the door; once a batch has landed, no build reads them.
The restricted part of the archive is therefore emptied after a set number of days (docs/data-protection.md).
What stays of a file is a line in ``archive/deletions.jsonl``: its hash, never its content or its real name.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flows.archive import Delivered, Entry, forgotten_name, read_delivered
from flows.errors import UsageProblem
from flows.files import read_json, sync_folder, write_bytes, write_json
from flows.home import Home, timestamp
from flows.ledger import Ledger

DAYS_VARIABLE = "SRAAP_RESTRICTED_DAYS"
DEFAULT_DAYS = 90
ERASING = "erasing.json"
"""In the restricted part: an erasure that has begun and is not done (flows.erasing)."""

GROUND = "kept for the set number of days"


@dataclass(frozen=True)
class Deletion:
    """A line of ``archive/deletions.jsonl``: one file that was deleted, or one person who was erased.

    ``received``, ``deleted``: moments in UTC. ``shown_name``: the masked name under which the audit shows it.
    """

    sha256: str
    bytes: int
    shown_name: str
    dataset: str
    received: str
    deleted: str
    ground: str


@dataclass(frozen=True)
class Emptied:
    """What one emptying did. ``overdue``: files as old that stay, because no run has taken them in yet."""

    deletions: tuple[Deletion, ...] = ()
    names: int = 0
    defects: int = 0
    overdue: tuple[str, ...] = ()

    @property
    def anything(self) -> bool:
        return bool(self.deletions or self.names or self.defects or self.overdue)

    def as_dict(self) -> dict[str, Any]:
        return {
            "files": [asdict(deletion) for deletion in self.deletions],
            "names": self.names,
            "defects": self.defects,
            "overdue": list(self.overdue),
        }


def restricted_days() -> int:
    """Days for which the restricted part keeps a file. Raises ``UsageProblem`` if set to no whole number."""
    text = os.environ.get(DAYS_VARIABLE, "").strip()
    if not text:
        return DEFAULT_DAYS
    if not text.isdecimal():
        raise UsageProblem(
            f"{text!r} is not a number of days",
            where=DAYS_VARIABLE,
            next_step=f"Set it to a whole number of days, or unset it for {DEFAULT_DAYS}.",
        )
    return int(text)


def deletions_path(home: Home) -> Path:
    """Where the record of deletions stands."""
    return home.root / "archive" / "deletions.jsonl"


def read_deletions(home: Home) -> list[Deletion]:
    """Every deletion, oldest first. Raises ``UsageProblem`` if the record can't be read."""
    path = deletions_path(home)
    if not path.exists():
        return []
    try:
        return [Deletion(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError, TypeError) as error:
        raise UsageProblem(
            "the record of deletions can't be read", where=str(path), next_step="Restore it from a backup."
        ) from error


def deleted_files(home: Home) -> set[str]:
    """SHA-256 of every received file that was deleted on purpose and is not there again."""
    return {
        deletion.sha256
        for deletion in read_deletions(home)
        if deletion.sha256
        and not (home.restricted / deletion.sha256).exists()
        and not (home.open_files / deletion.sha256).exists()
    }


def record(home: Home, deletions: Iterable[Deletion]) -> None:
    """Add lines to the record, in one step. Raises ``OSError``."""
    lines = [
        json.dumps(asdict(deletion), ensure_ascii=True) for deletion in [*read_deletions(home), *deletions]
    ]
    write_bytes(deletions_path(home), "".join(f"{line}\n" for line in lines).encode("ascii"))


def moment_of(run_id: str) -> datetime:
    """When a run began, in UTC, as its id says."""
    return datetime.strptime(run_id, "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC)


def empty(home: Home, now: datetime | None = None, days: int | None = None) -> Emptied:
    """Delete what the restricted part has kept for its days; the caller holds the lock.

    ``now``: the present moment, with a zone; ``days``: instead of ``restricted_days``. A file that no run has
    taken in and nobody has withdrawn stays. The record is written before a file goes. Raises ``OSError`` and
    ``UsageProblem``.
    """
    limit = (now or datetime.now(UTC)) - timedelta(days=restricted_days() if days is None else days)
    delivered = read_delivered(home)
    ledger = Ledger.read(home)
    pending = {entry.sha256 for entry in delivered.pending(ledger.taken_in())}
    old = {
        sha256: entry
        for sha256, entry in last_delivered(delivered).items()
        if moment_of(entry.run_id) <= limit and (home.restricted / sha256).exists()
    }
    gone = delete_files(home, [entry for sha256, entry in old.items() if sha256 not in pending], GROUND)
    _rename(home, lambda e: forgotten_name(e.name) if e.notice and moment_of(e.run_id) <= limit else e.name)
    old_batches = {batch.name for batch in ledger.batches if _parsed(batch.taken_in_at) <= limit}
    names = _remove(path for path in home.people_names.glob("*.parquet") if path.stem in old_batches)
    defects = home.restricted / "defects"
    words = _remove(path for path in defects.glob("*.txt") if _is_older(path.stem, limit))
    return Emptied(gone, names, words, tuple(sorted(sha for sha in old if sha in pending)))


def last_delivered(delivered: Delivered) -> dict[str, Entry]:
    """The latest delivery of each file, by SHA-256."""
    return {entry.sha256: entry for entry in delivered.entries if not entry.notice}


def delete_files(home: Home, entries: Iterable[Entry], ground: str) -> tuple[Deletion, ...]:
    """Delete received files and mask their names: first the record, then the bytes, then the names.

    Raises ``OSError`` and ``UsageProblem``. A crash in between is mended by doing it again.
    """
    chosen = [entry for entry in entries if (home.restricted / entry.sha256).exists()]
    recorded = {deletion.sha256 for deletion in read_deletions(home)}
    deletions = tuple(
        Deletion(
            sha256=entry.sha256,
            bytes=entry.bytes,
            shown_name=masked(entry),
            dataset=entry.dataset,
            received=moment_of(entry.run_id).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            deleted=timestamp(),
            ground=ground,
        )
        for entry in chosen
    )
    if new := [deletion for deletion in deletions if deletion.sha256 not in recorded]:
        record(home, new)
    _remove(home.restricted / entry.sha256 for entry in chosen)
    mask_names(home)
    return deletions


def masked(entry: Entry) -> str:
    """The name under which a restricted file is shown."""
    from sources.reading import masked_name  # imports pandas, which most nights need not wait for here

    return masked_name(entry.name, entry.sha256)


def mask_names(home: Home) -> None:
    """Take the real names of deleted files out of the delivery records. Raises ``OSError``."""
    deleted = deleted_files(home)
    _rename(home, lambda entry: masked(entry) if entry.sha256 in deleted else entry.name)


def _rename(home: Home, name_of: Callable[[Entry], str]) -> None:
    for path in sorted(home.deliveries.glob("*.json")):
        document = read_json(path)
        changed = {
            part: [_renamed(Entry(**line), name_of) for line in document[part]]
            for part in ("entries", "repeated")
        }
        if any(document[part] != lines for part, lines in changed.items()):
            write_json(path, {**document, **changed}, mode=0o600)


def _renamed(entry: Entry, name_of: Callable[[Entry], str]) -> dict[str, Any]:
    return asdict(replace(entry, name=name_of(entry)))


def _remove(paths: Iterable[Path]) -> int:
    removed = 0
    folders = set()
    for path in list(paths):
        path.unlink()
        folders.add(path.parent)
        removed += 1
    for folder in folders:
        sync_folder(folder)
    return removed


def _is_older(run_id: str, limit: datetime) -> bool:
    try:
        return moment_of(run_id) <= limit
    except ValueError:
        return True


def _parsed(text: str) -> datetime:
    return datetime.fromisoformat(text)


def out_of_reach(home: Home, ledger: Ledger) -> int:
    """Quarantined rows that can't be judged again, because their file was deleted."""
    rows = ledger.table("quarantined_rows")
    lines = rows[rows["file_sha256"].isin(deleted_files(home))]
    return len(lines.drop_duplicates(["file_sha256", "dataset", "sheet", "row_number"]))
