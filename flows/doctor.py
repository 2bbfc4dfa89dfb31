"""What is well with a home and its program, and what somebody should look at.

A process that died can't say so; ``sraap doctor`` therefore runs on a timer of its own, and says when the
last success is too old (docs/contract/outputs.md, Commands). It changes nothing and asks for no lock.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from flows import archive, damage, freshness, retention
from flows.archive import NOTICES
from flows.errors import SourceFailed, SraapError
from flows.fetching import receipts, settings
from flows.fetching.together import asked
from flows.home import KEY_VARIABLE, Home, today
from flows.ledger import Ledger
from flows.program import LOCK_FILE, TOOLS, program_version, tool_versions
from flows.runs import all_runs

State = Literal["well", "look", "broken"]

LONGEST_SINCE_SUCCESS = timedelta(hours=26)
"""A nightly run, and two hours for it to be late."""

LONGEST_LOOK = 15
"""Seconds for which a source is waited for."""

LITTLE_ROOM = 2_000_000_000
NO_ROOM = 100_000_000

_SUCCESS = ("published", "nothing_new")


@dataclass(frozen=True)
class Finding:
    """What one look found. ``broken``: a refresh can't work; ``look``: somebody should look at it."""

    what: str
    state: State
    sentence: str


@dataclass(frozen=True)
class Diagnosis:
    """All findings. Exit code: 0 all is well, 1 something to look at, 5 a refresh can't work."""

    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        states = {finding.state for finding in self.findings}
        return 5 if "broken" in states else 1 if "look" in states else 0

    def as_dict(self) -> dict[str, Any]:
        return {"exit_code": self.exit_code, "findings": [asdict(finding) for finding in self.findings]}


def examine(home: Home, now: datetime | None = None) -> Diagnosis:
    """Look at configuration, versions, disk, permissions, lock, format, runs, pending files, freshness, and
    configured sources, each of which is asked whether it is there.

    ``now``: the present moment, with a zone.
    """
    moment = now or datetime.now(UTC)
    looks: tuple[Callable[[], Iterator[Finding]], ...] = (
        _versions,
        _configuration,
        lambda: _disk(home),
        lambda: _home(home),
    )
    findings = [finding for look in looks for finding in _guarded(look)]
    if not any(finding.state == "broken" and finding.what == "home" for finding in findings):
        of_home: tuple[Callable[[], Iterator[Finding]], ...] = (
            lambda: _permissions(home),
            lambda: _key(home),
            lambda: _lock_and_runs(home),
            lambda: _last_success(home, moment),
            lambda: _publication(home),
            lambda: _pending(home, moment),
            lambda: _freshness(home),
            lambda: _sources(home, moment),
        )
        findings += [finding for look in of_home for finding in _guarded(look)]
    return Diagnosis(tuple(findings))


def _guarded(look: Callable[[], Iterator[Finding]]) -> list[Finding]:
    """The findings of one look; what it stumbles over is a finding too."""
    try:
        return list(look())
    except SraapError as error:
        where = f" ({error.where})" if error.where else ""
        return [Finding("configuration", "broken", f"{error.what}{where}. {error.next_step}")]
    except OSError as error:
        return [Finding("disk", "broken", f"{error.strerror or type(error).__name__}: {error.filename}")]


def _versions() -> Iterator[Finding]:
    versions = tool_versions()
    missing = [tool for tool in TOOLS if versions[tool] == "not installed"]
    if missing:
        yield Finding("versions", "broken", f"Not installed: {', '.join(missing)}. Run: make refresh")
        return
    pinned = _pinned()
    others = [
        f"{tool} {versions[tool]} (locked: {pinned[tool]})"
        for tool in TOOLS
        if tool in pinned and versions[tool] != pinned[tool]
    ]
    if others:
        yield Finding(
            "versions", "look", f"Not the locked versions: {', '.join(others)}. Install requirements.lock."
        )
    else:
        listed = ", ".join(f"{name} {version}" for name, version in versions.items())
        yield Finding("versions", "well", f"sraap {_sraap_version()} ({program_version()}); {listed}.")


def _sraap_version() -> str:
    try:
        return metadata.version("sraap")
    except metadata.PackageNotFoundError:
        return "not installed"


def _pinned() -> dict[str, str]:
    if not LOCK_FILE.exists():
        return {}
    found = re.findall(r"^([A-Za-z0-9_.-]+)==([^\s\\]+)", LOCK_FILE.read_text("utf-8"), flags=re.MULTILINE)
    return dict(found)


