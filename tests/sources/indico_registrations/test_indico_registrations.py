"""The managers' export of registrations, as CSV and XLSX, becomes a register."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from sources.indico_registrations.reader import columns
from sources.readers import Reading, ReadingContext, Unreadable, readers
from tests.sources.indico_registrations.exports import HEADER, as_csv, as_xlsx, row, written

Export = Callable[..., bytes]

BOTH = pytest.mark.parametrize(
    ("export", "ending"), [(as_csv, "csv"), (as_xlsx, "xlsx")], ids=["csv", "xlsx"]
)


def _read(folder: Path, content: bytes, name: str) -> Reading:
    path = written(folder, content, name)
    ending = name.rpartition(".")[2]
    return readers()["indico_registrations"].read(path, ending, ReadingContext(date(2025, 6, 21), name))


def _people(reading: Reading) -> pd.DataFrame:
    return reading.tables[0].frame.set_index("registration_id")


def _codes(reading: Reading) -> list[str]:
    return [finding.code for finding in reading.findings]


@BOTH
def test_an_export_becomes_a_register(export: Export, ending: str, tmp_path: Path) -> None:
    rows = [
        row(1, "Ndapewa Nangolo", country="Namibia", gender="Female"),
        row(
            2, "Ana Ferro", kind="NGO", organization="Clear Ground", country="Chad", survivor=True, gender=""
        ),
        row(
            3, "Otto Brandt", country="Chad", state="Withdrawn", checked_in=False, gender="Prefer not to say"
        ),
    ]

    reading = _read(tmp_path, export(rows), f"indico_registrations--IM2025.{ending}")

    people = _people(reading)
    wanted = ["meeting_id", "delegation_kind", "iso3", "organization", "gender", "is_mine_victim", "attended"]
    assert people[wanted].T.to_dict("list") == {
        "IM2025-1": ["IM2025", "state", "Namibia", "", "female", "no", "yes"],
        "IM2025-2": ["IM2025", "civil_society", "", "Clear Ground", "unknown", "yes", "yes"],
        "IM2025-3": ["IM2025", "state", "Chad", "", "unknown", "no", "no"],
    }
    told = people[["full_name", "email", "_place"]].T.to_dict("list")
    assert told["IM2025-2"] == ["Ana Ferro", "person2@example.org", "row 3"]
    (finding,) = reading.findings
    assert (finding.code, finding.place) == ("IREG-COLUMN", "column 13")


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_an_export_that_a_spreadsheet_saved_again_is_read(delimiter: str, tmp_path: Path) -> None:
    rows = [row(1, "Ana Ferro", kind="NGO", organization="Clear Ground, Ltd; Geneva")]
    text = io.StringIO(newline="")
    saved = list(csv.reader(as_csv(rows).decode("utf-8-sig").splitlines()))
    csv.writer(text, delimiter=delimiter).writerows(saved)

    reading = _read(tmp_path, text.getvalue().encode("utf-8-sig"), "indico_registrations--IM2025.csv")

    assert _people(reading)["organization"].to_dict() == {"IM2025-1": "Clear Ground, Ltd; Geneva"}


@BOTH
def test_of_two_cells_of_one_meaning_the_filled_one_counts(
    export: Export, ending: str, tmp_path: Path
) -> None:
    rows = [
        row(1, "Kim Doe", country="", second_country="Chad"),
        row(2, "Lee Roe", country="Chad", second_country="Chad"),
        row(3, "Max Poe", country="Chad", second_country="Benin"),
    ]

    reading = _read(tmp_path, export(rows), f"indico_registrations--IM2025.{ending}")

    assert _people(reading)["iso3"].tolist() == ["Chad", "Chad", "Chad / Benin"]
    assert "IREG-TWICE" in _codes(reading)


@BOTH
def test_optional_columns_may_be_missing(export: Export, ending: str, tmp_path: Path) -> None:
    header = ("ID", "Name", "Checked in")

    reading = _read(
        tmp_path, export([[1, "Kim Doe", True]], header), f"indico_registrations--IM2025.{ending}"
    )

    person = _people(reading).loc["IM2025-1"]
    assert (person["delegation_kind"], person["gender"], person["attended"]) == ("", "unknown", "yes")
    assert _codes(reading) == []


@BOTH
@pytest.mark.parametrize("missing", ["ID", "Name", "Checked in"])
def test_without_these_columns_nothing_is_read(
    export: Export, ending: str, missing: str, tmp_path: Path
) -> None:
    header = [title for title in ("ID", "Name", "Checked in") if title != missing]

    with pytest.raises(Unreadable) as refused:
        _read(tmp_path, export([[1, "x"]], header), f"indico_registrations--IM2025.{ending}")

    assert refused.value.problem.code == "IREG-LAYOUT"
    assert missing in refused.value.problem.sentence


@BOTH
def test_words_nobody_knows_are_said_without_being_quoted(
    export: Export, ending: str, tmp_path: Path
) -> None:
    rows = [row(1, "Kim Doe", kind="Friend of Kim", gender="Canary", state="Lost")]

    reading = _read(tmp_path, export(rows), f"indico_registrations--IM2025.{ending}")

    person = _people(reading).loc["IM2025-1"]
    assert (person["delegation_kind"], person["gender"], person["attended"]) == (
        "Friend of Kim",
        "Canary",
        "Lost",
    )
    assert _codes(reading).count("IREG-WORD") == 3
    assert not any("Kim" in f.sentence or "Canary" in f.sentence for f in reading.findings)


def test_a_row_of_another_width_has_no_cells(tmp_path: Path) -> None:
    content = as_csv([row(1, "Kim Doe"), ["2", "Lee Roe"]])

    people = _read(tmp_path, content, "indico_registrations--IM2025.csv").tables[0].frame

    assert people["registration_id"].tolist() == ["IM2025-1", ""]
    assert people["full_name"].tolist() == ["Kim Doe", ""]


@pytest.mark.parametrize("name", ["indico_registrations.csv", "indico_registrations--.csv"])
def test_a_name_without_a_meeting_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(Unreadable) as refused:
        _read(tmp_path, as_csv([row(1, "Kim Doe")]), name)

    assert refused.value.problem.code == "IREG-MEETING"


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        (b'"ID","Name', "indico_registrations--A.csv", "IREG-CSV"),
        ("ID,Name\u00e9".encode("utf-16"), "indico_registrations--A.csv", "FILE-ENCODING"),
        (b"PK\x03\x04 no workbook", "indico_registrations--A.xlsx", "FILE-XLSX"),
    ],
)
def test_what_is_no_export_is_refused(content: bytes, name: str, code: str, tmp_path: Path) -> None:
    with pytest.raises(Unreadable) as refused:
        _read(tmp_path, content, name)

    assert refused.value.problem.code == code


def test_every_title_means_one_thing() -> None:
    assert columns()["checked in"] == "attended"
    assert all(columns().get(title.casefold()) is not None for title in HEADER if title != "Dietary needs")
