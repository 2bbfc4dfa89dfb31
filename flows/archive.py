"""The archive: what was received, byte for byte, before anything reads it.

A delivery is scanned, and what is new in it is copied under its SHA-256 and listed with its real name in the
restricted part (docs/contract/inputs.md, Deliveries; docs/architecture.md, A home). Only the standard library
is imported: whether anything is new is decided here, before heavy tools start.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from flows import faults
from flows.errors import UsageProblem
from flows.files import CHUNK, aside, naming, read_json, write_json
from flows.home import Home, timestamp, today

MAX_FILE_BYTES = 200_000_000
MAX_DELIVERY_BYTES = 2_000_000_000

Identity = tuple[str, str, str]
"""SHA-256, dataset (or ``workbook``, ``unknown``), format: what a file is (docs/architecture.md, A home)."""

Classify = Callable[[str], tuple[str, str]]
"""Gives dataset and format of a file name; handed in, because what knows them imports pandas."""

FORGOTTEN = "forgotten--"
INBOX = "inbox"

NOTICES = {
    "symbolic_link": "A symbolic link is not followed; deliver the file itself.",
    "folder": "A folder inside a delivery is not opened; deliver its files themselves.",
    "special_file": "Neither a file nor a folder; it is not opened.",
    "file_too_large": "The file is larger than 200 MB; deliver it in parts.",
    "delivery_too_large": "The delivery holds more than 2 GB; deliver this file in another one.",
    "unreadable": "The file could not be opened or read; check its permissions and deliver it again.",
}
"""Kinds of entries whose bytes are not taken in, each with what to do."""


def forgotten_name(name: str) -> str:
    """What is kept of the name of a notice when its time is over: enough to know the same entry again."""
    if name.startswith(FORGOTTEN) and len(name) == len(FORGOTTEN) + 64:
        return name
    return FORGOTTEN + hashlib.sha256(os.fsencode(name)).hexdigest()


@dataclass(frozen=True)
class Entry:
    """One entry of a delivery. ``sha256`` is empty for a notice, an entry whose bytes are not taken in.

    ``received_on``: the day on which it came, in the time zone of then; readers of formats that hold no such
    day date their rows by it, so that it is kept. Lists of an earlier program don't have it.
    ``source``: the configured source that brought it, or ``inbox``.
    """

    run_id: str
    position: int
    inbox: str
    name: str
    bytes: int
    sha256: str = ""
    dataset: str = "unknown"
    format: str = "unknown"
    notice: str = ""
    received_on: str = ""
    source: str = INBOX

    @property
    def identity(self) -> Identity:
        """What the file is; for a notice its name and size stand in for the bytes that nobody read."""
        if self.notice:
            return (f"{self.notice}:{forgotten_name(self.name)}:{self.bytes}", "notice", "unknown")
        return (self.sha256, self.dataset, self.format)

    @property
    def reference(self) -> Identity:
        """The identity as it may stand outside the restricted part: without the name of a notice."""
        return (f"{self.run_id}#{self.position}", "notice", "unknown") if self.notice else self.identity

    @property
    def order(self) -> tuple[str, int]:
        return (self.run_id, self.position)


@dataclass(frozen=True)
class Delivered:
    """What was ever delivered to a home: entries in order of delivery, withdrawn SHA-256s with
    their reasons."""

    entries: tuple[Entry, ...] = ()
    withdrawn: dict[str, dict[str, Any]] = field(default_factory=dict)

    def names(self) -> set[tuple[str, str]]:
        """(SHA-256, name) of every file delivered."""
        return {(e.sha256, e.name) for e in self.entries if not e.notice}

    def identities(self) -> set[Identity]:
        return {e.identity for e in self.entries}

    def pending(self, taken_in: set[Identity]) -> list[Entry]:
        """Entries that are in no batch and not withdrawn, in order of delivery, each identity once."""
        waiting: dict[Identity, Entry] = {}
        for entry in self.entries:
            if entry.reference not in taken_in and entry.sha256 not in self.withdrawn:
                waiting.setdefault(entry.identity, entry)
        return list(waiting.values())


def read_repeated(home: Home, run_id: str) -> list[Entry]:
    """What lay in the inbox of a run though it had been delivered before. Raises ``OSError``."""
    path = home.deliveries / f"{run_id}.json"
    return [Entry(**entry) for entry in read_json(path)["repeated"]] if path.exists() else []


def read_delivered(home: Home) -> Delivered:
    """Everything ever delivered to the home. Raises ``UsageProblem`` if a record can't be read."""
    entries: list[Entry] = []
    withdrawn: dict[str, dict[str, Any]] = {}
    for folder in (home.deliveries, home.withdrawals):
        for path in sorted(folder.glob("*.json")) if folder.is_dir() else []:
            try:
                document = read_json(path)
                if folder is home.deliveries:
                    entries += [Entry(**entry) for entry in document["entries"]]
                else:
                    withdrawn[document["sha256"]] = document
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise UsageProblem(
                    "a record of the archive can't be read",
                    where=str(path),
                    next_step="Restore it from a backup.",
                ) from error
    return Delivered(tuple(sorted(entries, key=lambda e: e.order)), withdrawn)