def _configuration() -> Iterator[Finding]:
    day, days = today(), retention.restricted_days()
    zone = os.environ.get("SRAAP_TZ") or "Europe/Zurich"
    yield Finding(
        "configuration",
        "well",
        f"Time zone {zone} (today is {day}); people's registers are kept for {days} days.",
    )


def _disk(home: Home) -> Iterator[Finding]:
    place = next(path for path in (home.root, *home.root.parents) if path.exists())
    free = shutil.disk_usage(place).free
    state: State = "broken" if free < NO_ROOM else "look" if free < LITTLE_ROOM else "well"
    advice = "" if state == "well" else " Make room, or drop old publications with: sraap prune --keep N"
    yield Finding("disk", state, f"{free / 1e9:.1f} GB free.{advice}")
    if not os.access(place, os.W_OK):
        yield Finding("disk", "broken", f"{place} can't be written.")


def _home(home: Home) -> Iterator[Finding]:
    if not home.exists:
        yield Finding(
            "home",
            "broken",
            f"There is no home at {home.root}. Make one with: sraap refresh --home {home.root}",
        )
        return
    try:
        settings = home.settings()
        Ledger.read(home)
        archive.read_delivered(home)
        retention.read_deletions(home)
    except SraapError as error:
        yield Finding("home", "broken", f"{error.what} ({error.where}). {error.next_step}")
        return
    yield Finding(
        "home", "well", f"Format version {settings['format_version']}, marked {settings['kind']}: {home.root}"
    )


def _permissions(home: Home) -> Iterator[Finding]:
    wrong = [
        f"chmod 700 {folder}"
        for folder in (home.restricted, home.key_path.parent)
        if stat.S_IMODE(folder.stat().st_mode) & 0o077
    ]
    if home.key_path.exists() and stat.S_IMODE(home.key_path.stat().st_mode) & 0o077:
        wrong.append(f"chmod 600 {home.key_path}")
    if wrong:
        yield Finding("permissions", "look", f"Others can read people's data. Run: {'; '.join(wrong)}")
    else:
        yield Finding("permissions", "well", "Only the owner can read people's registers and their key.")


def _key(home: Home) -> Iterator[Finding]:
    if home.settings().get("people_key_fingerprint") is None:
        yield Finding("key of people's hashes", "well", "None yet; the first refresh makes it.")
        return
    try:
        home.people_key()
    except SraapError as error:
        yield Finding("key of people's hashes", "broken", f"{error.what} ({error.where}). {error.next_step}")
        return
    place = f"in {KEY_VARIABLE}" if os.environ.get(KEY_VARIABLE) else "in its file"
    yield Finding(
        "key of people's hashes", "well", f"It is {place}, and fits this home; keep a copy elsewhere."
    )


def _is_locked(home: Home) -> bool:
    """Whether a process holds the lock; asked without waiting, and let go at once."""
    try:
        handle = home.lock_path.open("rb")
    except FileNotFoundError:
        return False
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _lock_and_runs(home: Home) -> Iterator[Finding]:
    runs = all_runs(home)
    locked = _is_locked(home)
    running = [str(run["run_id"]) for run in runs if run["state"] == "running"]
    if locked:
        yield Finding("lock", "well", f"A run is at it: {', '.join(running) or 'not named yet'}.")
    elif running:
        yield Finding(
            "lock",
            "look",
            f"Died without a word: {', '.join(running)}. The next refresh marks it abandoned and clears up.",
        )
    else:
        yield Finding("lock", "well", "Free.")
    ended = [run for run in runs if run["state"] not in ("running", "dry_run")]
    if ended and ended[-1]["state"] in ("blocked", "failed", "abandoned"):
        last = ended[-1]
        yield Finding(
            "last run", "look", f"{last['run_id']} {last['state']}. Read: sraap audit {last['run_id']}"
        )


def _last_success(home: Home, now: datetime) -> Iterator[Finding]:
    ends = [
        datetime.fromisoformat(str(run["ended_at"]))
        for run in all_runs(home)
        if run["state"] in _SUCCESS and run["ended_at"]
    ]
    if not ends:
        yield Finding("last success", "look", "No run has succeeded yet. Run: sraap refresh")
        return
    age = now - max(ends)
    if age < -timedelta(minutes=5):
        yield Finding(
            "last success", "look", f"It lies ahead ({max(ends):%Y-%m-%d %H:%M} UTC): set the clock."
        )
        return
    hours = age.total_seconds() / 3600
    said = f"The last success was {hours:.1f} hours ago ({max(ends):%Y-%m-%d %H:%M} UTC)"
    if age > LONGEST_SINCE_SUCCESS:
        yield Finding("last success", "look", f"{said}: the nightly run is missing. Run: sraap refresh")
    else:
        yield Finding("last success", "well", f"{said}.")


