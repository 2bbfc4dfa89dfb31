"""Files as they were received: read, and named as they may be shown.

Names of files that may hold people's data never leave this module unmasked (docs/architecture.md, A home).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from expectations.door import Verdict
from flows import faults, parts
from flows.archive import Entry, read_delivered
from flows.home import Home, today
from flows.knowledge import plan_versions
from flows.ledger import Ledger
from sources.contract import datasets
from sources.reading import FileContent, FileProblem, Table, masked_name

LONGEST_SHOWN_NAME = 120


@dataclass(frozen=True)
class Received:
    """A file in the archive (or in a check's temporary copy) that is to be judged, and the day it was
    received."""

    entry: Entry
    path: Path | None
    received_on: date


@dataclass
class ReadFile:
    """A file that was read: its content, and what may be shown of it."""

    entry: Entry
    content: FileContent | None
    restricted: bool
    shown_name: str
    is_new: bool = True


def received(home: Home, ledger: Ledger) -> list[Received]:
    """Everything that was delivered and is in no batch, in order of delivery."""
    pending = read_delivered(home).pending(ledger.taken_in())
    return [received_entry(home, entry) for entry in pending]


def received_entry(home: Home, entry: Entry) -> Received:
    """An entry as a file that is to be judged. Raises ``UsageProblem`` if the archive has lost it."""
    return Received(entry, None if entry.notice else home.archived(entry.sha256), received_day(entry))


def received_day(entry: Entry) -> date:
    """The day on which a file was received, as it was written down then.

    Lists of an earlier program don't have it: the day of the run then, in today's time zone.
    """
    if entry.received_on:
        return date.fromisoformat(entry.received_on)
    return today(moment(entry.run_id).replace(tzinfo=UTC))


def moment(run_id: str) -> datetime:
    """When a run began, in UTC without a zone, as its id says."""
    return datetime.strptime(run_id, "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC).replace(tzinfo=None)


def read_file(home: Home, item: Received) -> ReadFile:
    """What a file holds, under its masked name until ``settle_names``. Raises ``OSError``."""
    entry = item.entry
    if item.path is None:
        return ReadFile(entry, None, restricted=True, shown_name=f"unknown--{entry.notice}")
    faults.point("read.file")
    found = parts.read(home, item.path, entry.sha256, entry.name, item.received_on)
    content = _of_a_loaded_plan(home, found)
    return ReadFile(
        entry,
        content,
        restricted=_may_hold_people(content),
        shown_name=masked_name(entry.name, entry.sha256),
    )


def _of_a_loaded_plan(home: Home, content: FileContent) -> FileContent:
    """The content, refused where it is a template's of a plan whose ids mean nothing here."""
    if content.template is None or content.template.plan_version in (loaded := plan_versions(home)):
        return content
    made_for = content.template.plan_version or "no plan version that can be read"
    return replace(
        content,
        tables=(),
        findings=(),
        problem=FileProblem(
            "FILE-PLAN",
            f"The workbook was made for {made_for}; loaded is {', '.join(sorted(loaded))}. Load that plan, "
            "or copy your cells into a new workbook made by sraap template.",
        ),
    )


def _may_hold_people(content: FileContent) -> bool:
    """Whether a file must stay restricted by its layout alone (docs/architecture.md, A home)."""
    if (
        content.format == "unknown"
        or content.problem
        or content.ignored_sheets
        or content.personal_properties
        or content.holds_people
        or content.template  # on its page of explanations anybody may have written anything
    ):
        return True
    return not content.tables or any(_table_may_hold_people(table) for table in content.tables)


def _table_may_hold_people(table: Table) -> bool:
    dataset = datasets()[table.dataset]
    known = {column.name for column in dataset.columns}
    return dataset.holds_people or table.problem is not None or not known.issuperset(table.header)


def settle_names(reads: list[ReadFile], verdict: Verdict) -> None:
    """Show the real name of each file that neither its layout nor the door found to hold people's data."""
    for file in reads:
        if file.entry.sha256 in verdict.restricted_files:
            file.restricted = True
        if not file.restricted and not _names_a_person(file.entry.name, verdict.people_names):
            file.shown_name = showable(file.entry.name)


def showable(name: str) -> str:
    """A file name without what could forge a line or break an encoding, and not too long."""
    clean = "".join(c if unicodedata.category(c)[0] != "C" else "\N{REPLACEMENT CHARACTER}" for c in name)
    return clean if len(clean) <= LONGEST_SHOWN_NAME else clean[:LONGEST_SHOWN_NAME] + "…"


def _names_a_person(name: str, people_names: pa.Array) -> bool:
    """Whether a file name holds an e-mail address, or the name of a person in a register, in either order."""
    if "@" in name:
        return True
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if unicodedata.category(c) != "Mn")
    words = re.findall(r"[^\W_\d]+", plain.casefold())
    runs = {
        " ".join(part)
        for first in range(len(words))
        for last in range(first + 2, min(first + 6, len(words)) + 1)
        for part in (words[first:last], words[first:last][::-1])
    }
    return bool(runs) and bool(pc.any(pc.is_in(pa.array(sorted(runs)), value_set=people_names)).as_py())
