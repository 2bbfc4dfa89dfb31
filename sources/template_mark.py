"""What tells a workbook of ``sraap template`` from any other.

A hidden sheet says for which plan version and reporting year it was made; a sheet is what Excel and
LibreOffice both keep when they save. It changes two things: the template's own sheets are no unknown sheets,
and a sheet of it that nobody wrote in says nothing, where elsewhere a sheet with only its header says that
the dataset has no rows. Source: docs/decisions/018-a-workbook-to-fill-in.md.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

SHEET = "template"
EXPLANATION = "read me"
LISTS = "lists"
OWN_SHEETS = frozenset([SHEET, EXPLANATION, LISTS])
"""Names of the sheets that hold no data, case-folded."""

KEY = "sraap template"
FORMAT = "1"

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,39}")


@dataclass(frozen=True)
class Mark:
    """For which plan version a workbook was made; a word that can be none is given as empty."""

    plan_version: str

    @classmethod
    def of(cls, plan_version: str) -> Mark:
        return cls(plan_version if _PLAIN.fullmatch(plan_version) else "")


def lines(plan_version: str, year: int) -> list[tuple[str, str]]:
    """Cells A and B of the hidden sheet, row by row."""
    return [(KEY, FORMAT), ("plan_version", plan_version), ("reporting_year", str(year))]


def mark_of(rows: Sequence[Sequence[str]]) -> Mark | None:
    """The mark on the hidden sheet, by its cells as text; ``None`` where they are something else."""
    said = {row[0].strip(): row[1].strip() for row in rows[:20] if len(row) > 1}
    if KEY not in said:
        return None
    return Mark.of(said.get("plan_version", ""))
