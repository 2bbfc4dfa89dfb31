"""Files become frames of text.

Whatever format a file has, what leaves here is text as it stood in the cells, so that the suites in
``expectations/`` judge one thing only and an auditor finds in the archive what was judged. Nothing here knows
a rule of a row. Source: docs/contract/inputs.md (Deliveries), docs/architecture.md (From reader to door).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pandas as pd

Format = Literal["csv", "json", "jsonl", "parquet", "xlsx", "unknown"]

MAX_FILE_BYTES = 200_000_000
"""Default limit of one file (docs/contract/inputs.md, Deliveries)."""


@dataclass(frozen=True)
class FileIdentity:
    """What a file is by its name alone: a dataset's name, ``workbook`` or ``unknown``, and its format."""

    dataset: str
    format: Format


@dataclass(frozen=True)
class FileProblem:
    """Why a file, or one table of it, can't be taken: a stable code and a sentence that says what to do."""

    code: str
    sentence: str


@dataclass(frozen=True)
class Table:
    """Rows of one dataset in one file or sheet.

    ``frame``: ``str`` columns named by trimmed, case-folded header, missing cells ``""``, cells trimmed, plus
    ``_row`` (int64, the row number of contract.PROVENANCE) and ``_cells`` (int64, number of cells the row had).
    ``header``: the column names of the file, trimmed and case-folded, in order.
    ``problem``: why this table can't be taken; its frame may then hold anything.
    """

    dataset: str
    sheet: str | None
    frame: pd.DataFrame = field(repr=False)
    header: tuple[str, ...] = field(repr=False)
    problem: FileProblem | None = None

    @property
    def header_only(self) -> bool:
        """A header with no row below it: the dataset counts as delivered."""
        return self.problem is None and self.frame.empty


@dataclass(frozen=True)
class FileContent:
    """What a file holds. A file that can't be read has ``problem`` and no tables.

    ``ignored_sheets`` counts the sheets that are no dataset; their names may be anybody's and are not kept.
    ``personal_properties``: the workbook's document properties hold text that could name a person.
    """

    format: Format
    tables: tuple[Table, ...] = ()
    ignored_sheets: int = 0
    problem: FileProblem | None = None
    personal_properties: bool = False


def classify(name: str) -> FileIdentity:
    """What a file called ``name`` is, before anything reads it. Only the last part of a path counts."""
    raise NotImplementedError


def masked_name(name: str, sha256: str) -> str:
    """The name under which a restricted file is shown: its own may name a person."""
    raise NotImplementedError


def read(path: Path, name: str, max_bytes: int = MAX_FILE_BYTES) -> FileContent:
    """Read the file at ``path`` that was delivered as ``name``.

    A file that can't be read is an answer (``FileContent.problem``), not an exception; ``OSError`` is raised
    where the archive itself can't be read.
    """
    raise NotImplementedError
