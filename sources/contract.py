"""The contract of the thirteen datasets, read from ``sources/<dataset>/source.yml``.

One declaration serves everyone: the reader takes its columns by name, the suites take types and
vocabularies, the landing takes its schema and dbt its source tables from here, so that no second
list of columns exists. Source of each rule: docs/contract/inputs.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

SOURCES = Path(__file__).resolve().parent

ColumnType = Literal["id", "text", "word", "date", "year", "decimal", "yes_no", "iso3"]

SQL_TYPES: dict[str, str] = {
    "id": "varchar",
    "text": "varchar",
    "word": "varchar",
    "iso3": "varchar",
    "date": "date",
    "year": "integer",
    "decimal": "decimal(18,2)",
    "yes_no": "boolean",
}
"""SQL type in the landing of each type of the contract; all exist on DuckDB and on Spark."""


@dataclass(frozen=True)
class Column:
    """A column of a dataset.

    ``words`` is the vocabulary of a ``word``; ``references`` names ``dataset.column``; ``people``
    marks what serves only to tell persons apart and never reaches the landing.
    """

    name: str
    type: ColumnType
    description: str
    required: bool = False
    key: bool = False
    words: tuple[str, ...] = ()
    references: str | None = None
    people: bool = False
    unit: str | None = None

    @property
    def sql_type(self) -> str:
        return SQL_TYPES[self.type]


COMMON = (
    Column(
        "received_on",
        "date",
        "The day on which the secretariat received this information; what is known on a day is judged by it.",
        required=True,
    ),
    Column(
        "record_status",
        "word",
        "active (if empty), or retracted: the record is gone from the day this was received.",
        words=("active", "retracted"),
    ),
    Column("source_ref", "text", "Document symbol or address, with page or section."),
)
"""The columns that every dataset has besides its own."""

PROVENANCE = (
    ("delivery_seq", "bigint", "Place of the row in the order of delivery; rises over the life of a home."),
    ("file_sha256", "varchar", "SHA-256 of the file that held the row."),
    ("file_name", "varchar", "Name of that file; masked where it could name a person."),
    ("sheet", "varchar", "Sheet of a workbook; null for other files."),
    (
        "row_number",
        "bigint",
        "Row in the file: 2 is the first row below the header of a CSV file or sheet, "
        "1 the first object of JSON or the first row of Parquet, the line of JSONL.",
    ),
    (
        "place",
        "varchar",
        "Where in the file the row stands, in words: table 1, row 17 or coding!F12; "
        "null where sheet and row number say it.",
    ),
)
"""Name, SQL type and meaning of what the landing adds to each row."""

PEOPLE_KEYS = (
    ("person_key", "varchar", "Keyed hash of the normalised full name within the delegation."),
    ("organization_key", "varchar", "Keyed hash of the normalised organization; null for a state."),
)
"""What takes the place of names in the landing of a dataset that holds people's data."""


@dataclass(frozen=True)
class Freshness:
    """Age in days of the newest row beyond which people are told: that it is old, and that it is too old."""

    warn_days: int
    error_days: int

    def __post_init__(self) -> None:
        if not 0 < self.warn_days < self.error_days:
            raise ValueError(f"warn_days must be above 0 and below error_days: {self}")


@dataclass(frozen=True)
class Dataset:
    """A dataset: its name, what it is, and its columns (own first, then the common ones)."""

    name: str
    title: str
    description: str
    publisher: str
    cadence: str
    required: bool
    holds_people: bool
    own_columns: tuple[Column, ...]
    quirks: tuple[str, ...] = ()
    freshness: Freshness | None = None

    @property
    def columns(self) -> tuple[Column, ...]:
        return (*self.own_columns, *COMMON)

    @property
    def key(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.own_columns if c.key)

    @property
    def required_columns(self) -> tuple[str, ...]:
        """Columns without which a file can't be read as this dataset."""
        return tuple(c.name for c in self.columns if c.required)

    def column(self, name: str) -> Column:
        """The column of that name. Raises ``KeyError``."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name!r}")

    @property
    def landing_columns(self) -> tuple[tuple[str, str], ...]:
        """Name and SQL type of each landing column, in order, provenance last."""
        own = [(c.name, c.sql_type) for c in self.columns if not c.people]
        keys = [(n, t) for n, t, _ in PEOPLE_KEYS] if self.holds_people else []
        return (*own, *keys, *((n, t) for n, t, _ in PROVENANCE))


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The safe loader of YAML, in C where the library has it: ten times as fast."""


def _column(raw: dict[str, object]) -> Column:
    known = {"name", "type", "description", "required", "key", "words", "references", "people", "unit"}
    if unknown := set(raw) - known:
        raise ValueError(f"unknown settings {sorted(unknown)} of column {raw.get('name')!r}")
    values = {**raw, "words": tuple(raw.get("words", ()))}  # type: ignore[arg-type]
    return Column(**values)  # type: ignore[arg-type]


def declared(path: Path) -> dict[str, Any]:
    """What a ``source.yml`` says. Raises ``OSError`` and ``yaml.YAMLError``."""
    found: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)
    return found


@cache
def datasets() -> dict[str, Dataset]:
    """All datasets by name, each after the datasets that it refers to.

    Raises ``ValueError`` where a declaration has an unknown setting.
    """
    found: dict[str, Dataset] = {}
    for path in sorted(SOURCES.glob("*/source.yml")):
        raw = declared(path)
        if "dataset" not in raw:
            continue
        found[raw["dataset"]] = Dataset(
            name=raw["dataset"],
            title=raw["title"],
            description=raw["description"],
            publisher=raw["publisher"],
            cadence=raw["cadence"],
            required=raw["required"],
            holds_people=raw["holds_people"],
            own_columns=tuple(_column(c) for c in raw["columns"]),
            quirks=tuple(raw.get("quirks", ())),
            freshness=Freshness(**raw["freshness"]) if "freshness" in raw else None,
        )
    ordered: dict[str, Dataset] = {}

    def place(name: str) -> None:
        if name in ordered:
            return
        for column in found[name].own_columns:
            if column.references and (parent := column.references.split(".")[0]) != name:
                place(parent)
        ordered[name] = found[name]

    for name in found:
        place(name)
    return ordered
