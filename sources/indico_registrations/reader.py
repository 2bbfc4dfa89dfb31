"""Reads the export of a meeting's registrations that managers take from Indico, as CSV or XLSX.

Which title means what stands in ``columns.csv``: forms change from meeting to meeting, and a change is a row
there. What the layout looks like is told in ``source.yml``.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pandas as pd

from sources.contract import SOURCES
from sources.readers import Finding, Reading, ReadingContext, ReadTable, Unreadable
from sources.registrations import participants
from sources.tabular import decoded
from sources.workbooks import only_sheet

COLUMNS = SOURCES / "indico_registrations" / "columns.csv"

REQUIRED = {"registration_id": "ID", "full_name": "Name", "attended": "Checked in"}
SAID = (
    *("registration_id", "full_name", "email", "delegation_kind", "country", "organization", "gender"),
    *("is_mine_victim", "attended", "state"),
)


@cache
def columns() -> dict[str, str]:
    """Title, case-folded -> what it means, empty for what is known and not read.

    Raises ``ValueError`` where a title has two meanings.
    """
    found: dict[str, str] = {}
    with COLUMNS.open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            title = line["title"].casefold()
            if found.setdefault(title, line["column"]) != line["column"]:
                raise ValueError(f"{COLUMNS.name}: {line['title']!r} means two things")
    return found


def read(path: Path, ending: str, context: ReadingContext) -> Reading:
    """Rows of ``meeting_participants``.

    Raises ``Unreadable`` for a name without a meeting, a file that is no such table, and a table without ID,
    Name or Checked in.
    """
    meeting_id = _meeting(context.name)
    header, *rows = _cells(path, ending)
    table = _table(header, rows)
    findings = _unknown(header)
    said, twice = _said(header, table)
    said["_row"] = table.index
    said["_place"] = "row " + table.index.astype("str")
    said["registration_id"] = (f"{meeting_id}-" + said["registration_id"]).mask(
        said["registration_id"] == "", ""
    )
    findings += twice
    frame, words = participants(
        said.reset_index(drop=True),
        meeting_id=meeting_id,
        received_on=context.received_on.isoformat(),
        letters="IREG",
    )
    return Reading((ReadTable("meeting_participants", "registrations", frame),), (*findings, *words))


def _meeting(name: str) -> str:
    """The meeting that a file's name tells: what stands after the first ``--``."""
    stem = name.replace("\\", "/").rsplit("/", 1)[-1].rpartition(".")[0]
    meeting_id = stem.split("--")[1].strip() if "--" in stem else ""
    if not meeting_id:
        raise Unreadable(
            "IREG-MEETING",
            "The name of the file does not tell the meeting. Call it indico_registrations--<meeting_id>.csv.",
        )
    return meeting_id


def _cells(path: Path, ending: str) -> Sequence[Sequence[str]]:
    if ending == "xlsx":
        cells: Sequence[Sequence[str]] = only_sheet(path).rows
    else:
        text = decoded(path.read_bytes()).decode()
        try:
            cells = list(csv.reader(text.splitlines(keepends=True), delimiter=_delimiter(text), strict=True))
        except csv.Error:
            raise Unreadable(
                "IREG-CSV", "The file is no whole CSV as Indico writes it. Export it again."
            ) from None
    if not cells:
        raise Unreadable("IREG-LAYOUT", "The file holds no header. Export it again.")
    return cells


def _delimiter(text: str) -> str:
    """The comma that Indico writes, or what a spreadsheet that saved the export again put in its place."""
    header = text.partition("\n")[0]
    return max(",;\t", key=header.count)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> pd.DataFrame:
    """Cells by place, indexed by the number of their row; a row of another width has none."""
    width = len(header)
    known = [columns().get(title.strip().casefold()) for title in header]
    if missing := [title for column, title in REQUIRED.items() if column not in known]:
        raise Unreadable(
            "IREG-LAYOUT",
            f"The first row of the export has no column {', '.join(missing)}. Choose it among the columns, "
            "and export again.",
        )
    whole = [list(row) if len(row) == width else [""] * width for row in rows]
    frame = pd.DataFrame(whole, index=range(2, len(rows) + 2), columns=range(width), dtype="str")
    filled = [any(cell.strip() for cell in row) for row in rows]
    return frame[filled].map(str.strip)


def _unknown(header: Sequence[str]) -> list[Finding]:
    """Columns that nobody knows, by their place: their titles may be anybody's words."""
    return [
        Finding(
            "IREG-COLUMN",
            "warn",
            "A column is not known and was not read. Add its title to "
            "sources/indico_registrations/columns.csv, with what it means or with nothing.",
            f"column {place}",
        )
        for place, title in enumerate(header, start=1)
        if title.strip().casefold() not in columns()
    ]


def _said(header: Sequence[str], table: pd.DataFrame) -> tuple[pd.DataFrame, list[Finding]]:
    """The cells by their meaning. Of several cells of one meaning the filled one counts."""
    known = [columns().get(title.strip().casefold(), "") for title in header]
    said = pd.DataFrame("", index=table.index, columns=[*SAID], dtype="str")
    findings = []
    for column in SAID:
        places = [place for place, meaning in enumerate(known) if meaning == column]
        if not places:
            continue
        said[column] = table[places[0]]
        for place in places[1:]:
            other = table[place]
            differs = (other != "") & (said[column] != "") & (other != said[column])
            both = said[column] + " / " + other
            said[column] = said[column].mask(said[column] == "", other).mask(differs, both)
            if differs.any():
                findings.append(
                    Finding(
                        "IREG-TWICE",
                        "warn",
                        f"{int(differs.sum())} row(s) have two different cells for {column}. Both stay; give "
                        "one of the columns another title in the form.",
                        f"row {table.index[differs][0]}",
                    )
                )
    return said, findings
