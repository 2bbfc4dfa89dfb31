"""The workbook to fill in: what it holds, and that filled in it is the same delivery as files would be."""

from __future__ import annotations

import shutil
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow.parquet as pq
import pytest

from flows import template
from flows.check import CheckReport, check
from flows.errors import UsageProblem
from flows.home import Home
from flows.ledger import Ledger
from sources.contract import PROVENANCE, datasets
from sources.names import STATES as UNIVERSE
from sources.workbooks import column_letters
from tests.flows.conftest import sraap
from tests.flows.harness import OBLIGATIONS, STATES, TREATY_ACTIONS, deliver, table, take_in

HEADINGS = 4
"""Row of the coding sheet's headings."""


@pytest.fixture(scope="module")
def made() -> bytes:
    return template.content(2026)


@pytest.fixture
def book(made: bytes) -> Any:
    return openpyxl.load_workbook(BytesIO(made))


def cell(book: Any, iso3: str, heading: str) -> str:
    """The cell of a state below a heading of the coding sheet."""
    sheet = book["coding"]
    column = next(found.column_letter for found in sheet[HEADINGS] if found.value == heading)
    row = next(found.row for found in sheet["A"] if found.value == iso3)
    return f"{column}{row}"


def code(book: Any, iso3: str, **cells: Any) -> None:
    """Write cells of a state; ``i1_1`` is the indicator 1.1, ``i1_1_evidence`` its evidence."""
    for name, value in cells.items():
        heading = name
        if name[0] == "i" and name[1].isdigit():
            parts = name[1:].split("_")
            heading = ".".join(parts[:2]) + (f" {parts[2]}" if parts[2:] else "")
        book["coding"][cell(book, iso3, heading)] = value


REPORT = {
    "submitted_on": date(2026, 4, 30),
    "received_on": date(2026, 5, 2),
    "uses_guide": "yes",
    "has_implementation_update": "no",
}


# --- what it holds ------------------------------------------------------------------------------------------


def test_there_is_a_sheet_for_each_dataset_under_its_canonical_headings(book: Any) -> None:
    for dataset in datasets().values():
        sheet = book[dataset.name]
        assert [found.value for found in sheet[1]] == [column.name for column in dataset.columns]
        assert sheet.max_row == 1
        assert sheet.freeze_panes == "B2"
    assert book.sheetnames[:2] == ["read me", "coding"]
    assert [sheet.title for sheet in book if sheet.sheet_state == "hidden"] == ["lists", "template"]


def test_the_coding_sheet_has_all_states_and_all_indicators_that_reports_answer(book: Any) -> None:
    sheet = book["coding"]
    assert {found.value for found in sheet["A"][HEADINGS:]} == UNIVERSE
    assert len(sheet["A"][HEADINGS:]) == 197
    assert sheet[cell(book, "KHM", "state")].value == "Cambodia"
    assert sheet[cell(book, "KHM", "report_id")].value == "2026-KHM-1"
    ids = [found.value for found in sheet[HEADINGS][9::3]]
    assert len(ids) == 68
    assert (ids[0], ids[-1]) == ("1.1", "45.1")
    assert "7.1" not in ids
    wording = sheet.cell(2, 10).value
    assert "Affected States Parties" in wording
    assert "national development plans" in wording
    assert [found.value for found in sheet[HEADINGS][9:12]] == ["1.1", "1.1 evidence", "1.1 location"]
    assert [sheet["B1"].value, sheet["D1"].value] == ["2026", "draft-2024-08-16"]
    assert sheet.row_dimensions[3].hidden


def test_headings_are_protected_and_cells_for_data_are_free(book: Any) -> None:
    for name in ("coding", *datasets()):
        sheet = book[name]
        assert sheet.protection.sheet
        assert sheet.protection.password is None
        assert all(found.protection.locked for found in sheet[HEADINGS if name == "coding" else 1]), name
    sheet = book["coding"]
    assert sheet[cell(book, "KHM", "state")].protection.locked
    for heading in ("report_id", "submitted_on", "1.1", "1.1 evidence"):
        letter = cell(book, "KHM", heading).rstrip("0123456789")
        assert not sheet.column_dimensions[letter].protection.locked, heading
    assert not book["states"].column_dimensions["A"].protection.locked


def test_words_come_from_lists_and_days_must_be_days(book: Any) -> None:
    def asked(sheet: str, place: str) -> list[tuple[str, str | None]]:
        found = book[sheet].data_validations.dataValidation
        return [(rule.type, rule.formula1) for rule in found if place in rule.sqref]

    answers = '"yes,no,not_applicable,unclear"'
    assert asked("coding", cell(book, "KHM", "1.1")) == [("list", answers)]
    assert asked("coding", cell(book, "KHM", "45.1")) == [("list", answers)]
    assert asked("coding", cell(book, "KHM", "uses_guide")) == [("list", '"yes,no"')]
    assert asked("coding", cell(book, "KHM", "submitted_on"))[0][0] == "date"
    for dataset in datasets().values():
        for place, column in enumerate(dataset.columns):
            letter = column_letters(place)
            (found,) = asked(dataset.name, f"{letter}2") or [("", None)]
            if column.words:
                assert found == ("list", '"' + ",".join(column.words) + '"'), column.name
            if column.type == "iso3":
                assert found == ("list", "lists!$A$1:$A$197")
            if column.type == "date":
                assert found[0] == "date"