def _publication(home: Home) -> Iterator[Finding]:
    damage.check_head(home)
    current = home.current_publication()
    if current is not None and (spoiled := _other_size(home, current)):
        yield Finding(
            "publication", "look", f"{spoiled} is not as it was published. Run: sraap verify, and restore it."
        )
    elif current is not None and (current / "warehouse.duckdb").exists():
        yield Finding("publication", "well", f"Published: {current.name}.")
    elif current is not None or home.published.is_symlink():
        yield Finding(
            "publication",
            "look",
            "What is published is not whole. Run: sraap verify, or sraap refresh --full",
        )
    else:
        yield Finding("publication", "look", "Nothing is published yet. Run: sraap refresh")


def _other_size(home: Home, publication: Path) -> Path | None:
    """The first file of a publication that is not there or has another size than its manifest says."""
    for output in (home.manifest() or {}).get("outputs", ()):
        path = publication / str(output["path"])
        if not path.is_file() or path.stat().st_size != output["bytes"]:
            return path
    return None


def _pending(home: Home, now: datetime) -> Iterator[Finding]:
    pending = [
        entry
        for entry in archive.read_delivered(home).pending(Ledger.read(home).taken_in())
        if entry.notice not in NOTICES
    ]
    limit = now - timedelta(days=retention.restricted_days())
    if not pending:
        yield Finding("pending files", "well", "None.")
        return
    listed = ", ".join(sorted({entry.sha256[:12] for entry in pending}))
    if _is_locked(home):
        yield Finding("pending files", "well", f"{len(pending)} wait for the run that is at it: {listed}.")
        return
    overdue = sum(retention.moment_of(entry.run_id) <= limit for entry in pending)
    late = f" {overdue} should have been deleted by now, were they not pending." if overdue else ""
    yield Finding(
        "pending files",
        "look",
        f"{len(pending)} wait to be taken in: {listed}.{late} Run: sraap refresh, or sraap withdraw SHA256",
    )


def _freshness(home: Home) -> Iterator[Finding]:
    if home.kind == "sample":
        yield Finding("freshness", "well", "The sample ages by design; it is never stale.")
        return
    from sources.contract import datasets

    ledger = Ledger.read(home)
    landing = {name: ledger.landing_files(name) for name in datasets()}
    checks = freshness.judge(freshness.newest(landing, today()), today(), "")
    stale = freshness.stale_sentences(checks)
    if not stale:
        yield Finding("freshness", "well", f"{len(checks) // 2} datasets are within their limits.")
    for sentence in stale:
        yield Finding("freshness", "look", sentence)


def _sources(home: Home, now: datetime) -> Iterator[Finding]:
    configured = settings.configured(home)
    for source, (reached, said) in zip(configured, asked(configured, _reached), strict=True):
        state = reached
        standing = receipts.read_standing(home, source)
        if standing.good_at is None:
            copy = "It has given nothing yet."
        else:
            hours = (now.timestamp() - standing.good_at) / 3600
            copy = f"Its last good answer is {hours:.1f} hours old."
        if standing.failing_since is not None:
            state = "look"
            copy += f" It is stale since {receipts.moment(standing.failing_since)}: {standing.said}"
        yield Finding(f"source {source.name}", state, f"{said} {copy}")
    for sentence in receipts.stale_sentences(receipts.freshness(home, configured, "", now.timestamp())):
        yield Finding("sources' freshness", "look", sentence)


def _reached(source: settings.Source) -> tuple[State, str]:
    """Whether a source is there and lets us in, by a request for its headers alone."""
    from flows.fetching.connections import TransferFailed  # imports requests
    from flows.fetching.transfer import Transfer

    with Transfer(replace(source, deadline_seconds=min(source.deadline_seconds, LONGEST_LOOK))) as transfer:
        try:
            status = transfer.reach()
        except (TransferFailed, SourceFailed) as failure:
            return "look", transfer.redact(f"Not reached: {failure.what}. {failure.next_step}")
    if status in (401, 403):
        return "look", f"Reached, but it refuses us (status {status}). Look at its credentials."
    if status in (404, 410) or status >= 500:
        return "look", f"Reached, but it answers with status {status}. Look at its address."
    return "well", f"Reached (status {status})."
