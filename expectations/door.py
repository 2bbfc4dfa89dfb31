"""The door: judges what was delivered, and types what passed.

The suites in this package say what is right; this module applies them with Great Expectations, quarantines
the rows that Great Expectations names, and turns the rest into the landing's typed rows. People's data ends
here (docs/contract/semantics.md, People). Source: docs/contract/inputs.md (What a bad input gets),
docs/architecture.md (From reader to door).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

import pandas as pd
import pyarrow as pa

from expectations.taken import Taken
from sources.reading import FileProblem, Table

KEY_SEPARATOR = "\x1f"
"""Between the parts of a key of several columns (``article7_answers``) in ``Context.known_keys``."""


@dataclass(frozen=True)
class DeliveredTable:
    """A table as it was delivered.

    ``file_name`` is the name that may be shown (masked if restricted). ``first_seq`` is the
    ``delivery_seq`` of the table's first row; row i (0-based, in frame order) has ``first_seq + i``.
    ``is_new``: a file of this run, as against an earlier one read again for the rows ``only_rows``
    (``_row`` numbers) that waited or were quarantined: only these are judged, counted and loaded, and the
    share limit ignores them. ``source``: the reader (sources/readers.py) whose file it is; empty for a
    canonical delivery and a workbook.
    """

    table: Table
    file_sha256: str
    file_name: str
    first_seq: int
    is_new: bool = True
    source: str = ""
    only_rows: frozenset[int] | None = None


@dataclass(frozen=True)
class Limits:
    """When a dataset as a whole isn't trusted (docs/contract/inputs.md, What a bad input gets)."""

    quarantined_rows: int = 5
    quarantined_share: float = 0.20
    volume_low: float = 0.5
    volume_high: float = 2.0
    volume_rows: int = 20


class Lost(Exception):
    """Work that was begun elsewhere gave nothing."""


class Begun(Protocol):
    """Work that was begun elsewhere."""

    def result(self, patience: float) -> Any:
        """What it gave, once. Raises ``Lost`` where it gave nothing in so many seconds."""

    def stop(self) -> None:
        """End it, if it still goes on."""


@dataclass(frozen=True)
class Context:
    """What the door has to know besides the delivery.

    ``indicators``: (plan_version, indicator_id, rule) of every plan known. ``known_keys``: dataset -> keys
    of all versions in the landing, as text; the parts of a key of several columns joined by
    ``KEY_SEPARATOR`` in the order of ``Dataset.key``. The mapping may be lazy; a dataset missing from it
    has no rows. ``state_names``: name -> iso3 of the ``states`` rows in the landing. ``meeting_starts``:
    meeting_id -> starts_on of the counting ``meetings`` rows in the landing. ``contributions``: the
    counting rows in the landing: contribution_id, iso3, year (int), kind, amount (Decimal). ``delivered``:
    datasets delivered before this run. ``last_volumes``: dataset -> rows loaded when last delivered.
    ``people_key``: secret key of people's hashes. ``people_names``: normalised names of persons in earlier
    registers. ``landed``: from a dataset's name to all its versions in the landing (landing columns and
    ``_source``, the reader whose file gave the row, else empty); asked only where a source speaks.
    ``apart``: begins work in a copy of this process (flows/apart.py), or raises ``OSError``; a large dataset
    is judged in one, if there is a way.
    """

    today: date
    plan_version: str
    indicators: Collection[tuple[str, str, str]]
    people_key: bytes = field(repr=False)
    known_keys: Mapping[str, Collection[str] | pa.Array] = field(default_factory=dict, repr=False)
    state_names: Mapping[str, str] = field(default_factory=dict, repr=False)
    meeting_starts: Mapping[str, date] = field(default_factory=dict, repr=False)
    contributions: pd.DataFrame | None = field(default=None, repr=False)
    delivered: Collection[str] = ()
    last_volumes: Mapping[str, int] = field(default_factory=dict)
    people_names: Collection[str] | pa.Array = field(default=(), repr=False)
    landed: Callable[[str], pd.DataFrame] | None = field(default=None, repr=False)
    limits: Limits = Limits()
    apart: Callable[[Callable[[], Any]], Begun] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Problem:
    """A check that blocks the run. ``outcome`` is ``fail``, or ``error`` where the check itself broke."""

    check_code: str
    dataset: str
    sentence: str
    outcome: str = "fail"


@dataclass(frozen=True)
class Verdict:
    """What the door decided (docs/architecture.md, From reader to door). No value of a person's is in it,
    apart from ``people_names``, which is for the restricted index alone and never shown.

    ``taken``: dataset -> its accepted rows with ``landing_columns``, portion by portion, each in order of
    delivery; all datasets are there. ``accepted``: the same as whole Arrow tables.
    ``quarantined``: dataset, file_sha256, file_name, sheet, row_number, place, delivery_seq, column_name,
    check_code, sentence, value, waiting; a line for each row and failed check. ``balance``:
    file_sha256, file_name, sheet, dataset, rows_read, rows_loaded, rows_duplicate, rows_quarantined
    (waiting included), rows_waiting; a line for each table. For a table read again it counts
    ``only_rows``. ``results``: columns of ``audit.validation_results`` without ``run_id``.
    ``validations``: Great Expectations' own results, JSON-able, without values: {"dataset", "suite",
    "result"}. ``header_only``: datasets of which this run took a file with only a header.
    ``tables_refused``: (file_sha256, dataset, sheet or None) of tables that could not be taken.
    ``lost``: dataset -> why what judged it apart gave nothing, so that it was judged here after all.
    ``restricted_files``: SHA-256 of files that hold people's data (a register, unknown columns, a name in
    a text).
    """

    taken: Mapping[str, Taken] = field(repr=False)
    quarantined: pd.DataFrame = field(repr=False)
    balance: pd.DataFrame = field(repr=False)
    results: pd.DataFrame = field(repr=False)
    problems: tuple[Problem, ...]
    validations: list[dict[str, Any]] = field(repr=False)
    header_only: frozenset[str]
    tables_refused: frozenset[tuple[str, str, str | None]]
    restricted_files: frozenset[str]
    people_names: pa.Array = field(repr=False)
    lost: Mapping[str, str] = field(default_factory=dict)

    @property
    def accepted(self) -> dict[str, pa.Table]:
        """dataset -> all its accepted rows."""
        return {name: taken.table() for name, taken in self.taken.items()}


def judge(deliveries: Sequence[DeliveredTable], context: Context) -> Verdict:
    """Judge all tables of a run, dataset by dataset (parents first), and type what passed.

    ``deliveries`` come in order of delivery. Raises ``RuntimeError`` where typing fails for a row that
    passed all checks, or where the door itself breaks: a defect, not bad data. Its message holds no cell.
    """
    # Great Expectations takes seconds to import; whoever only needs the shapes above doesn't pay for it.
    from expectations.late import import_the_door

    import_the_door()
    from expectations.bench import Bench

    return Bench(deliveries, context).verdict()


def problem_result(
    problem: FileProblem, subject: str, file_sha256: str, file_name: str, sheet: str | None = None
) -> dict[str, Any]:
    """The line of ``Verdict.results`` for a file or sheet that could not be read."""
    return {
        "check_code": problem.code,
        "engine": "reader",
        "subject": subject,
        "file_sha256": file_sha256,
        "file_name": file_name,
        "sheet": sheet,
        "column_name": None,
        "guards": "What can't be read whole is not read in part.",
        "dimension": "validity",
        "severity": "quarantine",
        "outcome": "fail",
        "rows_checked": 0,
        "rows_failing": 0,
        "sample_rows": "[]",
        "sentence": problem.sentence,
    }
