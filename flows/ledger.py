"""The ledger: which batches a home has taken in, and what stands written about their files and rows.

A batch counts from the moment its JSON stands (docs/architecture.md, A home). Everything else of it is
written before; what a dead run left without its JSON is nobody's and is overwritten. Heavy libraries are
imported where they are used, because the list of batches is read before it is known whether anything is to be
done.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows import faults
from flows.archive import Identity
from flows.errors import UsageProblem
from flows.files import naming, read_json, sync_file, sync_folder, write_json
from flows.home import Home

if TYPE_CHECKING:
    import pandas as pd

SNAPSHOTS = ("files", "row_balance", "quarantined_rows", "acceptances")
"""Tables that are written whole with each batch: they say how things stand after it."""

INCREMENTS = ("validation_results",)
"""Tables of which each batch writes its own rows; how things stand is all of them together."""

COLUMNS: dict[str, dict[str, str]] = {
    "files": {
        "file_sha256": "varchar",
        "file_name": "varchar",
        "source": "varchar",
        "dataset": "varchar",
        "format": "varchar",
        "bytes": "bigint",
        "received_at": "timestamp",
        "run_id": "varchar",
        "batch": "bigint",
        "restricted": "boolean",
        "outcome": "varchar",
        "reason": "varchar",
    },
    "row_balance": {
        "file_sha256": "varchar",
        "file_name": "varchar",
        "sheet": "varchar",
        "dataset": "varchar",
        "rows_read": "bigint",
        "rows_loaded": "bigint",
        "rows_duplicate": "bigint",
        "rows_quarantined": "bigint",
        "rows_waiting": "bigint",
    },
    "quarantined_rows": {
        "dataset": "varchar",
        "file_sha256": "varchar",
        "file_name": "varchar",
        "sheet": "varchar",
        "row_number": "bigint",
        "place": "varchar",
        "delivery_seq": "bigint",
        "column_name": "varchar",
        "check_code": "varchar",
        "sentence": "varchar",
        "value": "varchar",
        "waiting": "boolean",
    },
    "validation_results": {
        "run_id": "varchar",
        "check_code": "varchar",
        "engine": "varchar",
        "subject": "varchar",
        "file_sha256": "varchar",
        "file_name": "varchar",
        "sheet": "varchar",
        "column_name": "varchar",
        "guards": "varchar",
        "dimension": "varchar",
        "severity": "varchar",
        "outcome": "varchar",
        "rows_checked": "bigint",
        "rows_failing": "bigint",
        "sample_rows": "varchar",
        "place": "varchar",
        "sentence": "varchar",
    },
    "acceptances": {
        "check_code": "varchar",
        "subject": "varchar",
        "accepted_by": "varchar",
        "why": "varchar",
        "accepted_at": "timestamp",
        "run_id": "varchar",
    },
}
"""Columns and SQL types of the ledger's tables (docs/architecture.md, Tables of audit)."""

_ARROW = {"varchar": "string", "bigint": "int64", "boolean": "bool", "timestamp": "timestamp[us]"}


@dataclass(frozen=True)
class TableKey:
    """A table of a received file: its file, dataset and sheet."""

    file_sha256: str
    dataset: str
    sheet: str | None


@dataclass
class Batch:
    """What one run took in.

    ``files``: one dict per file or notice: sha256, dataset, format, identity, shown_name, restricted, tables
    (dataset, sheet, first_seq, rows), left_over (a reader left something of it that is no row). ``refused``:
    what stands refused after this batch, as [sha256, dataset or None for the whole file, sheet].
    ``header_only``: datasets of which a file with only its header came.
    ``loaded``: dataset -> rows that new files brought. ``data``: datasets of which the batch has a Parquet
    file.
    """

    number: int
    run_id: str
    as_of: str
    taken_in_at: str
    last_seq: int
    rules_fingerprint: str
    program_version: str
    files: list[dict[str, Any]] = field(default_factory=list)
    refused: list[list[str | None]] = field(default_factory=list)
    header_only: list[str] = field(default_factory=list)
    loaded: dict[str, int] = field(default_factory=dict)
    data: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return batch_name(self.number)


def batch_name(number: int) -> str:
    """Name under which a batch's files lie."""
    return f"{number:06d}"


