"""From the archive to a staged batch: read files, have the door judge them, write down what became of each.

New and pending files are judged as a whole; rows of earlier batches that waited or were quarantined are read
again from the archive when there is a reason to (docs/contract/inputs.md, What a bad input gets). Names of
files that may hold people's data never leave this module unmasked (docs/architecture.md, A home).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal, cast

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from expectations.door import KEY_SEPARATOR, Context, DeliveredTable, Problem, Verdict, judge
from flows import faults
from flows.archive import NOTICES, Entry, Identity, read_delivered
from flows.files import naming, sync_file
from flows.home import Home, timestamp, today
from flows.ledger import (
    COLUMNS,
    Batch,
    Ledger,
    Staged,
    TableKey,
    typed,
    write_staged,
    write_table,
)
from flows.program import DBT_PROJECT, PLAN_VERSION, program_version, rules_fingerprint
from flows.retention import deleted_files
from sources.contract import datasets
from sources.reading import FileContent, Table, masked_name, read

Retry = Literal["none", "waiting", "all"]

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


@dataclass(frozen=True)
class Assessment:
    """What became of everything that was judged, before anything of it is taken in.

    The frames hold the columns of ``flows.ledger.COLUMNS``. ``balance``, ``quarantined`` and ``files`` say
    how things stand after this batch; ``results`` and ``judged_quarantined`` only what this run found.
    """

    verdict: Verdict
    batch: Batch
    files: pd.DataFrame = field(repr=False)
    balance: pd.DataFrame = field(repr=False)
    quarantined: pd.DataFrame = field(repr=False)
    judged_quarantined: pd.DataFrame = field(repr=False)
    judged_files: pd.DataFrame = field(repr=False)
    judged_balance: pd.DataFrame = field(repr=False)
    results: pd.DataFrame = field(repr=False)

    @property
    def quarantines(self) -> bool:
        """Whether a row or a file of what was judged is quarantined, wholly or in part."""
        outcomes = self.judged_files["outcome"].isin(["quarantined", "partly_loaded"])
        return len(self.judged_quarantined) > 0 or bool(outcomes.any())


def received(home: Home, ledger: Ledger) -> list[Received]:
    """Everything that was delivered and is in no batch, in order of delivery."""
    pending = read_delivered(home).pending(ledger.taken_in())
    return [_received(home, entry) for entry in pending]


def _received(home: Home, entry: Entry) -> Received:
    return Received(entry, None if entry.notice else home.archived(entry.sha256), received_day(entry))


def received_day(entry: Entry) -> date:
    """The day on which a file was received, as it was written down then.

    Lists of an earlier program don't have it: the day of the run then, in today's time zone.
    """
    if entry.received_on:
        return date.fromisoformat(entry.received_on)
    return today(moment(entry.run_id).replace(tzinfo=UTC))


def assess(
    home: Home,
    ledger: Ledger,
    files: Sequence[Received],
    *,
    run_id: str,
    as_of: date,
    today: date,
    people_key: bytes,
    retry: Retry,
    repeated: Sequence[Entry] = (),
) -> Assessment:
    """Read and judge ``files``, and again what ``retry`` names of earlier batches; changes nothing on disk.

    ``repeated``: files that were delivered again, to be listed. Raises ``OSError`` where the archive can't be
    read and ``RuntimeError`` where the door finds a defect of its own.
    """
    reads = [_read(item) for item in files]
    again = _Again.of(home, ledger, retry)
    reads += again.files
    last_seq = ledger.last_seq
    deliveries: list[DeliveredTable] = []
    placed: dict[int, list[dict[str, Any]]] = {}
    known_places = ledger.tables()
    for delivery in again.deliveries:
        key = TableKey(delivery.file_sha256, delivery.table.dataset, delivery.table.sheet)
        rows = len(delivery.table.frame)
        if known_places[key][1] != rows:  # its reader has changed: the places it had may be others' by now
            delivery = replace(delivery, first_seq=last_seq + 1)  # noqa: PLW2901
            last_seq += rows
        deliveries.append(delivery)
    for number, file in enumerate(reads):
        placed[number] = []
        for table in file.content.tables if file.content else ():
            key = TableKey(file.entry.sha256, table.dataset, table.sheet)
            rows = len(table.frame)
            first_seq, known_rows = known_places.get(key, (0, -1))
            if file.is_new or known_rows != rows:
                first_seq, last_seq = last_seq + 1, last_seq + rows
            placed[number].append(
                {"dataset": table.dataset, "sheet": table.sheet, "first_seq": first_seq, "rows": rows}
            )
            masked = masked_name(file.entry.name, file.entry.sha256)
            deliveries.append(DeliveredTable(table, file.entry.sha256, masked, first_seq, is_new=file.is_new))
    deliveries.sort(key=lambda d: d.first_seq)
    faults.point("judge.before_door")
    verdict = judge(deliveries, context(home, ledger, today, people_key))
    faults.point("judge.after_door")
    _settle_names(reads, verdict)
    return _written_down(
        ledger,
        reads,
        again,
        verdict,
        placed=placed,
        run_id=run_id,
        as_of=as_of,
        last_seq=last_seq,
        repeated=repeated,
    )


# --- reading ------------------------------------------------------------------------------------------------


def _read(item: Received) -> ReadFile:
    entry = item.entry
    if item.path is None:
        return ReadFile(entry, None, restricted=True, shown_name=f"unknown--{entry.notice}")
    faults.point("read.file")
    content = read(item.path, entry.name, item.received_on)
    return ReadFile(
        entry,
        content,
        restricted=_may_hold_people(content),
        shown_name=masked_name(entry.name, entry.sha256),
    )


def _may_hold_people(content: FileContent) -> bool:
    """Whether a file must stay restricted by its layout alone (docs/architecture.md, A home)."""
    if (
        content.format == "unknown"
        or content.problem
        or content.ignored_sheets
        or content.personal_properties
        or content.holds_people
    ):
        return True
    return not content.tables or any(_table_may_hold_people(table) for table in content.tables)


def _table_may_hold_people(table: Table) -> bool:
    dataset = datasets()[table.dataset]
    known = {column.name for column in dataset.columns}
    return dataset.holds_people or table.problem is not None or not known.issuperset(table.header)


def _settle_names(reads: list[ReadFile], verdict: Verdict) -> None:
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


# --- what is read again -------------------------------------------------------------------------------------


@dataclass
class _Again:
    """Rows and files of earlier batches that are judged again.

    ``deliveries``: tables with the rows to judge. ``files``: files that were refused, whole or in part; they
    are judged as files are. ``rows``: dataset, file_sha256, sheet, row_number of the rows; ``tables``: their
    tables.
    """

    deliveries: list[DeliveredTable] = field(default_factory=list)
    files: list[ReadFile] = field(default_factory=list)
    rows: pd.DataFrame = field(default_factory=lambda: typed("quarantined_rows", pd.DataFrame()))

    @classmethod
    def of(cls, home: Home, ledger: Ledger, retry: Retry) -> _Again:
        again = cls()
        if retry == "none" or not ledger.batches:
            return again
        entries = _entries_by_table(home, ledger)
        refused = (ledger.last.refused if ledger.last else []) if retry == "all" else []
        again.files = _refused_files(home, ledger, entries, refused)
        rows = ledger.table("quarantined_rows")
        rows = rows[rows["row_number"].notna() & ~rows["file_sha256"].isin(deleted_files(home))]
        if retry == "waiting":
            rows = rows[rows["waiting"]]
        whole = {file.entry.sha256 for file in again.files}
        again.rows = rows[~rows["file_sha256"].isin(whole)]
        again.deliveries = list(_row_deliveries(home, ledger, entries, again.rows))
        return again


def _entries_by_table(home: Home, ledger: Ledger) -> dict[TableKey, Entry]:
    """The delivered entry behind each table in a batch, and, with no dataset, behind each file."""
    gone = deleted_files(home)  # what was deleted on purpose stays as it was last judged
    by_identity = {
        entry.reference: entry for entry in reversed(read_delivered(home).entries) if entry.sha256 not in gone
    }
    found: dict[TableKey, Entry] = {}
    for batch in ledger.batches:
        for file in batch.files:
            identity: Identity = (file["identity"][0], file["identity"][1], file["identity"][2])
            entry = by_identity.get(identity)
            if entry is None or entry.notice:
                continue
            found[TableKey(entry.sha256, "", None)] = entry
            for table in file["tables"]:
                found[TableKey(entry.sha256, table["dataset"], table["sheet"])] = entry
    return found


def _refused_files(
    home: Home, ledger: Ledger, entries: Mapping[TableKey, Entry], refused: Iterable[Sequence[str | None]]
) -> list[ReadFile]:
    """Files of which nothing or only some tables could be taken, with the tables that were refused."""
    wanted: dict[Identity, tuple[Entry, set[tuple[str | None, str | None]]]] = {}
    for sha256, dataset, sheet in refused:
        entry = entries.get(TableKey(sha256 or "", dataset or "", sheet))
        if entry is not None:
            wanted.setdefault(entry.identity, (entry, set()))[1].add((dataset, sheet))
    shown = ledger.shown_names()
    placed = ledger.tables()
    files = []
    for identity, (entry, tables) in wanted.items():
        file = _read(_received(home, entry))
        file.is_new = False
        if file.content is not None and (None, None) not in tables:
            # a sheet that a reader refused had no table then; it is whatever was never there before
            kept = tuple(
                t
                for t in file.content.tables
                if (t.dataset, t.sheet) in tables or TableKey(entry.sha256, t.dataset, t.sheet) not in placed
            )
            file.content = replace(file.content, tables=kept)
            file.restricted = True
            file.shown_name = shown[identity]
        files.append(file)
    return files


def _row_deliveries(
    home: Home, ledger: Ledger, entries: Mapping[TableKey, Entry], rows: pd.DataFrame
) -> Iterator[DeliveredTable]:
    places = ledger.tables()
    contents: dict[Identity, FileContent] = {}
    for place, group in rows.groupby(["file_sha256", "dataset", "sheet"], dropna=False):
        sha256, dataset, sheet = (
            None if part is pd.NA else str(part) for part in cast(tuple[Any, ...], place)
        )
        key = TableKey(str(sha256), str(dataset), sheet)
        entry = entries.get(key)
        if entry is None:
            continue
        if entry.identity not in contents:
            contents[entry.identity] = read(home.archived(entry.sha256), entry.name, received_day(entry))
        for table in contents[entry.identity].tables:
            if (table.dataset, table.sheet) == (key.dataset, key.sheet):
                yield DeliveredTable(
                    table,
                    entry.sha256,
                    masked_name(entry.name, entry.sha256),
                    places[key][0],
                    is_new=False,
                    only_rows=frozenset(int(number) for number in group["row_number"].unique()),
                )


# --- what the door has to know ------------------------------------------------------------------------------


class _KnownKeys(Mapping[str, pa.Array]):
    """Keys of all versions in the landing, read when they are asked for."""

    def __init__(self, ledger: Ledger) -> None:
        self._paths = {name: ledger.landing_files(name) for name in datasets()}
        self._read: dict[str, pa.Array] = {}

    def __getitem__(self, dataset: str) -> pa.Array:
        paths = self._paths[dataset]
        if not paths:
            raise KeyError(dataset)
        if dataset not in self._read:
            key = list(datasets()[dataset].key)
            table = pa.concat_tables([pq.read_table(path, columns=key) for path in paths])
            parts = [table.column(name).combine_chunks() for name in key]
            joined = parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*parts, KEY_SEPARATOR)
            self._read[dataset] = pc.unique(joined)
        return self._read[dataset]

    def __iter__(self) -> Iterator[str]:
        return (name for name, paths in self._paths.items() if paths)

    def __len__(self) -> int:
        return sum(1 for paths in self._paths.values() if paths)


def _counting(ledger: Ledger, dataset: str) -> pd.DataFrame | None:
    """The counting rows of a dataset in the landing; ``None`` if it has none."""
    paths = ledger.landing_files(dataset)
    if not paths:
        return None
    # a batch of an earlier program may lack a column
    table = pa.concat_tables([pq.read_table(path) for path in paths], promote_options="default")
    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
    key = list(datasets()[dataset].key)
    latest = frame.sort_values(["received_on", "delivery_seq"]).drop_duplicates(key, keep="last")
    return latest[latest["record_status"] != "retracted"]


def _indicators() -> list[tuple[str, str, str]]:
    path = DBT_PROJECT / "seeds" / "plan_indicators.csv"
    frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    return list(zip(frame["plan_version"], frame["indicator_id"], frame["rule"], strict=True))


def context(home: Home, ledger: Ledger, today: date, people_key: bytes) -> Context:
    """What the door has to know of a home (expectations.door.Context)."""
    states = _counting(ledger, "states")
    meetings = _counting(ledger, "meetings")
    contributions = _counting(ledger, "contributions")
    names = [
        path for batch in ledger.batches if (path := home.people_names / f"{batch.name}.parquet").exists()
    ]
    return Context(
        today=today,
        plan_version=PLAN_VERSION,
        indicators=_indicators(),
        people_key=people_key,
        known_keys=_KnownKeys(ledger),
        state_names={} if states is None else dict(zip(states["name"], states["iso3"], strict=True)),
        meeting_starts={}
        if meetings is None
        else dict(zip(meetings["meeting_id"], meetings["starts_on"], strict=True)),
        contributions=contributions,
        delivered=ledger.delivered(),
        last_volumes=ledger.last_volumes(),
        people_names=pa.concat_arrays(
            [chunk for path in names for chunk in pq.read_table(path).column("name").chunks]
        )
        if names
        else pa.array([], pa.string()),
    )


# --- what is written down -----------------------------------------------------------------------------------


def _written_down(
    ledger: Ledger,
    reads: list[ReadFile],
    again: _Again,
    verdict: Verdict,
    *,
    placed: dict[int, list[dict[str, Any]]],
    run_id: str,
    as_of: date,
    last_seq: int,
    repeated: Sequence[Entry],
) -> Assessment:
    number = ledger.number + 1
    names = {file.entry.sha256: file.shown_name for file in reads}
    old_files = ledger.table("files")
    taken = old_files[old_files["file_sha256"].notna() & (old_files["outcome"] != "already_delivered")]
    names = {**dict(zip(taken["file_sha256"], taken["file_name"], strict=True)), **names}
    judged_balance = typed("row_balance", pd.concat([_shown(verdict.balance, names), _unread(reads)]))
    judged_quarantined = typed("quarantined_rows", _shown(verdict.quarantined, names))
    balance = _balance_after(ledger.table("row_balance"), judged_balance, again, reads)
    quarantined = _quarantined_after(ledger.table("quarantined_rows"), judged_quarantined, again, reads)
    refused = _refused_after(ledger, reads, verdict)
    judged_files = _files(reads, balance, refused, run_id, number)
    results = typed(
        "validation_results",
        pd.concat([_shown(verdict.results, names), _reader_results(reads)], ignore_index=True).assign(
            run_id=run_id
        ),
    )
    batch = Batch(
        number=number,
        run_id=run_id,
        as_of=as_of.isoformat(),
        taken_in_at=timestamp(),
        last_seq=last_seq,
        rules_fingerprint=rules_fingerprint(),
        program_version=program_version(),
        files=[_batch_file(file, placed[i]) for i, file in enumerate(reads)],
        refused=refused,
        header_only=sorted(verdict.header_only),
        loaded=_loaded(judged_balance, reads),
        data=sorted(name for name, table in verdict.accepted.items() if table.num_rows),
    )
    accepted = {name: _shown_arrow(table, names) for name, table in verdict.accepted.items()}
    return Assessment(
        verdict=replace(verdict, accepted=accepted, problems=(*verdict.problems, *_blocking_findings(reads))),
        batch=batch,
        files=_files_after(
            ledger, old_files, judged_files, balance, _repeated(ledger, repeated, run_id, number)
        ),
        balance=balance,
        quarantined=quarantined,
        judged_quarantined=judged_quarantined,
        judged_files=judged_files,
        judged_balance=judged_balance,
        results=results,
    )


def _shown(frame: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """The frame with the names that may be shown; a line about no file keeps none."""
    return frame.assign(file_name=frame["file_sha256"].map(names).astype(object))


def _shown_arrow(table: pa.Table, names: Mapping[str, str]) -> pa.Table:
    place = table.schema.get_field_index("file_name")
    hashes = pa.array(list(names), pa.string())
    shown = pa.array(list(names.values()), pa.string())
    column = shown.take(pc.index_in(table.column("file_sha256").combine_chunks(), value_set=hashes))
    return table.set_column(place, table.schema.field(place), column)


def _unread(reads: list[ReadFile]) -> pd.DataFrame:
    """A balance line of zeros for each file that could not be read, so that every file has one."""
    lines = [
        {"file_sha256": f.entry.sha256, "file_name": f.shown_name, "sheet": None, "dataset": f.entry.dataset}
        for f in reads
        if f.content is not None and f.content.problem is not None
    ]
    counts = dict.fromkeys(c for c in COLUMNS["row_balance"] if c.startswith("rows_"))
    return pd.DataFrame(lines, columns=list(COLUMNS["row_balance"])).assign(**dict.fromkeys(counts, 0))


_TABLE = ["file_sha256", "dataset", "sheet"]
_COUNTS = ["rows_read", "rows_loaded", "rows_duplicate", "rows_quarantined", "rows_waiting"]


def _balance_after(
    before: pd.DataFrame, judged: pd.DataFrame, again: _Again, reads: list[ReadFile]
) -> pd.DataFrame:
    """The balance after this run: rows judged again move from quarantined to where they went.

    A file judged again as a whole gets its balance anew.
    """
    whole = {file.entry.sha256 for file in reads if not file.is_new}
    retried_tables = {(d.file_sha256, d.table.dataset, d.table.sheet) for d in again.deliveries}
    anew = _without_tables(before, reads, judged) if whole else before
    taken_out = again.rows.drop_duplicates([*_TABLE, "row_number"]).groupby(_TABLE, dropna=False)
    lines = []
    if retried_tables:
        counts = taken_out.agg(rows=("row_number", "size"), waiting=("waiting", "sum")).reset_index()
        lines.append(
            counts[_TABLE].assign(
                rows_read=-counts["rows"],
                rows_loaded=0,
                rows_duplicate=0,
                rows_quarantined=-counts["rows"],
                rows_waiting=-counts["waiting"].astype("int64[pyarrow]"),
            )
        )
    combined = pd.concat([anew, *lines, judged], ignore_index=True)
    summed = combined.groupby(_TABLE, dropna=False, sort=False, as_index=False).agg(
        {"file_name": "first", **dict.fromkeys(_COUNTS, "sum")}
    )
    return typed("row_balance", summed)


def _without_tables(before: pd.DataFrame, reads: list[ReadFile], judged: pd.DataFrame) -> pd.DataFrame:
    """``before`` without what a file judged again replaces: its tables, or its one line as unread."""
    again = {file.entry.sha256 for file in reads if not file.is_new}
    lines = judged[judged["file_sha256"].isin(again)]
    replaced = set(zip(lines["file_sha256"], lines["dataset"], lines["sheet"].fillna(""), strict=True))
    unread = {file.entry.sha256 for file in reads if not file.is_new and file.content is not None}
    here = list(zip(before["file_sha256"], before["dataset"], before["sheet"].fillna(""), strict=True))
    keep = pd.Series([key not in replaced for key in here], index=before.index, dtype=bool)
    empty = before["file_sha256"].isin(unread) & (before["rows_read"] == 0)
    return before[keep & ~empty.astype(bool)]


def _quarantined_after(
    before: pd.DataFrame, judged: pd.DataFrame, again: _Again, reads: list[ReadFile]
) -> pd.DataFrame:
    """Quarantined rows after this run: those judged again stand only where the door says so again."""
    line = [*_TABLE, "row_number"]
    retried = again.rows[line].drop_duplicates()
    whole = {
        (file.entry.sha256, table.dataset, table.sheet or "")
        for file in reads
        if not file.is_new and file.content is not None
        for table in file.content.tables
    }
    here = list(zip(before["file_sha256"], before["dataset"], before["sheet"].fillna(""), strict=True))
    kept = before[pd.Series([key not in whole for key in here], index=before.index, dtype=bool)]
    if len(retried):
        marked = kept.merge(retried.assign(_again=True), on=line, how="left")
        kept = kept[marked["_again"].isna().to_numpy()]
    return typed("quarantined_rows", pd.concat([kept, judged], ignore_index=True))


def _refused_after(ledger: Ledger, reads: list[ReadFile], verdict: Verdict) -> list[list[str | None]]:
    """What stands refused after this run: whole files (no dataset) and tables."""
    judged = {file.entry.sha256 for file in reads}
    before = [item for item in (ledger.last.refused if ledger.last else []) if item[0] not in judged]
    now: list[list[str | None]] = []
    for file in reads:
        if file.content is None:
            continue
        if file.content.problem is not None:
            now.append([file.entry.sha256, None, None])
        now += [
            [file.entry.sha256, table.dataset, table.sheet]
            for table in file.content.tables
            if (file.entry.sha256, table.dataset, table.sheet) in verdict.tables_refused
        ]
    return before + now


def _outcome(
    file: ReadFile, balance: pd.DataFrame, refused: list[list[str | None]]
) -> tuple[str, str | None]:
    """Outcome of a file and its reason (docs/architecture.md, Tables of audit)."""
    content = file.content
    if content is None:
        unknown = file.entry.notice in ("symbolic_link", "folder", "special_file")
        return ("unknown_file" if unknown else "quarantined"), NOTICES[file.entry.notice]
    if content.problem is not None and content.format != "unknown":
        return "quarantined", content.problem.sentence
    left = _left_over(content)
    if not content.tables and left:
        return "quarantined", " ".join(left)
    if not content.tables:
        why = "name is not that" if content.format == "unknown" else "sheets are not named after that"
        return "unknown_file", f"Its {why} of a dataset; it was archived and not loaded."
    return _outcome_of_rows(file, content, balance, refused)


def _left_over(content: FileContent) -> list[str]:
    """What readers say of what was not loaded and is in no row."""
    return [finding.sentence for _, finding in content.findings if finding.severity != "warn"]


def _outcome_of_rows(
    file: ReadFile, content: FileContent, balance: pd.DataFrame, refused: list[list[str | None]]
) -> tuple[str, str | None]:
    lines = balance[balance["file_sha256"] == file.entry.sha256]
    quarantined = int(lines["rows_quarantined"].sum())
    taken = int(lines["rows_loaded"].sum() + lines["rows_duplicate"].sum())
    left = _left_over(content)
    if quarantined or left or any(item[0] == file.entry.sha256 for item in refused):
        problems = [t.problem.sentence for t in content.tables if t.problem is not None] + left
        reason = " ".join(problems) or f"{quarantined} of {int(lines['rows_read'].sum())} rows quarantined."
        return ("partly_loaded" if taken else "quarantined"), reason
    if not taken:
        return "header_only", "A header and no row: the dataset counts as delivered."
    return "loaded", None


def _files(
    reads: list[ReadFile], balance: pd.DataFrame, refused: list[list[str | None]], run_id: str, batch: int
) -> pd.DataFrame:
    lines = []
    for file in reads:
        outcome, reason = _outcome(file, balance, refused)
        lines.append(
            {
                "file_sha256": file.entry.sha256 or None,
                "file_name": file.shown_name,
                "source": "inbox",
                "dataset": file.entry.dataset,
                "format": file.entry.format,
                "bytes": file.entry.bytes,
                "received_at": moment(file.entry.run_id),
                "run_id": run_id,
                "batch": batch,
                "restricted": file.restricted,
                "outcome": outcome,
                "reason": reason,
            }
        )
    return typed("files", pd.DataFrame(lines, columns=list(COLUMNS["files"])))


def moment(run_id: str) -> datetime:
    """When a run began, in UTC without a zone, as its id says."""
    return datetime.strptime(run_id, "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC).replace(tzinfo=None)


def _files_after(
    ledger: Ledger, before: pd.DataFrame, judged: pd.DataFrame, balance: pd.DataFrame, repeated: pd.DataFrame
) -> pd.DataFrame:
    """Files after this run: judged ones as judged, and those whose last quarantined row loaded as loaded."""
    identity = ["file_sha256", "dataset", "format"]
    anew = judged[identity].dropna().drop_duplicates().assign(_again=True)
    replaced = before[identity].merge(anew, on=identity, how="left")["_again"].notna().to_numpy()
    kept = before[~(replaced & (before["outcome"] != "already_delivered").to_numpy(dtype=bool))].copy()
    counts = balance.groupby("file_sha256")[["rows_loaded", "rows_duplicate", "rows_quarantined"]].sum()
    taken = kept["file_sha256"].map(counts["rows_loaded"] + counts["rows_duplicate"]).fillna(0).astype(int)
    left = kept["file_sha256"].map(counts["rows_quarantined"]).fillna(0).astype(int)
    refused = {item[0] for item in (ledger.last.refused if ledger.last else [])}
    closed = refused | ledger.left_over()
    open_case = kept["outcome"].isin(["partly_loaded", "quarantined"]) & ~kept["file_sha256"].isin(closed)
    mended = (open_case & (left == 0) & (taken > 0)).astype(bool)
    partly = (open_case & (left > 0) & (taken > 0)).astype(bool)
    kept.loc[mended, "outcome"] = "loaded"
    kept.loc[mended, "reason"] = None
    kept.loc[partly, "outcome"] = "partly_loaded"
    kept.loc[partly, "reason"] = left[partly].astype(str) + " rows quarantined."
    together = pd.concat([kept, judged, repeated], ignore_index=True)
    return typed("files", together.drop_duplicates(["file_sha256", "file_name", "outcome", "reason"]))


def _repeated(ledger: Ledger, entries: Sequence[Entry], run_id: str, batch: int) -> pd.DataFrame:
    """Files that were delivered again, as lines of ``files``; each is listed once over the home's life."""
    shown = ledger.shown_names()
    lines = [
        {
            "file_sha256": entry.sha256,
            "file_name": shown.get(entry.identity) or masked_name(entry.name, entry.sha256),
            "source": "inbox",
            "dataset": entry.dataset,
            "format": entry.format,
            "bytes": entry.bytes,
            "received_at": moment(run_id),
            "run_id": run_id,
            "batch": batch,
            "restricted": True,
            "outcome": "already_delivered",
            "reason": "The same bytes were delivered before; they change nothing.",
        }
        for entry in entries
        if not entry.notice
    ]
    return pd.DataFrame(lines, columns=list(COLUMNS["files"]))


