"""The home: the folder that holds everything the pipeline keeps.

Layout, mark (sample or real), format version and lock are those of docs/architecture.md, A home. Only the
standard library is imported, because a refresh that finds nothing new must end before heavy tools start.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import json
import os
import secrets
import stat
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flows.errors import Locked, UsageProblem
from flows.files import clear_asides, read_json, write_bytes, write_json

FORMAT_VERSION = 2
"""Version 2: rows of landing and ledger say their place, deliveries the day they were received.

What version 1 lacks is read as missing, so that to migrate is to keep programs of version 1 away.
"""
MIGRATED_FROM = (1,)
KEY_VARIABLE = "SRAAP_PEOPLE_KEY"
SHORTEST_KEY = 16
A_MOMENT = 2.0
"""Seconds for which a lock is waited for that bears no run's name."""
A_LOOK = 0.05
"""Seconds between two attempts at it."""

Kind = Literal["sample", "real"]


def today(moment: datetime | None = None) -> date:
    """Today, or the day of a moment, in ``SRAAP_TZ`` (Europe/Zurich unless set). Raises ``UsageProblem`` for
    an unknown time zone."""
    name = os.environ.get("SRAAP_TZ") or "Europe/Zurich"
    try:
        zone = ZoneInfo(name)
        return (moment.astimezone(zone) if moment else datetime.now(zone)).date()
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise UsageProblem(
            f"the time zone {name!r} is unknown",
            where="SRAAP_TZ",
            next_step="Set it to a name of the IANA time zone database, such as Europe/Zurich.",
        ) from error


def as_of_date(text: str | None) -> date:
    """The as-of date a user asked for; today if none. Raises ``UsageProblem`` if it is no date or
    lies ahead."""
    now = today()
    if text is None:
        return now
    try:
        day = date.fromisoformat(text)
        if day.isoformat() != text:
            raise ValueError(text)
    except ValueError as error:
        raise UsageProblem(
            f"{text!r} is not a date",
            where="--as-of",
            next_step="Write it as YYYY-MM-DD, such as 2026-06-30.",
        ) from error
    if day > now:
        raise UsageProblem(
            f"the as-of date {day} lies in the future (today is {now})",
            where="--as-of",
            next_step="Nothing is known yet about that day; ask for today or earlier.",
        )
    return day


