"""Exports of registrations as Indico's source code writes them. Invented people only."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import xlsxwriter

HEADER = (
    *("ID", "Name", "First Name", "Last Name", "Email Address", "Affiliation", "Country", "Title"),
    *("Gender", "Type of delegation", "Are you a mine victim or survivor?", "Country", "Dietary needs"),
    *("Registration date", "Registration state", "Checked in", "Check-in date", "Tags"),
)


def row(number: int, name: str, **said: Any) -> list[Any]:
    """A registration. ``said``: kind, country, organization, gender, survivor, state, checked_in."""
    first, _, last = name.partition(" ")
    return [
        *(number, name, first, last, f"person{number}@example.org", said.get("organization", "")),
        *(said.get("country", ""), "Dr", said.get("gender", ""), said.get("kind", "State Party")),
        *(said.get("survivor", False), said.get("second_country", ""), ["no nuts", "no milk"]),
        *(datetime(2025, 5, 2, 9, 0), said.get("state", "Completed"), said.get("checked_in", True)),  # noqa: DTZ001
        *("", ["press", "vip"]),
    ]


def _cell(value: Any) -> str:
    """A cell as Indico's ``_prepare_csv_data`` writes it."""
    if isinstance(value, list):
        value = "; ".join(value)
    elif isinstance(value, bool):
        value = "Yes" if value else "No"
    return re.sub(r"^[=+@-]+", "", re.sub(r"(\r?\n)+", "    ", str(value)))


def as_csv(rows: Sequence[Sequence[Any]], header: Sequence[str] = HEADER) -> bytes:
    """The CSV export."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([[_cell(value) for value in cells] for cells in rows])
    return text.getvalue().encode("utf-8-sig")


def as_xlsx(rows: Sequence[Sequence[Any]], header: Sequence[str] = HEADER) -> bytes:
    """The XLSX export: numbers, true and false, and dates with a time as such."""
    content = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(content, options) as book:
        dates = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, header)
        for number, cells in enumerate(rows, start=1):
            for place, value in enumerate(cells):
                if isinstance(value, datetime):
                    sheet.write_datetime(number, place, value, dates)
                else:
                    sheet.write(number, place, "; ".join(value) if isinstance(value, list) else value)
    return content.getvalue()


def written(folder: Path, content: bytes, name: str) -> Path:
    """A file of that name."""
    path = folder / name
    path.write_bytes(content)
    return path
