"""What is kept about sources: a receipt for each time one was due, and how each stands now.

A receipt says what was asked and what came of it, never a secret: addresses without the values of their
queries, failures in our own words. The receipts of a run lie in its folder and, all of them, in
``audit.fetches``. How a source stands (its last good copy, what a conditional request needs) lies in the
restricted part of the archive, as do fetched bytes until they are taken in. Imports the standard library
alone, unless a table is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from flows import archive
from flows.archive import Found
from flows.errors import SourceFailed
from flows.fetching.settings import Source
from flows.files import read_json, write_json
from flows.home import Home

if TYPE_CHECKING:
    import pandas as pd

Outcome = Literal["fetched", "not_modified", "failed", "not_due"]

COLUMNS = {
    "run_id": "varchar",
    "source": "varchar",
    "kind": "varchar",
    "file_name": "varchar",
    "address": "varchar",
    "started_at": "timestamp",
    "seconds": "double",
    "attempts": "bigint",
    "status": "bigint",
    "bytes": "bigint",
    "sha256": "varchar",
    "outcome": "varchar",
    "sentence": "varchar",
    "stale_since": "timestamp",
}
"""Columns and SQL types of ``audit.fetches`` (docs/architecture.md, Tables of audit)."""

FETCHED_CODE = "SOURCE-FETCHED"
WARN_CODE = "SOURCE-WARN"
ERROR_CODE = "SOURCE-ERROR"


@dataclass(frozen=True)
class Receipt:
    """One source in one run.

    ``outcome``: ``fetched`` (new bytes came), ``not_modified`` (the same as before), ``failed``, ``not_due``
    (it was asked not long ago). ``started_at``, ``stale_since``: UTC, ISO 8601; the latter is the first
    failure since its last good copy. ``bytes``, ``sha256``: of what came. ``has_copy``: an earlier copy of
    it was delivered.
    """

    source: str
    kind: str
    file_name: str
    address: str
    started_at: str
    outcome: Outcome
    sentence: str
    has_copy: bool
    seconds: float = 0
    attempts: int = 0
    status: int | None = None
    bytes: int | None = None
    sha256: str | None = None
    stale_since: str | None = None

    @property
    def is_missing(self) -> bool:
        """Whether the source fails and nothing of it was ever delivered (exit code 3)."""
        return self.stale_since is not None and not self.has_copy


@dataclass(frozen=True)
class Standing:
    """How a source stands. Moments are seconds since 1970.

    ``fingerprint``: of what was asked. ``asked_at``: last request; ``good_at``: last good answer.
    ``sha256``: of the last good copy; ``etag``, ``last_modified``: what its server called it.
    ``failing_since``: first failure since; ``said``: the last failure. ``not_before``: when the server lets
    itself be asked again.
    """

    fingerprint: str = ""
    asked_at: float | None = None
    good_at: float | None = None
    sha256: str = ""
    etag: str = ""
    last_modified: str = ""
    failing_since: float | None = None
    said: str = ""
    not_before: float | None = None

    @property
    def validators(self) -> dict[str, str]:
        """Headers of a conditional request; none without a good copy."""
        if not self.sha256:
            return {}
        named = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in named.items() if value}


def standing_path(home: Home, source: str) -> Path:
    """Where it is written down how a source stands."""
    return home.fetching / f"{source}.json"


def read_standing(home: Home, source: Source) -> Standing:
    """How a source stands; afresh where something else is asked than before, or the note can't be read."""
    try:
        found = Standing(**read_json(standing_path(home, source.name)))
    except (OSError, ValueError, TypeError):
        return Standing(fingerprint=source.fingerprint)
    if found.fingerprint != source.fingerprint:
        return Standing(
            fingerprint=source.fingerprint, good_at=found.good_at, failing_since=found.failing_since
        )
    return found


def write_standing(home: Home, source: Source, standing: Standing) -> None:
    """Write down how a source stands. Raises ``OSError``."""
    write_json(standing_path(home, source.name), asdict(standing), mode=0o600)