@dataclass(frozen=True)
class Found:
    """An entry as it lies in an inbox now."""

    inbox: Path
    name: str
    bytes: int
    sha256: str = ""
    notice: str = ""
    source: str = INBOX


def scan(inboxes: Sequence[Path]) -> list[Found]:
    """List what lies in the inboxes, in order of delivery, and hash the files; changes nothing.

    Order: inboxes as given, inside one by the bytes of the name (inputs.md, Deliveries). Raises
    ``UsageProblem`` if an inbox is no folder that can be listed, ``OSError`` where a disk or share fails.
    """
    found: list[Found] = []
    for inbox in inboxes:
        total = 0
        for name in _names(inbox):
            entry = _look_at(inbox, name, MAX_DELIVERY_BYTES - total)
            if entry is not None:
                total += entry.bytes if entry.sha256 else 0
                found.append(entry)
    return found


def _names(inbox: Path) -> list[str]:
    try:
        return sorted((path.name for path in inbox.iterdir()), key=os.fsencode)
    except OSError as error:
        raise UsageProblem(
            f"the inbox can't be listed ({error.strerror})",
            where=str(inbox),
            next_step="Give a folder that exists and that you may read.",
        ) from error


def _look_at(inbox: Path, name: str, room: int) -> Found | None:
    """One entry; ``None`` if it has gone since the folder was listed."""
    try:
        status = os.lstat(inbox / name)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        kinds = {stat.S_IFLNK: "symbolic_link", stat.S_IFDIR: "folder"}
        return Found(inbox, name, 0, notice=kinds.get(stat.S_IFMT(status.st_mode), "special_file"))
    if status.st_size > MAX_FILE_BYTES:
        return Found(inbox, name, status.st_size, notice="file_too_large")
    if status.st_size > room:
        return Found(inbox, name, status.st_size, notice="delivery_too_large")
    try:
        with open_regular(inbox / name) as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
    except PermissionError:
        return Found(inbox, name, status.st_size, notice="unreadable")
    return Found(inbox, name, status.st_size, sha256=digest)


