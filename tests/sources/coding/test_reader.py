"""The coding sheet, cell by cell, as the template makes it and as people change it."""

from __future__ import annotations

from datetime import date
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from flows.template import content
from sources.coding.reader import read_sheet
from sources.frames import Unreadable
from sources.readers import Reading, ReadingContext, SheetCells
from sources.workbooks import column_letters

CONTEXT = ReadingContext(date(2026, 6, 1), "filled.xlsx")
HEADINGS = 3
"""Row of the headings, from 0."""

Grid = list[list[str]]


@pytest.fixture(scope="module")
def template() -> Grid:
    with CalamineWorkbook.from_filelike(BytesIO(content(2026))) as book:
        rows = book.get_sheet_by_name("coding").to_python(skip_empty_area=False)
    return [[str(cell) for cell in row] for row in rows]


def copy(template: Grid) -> Grid:
    return [list(row) for row in template]


def column(grid: Grid, heading: str) -> int:
    return grid[HEADINGS].index(heading)


def row_of(grid: Grid, iso3: str) -> int:
    return next(place for place, row in enumerate(grid) if row[0] == iso3)


def write(grid: Grid, iso3: str, cells: dict[str, str]) -> None:
    for heading, text in cells.items():
        grid[row_of(grid, iso3)][column(grid, heading)] = text


def read(grid: Grid) -> Reading:
    return read_sheet(SheetCells("coding", grid), CONTEXT)


def rows(reading: Reading, dataset: str) -> list[dict[str, object]]:
    return [
        {str(name): value for name, value in row.items()}
        for table in reading.tables
        if table.dataset == dataset
        for row in table.frame.to_dict("records")
    ]


REPORT = {
    "submitted_on": "2026-04-30",
    "received_on": "2026-05-02",
    "uses_guide": "yes",
    "has_implementation_update": "no",
}


def test_an_untouched_sheet_says_nothing(template: Grid) -> None:
    assert read(template) == Reading()


def test_a_row_is_a_report_and_each_answer_knows_its_cell(template: Grid) -> None:
    grid = copy(template)
    write(grid, "KHM", {**REPORT, "1.1": "yes", "1.1 evidence": " A plan. ", "1.2 location": "p. 4"})
    reading = read(grid)
    place = row_of(grid, "KHM") + 1
    assert reading.findings == ()
    assert rows(reading, "article7_reports") == [
        {
            "iso3": "KHM",
            "reporting_year": "2026",
            "report_id": "2026-KHM-1",
            **REPORT,
            "language": "",
            "document_url": "",
            "_row": place,
            "_place": f"coding!A{place}",
        }
    ]
    first, second = rows(reading, "article7_answers")
    assert first == {
        "report_id": "2026-KHM-1",
        "indicator_id": "1.1",
        "plan_version": "draft-2024-08-16",
        "answer": "yes",
        "evidence": "A plan.",
        "location": "",
        "received_on": "2026-05-02",
        "_row": place * 100_000 + 10,
        "_place": f"coding!J{place}",
    }
    # A place without an answer is a row too: it is judged, not dropped.
    assert (second["indicator_id"], second["answer"], second["location"]) == ("1.2", "", "p. 4")
    assert second["_place"] == f"coding!M{place}"
    (reports, _) = reading.tables
    assert reports.letters["submitted_on"] == "D"


def test_a_second_report_goes_below_and_another_id_is_a_report(template: Grid) -> None:
    grid = copy(template)
    added = [""] * len(grid[0])
    added[0], added[2], added[3] = "KHM", "2026-KHM-2", "2026-07-01"
    named = [""] * len(grid[0])
    named[1], named[2] = "Cambodia", "R-9"
    grid += [added, named]
    write(grid, "KEN", {"report_id": "CD/2026/9"})
    found = [(row["iso3"], row["report_id"]) for row in rows(read(grid), "article7_reports")]
    assert found == [("KEN", "CD/2026/9"), ("KHM", "2026-KHM-2"), ("Cambodia", "R-9")]