def _reader_results(reads: list[ReadFile]) -> pd.DataFrame:
    """What the reader found about whole files, as rows of ``validation_results``."""
    lines = []
    for file in reads:
        if file.content is None:
            continue
        found: list[tuple[str, str, str, str, str | None, str | None]] = [
            (f.code, f.severity, "Everything in a file is known to its reader.", f.sentence, sheet, f.place)
            for sheet, f in file.content.findings
        ]
        if file.content.problem is not None:
            problem = file.content.problem
            found.append((problem.code, "quarantine", "The file can be read.", problem.sentence, None, None))
        if file.content.ignored_sheets:
            sentence = (
                f"{file.content.ignored_sheets} sheet(s) are not named after a dataset and were ignored; "
                "rename a sheet if its rows are to load."
            )
            guards = "Every sheet of a workbook is a dataset."
            found.append(("READ-SHEETS", "warn", guards, sentence, None, None))
        lines += [
            {
                "check_code": code,
                "engine": "reader",
                "subject": file.entry.dataset,
                "file_sha256": file.entry.sha256,
                "file_name": file.shown_name,
                "guards": guards,
                "dimension": "validity",
                "severity": severity,
                "outcome": "fail",
                "sentence": sentence,
                "sheet": sheet,
                "place": place,
            }
            for code, severity, guards, sentence, sheet, place in found
        ]
    return pd.DataFrame(lines, columns=list(COLUMNS["validation_results"]))


