"""How a reader plugs in: two small ones, from their folders to the landing."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from flows import reading
from flows.archive import read_delivered
from flows.build import make_landing
from flows.files import read_json, write_json
from flows.home import Home, today
from flows.ledger import Ledger
from sources import readers
from sources.contract import SOURCES
from sources.reading import classify, masked_name, read
from tests.flows.harness import MEETINGS, STATES, TREATY_ACTIONS, deliver, table, take_in

DAY = date(2026, 3, 9)


@pytest.fixture(autouse=True)
def small_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "FOLDERS", (SOURCES, Path(__file__).parent / "readers"))


def roll(folder: Path, *lines: str, name: str = "roll--2026.txt") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text("\n".join(["ROLL", *lines]), encoding="utf-8")
    return path


def book(path: Path, sheets: dict[str, list[list[Any]]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with xlsxwriter.Workbook(path) as made:
        for name, rows in sheets.items():
            sheet = made.add_worksheet(name)
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
    return path


def test_a_file_is_a_reader_s_by_name_and_ending() -> None:
    assert classify("roll--March.TXT").dataset == "roll"
    assert classify("roll.txt").format == "txt"
    assert classify("roll.csv").dataset == "unknown"
    assert masked_name("roll--Quilla.txt", "ab" * 32) == "roll--abababab.txt"


def test_a_reader_s_rows_know_their_place_and_the_day_they_came(tmp_path: Path) -> None:
    path = roll(tmp_path, "Cambodia | signature | 1997-12-03", "  ", name="roll.txt")
    path.write_text(path.read_text(encoding="utf-8").strip(), encoding="utf-8")
    (found,) = read(path, path.name, DAY).tables
    assert (found.dataset, found.sheet, found.problem) == ("treaty_actions", "roll", None)
    (row,) = found.frame.to_dict("records")
    assert (row["_row"], row["_place"], row["received_on"]) == (2, "line 2", "2026-03-09")
    assert row["_cells"] == len(found.header) == 5


def test_a_layout_that_it_doesn_t_know_and_a_reader_that_breaks_quarantine_the_file(tmp_path: Path) -> None:
    (tmp_path / "roll.txt").write_text("<html>maintenance</html>", encoding="utf-8")
    problem = read(tmp_path / "roll.txt", "roll.txt", DAY).problem
    assert problem is not None and problem.code == "ROLL-LAYOUT"
    problem = read(roll(tmp_path, "no bars"), "roll.txt", DAY).problem
    assert problem is not None and problem.code == "FILE-READER" and "ValueError" in problem.sentence


def test_a_sheet_that_a_reader_reads_gives_rows_of_several_datasets(tmp_path: Path) -> None:
    path = book(tmp_path / "any.xlsx", {"Codes ": [["KHM"], ["KEN"]], "Notes": [["x"]]})
    content = read(path, path.name, DAY)
    assert [(t.dataset, t.sheet) for t in content.tables] == [
        ("meetings", "Codes "),
        ("obligations", "Codes "),
    ]
    assert content.tables[0].frame["_place"].tolist() == ["codes!A1", "codes!A2"]
    assert content.ignored_sheets == 1


def test_a_sheet_that_was_refused_is_read_again_when_the_rules_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = shutil.copytree(Path(__file__).parent / "readers", tmp_path / "readers")
    monkeypatch.setattr(readers, "FOLDERS", (SOURCES, own))
    inbox = deliver(tmp_path / "inbox", states=[*STATES, {"iso3": "FRA", "name": "France"}])
    columns = list(MEETINGS[0])
    meeting = ["M-1", *list(MEETINGS[0].values())[1:], "2025-06-01"]
    book(inbox / "any.xlsx", {"codes": [["KHM"], ["FRA"]], "meetings": [[*columns, "received_on"], meeting]})
    home = tmp_path / "home"
    take_in(home, inbox)
    (file,) = [f for f in table(home, "files") if f["dataset"] == "workbook"]
    assert (file["outcome"], file["reason"]) == (
        "partly_loaded",
        "Column A holds something else than states.",
    )
    code = own / "codes/reader.py"
    code.write_text(code.read_text(encoding="utf-8").replace("KEN", "FRA"), encoding="utf-8")
    reading.stop()
    monkeypatch.setattr("flows.plans.rules_fingerprint", lambda: "changed")
    take_in(home, full=True)
    (file,) = [f for f in table(home, "files") if f["dataset"] == "workbook"]
    assert file["outcome"] == "loaded"
    paths = Ledger.read(Home(home)).landing_files("meetings")
    landed = [row["meeting_id"] for path in paths for row in pq.read_table(path).to_pylist()]
    assert sorted(landed) == ["22MSP", "FRA", "KHM", "M-1"]
    assert sum(line["rows_loaded"] for line in table(home, "row_balance") if line["sheet"]) == 5


def test_rows_land_with_their_place_and_what_is_left_over_is_told(tmp_path: Path) -> None:
    inbox = deliver(tmp_path / "inbox", treaty_actions=[])
    roll(inbox, "Cambodia | signature | 1997-12-03", "# left over", "Kenya | sigh | 2001-01-23")
    home = tmp_path / "home"
    assert take_in(home, inbox).exit_code == 1
    landed = pq.read_table(home / "landing/treaty_actions/000001.parquet").to_pylist()
    assert [(row["iso3"], row["place"], row["sheet"]) for row in landed] == [("KHM", "line 2", "roll")]
    assert landed[0]["received_on"] == today()
    (quarantined,) = table(home, "quarantined_rows")
    assert (quarantined["row_number"], quarantined["place"], quarantined["value"]) == (4, "line 4", "sigh")
    (finding,) = [r for r in table(home, "validation_results") if r["check_code"] == "ROLL-LINE"]
    assert (finding["engine"], finding["subject"], finding["place"]) == ("reader", "roll", "line 3")
    (file,) = [f for f in table(home, "files") if f["dataset"] == "roll"]
    assert (file["outcome"], file["file_name"], file["restricted"]) == (
        "partly_loaded",
        "roll--2026.txt",
        False,
    )


def test_a_file_of_which_something_was_left_over_never_counts_as_loaded(tmp_path: Path) -> None:
    inbox = deliver(tmp_path / "inbox", treaty_actions=[])
    roll(inbox, "Cambodia | signature | 1997-12-03", "# left over")
    home = tmp_path / "home"
    take_in(home, inbox)
    take_in(home, deliver(tmp_path / "later", states=[{**STATES[0], "received_on": "2025-07-01"}]))
    (file,) = [f for f in table(home, "files") if f["dataset"] == "roll"]
    assert (file["outcome"], file["reason"]) == ("partly_loaded", "A line is no action. Look at it.")


def test_a_finding_that_blocks_blocks_the_run(tmp_path: Path) -> None:
    inbox = deliver(tmp_path / "inbox", treaty_actions=[])
    roll(inbox, "Cambodia | signature | 1997-12-03", "## what is this")
    home = tmp_path / "home"
    result = take_in(home, inbox)
    assert result.exit_code == 2 and "ROLL-LINE" in str(result.error)
    accepted = take_in(home, accept=("ROLL-LINE",), by="Ada Example", why="Looked at it.")
    assert accepted.exit_code == 1
    assert [row["check_code"] for row in table(home, "acceptances")] == ["ROLL-LINE"]


def test_a_row_that_waits_is_read_again_as_of_the_day_its_file_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = deliver(tmp_path / "inbox", treaty_actions=TREATY_ACTIONS, states=STATES[:1])
    roll(inbox, "KEN | signature | 1997-12-05")
    home = tmp_path / "home"
    monkeypatch.setenv("SRAAP_TZ", "Pacific/Kiritimati")
    came = today()
    take_in(home, inbox)
    waits = [row for row in table(home, "quarantined_rows") if row["sheet"] == "roll"]
    assert [(row["place"], row["waiting"]) for row in waits] == [("line 2", True)]
    entry = next(e for e in read_delivered(Home(home)).entries if e.dataset == "roll")
    assert entry.received_on == came.isoformat()
    monkeypatch.setenv("SRAAP_TZ", "Pacific/Pago_Pago")
    take_in(home, deliver(tmp_path / "later", states=STATES))
    landed = pq.read_table(home / "landing/treaty_actions/000002.parquet").to_pylist()
    assert [(row["action_id"], row["received_on"]) for row in landed if row["sheet"] == "roll"] == [
        ("KEN-signature", came)
    ]
    assert not [row for row in table(home, "quarantined_rows") if row["sheet"] == "roll"]


def test_a_home_of_the_version_without_places_is_read_and_migrated(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    waits = {**TREATY_ACTIONS[0], "action_id": "FRA-1", "iso3": "FRA"}
    take_in(home.root, deliver(tmp_path / "inbox", treaty_actions=[*TREATY_ACTIONS, waits]))
    for path in (*home.landing.glob("*/*.parquet"), *home.landing.glob("ledger/*/*.parquet")):
        held = pq.read_table(path)
        pq.write_table(held.drop_columns([n for n in held.column_names if n == "place"]), path)
    for path in home.deliveries.glob("*.json"):
        listed = read_json(path)
        for entry in (*listed["entries"], *listed["repeated"]):
            del entry["received_on"]
        write_json(path, listed)
    write_json(home.settings_path, {**home.settings(), "format_version": 1})
    assert [row["place"] for row in table(home.root, "quarantined_rows")] == [None]
    later = deliver(tmp_path / "later", states=[{"iso3": "KEN", "name": "Republic of Kenya"}])
    assert take_in(home.root, later).exit_code == 1
    assert home.settings()["format_version"] == 2
    assert [row["place"] for row in table(home.root, "quarantined_rows")] == [None]
    paths = {name: Ledger.read(home).landing_files(name) for name in ("states", "meetings")}
    assert len(paths["states"]) == 2
    with duckdb.connect() as connection:
        make_landing(connection, paths)
        count = "select count(*), count(place) from landing."
        assert connection.execute(count + "states").fetchone() == (3, 0)
        assert connection.execute(count + "meetings").fetchone() == (1, 0)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"gives": ["nothing"]}, "no datasets"),
        ({"sheets": ["a"]}, "either"),
        ({"reader": "states"}, "something else"),
        ({"speed": 3}, "unknown settings"),
    ],
)
def test_a_declaration_that_is_wrong_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any], why: str
) -> None:
    import yaml

    said = yaml.safe_load((Path(__file__).parent / "readers/roll/source.yml").read_text(encoding="utf-8"))
    (tmp_path / "one").mkdir()
    (tmp_path / "one/source.yml").write_text(yaml.safe_dump({**said, **changed}), encoding="utf-8")
    monkeypatch.setattr(readers, "FOLDERS", (tmp_path,))
    with pytest.raises(ValueError, match=why):
        readers.readers()


def test_two_rows_of_one_number_are_a_defect_of_the_reader() -> None:
    frame = pd.DataFrame({"iso3": ["KHM", "KEN"], "_row": [1, 1], "_place": ["a", "b"]})
    reading = readers.Reading((readers.ReadTable("treaty_actions", None, frame),))
    with pytest.raises(ValueError, match="one number"):
        readers.readers()["roll"]._checked(reading)
