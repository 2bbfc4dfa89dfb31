"""The workbooks in the hands of LibreOffice: typed into, saved, delivered; and the export opened."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from flows import template
from flows.check import check
from flows.evidence import spreadsheet
from sources.reading import FileContent, read
from tests.flows.conftest import Refreshed
from tests.flows.harness import deliver, take_in

BRIDGED_PYTHON = Path("/usr/bin/python3")
"""Debian's Python, which has LibreOffice's bridge (python3-uno)."""

TYPED = [
    ["coding", "D34", "2026-04-30"],
    ["coding", "E34", "2026-05-02"],
    ["coding", "F34", "yes"],
    ["coding", "G34", "no"],
    ["coding", "J34", "yes"],
    ["coding", "K34", "Page 3"],
    ["coding", "M34", "oui"],
    ["coding", "J4", "9.9"],
    ["coding", "A5", "XXX"],
    ["contributions", "A1", "number"],
    ["contributions", "A2", "C-1"],
    ["contributions", "B2", "Cambodia"],
    ["contributions", "C2", "2026"],
    ["contributions", "D2", "assessment"],
    ["contributions", "E2", "1250.5"],
    ["contributions", "F2", "2026-01-31"],
    ["contributions", "G2", "2026-05-02"],
]


def why_not() -> str | None:
    """Why LibreOffice can't be asked, if it can't."""
    if shutil.which("soffice") is None:
        return "soffice (Debian: libreoffice-calc) is not installed"
    bridge = [str(BRIDGED_PYTHON), "-c", "import uno"]
    if not BRIDGED_PYTHON.exists() or subprocess.run(bridge, capture_output=True, check=False).returncode:
        return "LibreOffice's bridge (Debian: python3-uno) is not installed"
    return None


pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "")


@dataclass(frozen=True)
class Office:
    """What came out of one run of LibreOffice."""

    folder: Path
    held: list[list[str]]


@pytest.fixture(scope="module")
def office(refreshed: Refreshed, tmp_path_factory: pytest.TempPathFactory) -> Office:
    """A blank template that was typed into, one filled by a program and saved, and the export saved."""
    folder = tmp_path_factory.mktemp("office")
    blank = template.write(folder / "blank.xlsx", 2026)
    book = openpyxl.load_workbook(blank)
    cells: dict[str, date | str] = {
        "D34": date(2026, 4, 30),
        "E34": date(2026, 5, 2),
        "F34": "yes",
        "G34": "no",
        "J34": "yes",
        "L34": "p. 3",
    }
    for place, value in cells.items():
        book["coding"][place] = value
    book.save(folder / "filled.xlsx")
    jobs: list[dict[str, Any]] = [
        {"open": str(blank), "save": str(folder / "typed.xlsx"), "cells": TYPED},
        {"open": str(folder / "filled.xlsx"), "save": str(folder / "saved.xlsx"), "cells": []},
        {
            "open": str(refreshed.published / spreadsheet.NAME),
            "save": str(folder / "indicators.xlsx"),
            "cells": [],
        },
    ]
    profile = folder / f"profile-{folder.name}"
    done = subprocess.run(
        [BRIDGED_PYTHON, Path(__file__).with_name("typist.py"), profile],
        input=json.dumps(jobs),
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    return Office(folder, json.loads(done.stdout))


def as_rows(content: FileContent) -> dict[str, list[dict[str, Any]]]:
    return {
        found.dataset: [
            {str(name): value for name, value in row.items() if value and name not in ("_cells", "_row")}
            for row in found.frame.to_dict("records")
        ]
        for found in content.tables
    }


REPORT = {
    "iso3": "KHM",
    "reporting_year": "2026",
    "report_id": "2026-KHM-1",
    "submitted_on": "2026-04-30",
    "received_on": "2026-05-02",
    "uses_guide": "yes",
    "has_implementation_update": "no",
    "_place": "coding!A34",
}


def test_what_is_typed_into_it_is_what_is_read(office: Office) -> None:
    content = read(office.folder / "typed.xlsx", "typed.xlsx", date(2026, 6, 1))
    assert (content.problem, content.ignored_sheets) == (None, 0)
    assert [finding.code for _, finding in content.findings] == ["READ-UNWRITTEN"]
    answer = {
        "report_id": "2026-KHM-1",
        "plan_version": "draft-2024-08-16",
        "received_on": "2026-05-02",
    }
    assert as_rows(content) == {
        "article7_reports": [REPORT],
        "article7_answers": [
            {**answer, "indicator_id": "1.1", "answer": "yes", "evidence": "Page 3", "_place": "coding!J34"},
            {**answer, "indicator_id": "1.2", "answer": "oui", "_place": "coding!M34"},
        ],
        "contributions": [
            {
                "contribution_id": "C-1",
                "iso3": "Cambodia",
                "year": "2026",
                "kind": "assessment",
                "amount": "1250.5",
                "dated_on": "2026-01-31",
                "received_on": "2026-05-02",
            }
        ],
    }


def test_headings_and_states_can_t_be_typed_over(office: Office) -> None:
    held = dict(zip(((sheet, place) for sheet, place, _ in TYPED), office.held[0], strict=True))
    locked = [place for place, text in held.items() if text == "locked"]
    assert locked == [("coding", "J4"), ("coding", "A5"), ("contributions", "A1")]


def test_saved_by_it_a_filled_template_is_the_same(office: Office) -> None:
    before, after = (
        read(office.folder / name, name, date(2026, 6, 1)) for name in ("filled.xlsx", "saved.xlsx")
    )
    assert as_rows(after) == as_rows(before)
    assert as_rows(after)["article7_reports"] == [REPORT]
    assert after.template == before.template


def test_lists_and_protection_outlive_it(office: Office) -> None:
    book = openpyxl.load_workbook(office.folder / "saved.xlsx")
    sheet = book["coding"]
    assert sheet.protection.sheet
    assert not sheet["J34"].protection.locked
    words = [rule.formula1 for rule in sheet.data_validations.dataValidation if "J34" in rule.sqref]
    assert [word.replace(" ", "") for word in words] == ['"yes,no,not_applicable,unclear"']
    assert sheet.row_dimensions[3].hidden
    assert book["template"].sheet_state == "hidden"


def test_checked_the_typed_cell_is_named(office: Office, tmp_path: Path) -> None:
    take_in(tmp_path / "home", deliver(tmp_path / "first"))
    (tmp_path / "in").mkdir()
    shutil.copyfile(office.folder / "typed.xlsx", tmp_path / "in" / "typed.xlsx")
    report = check(tmp_path / "home", (tmp_path / "in",))
    (row,) = report.quarantined
    assert row["place"] == "coding!M34"
    assert "yes, no, not_applicable, unclear" in row["sentence"]


def test_it_opens_the_export_and_sees_what_stands_in_it(
    office: Office,
    refreshed: Refreshed,
) -> None:
    ours = openpyxl.load_workbook(refreshed.published / spreadsheet.NAME)
    theirs = openpyxl.load_workbook(office.folder / "indicators.xlsx")
    assert theirs.sheetnames == ours.sheetnames
    for name in ("Indicators", "Values", "Definitions", "Words"):
        seen = [
            row for row in theirs[name].iter_rows(values_only=True) if any(cell is not None for cell in row)
        ]
        assert seen == list(ours[name].iter_rows(values_only=True)), name
        assert theirs[name].auto_filter.ref
