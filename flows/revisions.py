"""What a night is told of the publication before, so that it can say why a value moved.

The reasons themselves are SQL (``dbt_project``: int_row_changes, int_record_bearings, int_changed_values,
int_revision_causes, indicator_revisions); nothing of them stands here. ``fill_previous`` makes the tables
they read in the schema ``control`` (docs/architecture.md, What dbt reads; decision 008).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows import plans
from flows.build import Dbt, Settings
from flows.counterfactual import TABLES, CompiledFigures, compiled_figures, figures
from flows.errors import UsageProblem
from flows.files import read_json
from flows.home import Home
from flows.ledger import Ledger
from flows.plans import Plan
from flows.program import figures_version
from flows.spark import DUCKDB

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_VALUES = (
    "reporting_year integer, plan_version varchar, indicator_id varchar, breakdown varchar, "
    "breakdown_value varchar, numerator bigint, denominator bigint, value double, status varchar"
)
_MEMBERS = (
    "reporting_year integer, plan_version varchar, indicator_id varchar, breakdown varchar, "
    "breakdown_value varchar, member_kind varchar, member_key varchar, iso3 varchar, in_numerator boolean, "
    "in_denominator boolean"
)
_PAYMENT_LIMITS = "reporting_year integer, limit_on date"

PREVIOUS = {
    "previous_settings": "as_of date, batch bigint, is_same_definition boolean",
    "previous_values": _VALUES,
    "redefined_values": _VALUES,
    "values_before": _VALUES,
    "values_after": _VALUES,
    "members_before": _MEMBERS,
    "members_after": _MEMBERS,
    "payment_limits_before": _PAYMENT_LIMITS,
    "payment_limits_after": _PAYMENT_LIMITS,
    "previous_empty_deliveries": "dataset varchar",
    "row_batches": "dataset varchar, delivery_seq bigint, batch bigint",
}
"""Tables of schema ``control`` that tell of the publication before, with their columns; all empty for a first
publication.

