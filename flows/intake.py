"""From the archive to a staged batch: read files, have the door judge them, write down what became of each.

New and pending files are judged as a whole, and what ``rereading`` names of earlier batches again;
``standing`` says how everything stands then. What is taken in is written aside here
(docs/architecture.md, A night).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from expectations.door import DeliveredTable, judge
from flows import faults, parts, plans
from flows.archive import Entry
from flows.files import naming, sync_file
from flows.home import Home
from flows.knowledge import context, source_of
from flows.ledger import Ledger, Staged, TableKey, write_staged, write_table
from flows.received import ReadFile, Received, read_file, settle_names
from flows.rereading import Again, Retry
from flows.standing import Assessment, written_down
from sources.reading import masked_name


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
    settle: Callable[[], None] | None = None,
) -> Assessment:
    """Read and judge ``files``, and again what ``retry`` names of earlier batches; changes nothing on disk.

    ``repeated``: files that were delivered again, to be listed; ``settle``: see ``knowledge.context``.
    Raises ``OSError`` where the archive can't be read and ``RuntimeError`` where the door finds a defect of
    its own.
    """
    reads = _read_files(home, files)
    again = Again.of(home, ledger, retry)
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
            deliveries.append(
                DeliveredTable(
                    table,
                    file.entry.sha256,
                    masked,
                    first_seq,
                    is_new=file.is_new,
                    source=source_of(file.entry.dataset),
                )
            )
    deliveries.sort(key=lambda d: d.first_seq)
    faults.point("judge.before_door")
    verdict = judge(deliveries, context(home, ledger, today, people_key, settle))
    faults.point("judge.after_door")
    settle_names(reads, verdict)
    return written_down(
        ledger,
        reads,
        again,
        verdict,
        placed=placed,
        run_id=run_id,
        as_of=as_of,
        last_seq=last_seq,
        repeated=repeated,
        rules=plans.fingerprint(home),
    )


def _read_files(home: Home, files: Sequence[Received]) -> list[ReadFile]:
    """What the files hold, in their order. Raises as ``read_file``.

    What was read in parts is only looked at and packed, by Arrow, in two threads; other files are read one
    after another by the one process that reads.
    """
    if not parts.folder(home).exists():
        return [read_file(home, item) for item in files]
    with ThreadPoolExecutor(max_workers=2, thread_name_prefix="read back") as pool:
        return list(pool.map(partial(read_file, home), files))


def stage(home: Home, folder: Path, assessment: Assessment, acceptances: pd.DataFrame) -> Staged:
    """Write a batch aside: data, ledger tables, the persons' names (restricted), its JSON last."""
    staged = Staged(folder, assessment.batch)
    (folder / "ledger").mkdir(parents=True, exist_ok=True)
    for dataset in assessment.batch.data:
        faults.point("stage.data")
        with naming(staged.data_path(dataset)):
            _write_rows(assessment, dataset, staged.data_path(dataset))
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


def _write_rows(assessment: Assessment, dataset: str, path: Path) -> None:
    """Write the accepted rows of a dataset as Parquet, a row group for each portion. Raises ``OSError``.

    Numbers that rise from row to row are written as differences: a third of the bytes, which every night's
    build reads in a sixth of the time. The least and largest text of each column, which take as long as all
    else, nobody asks for.
    """
    writer: pq.ParquetWriter | None = None
    try:
        for rows in assessment.landing_rows(dataset):
            if writer is None:
                rising = dict.fromkeys(("delivery_seq", "row_number"), "DELTA_BINARY_PACKED")
                texts = [field.name for field in rows.schema if pa.types.is_dictionary(field.type)]
                # Without Arrow's own schema: texts come back as texts, not as dictionaries.
                writer = pq.ParquetWriter(
                    path,
                    rows.schema,
                    compression="zstd",
                    store_schema=False,
                    use_dictionary=[name for name in rows.schema.names if name not in rising],
                    column_encoding=rising,
                    write_statistics=[name for name in rows.schema.names if name not in texts],
                )
            writer.write_table(rows)
    finally:
        if writer is not None:
            writer.close()