def timestamp() -> str:
    """The present moment in UTC, as ISO 8601 with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Home:
    """One home and the names of its parts. Making the object touches nothing on disk.

    Raises ``UsageProblem`` for a path that no home can have.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.abspath(root))  # noqa: PTH100 - resolve() would follow a link given on purpose
        if set("*?[#") & set(str(self.root)):
            raise UsageProblem(
                "the path of the home holds *, ?, [ or #, which DuckDB or dbt take for a pattern",
                where=str(self.root),
                next_step="Give a folder without these characters with --home; a home may be moved.",
            )
        self.settings_path = self.root / "home.json"
        self.lock_path = self.root / "lock"
        self.open_files = self.root / "archive" / "open"
        self.restricted = self.root / "archive" / "restricted"
        self.deliveries = self.restricted / "deliveries"
        self.withdrawals = self.restricted / "withdrawals"
        self.people_names = self.restricted / "people_names"
        self.fetching = self.restricted / "fetching"
        self.key_path = self.root / "secrets" / "people.key"
        self.landing = self.root / "landing"
        self.batches = self.landing / "batches"
        self.ledger = self.landing / "ledger"
        self.runs = self.root / "runs"
        self.build = self.root / "build"
        self.publications = self.root / "publications"
        self.published = self.root / "published"
        self.prefect = self.root / "prefect"

    @property
    def exists(self) -> bool:
        return self.settings_path.exists()

    def settings(self) -> dict[str, Any]:
        """What home.json says. Raises ``UsageProblem`` if it can't be read or is of another format
        version."""
        try:
            settings: dict[str, Any] = read_json(self.settings_path)
            version = int(settings["format_version"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageProblem(
                "home.json can't be read",
                where=str(self.settings_path),
                next_step="Restore it from a backup, or give another folder with --home.",
            ) from error
        if version not in (FORMAT_VERSION, *MIGRATED_FROM):
            raise UsageProblem(
                f"the home has format version {version}; this program knows {FORMAT_VERSION}",
                where=str(self.settings_path),
                next_step="Use the version of sraap that made or last migrated this home.",
            )
        return settings

    def migrate(self) -> None:
        """Bring a home of an earlier format to this one; the lock is held. Raises ``UsageProblem``."""
        settings = self.settings()
        if settings["format_version"] != FORMAT_VERSION:
            write_json(self.settings_path, {**settings, "format_version": FORMAT_VERSION})

    @property
    def kind(self) -> Kind:
        """Whether the home holds the shipped sample or real deliveries."""
        return "sample" if self.settings()["kind"] == "sample" else "real"

    def create(self, kind: Kind) -> None:
        """Make the home's folders and mark it ``sample`` or ``real``. Raises ``OSError``."""
        for folder in (self.restricted, self.key_path.parent):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder.chmod(0o700)
        for folder in (
            self.open_files,
            self.deliveries,
            self.withdrawals,
            self.people_names,
            self.batches,
            self.ledger,
            self.runs,
            self.build,
            self.publications,
        ):
            folder.mkdir(parents=True, exist_ok=True)
        write_json(
            self.settings_path,
            {"format_version": FORMAT_VERSION, "kind": kind, "created_at": timestamp()},
        )

    @contextlib.contextmanager
    def lock(self) -> Iterator[HeldLock]:
        """Hold the home for one run. Raises ``Locked`` if another process holds it, and ``UsageProblem``
        where no folder can be."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError, FileNotFoundError) as error:
            raise UsageProblem(
                f"the home is no folder, and none can be made there ({error.strerror})",
                where=str(self.root),
                next_step="Give another folder with --home.",
            ) from None
        descriptor = os.open(self.lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        with os.fdopen(descriptor, "r+b", buffering=0) as handle:
            self._wait_for(handle)
            held = HeldLock(handle.fileno())
            try:
                yield held
            finally:
                with contextlib.suppress(OSError):  # the lock itself is free once the file is closed
                    held.name(None)

    def _wait_for(self, handle: IO[bytes]) -> None:
        """Take the lock. Raises ``Locked`` at once where a run that lives has its name in it, else after a
        moment: whoever holds it without a name only looks, or takes no longer than that."""
        end = time.monotonic() + A_MOMENT
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                handle.seek(0)
                named = _named(handle.read())
            if _lives(named) or time.monotonic() >= end:
                raise Locked(
                    f"another run holds the lock ({_holder(named)})",
                    where=str(self.lock_path),
                    next_step="Wait until it has ended, then run the command again.",
                )
            time.sleep(A_LOOK)

    def people_key(self) -> bytes:
        """The key of people's hashes, from the environment or the key file, made at first use.

        Source: semantics.md, People. Raises ``UsageProblem`` if the key is lost, too short, readable by
        others, or not the one this home was begun with.
        """
        settings = self.settings()
        known = settings.get("people_key_fingerprint")
        key = self._given_key()
        if key is None:
            if known is not None:
                raise UsageProblem(
                    "the key of people's hashes is lost",
                    where=str(self.key_path),
                    next_step=f"Put the key file back from a backup, or set {KEY_VARIABLE}.",
                )
            key = secrets.token_hex(32).encode("ascii")
            write_bytes(self.key_path, key + b"\n", mode=0o600)
        fingerprint = hmac.new(key, b"sraap: fingerprint of the key of people", hashlib.sha256).hexdigest()[
            :32
        ]
        if known is None:
            write_json(self.settings_path, {**settings, "people_key_fingerprint": fingerprint})
        elif not hmac.compare_digest(known, fingerprint):
            raise UsageProblem(
                "the key of people's hashes is not the one this home was begun with",
                where=KEY_VARIABLE if os.environ.get(KEY_VARIABLE) else str(self.key_path),
                next_step="Give the former key; with another one, persons could not be told apart any more.",
            )
        return key

    def _given_key(self) -> bytes | None:
        text = os.environ.get(KEY_VARIABLE, "").strip()
        where = KEY_VARIABLE
        if not text:
            where = str(self.key_path)
            try:
                mode = stat.S_IMODE(self.key_path.stat().st_mode)
                text = self.key_path.read_text(encoding="utf-8").strip()
            except FileNotFoundError:
                return None
            except UnicodeDecodeError:
                raise UsageProblem(
                    "the key file of people's hashes is not the text that was written",
                    where=where,
                    next_step=f"Put the key file back from a backup, or set {KEY_VARIABLE}.",
                ) from None
            if mode & 0o077:
                raise UsageProblem(
                    "others can read the key of people's hashes",
                    where=where,
                    next_step=f"chmod 600 {self.key_path}",
                )
        if len(text) < SHORTEST_KEY:
            raise UsageProblem(
                f"the key of people's hashes has fewer than {SHORTEST_KEY} characters",
                where=where,
                next_step="Give a longer one, such as the output of: openssl rand -hex 32",
            )
        return text.encode("utf-8")

    def clear_asides(self) -> None:
        """Remove half-written files of processes that died; some may hold people's data. The lock is held."""
        for folder in (
            self.root,
            self.restricted,
            self.deliveries,
            self.withdrawals,
            self.fetching,
            self.key_path.parent,
            self.batches,
        ):
            clear_asides(folder)

    def archived(self, sha256: str) -> Path:
        """Where the received bytes lie. Raises ``UsageProblem`` if the archive has lost them."""
        for folder in (self.open_files, self.restricted):
            if (path := folder / sha256).exists():
                return path
        raise UsageProblem(
            f"the archive has lost the file with SHA-256 {sha256}",
            where=str(self.root / "archive"),
            next_step="Restore the archive from a backup.",
        )

    def open_up(self, sha256: str) -> None:
        """Move a file that was shown to be free of people's data out of the restricted part."""
        source = self.restricted / sha256
        if source.exists():
            source.replace(self.open_files / sha256)

    def current_publication(self) -> Path | None:
        """The folder that ``published`` names now; ``None`` before the first publication."""
        try:
            name = self.published.readlink().name
        except OSError:
            return None
        folder = self.publications / name
        return folder if folder.is_dir() else None

    def manifest(self) -> dict[str, Any] | None:
        """The manifest of the current publication; ``None`` before the first, or if it can't be read."""
        folder = self.current_publication()
        if folder is None:
            return None
        try:
            manifest: dict[str, Any] = read_json(folder / "evidence" / "manifest.json")
        except (OSError, ValueError):
            return None
        return manifest


class HeldLock:
    """A lock that this process holds; it names its holder for others."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def name(self, run_id: str | None) -> None:
        """Write into the lock file which run holds it; ``None`` wipes it."""
        os.ftruncate(self._descriptor, 0)
        if run_id is not None:
            text = json.dumps({"pid": os.getpid(), "run_id": run_id, "since": timestamp()})
            os.pwrite(self._descriptor, text.encode("ascii"), 0)


def _named(content: bytes) -> dict[str, Any]:
    try:
        named = json.loads(content)
    except ValueError:
        return {}
    return named if isinstance(named, dict) else {}


def _lives(named: Mapping[str, Any]) -> bool:
    """Whether the process that wrote its name into the lock is there; a run that died leaves its name."""
    try:
        os.kill(int(named["pid"]), 0)
    except PermissionError:
        return True
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return False
    return True


def _holder(named: Mapping[str, Any]) -> str:
    if not named:
        return "its name is not written yet"
    return f"run {named.get('run_id')}, process {named.get('pid')}, since {named.get('since')}"