``redefined_values``: the figures of the publication before by the definition of the one in the making, empty
where that is the same. ``…_before`` and ``…_after``: what the figures of the later of both days are by the
rows that the one before, and the one in the making, knows; ``…_after`` is empty where that day is its own."""


@dataclass(frozen=True)
class Previous:
    """The publication before. ``parquet``: its tables' folder, or ``None`` to have its values computed again
    by this program, with the ``plans`` that it saw; ``definition``: as by ``definition_of``."""

    as_of: date
    batch: int
    parquet: Path | None
    definition: tuple[str, str | None]
    plans: tuple[Plan, ...] = ()


def definition_of(manifest: Mapping[str, Any]) -> tuple[str, str | None]:
    """What fixes how figures are computed, from a manifest: the plan version and the version of the SQL."""
    return str(manifest["plan_version"]), plans.definition(
        manifest.get("figures_version"), manifest.get("plans", {})
    )


def manifest_of(home: Home, publication_id: str) -> dict[str, Any]:
    """The manifest of a publication. Raises ``UsageProblem`` if there is none that can be read."""
    path = home.publications / publication_id / "evidence" / "manifest.json"
    try:
        if Path(publication_id).name != publication_id or publication_id.startswith("."):
            raise FileNotFoundError
        manifest: dict[str, Any] = read_json(path)
    except (OSError, ValueError) as error:
        known = sorted(p.name for p in home.publications.glob("[!.]*")) if home.publications.is_dir() else []
        raise UsageProblem(
            f"there is no publication {publication_id!r} whose manifest can be read",
            where=str(home.publications),
            next_step=f"Known here: {', '.join(known[-5:]) or 'none'}",
        ) from error
    return manifest


def previous_of(folder: Path | None, manifest: Mapping[str, Any]) -> Previous:
    """A publication as the one before, from its manifest, and its folder if its tables are to be read."""
    return Previous(
        as_of=date.fromisoformat(manifest["as_of"]),
        batch=int(manifest["batch"]),
        parquet=folder / "parquet" if folder else None,
        definition=definition_of(manifest),
    )


def current(home: Home) -> Previous | None:
    """The current publication as the one before the next; ``None`` where nothing is published."""
    folder, manifest = home.current_publication(), home.manifest()
    return None if folder is None or manifest is None else previous_of(folder, manifest)


def resolve(home: Home, publication_id: str) -> str:
    """The id of a publication; ``published`` names the current one. Raises ``UsageProblem`` without one."""
    if publication_id != "published":
        return publication_id
    folder = home.current_publication()
    if folder is None:
        raise UsageProblem(
            "nothing is published here yet",
            where=str(home.root),
            next_step="Make a publication with: sraap refresh, or give another home with --home.",
        )
    return folder.name


def landing_batches(ledger: Ledger, batch: int) -> dict[str, list[tuple[Path, int]]]:
    """Landing files of each dataset with their batch, up to a batch, oldest first."""
    found: dict[str, list[tuple[Path, int]]] = {}
    for taken in ledger.batches[:batch]:
        for dataset in taken.data:
            path = ledger.home.landing / dataset / f"{taken.name}.parquet"
            found.setdefault(dataset, []).append((path, taken.number))
    return found


def later_than(
    files: Mapping[str, Sequence[tuple[Path, int]]], batch: int
) -> dict[str, list[tuple[Path, int]]]:
    """Those files that came after a batch."""
    return {dataset: [one for one in found if one[1] > batch] for dataset, found in files.items()}


def header_only(ledger: Ledger, batch: int) -> set[str]:
    """Datasets of which a file with only its header was accepted by that batch."""
    return {dataset for taken in ledger.batches[:batch] for dataset in taken.header_only}


@dataclass(frozen=True)
class Known:
    """What a publication in the making knows. ``files``: landing files of each dataset with their batch, up
    to the later of both publications; ``headers`` and ``headers_before``: datasets of which it, and the one
    before, knows a file with only its header; ``definition``: as by ``definition_of``."""

    settings: Settings
    definition: tuple[str, str | None]
    files: Mapping[str, Sequence[tuple[Path, int]]]
    headers: Sequence[str]
    headers_before: Sequence[str]

    def landing(self, batch: int) -> dict[str, list[Path]]:
        """Landing files up to a batch."""
        return {name: [path for path, taken in found if taken <= batch] for name, found in self.files.items()}


class Before:
    """The figures of a day by the rows that the current publication knew, computed beside other work.

    They rest on nothing that this night brings, so that they need not wait for it.
    """

    def __init__(self, home: Home, ledger: Ledger, settings: Settings, log: Path) -> None:
        """Begin, where something is published by the SQL of this program. ``settings``: of this night."""
        self._asked: tuple[date, str, tuple[Plan, ...]] | None = None
        previous = current(home)
        if previous is None or not _is_kept(home.current_publication()):
            return
        day = max(settings.as_of, previous.as_of)
        self._asked = (day, settings.plan_version, settings.plans)
        known = Known(
            settings=replace(settings, as_of=day),
            definition=previous.definition,
            files=landing_batches(ledger, previous.batch),
            headers=(),
            headers_before=sorted(header_only(ledger, previous.batch)),
        )
        executor = futures.ThreadPoolExecutor(1, "figures before")
        self._figures = executor.submit(_before, home, previous, known, log)
        executor.shutdown(wait=False)

    def wait(self) -> None:
        """Until they are computed, or could not be."""
        if self._asked is not None:
            futures.wait([self._figures])

    def figures(self, *asked: Any) -> dict[str, pa.Table] | None:
        """The figures if they are those that are asked for: day, plan version, plans. Raises what computing
        them raised."""
        return self._figures.result() if asked == self._asked else None


def _before(home: Home, previous: Previous, known: Known, log: Path) -> dict[str, pa.Table]:
    compiled = compiled_by(home, home.current_publication(), log)
    landing = known.landing(previous.batch)
    return figures(compiled, landing, known.settings, known.headers_before, previous.as_of)


def fill_previous(
    connection: duckdb.DuckDBPyConnection,
    previous: Previous | None,
    known: Known,
    compiled: Callable[[], CompiledFigures],
    before: Before | None = None,
) -> None:
    """Make the tables of ``PREVIOUS`` in the schema ``control``, empty without a publication before.

    ``compiled`` is asked for the SQL behind the figures where there is one; ``before``: figures that were
    begun earlier. Raises ``duckdb.Error``.
    """
    for table, columns in PREVIOUS.items():
        connection.execute(f"create table control.{table} ({columns})")
    if previous is None:
        return
    settings = known.settings
    connection.execute(
        "insert into control.previous_settings values (?, ?, ?)",
        [previous.as_of, previous.batch, previous.definition == known.definition],
    )
    if previous.parquet:
        connection.execute(
            f"insert into control.previous_values select {_names('previous_values')} from read_parquet(?)",
            [str(previous.parquet / "indicator_values.parquet")],
        )
    for dataset in known.headers_before:
        connection.execute("insert into control.previous_empty_deliveries values (?)", [dataset])
    for dataset, files in later_than(known.files, min(previous.batch, settings.batch)).items():
        for path, batch in files:
            connection.execute(
                "insert into control.row_batches select ?, delivery_seq, ? from read_parquet(?)",
                [dataset, batch, str(path)],
            )
    _fill_counterfactuals(connection, previous, known, cache(compiled), before)


def _fill_counterfactuals(
    connection: duckdb.DuckDBPyConnection,
    previous: Previous,
    known: Known,
    compiled: Callable[[], CompiledFigures],
    before: Before | None,
) -> None:
    settings = known.settings
    later_day = max(settings.as_of, previous.as_of)

    @cache
    def rows_before(day: date, plan_version: str, seen: tuple[Plan, ...]) -> dict[str, pa.Table]:
        begun = before.figures(day, plan_version, seen) if before else None
        if begun is not None:
            return begun
        then = replace(settings, as_of=day, plan_version=plan_version, plans=seen)
        return figures(compiled(), known.landing(previous.batch), then, known.headers_before, previous.as_of)

    _insert(connection, rows_before(later_day, settings.plan_version, settings.plans), "before")
    if settings.as_of < later_day:
        then = replace(settings, as_of=later_day)
        rows_after = figures(compiled(), known.landing(settings.batch), then, known.headers, settings.as_of)
        _insert(connection, rows_after, "after")
    if previous.definition != known.definition:
        redefined = rows_before(previous.as_of, settings.plan_version, settings.plans)
        _insert_rows(connection, "redefined_values", redefined["values"])
    if not previous.parquet:
        again = rows_before(previous.as_of, previous.definition[0], previous.plans)
        _insert_rows(connection, "previous_values", again["values"])


def _insert(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, pa.Table], side: str) -> None:
    for name, rows in tables.items():
        _insert_rows(connection, f"{name}_{side}", rows)


def _insert_rows(connection: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    connection.register("figures", rows)
    connection.execute(f"insert into control.{table} select {_names(table)} from figures")
    connection.unregister("figures")


def _names(table: str) -> str:
    return ", ".join(column.split()[0] for column in PREVIOUS[table].split(", "))


def _is_kept(folder: Path | None) -> bool:
    """Whether a publication has the SQL behind the figures of this program, compiled for DuckDB."""
    evidence = folder / "evidence" if folder else None
    if evidence is None or not (evidence / "dbt" / "manifest.json").is_file():
        return False
    manifest = read_json(evidence / "manifest.json")
    made_by = (manifest.get("figures_version"), manifest.get("target", DUCKDB))
    return made_by == (figures_version(), DUCKDB)


def compiled_by(home: Home, folder: Path | None, log: Path) -> CompiledFigures:
    """The SQL behind the figures of this program: as a publication in ``folder`` kept it, if the same SQL
    made that one; else compiled by a dbt of its own, for what Spark built was compiled for Spark.

    Raises ``Defect`` if dbt can't compile it.
    """
    if folder is not None and _is_kept(folder):
        return compiled_figures(read_json(folder / "evidence" / "dbt" / "manifest.json"))
    dbt = Dbt(home, log, home.build / "compiling")
    try:
        return compiled_figures(dbt.compile(list(TABLES.values())))
    finally:
        dbt.stop()
