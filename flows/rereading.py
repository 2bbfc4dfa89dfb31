"""What of earlier batches is judged again, and is read from the archive again for it.

Rows that wait for a parent whenever something new came; when the rules have changed, every quarantined row
and every file or table that was refused (docs/contract/inputs.md, What a bad input gets).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

import pandas as pd

from expectations.door import DeliveredTable
from flows import parts
from flows.archive import Entry, Identity, read_delivered
from flows.home import Home
from flows.knowledge import source_of
from flows.ledger import Ledger, TableKey, typed
from flows.received import ReadFile, Received, read_file, received_day, received_entry
from flows.retention import deleted_files
from sources.reading import FileContent, masked_name

Retry = Literal["none", "waiting", "all"]


@dataclass
class Again:
    """Rows and files of earlier batches that are judged again.

    ``deliveries``: tables with the rows to judge. ``files``: files that were refused, whole or in part; they
    are judged as files are. ``rows``: dataset, file_sha256, sheet, row_number of the rows; ``tables``: their
    tables.
    """

    deliveries: list[DeliveredTable] = field(default_factory=list)
    files: list[ReadFile] = field(default_factory=list)
    rows: pd.DataFrame = field(default_factory=lambda: typed("quarantined_rows", pd.DataFrame()))

    @classmethod
    def of(cls, home: Home, ledger: Ledger, retry: Retry) -> Again:
        again = cls()
        if retry == "none" or not ledger.batches:
            return again
        entries = _entries_by_table(home, ledger)
        again.files = _refused_files(home, ledger, entries, _refused(ledger, retry))
        rows = _rows(home, ledger, retry)
        whole = {file.entry.sha256 for file in again.files}
        again.rows = rows[~rows["file_sha256"].isin(whole)]
        again.deliveries = list(_row_deliveries(home, ledger, entries, again.rows))
        return again


def files_again(home: Home, ledger: Ledger, retry: Retry) -> list[Received]:
    """The files that ``Again.of`` reads, each once or more. Raises ``UsageProblem`` for one that is lost."""
    if retry == "none" or not ledger.batches:
        return []
    entries = _entries_by_table(home, ledger)
    places = _rows(home, ledger, retry)[["file_sha256", "dataset", "sheet"]].drop_duplicates()
    keys = [
        *_refused(ledger, retry),
        *([None if part is pd.NA else str(part) for part in place] for place in places.to_numpy(object)),
    ]
    found = (entries.get(TableKey(sha256 or "", dataset or "", sheet)) for sha256, dataset, sheet in keys)
    return [received_entry(home, entry) for entry in found if entry is not None]


def _refused(ledger: Ledger, retry: Retry) -> Sequence[Sequence[str | None]]:
    return ledger.last.refused if ledger.last and retry == "all" else []


def _rows(home: Home, ledger: Ledger, retry: Retry) -> pd.DataFrame:
    """Quarantined rows of files that are still there; those that wait alone, unless all are judged again."""
    rows = ledger.table("quarantined_rows")
    rows = rows[rows["row_number"].notna() & ~rows["file_sha256"].isin(deleted_files(home))]
    return rows[rows["waiting"]] if retry == "waiting" else rows


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
        file = read_file(home, received_entry(home, entry))
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
            contents[entry.identity] = parts.read(
                home, home.archived(entry.sha256), entry.sha256, entry.name, received_day(entry)
            )
        for table in contents[entry.identity].tables:
            if (table.dataset, table.sheet) == (key.dataset, key.sheet):
                yield DeliveredTable(
                    table,
                    entry.sha256,
                    masked_name(entry.name, entry.sha256),
                    places[key][0],
                    is_new=False,
                    source=source_of(entry.dataset),
                    only_rows=frozenset(int(number) for number in group["row_number"].unique()),
                )