def _blocking_findings(reads: list[ReadFile]) -> list[Problem]:
    """What readers found in new files that blocks the run."""
    return [
        Problem(finding.code, file.entry.dataset, finding.sentence)
        for file in reads
        if file.is_new and file.content is not None
        for _, finding in file.content.findings
        if finding.severity == "block"
    ]


def _batch_file(file: ReadFile, tables: list[dict[str, Any]]) -> dict[str, Any]:
    """A file as the batch's JSON lists it; of a notice no name, which only the restricted list holds."""
    return {
        "sha256": file.entry.sha256,
        "dataset": file.entry.dataset,
        "format": file.entry.format,
        "identity": list(file.entry.reference),
        "shown_name": file.shown_name,
        "restricted": file.restricted,
        "is_new": file.is_new,
        "left_over": bool(file.content and _left_over(file.content)),
        "tables": tables,
    }


def _loaded(judged: pd.DataFrame, reads: list[ReadFile]) -> dict[str, int]:
    new = {file.entry.sha256 for file in reads if file.is_new}
    lines = judged[judged["file_sha256"].isin(new) & (judged["rows_loaded"] > 0)]
    return {str(name): int(rows) for name, rows in lines.groupby("dataset")["rows_loaded"].sum().items()}


def stage(home: Home, folder: Path, assessment: Assessment, acceptances: pd.DataFrame) -> Staged:
    """Write a batch aside: data, ledger tables, the persons' names (restricted), its JSON last."""
    staged = Staged(folder, assessment.batch)
    (folder / "ledger").mkdir(parents=True, exist_ok=True)
    for dataset in assessment.batch.data:
        faults.point("stage.data")
        with naming(staged.data_path(dataset)):
            pq.write_table(
                assessment.verdict.accepted[dataset], staged.data_path(dataset), compression="zstd"
            )
        sync_file(staged.data_path(dataset))
    for name, frame in (
        ("files", assessment.files),
        ("row_balance", assessment.balance),
        ("quarantined_rows", assessment.quarantined),
        ("validation_results", assessment.results),
        ("acceptances", acceptances),
    ):
        faults.point("stage.ledger")
        write_table(staged.ledger_path(name), name, frame)
    if len(assessment.verdict.people_names):
        names = home.people_names / f"{assessment.batch.name}.parquet"
        with naming(names):
            pq.write_table(pa.table({"name": assessment.verdict.people_names}), names)
        names.chmod(0o600)
        sync_file(names)
    faults.point("stage.before_list")
    write_staged(staged)
    faults.point("stage.after_list")
    return staged
