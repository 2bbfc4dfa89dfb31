"""What a night is told of the publication before, so that it can say why a value moved.

The reasons themselves are SQL (``dbt_project``: int_row_changes, int_record_bearings, int_changed_values,
int_revision_causes, indicator_revisions); nothing of them stands here. ``fill_previous`` makes the tables
they read in the schema ``control`` (docs/architecture.md, What dbt reads; decision 008).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows import plans
from flows.errors import UsageProblem
from flows.files import read_json
from flows.home import Home
from flows.ledger import Ledger

if TYPE_CHECKING:
    import duckdb

PREVIOUS = {
    "previous_settings": "as_of date, batch bigint, is_same_definition boolean",
    "previous_values": "reporting_year integer, plan_version varchar, indicator_id varchar, "
    "breakdown varchar, breakdown_value varchar, numerator bigint, denominator bigint, value double, "
    "status varchar",
    "previous_observations": "reporting_year integer, plan_version varchar, indicator_id varchar, "
    "member_kind varchar, member_key varchar, iso3 varchar, in_denominator boolean, in_numerator boolean, "
    "reason varchar",
    "previous_states": "iso3 varchar, un_region varchar",
    "previous_empty_deliveries": "dataset varchar",
    "row_batches": "dataset varchar, delivery_seq bigint, batch bigint",
}
"""Tables of schema ``control`` that tell of the publication before, with their columns; all empty for a first
publication."""

_PUBLISHED = {
    "previous_values": "indicator_values",
    "previous_observations": "indicator_observations",
    "previous_states": "dim_state",
}


@dataclass(frozen=True)
class Previous:
    """The publication before. ``parquet``: its tables' folder; ``definition``: as by ``definition_of``."""

    as_of: date
    batch: int
    parquet: Path
    definition: tuple[str, str | None]


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


def previous_of(folder: Path, manifest: Mapping[str, Any]) -> Previous:
    """A publication as the one before, from its folder and its manifest."""
    return Previous(
        as_of=date.fromisoformat(manifest["as_of"]),
        batch=int(manifest["batch"]),
        parquet=folder / "parquet",
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


def fill_previous(
    connection: duckdb.DuckDBPyConnection,
    previous: Previous | None,
    definition: tuple[str, str | None],
    headers: Sequence[str] = (),
    batches: Mapping[str, Sequence[tuple[Path, int]]] | None = None,
) -> None:
    """Make the tables of ``PREVIOUS`` in the schema ``control``, empty without a publication before.

    ``definition``: what the publication in the making is computed by; ``headers``: datasets of which the one
    before knew a file with only its header; ``batches``: for each dataset the landing files, each with its
    batch, that came after the earlier of both publications. Raises ``duckdb.Error``.
    """
    for table, columns in PREVIOUS.items():
        connection.execute(f"create table control.{table} ({columns})")
    if previous is None:
        return
    connection.execute(
        "insert into control.previous_settings values (?, ?, ?)",
        [previous.as_of, previous.batch, previous.definition == definition],
    )
    for table, published in _PUBLISHED.items():
        columns = ", ".join(column.split()[0] for column in PREVIOUS[table].split(", "))
        connection.execute(
            f"insert into control.{table} select {columns} from read_parquet(?)",
            [str(previous.parquet / f"{published}.parquet")],
        )
    for dataset in headers:
        connection.execute("insert into control.previous_empty_deliveries values (?)", [dataset])
    for dataset, files in (batches or {}).items():
        for path, batch in files:
            connection.execute(
                "insert into control.row_batches select ?, delivery_seq, ? from read_parquet(?)",
                [dataset, batch, str(path)],
            )