def test_every_column_is_explained_beside_its_heading_and_on_the_first_page(book: Any) -> None:
    page = {tuple(row[:2]) for row in book["read me"].iter_rows(values_only=True)}
    for dataset in datasets().values():
        helps = book[dataset.name].data_validations.dataValidation
        for place, column in enumerate(dataset.columns):
            heading = f"{column_letters(place)}1"
            (said,) = [rule.prompt for rule in helps if heading in rule.sqref]
            assert column.description[:40] in said
            assert len(said) <= 255
            assert (dataset.name, column.name) in page


def test_a_year_has_its_bytes(made: bytes) -> None:
    assert template.content(2026) == made
    assert template.content(2027) != made


def test_the_command_writes_it_and_never_over_another_file(tmp_path: Path) -> None:
    path = tmp_path / "reports.xlsx"
    done = sraap("template", "--year", "2027", path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "sraap check" in done.stdout
    assert openpyxl.load_workbook(path)["coding"]["B1"].value == "2027"
    again = sraap("template", "--year", "2027", path)
    assert again.returncode == 5
    assert "may have been filled in" in again.stderr


@pytest.mark.parametrize(
    ("name", "year", "said"),
    [("a.xlsx", 1998, "reporting year"), ("a.csv", 2026, ".xlsx"), ("no/a.xlsx", 2026, "can't be written")],
)
def test_what_can_t_be_written_is_said(tmp_path: Path, name: str, year: int, said: str) -> None:
    with pytest.raises(UsageProblem, match=said):
        template.write(tmp_path / name, year)
    assert not (tmp_path / name).exists()


# --- filled in ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    take_in(folder / "home", deliver(folder / "first"))
    return folder / "home"


@pytest.fixture
def home(first: Path, tmp_path: Path) -> Path:
    """A home in which the states and what is required besides stand already."""
    shutil.copytree(first, tmp_path / "home", symlinks=True)
    return tmp_path / "home"


def checked(home: Path, book: Any, folder: Path) -> CheckReport:
    folder.mkdir()
    book.save(folder / "reports.xlsx")
    return check(home, (folder,))


def landed(home: Path, dataset: str) -> list[dict[str, Any]]:
    """Rows of the newest batch, without where they came from."""
    path = Ledger.read(Home(home)).landing_files(dataset)[-1]
    found = pq.read_table(path).drop_columns([name for name, _, _ in PROVENANCE]).to_pylist()
    return sorted(found, key=str)


def test_filled_in_it_is_the_same_delivery_as_files(tmp_path: Path, book: Any) -> None:
    code(book, "KHM", **REPORT, language="English", i1_1="yes", i1_1_evidence="Page 3", i10_1="unclear")
    code(book, "KEN", **REPORT, i45_1="no", i45_1_location="Form J")
    rows = {"states": STATES, "treaty_actions": TREATY_ACTIONS, "obligations": OBLIGATIONS}
    for name, records in rows.items():
        columns = [column.name for column in datasets()[name].columns]
        for number, record in enumerate(records, start=2):
            for heading, text in {**record, "received_on": "2025-06-01"}.items():
                is_day = datasets()[name].column(heading).type == "date"
                value = date.fromisoformat(text) if is_day and text else text
                book[name].cell(number, columns.index(heading) + 1, value)
    inbox = deliver(
        tmp_path / "a", states=[], treaty_actions=[], obligations=[], article7_reports=[], article7_answers=[]
    )
    book.save(inbox / "reports.xlsx")
    report = {
        "reporting_year": "2026",
        "submitted_on": "2026-04-30",
        "received_on": "2026-05-02",
        "uses_guide": "yes",
        "has_implementation_update": "no",
    }
    answer = {"plan_version": "draft-2024-08-16", "received_on": "2026-05-02"}
    files = deliver(
        tmp_path / "b",
        article7_reports=[
            {"report_id": "2026-KHM-1", "iso3": "KHM", "language": "English", **report},
            {"report_id": "2026-KEN-1", "iso3": "KEN", **report},
        ],
        article7_answers=[
            {
                "report_id": "2026-KHM-1",
                "indicator_id": "1.1",
                "answer": "yes",
                "evidence": "Page 3",
                **answer,
            },
            {"report_id": "2026-KHM-1", "indicator_id": "10.1", "answer": "unclear", **answer},
            {
                "report_id": "2026-KEN-1",
                "indicator_id": "45.1",
                "answer": "no",
                "location": "Form J",
                **answer,
            },
        ],
    )
    take_in(tmp_path / "x", inbox)
    take_in(tmp_path / "y", files)
    for name in ("article7_reports", "article7_answers", *rows):
        assert landed(tmp_path / "x", name) == landed(tmp_path / "y", name), name
        assert landed(tmp_path / "x", name)
    assert not table(tmp_path / "x", "quarantined_rows")
    (path,) = Ledger.read(Home(tmp_path / "x")).landing_files("article7_answers")
    places = pq.read_table(path).column("place").to_pylist()
    assert f"coding!{cell(book, 'KHM', '10.1')}" in places


def test_what_is_wrong_is_named_by_its_cell_with_what_to_write(tmp_path: Path, home: Path, book: Any) -> None:
    code(book, "KHM", **REPORT, i1_1="Yes.", i1_2="oui", i2_1="yes", i3_1_evidence="A plan.")
    code(book, "KEN", **{**REPORT, "submitted_on": "12 March 2026", "uses_guide": "partly"})
    for place, value in enumerate(["C-1", "KEN", 2026, "gift", 12.5, "30.4.2026", date(2026, 5, 2)], start=1):
        book["contributions"].cell(3, place, value)
    report = checked(home, book, tmp_path / "in")
    said = {row["place"]: row["sentence"] for row in report.quarantined if not row["waiting"]}

    def at(iso3: str, heading: str) -> str:
        return str(said.pop(f"coding!{cell(book, iso3, heading)}"))

    assert "yes, no, not_applicable, unclear" in at("KHM", "1.1")
    assert "yes, no, not_applicable, unclear" in at("KHM", "1.2")
    assert "Fill it in" in at("KHM", "3.1")
    assert "YYYY-MM-DD" in at("KEN", "submitted_on")
    assert "Write yes or no" in at("KEN", "uses_guide")
    assert "voluntary_isu" in said.pop("contributions!D3")
    assert "YYYY-MM-DD" in said.pop("contributions!F3")
    assert said == {}


def test_a_changed_heading_refuses_the_sheet_and_names_the_cell(
    tmp_path: Path, home: Path, book: Any
) -> None:
    code(book, "KHM", **REPORT, i1_1="yes")
    book["coding"].cell(HEADINGS, 10, "1.9")
    (file,) = checked(home, book, tmp_path / "in").files
    assert file["outcome"] == "quarantined"
    assert "coding!J4 must be 1.1" in file["reason"]


def test_an_untouched_template_delivers_nothing(tmp_path: Path, home: Path, book: Any) -> None:
    report = checked(home, book, tmp_path / "in")
    assert report.exit_code == 0
    (file,) = report.files
    assert (file["outcome"], file["reason"]) == (
        "unknown_file",
        "No sheet of this template holds a row: nothing was delivered by it.",
    )
    take_in(home, tmp_path / "in")
    ledger = Ledger.read(Home(home))
    assert "contributions" not in ledger.delivered()
    assert ledger.header_only() == set()


def test_an_untouched_sheet_is_no_empty_delivery_and_that_is_said(
    tmp_path: Path, home: Path, book: Any
) -> None:
    code(book, "KEN", **REPORT)
    report = checked(home, book, tmp_path / "in")
    assert (report.exit_code, report.quarantined) == (0, [])
    assert [found["check_code"] for found in report.warnings] == ["READ-UNWRITTEN"]
    take_in(home, tmp_path / "in")
    assert Ledger.read(Home(home)).header_only() == set()
    # Without the mark it is any workbook, of which a sheet with only its header says that there is nothing.
    del book["template"]
    (tmp_path / "other").mkdir()
    book.save(tmp_path / "other" / "any.xlsx")
    take_in(home, tmp_path / "other")
    assert "contributions" in Ledger.read(Home(home)).header_only()


def test_a_workbook_of_another_plan_version_is_refused(tmp_path: Path, home: Path, book: Any) -> None:
    code(book, "KEN", **REPORT)
    book["template"]["B2"] = "adopted-2024-11-29"
    report = checked(home, book, tmp_path / "in")
    (file,) = report.files
    assert (report.exit_code, file["outcome"]) == (1, "quarantined")
    assert "made for adopted-2024-11-29; loaded is draft-2024-08-16" in file["reason"]
    assert report.quarantined == []


def test_a_filled_template_stays_restricted(tmp_path: Path, home: Path, book: Any) -> None:
    code(book, "KEN", **REPORT)
    (tmp_path / "in").mkdir()
    book.save(tmp_path / "in" / "Quilla.xlsx")
    take_in(home, tmp_path / "in")
    (listed,) = [row for row in table(home, "files") if row["format"] == "xlsx"]
    assert listed["restricted"]
    assert listed["file_name"].startswith("workbook--")