def open_regular(path: Path) -> Any:
    """Open a regular file for reading bytes. A link or pipe put in its place meanwhile raises ``OSError``."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path} is no regular file")
    return os.fdopen(descriptor, "rb")


def only_new(found: Iterable[Found], delivered: Delivered, classify: Classify | None) -> list[Found]:
    """Those whose identity was never delivered.

    Without ``classify``, names decide: enough to know that nothing is new, at no cost.
    """
    names = delivered.names()
    identities = delivered.identities()
    new: list[Found] = []
    for entry in found:
        if entry.sha256 and (entry.sha256, entry.name) in names:
            continue
        if entry.notice or classify:
            identity = _entry("", 0, entry, classify).identity
            if identity in identities:
                continue
            identities.add(identity)
        new.append(entry)
    return new


def _entry(run_id: str, position: int, found: Found, classify: Classify | None) -> Entry:
    dataset, file_format = classify(found.name) if classify and not found.notice else ("unknown", "unknown")
    return Entry(
        run_id=run_id,
        position=position,
        inbox=str(found.inbox),
        name=found.name,
        bytes=found.bytes,
        sha256=found.sha256,
        dataset=dataset,
        format=file_format,
        notice=found.notice,
        received_on=today().isoformat(),
        source=found.source,
    )


def receive(
    home: Home, run_id: str, new: Sequence[Found], repeated: Sequence[Found], classify: Classify
) -> list[Entry]:
    """Archive the bytes of what is new and list it as delivered; returns the list.

    ``repeated``: what was delivered before and lay in the inbox again; it is only listed.

    All bytes are on disk before the list is, so that a listed file is never lost. Everything is restricted
    until it was shown to be free of people's data. Raises ``OSError`` where the archive can't be written.
    """
    entries: list[Entry] = []
    for position, settled in enumerate(_archived(home, new)):
        entries.append(_entry(run_id, position, settled, classify))
    if entries:
        faults.point("archive.before_list")
        write_json(
            home.deliveries / f"{run_id}.json",
            {
                "run_id": run_id,
                "delivered_at": timestamp(),
                "entries": [asdict(e) for e in entries],
                "repeated": [asdict(_entry(run_id, i, item, classify)) for i, item in enumerate(repeated)],
            },
            mode=0o600,
        )
        faults.point("archive.after_list")
    return entries


MANY_BYTES = 32_000_000
"""So many are copied by two threads: while one waits for the disk the other hashes."""


def _archived(home: Home, new: Sequence[Found]) -> list[Found]:
    """Copy the files, in whatever order; gives them, and the notices, in theirs."""
    if sum(item.bytes for item in new if item.sha256) < MANY_BYTES:
        return [_archive(home, item) for item in new]
    from concurrent.futures import ThreadPoolExecutor  # which a night without anything new does without

    with ThreadPoolExecutor(2, "archive") as pool:
        return list(pool.map(partial(_archive, home), new))


def _archive(home: Home, found: Found) -> Found:
    """Copy one file; a notice is given back.

    What was copied counts, should the file have changed since it was hashed.
    """
    if not found.sha256:
        return found
    if (home.open_files / found.sha256).exists() or (home.restricted / found.sha256).exists():
        return found
    try:
        source = open_regular(found.inbox / found.name)
    except PermissionError:
        return replace(found, sha256="", notice="unreadable")
    faults.point("archive.before_copy")
    digest = hashlib.sha256()
    size = 0
    with source, aside(home.restricted / found.sha256) as temporary:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as target:
            while chunk := _chunk(source, found.inbox / found.name):
                digest.update(chunk)
                size += len(chunk)
                target.write(chunk)
        faults.point("archive.before_rename")
    faults.point("archive.after_rename")
    copied = digest.hexdigest()
    if copied != found.sha256:
        (home.restricted / found.sha256).replace(home.restricted / copied)
    return replace(found, bytes=size, sha256=copied)


def _chunk(source: BinaryIO, path: Path) -> bytes:
    """The next bytes; a failure to read them is the source's, not the archive's."""
    with naming(path):
        return source.read(CHUNK)


def withdraw(home: Home, sha256: str, why: str, taken_in: set[Identity]) -> list[Entry]:
    """Take a pending file back; it stays archived and listed, and is never judged again. Returns its entries.

    ``sha256`` may be shortened to 8 characters or more. Raises ``UsageProblem`` if no pending file, or more
    than one, begins so.
    """
    pending = read_delivered(home).pending(taken_in)
    wanted = sha256.strip().casefold()
    found = [e for e in pending if e.sha256.startswith(wanted)] if len(wanted) >= 8 else []
    if len({e.sha256 for e in found}) != 1:
        waiting = ", ".join(sorted({e.sha256[:12] for e in pending})) or "none"
        raise UsageProblem(
            "no pending file, or more than one, has this SHA-256",
            where=sha256,
            next_step=f"Give at least 8 characters of one of the pending files: {waiting}.",
        )
    entry = found[0]
    write_withdrawal(home, entry.sha256, why)
    return found


def write_withdrawal(home: Home, sha256: str, why: str) -> None:
    """Record that a file was taken back. Raises ``OSError``."""
    write_json(
        home.withdrawals / f"{sha256}.json",
        {"sha256": sha256, "why": why, "withdrawn_at": timestamp()},
        mode=0o600,
    )