class Ledger:
    """The batches of a home as they stood when they were read."""

    def __init__(self, home: Home, batches: list[Batch]) -> None:
        self.home = home
        self.batches = batches

    @classmethod
    def read(cls, home: Home) -> Ledger:
        """All batches that count, in order. Raises ``UsageProblem`` if one is missing or can't be read."""
        batches: list[Batch] = []
        for path in sorted(home.batches.glob("*.json")) if home.batches.is_dir() else []:
            try:
                batches.append(Batch(**read_json(path)))
            except (OSError, ValueError, TypeError) as error:
                raise UsageProblem(
                    "a batch of the landing can't be read",
                    where=str(path),
                    next_step="Restore it from a backup.",
                ) from error
        for expected, batch in enumerate(batches, start=1):
            if batch.number != expected:
                raise UsageProblem(
                    f"batch {expected} of the landing is missing",
                    where=str(home.batches),
                    next_step="Restore it from a backup.",
                )
        return cls(home, batches)

    @property
    def last(self) -> Batch | None:
        return self.batches[-1] if self.batches else None

    @property
    def number(self) -> int:
        """Number of the last batch; 0 before the first."""
        return len(self.batches)

    @property
    def last_seq(self) -> int:
        return self.batches[-1].last_seq if self.batches else 0

    def taken_in(self) -> set[Identity]:
        """Identities of all files and notices that are in a batch."""
        found: set[Identity] = set()
        for batch in self.batches:
            for file in batch.files:
                identity = file["identity"]
                found.add((identity[0], identity[1], identity[2]))
        return found

    def header_only(self) -> set[str]:
        return {dataset for batch in self.batches for dataset in batch.header_only}

    def delivered(self) -> set[str]:
        """Datasets of which rows have loaded or a header came."""
        return {dataset for batch in self.batches for dataset in batch.data} | self.header_only()

    def last_volumes(self) -> dict[str, int]:
        """Rows that each dataset brought when it was last delivered."""
        volumes: dict[str, int] = {}
        for batch in self.batches:
            volumes.update(batch.loaded)
        return volumes

    def tables(self) -> dict[TableKey, tuple[int, int]]:
        """First ``delivery_seq`` and number of rows of each table; of the latest batch that named it."""
        return {
            TableKey(file["sha256"], table["dataset"], table["sheet"]): (table["first_seq"], table["rows"])
            for batch in self.batches
            for file in batch.files
            for table in file["tables"]
        }

    def shown_names(self) -> dict[Identity, str]:
        """Name under which each file that was taken in is shown."""
        return {
            (file["identity"][0], file["identity"][1], file["identity"][2]): file["shown_name"]
            for batch in self.batches
            for file in batch.files
        }

    def left_over(self) -> set[str]:
        """SHA-256 of the files of which a reader, when they were read last, left something that is no row."""
        last = {file["sha256"]: file.get("left_over", False) for b in self.batches for file in b.files}
        return {sha256 for sha256, left in last.items() if left}

    def landing_files(self, dataset: str) -> list[Path]:
        """Parquet files of the dataset, oldest batch first."""
        folder = self.home.landing / dataset
        return [folder / f"{batch.name}.parquet" for batch in self.batches if dataset in batch.data]

    def table(self, name: str) -> pd.DataFrame:
        """A ledger table as it stands after the last batch (columns: ``COLUMNS[name]``)."""
        if name in SNAPSHOTS:
            paths = [self.home.ledger / batch_name(self.number) / f"{name}.parquet"] if self.batches else []
        else:
            paths = [self.home.ledger / batch.name / f"{name}.parquet" for batch in self.batches]
        return read_tables(name, paths)


