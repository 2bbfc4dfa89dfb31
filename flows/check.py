"""Judging without taking in: what a delivery would do to a home, which stays as it is.

Bytes are copied into a temporary folder before anything reads them, as the archive would do; it is removed
again.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from flows import archive, quiet
from flows.archive import Entry, Found
from flows.errors import UsageProblem
from flows.fetching import settings
from flows.home import Home, as_of_date, today
from flows.ledger import Ledger
from flows.refresh import SAMPLE, Request, classify, retry


@dataclass(frozen=True)
class CheckReport:
    """What would become of a delivery. ``exit_code``: 0 clean, 1 rows would be quarantined, 2 it
    would block."""

    exit_code: int
    sentence: str
    files: list[dict[str, Any]] = field(default_factory=list)
    quarantined: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)
    problems: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def check(home_path: Path, inboxes: Sequence[Path]) -> CheckReport:
    """Judge the files of ``inboxes`` as the next delivery to a home, if there is one; changes nothing.

    Raises ``UsageProblem``.
    """
    return _judge(Home(home_path), tuple(inboxes), as_run=False)


def dry_run(request: Request) -> CheckReport:
    """Judge what a refresh would take in: inboxes, pending files, rows that wait; changes and fetches
    nothing.

    Raises ``UsageProblem``.
    """
    as_of_date(request.as_of)
    home = Home(request.home)
    inboxes = request.inboxes
    sources = settings.configured(home)
    is_new_sample = not Ledger.read(home).batches and (not home.exists or home.kind == "sample")
    if not inboxes and not sources and is_new_sample:
        inboxes = (SAMPLE,)
    return _judge(home, inboxes, as_run=True)


def _judge(home: Home, inboxes: tuple[Path, ...], *, as_run: bool) -> CheckReport:
    quiet.settle()
    from flows import reading

    reading.start()
    from flows import intake
    from flows.received import received
    from flows.runs import listeners

    if home.exists:
        home.settings()
    known = Ledger.read(home)
    delivered = archive.read_delivered(home)
    found = archive.scan([Path(os.path.abspath(inbox)) for inbox in inboxes])  # noqa: PTH100
    new = archive.only_new(found, delivered, classify)
    with tempfile.TemporaryDirectory(prefix="sraap-check-") as folder:
        files = received(home, known) if as_run else []
        files += [_copied(Path(folder), i, item) for i, item in enumerate(new)]
        for listener in listeners:
            listener(f"judging {len(files)} files")
        assessment = intake.assess(
            home,
            known,
            files,
            run_id="99991231T235959.999Z",
            as_of=today(),
            today=today(),
            people_key=_key(home),
            retry=retry(home, known, bool(files)) if as_run else "none",
        )
    return _report(assessment, len(found) - len(new))


def _key(home: Home) -> bytes:
    """The home's key, so that persons are told apart as they would be; any key where there is no home yet."""
    if home.exists and home.settings().get("people_key_fingerprint"):
        return home.people_key()
    return secrets.token_bytes(32)


def _copied(folder: Path, number: int, found: Found) -> Any:
    from flows.received import Received

    dataset, file_format = ("unknown", "unknown") if found.notice else classify(found.name)
    entry = Entry(
        run_id="99991231T235959.999Z",
        position=number,
        inbox=str(found.inbox),
        name=found.name,
        bytes=found.bytes,
        sha256=found.sha256,
        dataset=dataset,
        format=file_format,
        notice=found.notice,
    )
    if found.notice:
        return Received(entry, None, today())
    copy = folder / str(number)
    try:
        with archive.open_regular(found.inbox / found.name) as source, copy.open("wb") as target:
            shutil.copyfileobj(source, target)
    except OSError as error:
        raise UsageProblem(
            f"a file can't be read ({error.strerror})",
            where=str(found.inbox),
            next_step="Check its permissions.",
        ) from None
    return Received(entry, copy, today())


def _report(assessment: Any, repeated: int) -> CheckReport:
    from flows.publication import records

    balance = assessment.judged_balance.groupby(["file_sha256", "file_name"], dropna=False)
    sums = balance[["rows_read", "rows_loaded", "rows_duplicate", "rows_quarantined", "rows_waiting"]].sum()
    files = assessment.judged_files.merge(sums.reset_index(), on=["file_sha256", "file_name"], how="left")
    shown = ["file_name", "dataset", "format", "bytes", "file_sha256", "outcome", "reason", *sums.columns]
    results = assessment.results
    warned = results[(results["severity"] == "warn") & (results["outcome"] == "fail")]
    problems = [
        {"check_code": p.check_code, "subject": p.dataset, "outcome": p.outcome, "sentence": p.sentence}
        for p in assessment.verdict.problems
    ]
    code = 2 if problems else 1 if assessment.quarantines else 0
    sentence = {
        0: "Clean: everything would load.",
        1: "It would load, but for what is quarantined.",
        2: "It would block the run: nothing would be taken in or published.",
    }[code]
    if repeated:
        sentence += f" {repeated} of its entries were delivered before and would change nothing."
    return CheckReport(
        exit_code=code,
        sentence=sentence,
        files=records(files[shown]),
        quarantined=records(assessment.judged_quarantined),
        warnings=records(
            warned[
                [
                    "file_name",
                    "sheet",
                    "place",
                    "subject",
                    "column_name",
                    "check_code",
                    "rows_failing",
                    "sentence",
                ]
            ]
        ),
        problems=problems,
    )