ANSWER = st.sampled_from(["yes", "no", "not_applicable", "unclear", "Yes.", "oui"])
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=0, max_size=8)


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_what_is_written_is_what_is_read(template: Grid, data: st.DataObject) -> None:
    grid = copy(template)
    states = data.draw(st.lists(st.sampled_from(["AFG", "KEN", "KHM", "ZWE"]), unique=True))
    wanted = {}
    for iso3 in states:
        write(grid, iso3, REPORT)
        for indicator in data.draw(st.lists(st.sampled_from(["1.1", "10.1", "29.2", "45.1"]), unique=True)):
            answer, evidence, location = data.draw(ANSWER), data.draw(TEXT), data.draw(TEXT)
            cells = {indicator: answer, f"{indicator} evidence": evidence, f"{indicator} location": location}
            write(grid, iso3, cells)
            where = f"coding!{column_letters(column(grid, indicator))}{row_of(grid, iso3) + 1}"
            wanted[f"2026-{iso3}-1", indicator] = (answer, evidence.strip(), location.strip(), where)
    reading = read(grid)
    assert {row["iso3"] for row in rows(reading, "article7_reports")} == set(states)
    answers = rows(reading, "article7_answers")
    assert len({row["_row"] for row in answers}) == len(answers) == len(wanted)
    assert {
        (row["report_id"], row["indicator_id"]): (
            row["answer"],
            row["evidence"],
            row["location"],
            row["_place"],
        )
        for row in answers
    } == wanted


# --- what people change -------------------------------------------------------------------------------------


def refused(grid: Grid) -> str:
    with pytest.raises(Unreadable) as error:
        read(grid)
    assert error.value.problem.code.startswith("CODING-")
    return error.value.problem.sentence


def test_a_changed_heading_is_named_by_its_cell_and_by_what_it_was(template: Grid) -> None:
    grid = copy(template)
    grid[HEADINGS][column(grid, "2.1")] = "Quilla Canarybird"
    grid[HEADINGS][column(grid, "submitted_on")] = ""
    sentence = refused(grid)
    assert "coding!D4 must be submitted_on" in sentence
    assert "coding!P4 must be 2.1" in sentence
    assert "Quilla" not in sentence


def test_without_the_hidden_row_the_headings_speak_for_themselves(template: Grid) -> None:
    grid = copy(template)
    write(grid, "KHM", {**REPORT, "1.1": "yes"})
    del grid[HEADINGS - 1]
    (answer,) = rows(read(grid), "article7_answers")
    assert answer["_place"] == f"coding!J{row_of(grid, 'KHM') + 1}"


def test_an_indicator_that_the_template_has_not_is_left_to_the_door(template: Grid) -> None:
    grid = [[*row, ""] for row in template]
    grid[HEADINGS][-1] = "99.1"
    grid[row_of(grid, "KHM")][-1] = "yes"
    (answer,) = rows(read(grid), "article7_answers")
    assert (answer["indicator_id"], answer["answer"]) == ("99.1", "yes")


@pytest.mark.parametrize("heading", ["my notes", ""])
def test_cells_below_no_heading_are_said_to_be_left_out(template: Grid, heading: str) -> None:
    grid = [[*row, ""] for row in template]
    grid[HEADINGS][-1] = heading
    assert read(grid).findings == ()
    grid[row_of(grid, "KHM")][-1] = "look again"
    (finding,) = read(grid).findings
    letters = column_letters(len(grid[0]) - 1)
    assert (finding.code, finding.severity, finding.place) == (
        "CODING-COLUMN",
        "quarantine",
        f"coding!{letters}4",
    )


def test_a_heading_that_stands_twice_refuses_the_sheet(template: Grid) -> None:
    grid = [[*row, ""] for row in template]
    grid[HEADINGS][-1] = "1.1"
    assert f"coding!{column_letters(len(grid[0]) - 1)}4" in refused(grid)


def test_a_sheet_that_does_not_say_its_year_or_plan_is_refused(template: Grid) -> None:
    for cell, name in ((1, "B1"), (3, "D1")):
        grid = copy(template)
        grid[0][cell] = ""
        assert f"coding!{name}" in refused(grid)
    grid = copy(template)
    grid[0][0] = "year"
    assert "reporting_year" in refused(grid)


def test_a_sheet_without_headings_is_refused(template: Grid) -> None:
    assert "row of headings" in refused(template[HEADINGS + 1 :])