def moment(seconds: float) -> str:
    """Seconds since 1970 as UTC, ISO 8601 with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# --- what was fetched and is not taken in yet ---------------------------------------------------------------


def inbox(home: Home) -> Path:
    """The folder, restricted, in which fetched files wait to be taken in like those of an inbox."""
    return home.fetching / "inbox"


def waiting(home: Home) -> list[Found]:
    """Fetched files that are not archived yet, of this run or of one that died. Raises ``OSError``."""
    folder = inbox(home)
    if not folder.is_dir():
        return []
    return [
        replace(found, source=found.name.partition("--")[2].rpartition(".")[0])
        for found in archive.scan((folder,))
    ]


def clear(home: Home) -> None:
    """Remove fetched files that have been archived. Raises ``OSError``."""
    for path in inbox(home).glob("*"):
        path.unlink()


def forget_waiting(home: Home) -> None:
    """Remove fetched files that no run has archived, and ask their sources as if for the first time: a person
    was erased, and nobody has searched them. Raises ``OSError``."""
    for path in inbox(home).glob("*"):
        path.unlink()
        standing_path(home, path.name.partition("--")[2].rpartition(".")[0]).unlink(missing_ok=True)


def delivered_copies(home: Home) -> dict[str, frozenset[str]]:
    """Of each source the SHA-256 of what was delivered of it and was not withdrawn."""
    delivered = archive.read_delivered(home)
    found: dict[str, set[str]] = {}
    for entry in delivered.entries:
        if entry.source != archive.INBOX and entry.sha256 and entry.sha256 not in delivered.withdrawn:
            found.setdefault(entry.source, set()).add(entry.sha256)
    return {source: frozenset(copies) for source, copies in found.items()}


# --- what is said of a run ----------------------------------------------------------------------------------


def missing(record: Mapping[str, Any]) -> SourceFailed | None:
    """The error of sources that failed and of which there is no copy, if any did. ``record``: run.json."""
    receipts = [Receipt(**receipt) for receipt in record.get("sources") or ()]
    failed = [receipt for receipt in receipts if receipt.is_missing]
    if not failed:
        return None
    return SourceFailed(
        "a source failed, and there is no earlier copy of it",
        where=", ".join(receipt.source for receipt in failed),
        next_step=" ".join(receipt.sentence for receipt in failed),
    )


def exit_code(record: Mapping[str, Any], otherwise: int) -> int:
    """3 where a source failed of which there is no copy, else ``otherwise``, 0 or 1. ``record``: run.json."""
    return otherwise if missing(record) is None else SourceFailed.exit_code


def checks(run_id: str, record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of ``audit.validation_results``: whether each source that was due answered."""
    receipts = [Receipt(**receipt) for receipt in record.get("sources") or ()]
    return [
        _check(
            run_id,
            FETCHED_CODE,
            receipt.source,
            "A source that is due brings its data.",
            receipt.sentence if receipt.stale_since else None,
        )
        for receipt in receipts
        if receipt.outcome != "not_due" or receipt.stale_since
    ]


def freshness(home: Home, sources: Iterable[Source], run_id: str, now: float) -> list[dict[str, Any]]:
    """Rows of ``audit.validation_results``: whether each source's last good answer is within its limits."""
    found = []
    for source in sources:
        good_at = read_standing(home, source).good_at
        for code, limit in ((WARN_CODE, source.warn_hours), (ERROR_CODE, source.error_hours)):
            if limit is None or good_at is None:
                continue
            hours = (now - good_at) / 3600
            sentence = (
                f"{source.name} last gave a good answer at {moment(good_at)}, {hours:,.1f} hours ago (limit "
                f"{limit:g}); what is published of it may be out of date. Look at its receipts: sraap audit"
            )
            guards = f"The last good answer of a source is at most {limit:g} hours old."
            found.append(_check(run_id, code, source.name, guards, sentence if hours > limit else None))
    return found


def _check(run_id: str, code: str, source: str, guards: str, sentence: str | None) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "check_code": code,
        "engine": "flow",
        "subject": source,
        "guards": guards,
        "dimension": "timeliness",
        "severity": "warn",
        "outcome": "pass" if sentence is None else "fail",
        "sentence": sentence,
    }


def stale_sentences(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Of each source that is past a limit of its age, the stronger sentence."""
    failed = [c for c in found if c["outcome"] == "fail" and c["check_code"] in (WARN_CODE, ERROR_CODE)]
    failed.sort(key=lambda c: c["check_code"] == ERROR_CODE)
    return list({check["subject"]: check["sentence"] for check in failed}.values())


def write(folder: Path, receipts: Sequence[Receipt]) -> None:
    """Write the receipts of a run into its folder. Raises ``OSError``."""
    write_json(folder / "receipts.json", [asdict(receipt) for receipt in receipts])


def of_run(folder: Path) -> list[dict[str, Any]]:
    """The receipts of a run as rows of ``audit.fetches``; none where it asked nobody."""
    try:
        lines = read_json(folder / "receipts.json")
    except (OSError, ValueError):
        return []
    return [{name: line.get(name) for name in COLUMNS} | {"run_id": folder.name} for line in lines]


def table(home: Home) -> pd.DataFrame:
    """All receipts of a home, as texts (columns of ``COLUMNS``), oldest run first."""
    import pandas as pd

    folders = sorted(path.parent for path in home.runs.glob("*/receipts.json"))
    frame = pd.DataFrame([line for folder in folders for line in of_run(folder)], columns=list(COLUMNS))
    frame = frame.astype(object).where(frame.notna(), None)
    for column in ("started_at", "stale_since"):
        frame[column] = frame[column].str.removesuffix("Z") if len(frame) else frame[column]
    return frame.map(
        lambda value: None if value is None else f"{value:g}" if isinstance(value, float) else str(value)
    )
