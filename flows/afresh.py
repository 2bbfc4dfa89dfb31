"""What every batch took in, judged once more: ``sraap refresh --full``.

A run judges what is new and trusts what earlier runs judged. ``--full`` trusts nothing: it reads each file
of the archive again and judges it by what was known when its batch was taken in, batch after batch. By the
same rules the same must come out; anything else says that the landing, the archive or the program is not
what it was, and stops the run. The landing is never changed (docs/decisions/029-a-full-refresh.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, date
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from expectations.taken import unpacked
from flows import intake, plans
from flows.archive import Entry, Identity, read_delivered, read_repeated
from flows.errors import Defect
from flows.home import Home, today
from flows.ledger import Batch, Ledger, batch_name, read_table
from flows.program import program_version
from flows.received import Received, moment, received_entry
from flows.retention import deleted_files

if TYPE_CHECKING:
    from flows.rereading import Retry
    from flows.standing import Assessment

STANDING = ("files", "row_balance", "quarantined_rows", "validation_results")
"""Tables of the ledger that a verdict decides, and that must come out again."""


@dataclass
class Afresh:
    """What judging everything again found.

    ``batches``, ``files``, ``rows``: how many were judged. ``out_of_reach``: batches of which a file was
    deleted on purpose, so that they can't be judged as they were. ``otherwise``: rows of each dataset that
    would be taken in otherwise by today's rules; they stay as they are.
    """

    batches: int = 0
    files: int = 0
    rows: int = 0
    out_of_reach: int = 0
    otherwise: dict[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def judge_afresh(home: Home, ledger: Ledger, settle: Callable[[], None] | None = None) -> Afresh:
    """Judge again what every batch took in, in order, each by what was known before it; changes nothing.

    ``settle``: see ``flows.knowledge.context``. Raises ``Defect`` where a batch that this program made by the
    same rules comes out otherwise.
    """
    found = Afresh()
    entries = {entry.reference: entry for entry in reversed(read_delivered(home).entries)}
    gone = deleted_files(home)
    for batch in ledger.batches:
        before = Ledger(home, ledger.batches[: batch.number - 1])
        if _beyond_reach(batch, before, entries, gone):
            found.out_of_reach += 1
            continue
        assessment = _judge(home, batch, before, entries, settle)
        found.batches += 1
        found.files += len(batch.files)
        found.rows += int(assessment.judged_balance["rows_read"].sum())
        differing = dict(_differences(home, batch, assessment))
        if differing and _made_alike(home, batch):
            raise _not_the_same(home, batch, differing)
        for name, rows in differing.items():
            if name not in STANDING:
                found.otherwise[name] = found.otherwise.get(name, 0) + rows
    return found


def files(home: Home, ledger: Ledger) -> list[Received]:
    """The files that are read for it, less those no longer kept. Raises ``UsageProblem`` for a lost one."""
    entries = {entry.reference: entry for entry in reversed(read_delivered(home).entries)}
    gone = deleted_files(home)
    found = (entries.get(_identity(file)) for batch in ledger.batches for file in batch.files)
    return [received_entry(home, one) for one in found if one is not None and one.sha256 not in gone]


def _beyond_reach(batch: Batch, before: Ledger, entries: Mapping[Identity, Entry], gone: set[str]) -> bool:
    """Whether a file that the batch judged, anew or again, is no longer kept."""
    if any(_identity(file) not in entries or file["sha256"] in gone for file in batch.files):
        return True
    if not gone:
        return False
    again = {item[0] for item in (before.last.refused if before.last else [])}
    return bool(gone & (again | set(before.table("quarantined_rows")["file_sha256"].dropna())))


def _identity(file: Mapping[str, Any]) -> Identity:
    sha256, dataset, file_format = file["identity"]
    return (sha256, dataset, file_format)


def _judge(
    home: Home,
    batch: Batch,
    before: Ledger,
    entries: Mapping[Identity, Entry],
    settle: Callable[[], None] | None,
) -> Assessment:
    """The verdict on what the batch judged, by the knowledge and on the day of its run."""
    new = [entries[_identity(file)] for file in batch.files if file.get("is_new", True)]
    return intake.assess(
        home,
        before,
        [received_entry(home, entry) for entry in new],
        run_id=batch.run_id,
        as_of=date.fromisoformat(batch.as_of),
        today=today(moment(batch.run_id).replace(tzinfo=UTC)),
        people_key=home.people_key(),
        retry=_retried(batch, before, bool(new)),
        repeated=read_repeated(home, batch.run_id),
        settle=settle,
    )


def _retried(batch: Batch, before: Ledger, anything_new: bool) -> Retry:
    """What the batch's run judged again of those before it (``flows.refresh.retry``)."""
    if before.last and before.last.rules_fingerprint != batch.rules_fingerprint:
        return "all"
    return "waiting" if anything_new else "none"


def _made_alike(home: Home, batch: Batch) -> bool:
    return (batch.rules_fingerprint, batch.program_version) == (plans.fingerprint(home), program_version())


def _differences(home: Home, batch: Batch, assessment: Assessment) -> Iterator[tuple[str, int]]:
    """Datasets and tables of the ledger that came out otherwise, each with the number of rows that differ."""
    for name in sorted({*batch.data, *assessment.batch.data}):
        found = pa.concat_tables([unpacked(portion) for portion in assessment.landing_rows(name)])
        path = home.landing / name / f"{batch.name}.parquet"
        held = pq.read_table(path) if name in batch.data else found.schema.empty_table()
        if rows := _rows_that_differ(held, found):
            yield name, rows
    frames = {
        "files": assessment.files,
        "row_balance": assessment.balance,
        "quarantined_rows": assessment.quarantined,
        "validation_results": assessment.results,
    }
    for name in STANDING:
        path = home.ledger / batch_name(batch.number) / f"{name}.parquet"
        held, found = (
            pa.Table.from_pandas(frame, preserve_index=False)
            for frame in (read_table(name, path), frames[name])
        )
        if rows := _rows_that_differ(held, found):
            yield name, rows


def _rows_that_differ(held: pa.Table, found: pa.Table) -> int:
    """Rows that are only on one side, in the columns that ``held`` has; 0 if all are there, in one order."""
    columns = [name for name in held.column_names if name in found.column_names]
    held = held.select(columns)
    found = found.select(columns).cast(held.schema)
    if held.equals(found):
        return 0
    import duckdb

    with duckdb.connect(":memory:") as connection:
        connection.register("held", held)
        connection.register("found", found)
        counted = connection.execute(
            "select greatest((select count(*) from (from held except all from found)), "
            "(select count(*) from (from found except all from held)))"
        ).fetchall()
    return max(int(counted[0][0]), 1)


def _not_the_same(home: Home, batch: Batch, differing: Mapping[str, int]) -> Defect:
    told = ", ".join(f"{name} ({rows})" for name, rows in differing.items())
    return Defect(
        f"batch {batch.number}, judged again by the same rules, comes out otherwise: {told} rows differ",
        where=str(home.landing),
        next_step="The landing or the archive is not what it was: restore the home from a backup. What is "
        "published stays; sraap verify says whether it is whole.",
    )