def typed(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """The columns of a ledger table, in order, with Arrow types. A column that is missing is null.

    Raises ``ValueError`` if the frame has a column that the table has not.
    """
    import pandas as pd
    import pyarrow as pa

    columns = COLUMNS[name]
    if unknown := set(frame.columns) - set(columns):
        raise ValueError(f"{name} has no columns {sorted(unknown)}")
    series = {}
    for column, sql_type in columns.items():
        kind = pd.ArrowDtype(pa.type_for_alias(_ARROW[sql_type]))
        if column in frame:
            values = frame[column].astype(object)
            series[column] = values.where(values.notna(), None).astype(kind)
        else:
            series[column] = pd.Series([None] * len(frame), index=frame.index, dtype=kind)
    return pd.DataFrame(series, index=frame.index)


def write_table(path: Path, name: str, frame: pd.DataFrame) -> None:
    """Write a ledger table as Parquet, synced to disk. Raises ``OSError`` and ``ValueError``."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pandas(typed(name, frame), preserve_index=False)
    with naming(path):
        pq.write_table(table.replace_schema_metadata(None), path, compression="zstd")
    sync_file(path)


def read_table(name: str, path: Path) -> pd.DataFrame:
    """Read what ``write_table`` wrote. Raises ``OSError``."""
    return read_tables(name, [path])


def read_tables(name: str, paths: Sequence[Path]) -> pd.DataFrame:
    """Read what ``write_table`` wrote to some files, one after the other, as ``typed`` has it.

    A column that a file lacks, because an earlier program wrote it, is null. Raises ``OSError``.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.dataset as ds

    schema = pa.schema([(column, pa.type_for_alias(_ARROW[kind])) for column, kind in COLUMNS[name].items()])
    tables = ds.dataset([str(path) for path in paths], schema=schema, format="parquet")
    frame: pd.DataFrame = tables.to_table().to_pandas(types_mapper=pd.ArrowDtype)
    return frame


@dataclass(frozen=True)
class Staged:
    """A batch in the making: its folder under the run holds ``<dataset>.parquet`` and ``ledger/``."""

    folder: Path
    batch: Batch

    def data_path(self, dataset: str) -> Path:
        return self.folder / f"{dataset}.parquet"

    def ledger_path(self, table: str) -> Path:
        return self.folder / "ledger" / f"{table}.parquet"


def write_staged(staged: Staged) -> None:
    """Write the staged batch's JSON, last of its parts."""
    write_json(staged.folder / "batch.json", staged.batch.__dict__)


def read_staged(folder: Path) -> Staged | None:
    """The staged batch of a run; ``None`` if it took nothing in."""
    path = folder / "batch.json"
    return Staged(folder, Batch(**read_json(path))) if path.exists() else None


def clear_orphans(home: Home, ledger: Ledger) -> None:
    """Remove what a run that died in the middle of its commit left without the JSON that makes it count."""
    for path in home.landing.glob("*/*.parquet"):
        if path.stem.isdigit() and int(path.stem) > ledger.number:
            path.unlink()
    for folder in home.ledger.glob("*"):
        if folder.name.isdigit() and int(folder.name) > ledger.number:
            shutil.rmtree(folder)
    for path in home.people_names.glob("*.parquet"):
        if path.stem.isdigit() and int(path.stem) > ledger.number:
            path.unlink()


def commit(home: Home, staged: Staged) -> None:
    """Make a staged batch count: its files first, its JSON last. Raises ``OSError``.

    Files are moved within the home, so that each step is one rename; a crash before the last one leaves
    orphans that the next run clears.
    """
    batch = staged.batch
    for dataset in batch.data:
        folder = home.landing / dataset
        folder.mkdir(exist_ok=True)
        faults.point("commit.data")
        staged.data_path(dataset).replace(folder / f"{batch.name}.parquet")
        sync_folder(folder)
    target = home.ledger / batch.name
    target.mkdir()
    for table in (*SNAPSHOTS, *INCREMENTS):
        faults.point("commit.ledger")
        staged.ledger_path(table).replace(target / f"{table}.parquet")
    sync_folder(target)
    for folder in (home.ledger, home.landing):
        sync_folder(folder)
    faults.point("commit.before_list")
    write_json(home.batches / f"{batch.name}.json", batch.__dict__)
    faults.point("commit.after_list")
    open_up(home, batch)


def open_up(home: Home, batch: Batch) -> None:
    """Move files of the batch that were shown free of people's data out of the restricted part."""
    restricted = {file["sha256"] for file in batch.files if file["restricted"]}
    for file in batch.files:
        if file["sha256"] and file["sha256"] not in restricted:
            home.open_up(file["sha256"])
