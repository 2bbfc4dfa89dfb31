"""How things stand after a verdict: files, balances, quarantined rows, refusals, of all batches.

The tables of the ledger say how everything stands, not only what this run found, so that what was judged
again takes the place of what was written about it before (docs/architecture.md, Tables of audit).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from expectations.door import Problem, Verdict
from flows.archive import NOTICES, Entry
from flows.home import timestamp
from flows.ledger import COLUMNS, Batch, Ledger, typed
from flows.program import program_version
from flows.received import ReadFile, moment
from flows.rereading import Again
from sources.reading import FileContent, Table, masked_name

UNKNOWN_NAME = (
    "Its name is not that of a dataset: it is kept and not loaded. Call it as its dataset, such as "
    "states.csv or states--2026.csv; also .json, .jsonl, .parquet or .xlsx."
)
UNKNOWN_SHEETS = (
    "Its sheets are not named after a dataset: it is kept and not loaded. Name each sheet as its dataset."
)


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
    shown_names: Mapping[str, str] = field(repr=False)
    """SHA-256 -> the file's name as it may be shown."""

    @property
    def quarantines(self) -> bool:
        """Whether a row or a file of what was judged is quarantined, wholly or in part."""
        outcomes = self.judged_files["outcome"].isin(["quarantined", "partly_loaded"])
        return len(self.judged_quarantined) > 0 or bool(outcomes.any())

    def landing_rows(self, dataset: str) -> Iterator[pa.Table]:
        """Accepted rows of a dataset as the landing holds them, portion by portion."""
        for portion in self.verdict.taken[dataset].portions():
            yield shown_rows(portion, self.shown_names)


def written_down(
    ledger: Ledger,
    reads: list[ReadFile],
    again: Again,
    verdict: Verdict,
    *,
    placed: dict[int, list[dict[str, Any]]],
    run_id: str,
    as_of: date,
    last_seq: int,
    repeated: Sequence[Entry],
    rules: str,
) -> Assessment:
    """The ledger's tables and the batch's list as they stand after the verdict.

    ``placed``: for each of ``reads``, by its number, its tables with their places in the order of delivery;
    ``repeated``: files that were delivered again; ``rules``: fingerprint of what judged them.
    Raises ``OSError`` where the ledger can't be read.
    """
    number = ledger.number + 1
    names = {file.entry.sha256: file.shown_name for file in reads}
    old_files = ledger.table("files")
    taken = old_files[old_files["file_sha256"].notna() & (old_files["outcome"] != "already_delivered")]
    names = {**dict(zip(taken["file_sha256"], taken["file_name"], strict=True)), **names}
    judged_balance = typed("row_balance", pd.concat([_shown(verdict.balance, names), _unread(reads)]))
    tables = [(f.entry.sha256, t) for f in reads if f.content for t in f.content.tables]
    tables += [(delivery.file_sha256, delivery.table) for delivery in again.deliveries]
    judged_quarantined = typed("quarantined_rows", _with_cells(_shown(verdict.quarantined, names), tables))
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
        rules_fingerprint=rules,
        program_version=program_version(),
        files=[_batch_file(file, placed[i]) for i, file in enumerate(reads)],
        refused=refused,
        header_only=sorted(verdict.header_only),
        loaded=_loaded(judged_balance, reads),
        data=sorted(name for name, taken in verdict.taken.items() if taken.rows),
    )
    return Assessment(
        verdict=replace(verdict, problems=(*verdict.problems, *_blocking_findings(reads))),
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
        shown_names=names,
    )


def _shown(frame: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """The frame with the names that may be shown; a line about no file keeps none."""
    return frame.assign(file_name=frame["file_sha256"].map(names).astype(object))


def _with_cells(quarantined: pd.DataFrame, tables: Sequence[tuple[str, Table]]) -> pd.DataFrame:
    """The frame with the cell as ``place`` (``states!C12``) where a cell of a spreadsheet fails."""
    letters = pd.DataFrame(
        [
            (sha256, table.dataset, table.sheet, column, letter)
            for sha256, table in tables
            for column, letter in table.letters.items()
        ],
        columns=["file_sha256", "dataset", "sheet", "column_name", "letter"],
    ).drop_duplicates(["file_sha256", "dataset", "sheet", "column_name"])
    if letters.empty or quarantined.empty:
        return quarantined
    keys = ["file_sha256", "dataset", "sheet", "column_name"]
    found = quarantined[keys].astype(object).merge(letters.astype(object), on=keys, how="left")
    letter = found["letter"].set_axis(quarantined.index).astype("string")
    row = quarantined["row_number"].astype("Int64").astype("string")
    cell = quarantined["sheet"].astype("string") + "!" + letter + row
    return quarantined.assign(place=cell.fillna(quarantined["place"].astype("string")))


def shown_rows(portion: pa.Table, names: Mapping[str, str]) -> pa.Table:
    """A portion of accepted rows (expectations.taken) with the file names that may be shown."""
    place = portion.schema.get_field_index("file_name")
    files = portion.column("file_sha256").combine_chunks()
    hashes = pa.array(list(names), pa.string())
    shown = pa.array(list(names.values()), pa.string())
    texts = shown.take(pc.index_in(files.dictionary, value_set=hashes))
    column = pa.DictionaryArray.from_arrays(files.indices, texts)
    return portion.set_column(place, portion.schema.field(place), column)


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
    before: pd.DataFrame, judged: pd.DataFrame, again: Again, reads: list[ReadFile]
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
    before: pd.DataFrame, judged: pd.DataFrame, again: Again, reads: list[ReadFile]
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
        if content.template:
            return "unknown_file", "No sheet of this template holds a row: nothing was delivered by it."
        return "unknown_file", UNKNOWN_NAME if content.format == "unknown" else UNKNOWN_SHEETS
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
                "source": file.entry.source,
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
            "source": entry.source,
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
    # A source repeats itself: what it brought again is part of the usual volume.
    brought = (lines["rows_loaded"] + lines["rows_duplicate"]).groupby(lines["dataset"]).sum()
    return {str(name): int(rows) for name, rows in brought.items()}
