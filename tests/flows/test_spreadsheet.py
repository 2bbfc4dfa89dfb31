"""The workbook of a publication says what its tables say, whatever stands in them."""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest

from flows.evidence import spreadsheet
from tests.flows.conftest import Refreshed


def cells(sheet: Any) -> list[tuple[Any, ...]]:
    """Rows below the heading; a day as ISO text."""
    return [
        tuple(value.date().isoformat() if isinstance(value, datetime) else value for value in row)
        for row in sheet.iter_rows(min_row=2, values_only=True)
    ]


@pytest.fixture(scope="module")
def book(refreshed: Refreshed) -> Any:
    return openpyxl.load_workbook(refreshed.published / spreadsheet.NAME)


def table(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"set file_search_path = '{folder / 'parquet'}'")
        return connection.execute(query).fetchall()


def test_every_value_stands_in_it_as_in_the_table(refreshed: Refreshed, book: Any) -> None:
    wanted = table(
        refreshed.published, "select * replace (as_of::varchar as as_of) from 'indicator_values.parquet'"
    )
    assert len(wanted) > 87
    assert sorted(cells(book["Values"]), key=str) == sorted(wanted, key=str)


def test_an_indicator_is_a_row_with_its_wording_and_a_column_for_each_year_begun(
    refreshed: Refreshed, book: Any
) -> None:
    sheet = book["Indicators"]
    headings = [cell.value for cell in sheet[1]]
    assert headings[3:] == ["Wording", "Unit", "2025", "2026", "Value 2025", "Value 2026"]
    wanted = table(
        refreshed.published,
        "select indicator_id, action, section, indicator, unit, reading_2025, reading_2026, value_2025, "
        "value_2026 from 'indicators_wide.parquet'",
    )
    assert len(wanted) == 87
    assert sorted(cells(sheet)) == sorted(wanted)
    assert [row[0] for row in cells(sheet)][12:16] == ["8.1", "9.1", "9.2", "10.1"]


def test_definitions_and_words_explain_what_stands_in_it(refreshed: Refreshed, book: Any) -> None:
    defined = {row[0] for row in cells(book["Definitions"])}
    assert defined == {row[0] for row in cells(book["Indicators"])}
    words = {(kind, word) for kind, word, _ in cells(book["Words"])}
    status = [cell.value for cell in book["Values"][1]].index("status")
    assert {("status", row[status]) for row in cells(book["Values"])} <= words
    population = [cell.value for cell in book["Definitions"][1]].index("Population")
    assert {("population", row[population]) for row in cells(book["Definitions"])} <= words
    assert all(meaning for _, _, meaning in cells(book["Words"]))


def test_headings_stay_in_view_and_can_be_filtered(book: Any) -> None:
    for name in ("Indicators", "Values", "Definitions", "Words"):
        sheet = book[name]
        assert sheet.freeze_panes.endswith("2"), name
        assert sheet.auto_filter.ref == sheet.dimensions, name


def test_counts_are_shown_without_decimals(book: Any) -> None:
    """A format on condition, for a percentage and a count stand below the same heading."""
    for name, unit, columns in (("Indicators", "$E2", 2), ("Values", "$G2", 3)):
        rules = [rule for found in book[name].conditional_formatting for rule in found.rules]
        assert [rule.formula for rule in rules] == [[f'{unit}="number"']] * columns, name
        assert {rule.dxf.numFmt.formatCode for rule in rules} == {"#,##0"}
        assert book[name][unit[1] + "1"].value.lower() == "unit"


def test_it_is_listed_with_its_hash(refreshed: Refreshed) -> None:
    package = json.loads((refreshed.published / "datapackage.json").read_bytes())
    manifest = json.loads((refreshed.published / "evidence" / "manifest.json").read_bytes())
    (listed,) = [r for r in package["resources"] if r["path"] == spreadsheet.NAME]
    (output,) = [o for o in manifest["outputs"] if o["path"] == spreadsheet.NAME]
    assert listed["hash"] == f"sha256:{output['sha256']}"


def test_made_again_it_has_the_same_bytes_and_the_sample_is_called_one(
    refreshed: Refreshed, tmp_path: Path
) -> None:
    shutil.copytree(refreshed.published / "parquet", tmp_path / "parquet")
    again = spreadsheet.write(tmp_path, is_sample=False).read_bytes()
    assert again == (refreshed.published / spreadsheet.NAME).read_bytes()
    assert b"" != again != spreadsheet.write(tmp_path, is_sample=True).read_bytes()
    said = openpyxl.load_workbook(tmp_path / spreadsheet.NAME)["About"]["A2"].value
    assert said.startswith("Synthetic sample")


def test_what_looks_like_a_formula_is_text_and_stays_text(refreshed: Refreshed, tmp_path: Path) -> None:
    shutil.copytree(refreshed.published / "parquet", tmp_path / "parquet")
    path = tmp_path / "parquet" / "indicator_values.parquet"
    other = tmp_path / "other.parquet"
    duckdb.execute(
        f"copy (select * replace ('=HYPERLINK(\"http://x\")' as indicator, 'http://y' as breakdown_value) "
        f"from '{path}' limit 1) to '{other}' (format parquet)"
    )
    other.replace(path)
    sheet = openpyxl.load_workbook(spreadsheet.write(tmp_path, is_sample=False))["Values"]
    row = {heading.value: cell for heading, cell in zip(sheet[1], sheet[2], strict=True)}
    assert row["indicator"].value == '=HYPERLINK("http://x")'
    assert row["indicator"].data_type == "s"
    assert row["indicator"].quotePrefix
    assert row["breakdown_value"].hyperlink is None
    assert not row["plan_version"].quotePrefix


def test_a_disk_that_fails_is_told_as_such(refreshed: Refreshed, tmp_path: Path) -> None:
    """Not as an error of the library's, which would pass for a defect (flows/storage.py)."""
    (tmp_path / "parquet").symlink_to((refreshed.published / "parquet").resolve())
    (tmp_path / spreadsheet.NAME).mkdir(parents=True)
    with pytest.raises(IsADirectoryError) as told:
        spreadsheet.write(tmp_path, is_sample=False)
    assert told.value.filename == str(tmp_path / spreadsheet.NAME)
