"""Another version of the plan is data: loaded, computed beside the first, made again, or refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flows import plans
from flows.errors import UsageProblem
from flows.explain import explain
from flows.home import Home
from flows.program import DBT_PROJECT
from flows.refresh import Request, refresh
from flows.reproduce import reproduce
from tests.flows.conftest import sraap
from tests.flows.harness import ANSWERS, AS_OF, deliver, table, without_prefect

VERSION = "adopted-2024-11-29"
ACTION = {"action": "1", "section": "I", "section_title": "Best practices", "wording": "Show ownership."}
INDICATOR = {
    "indicator_id": "1.1",
    "action": "1",
    "section": "I",
    "unit": "percent",
    "population": "affected",
    "rule": "reported",
    "source": "article7_answers",
    "wording": "Percentage of affected States Parties that report ownership.",
}
NUMBER = {**INDICATOR, "indicator_id": "1.2", "unit": "number", "population": "states_parties"}
OF_THE_YEAR = {**INDICATOR, "indicator_id": "1.c", "population": "reporting_parties"}


def write(path: Path, rows: list[dict[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def plan(folder: Path, *indicators: dict[str, str]) -> Path:
    write(folder / "actions.csv", [ACTION])
    write(folder / "indicators.csv", list(indicators))
    write(
        folder / "crosswalk.csv",
        [
            {
                "indicator_id": "1.1",
                "other_plan_version": "draft-2024-08-16",
                "other_indicator_id": "1.1",
                "note": "Shorter.",
            }
        ],
    )
    return folder


def values(home: Path, version: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(home / "published" / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(
            "select indicator_id, numerator, denominator, status from marts.indicator_values "
            "where plan_version = ? and reporting_year = 2025 and breakdown = 'total' order by 1",
            [version],
        ).fetchall()


def test_a_loaded_plan_is_computed_beside_the_first_and_made_again(tmp_path: Path) -> None:
    home = tmp_path / "home"
    to_it = {**ANSWERS[0], "indicator_id": "1.2", "plan_version": VERSION}
    also = {**to_it, "indicator_id": "1.c"}
    inbox = deliver(tmp_path / "inbox", article7_answers=[*ANSWERS, to_it, also])
    first = refresh(Request(home, (inbox,), as_of=AS_OF), without_prefect)
    assert first.exit_code == 1
    assert [row["check_code"] for row in table(home, "quarantined_rows")] == ["AN-PLAN_VERSION-11"] * 2
    before = values(home, "draft-2024-08-16")

    folder = plan(tmp_path / VERSION, INDICATOR, NUMBER, OF_THE_YEAR)
    done = sraap("plan", "load", folder, "--home", home, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["indicators"] == 3
    second = refresh(Request(home, as_of=AS_OF), without_prefect)
    assert second.record["state"] == "published", "a new plan is something new"
    assert table(home, "quarantined_rows") == [], "what waited for the plan is judged again"
    assert values(home, VERSION) == [
        ("1.1", 0, 1, "provisional"),
        ("1.2", 1, None, "provisional"),
        ("1.c", 1, 2, "provisional"),
    ]
    assert values(home, "draft-2024-08-16") == before
    with duckdb.connect(str(home / "published" / "warehouse.duckdb"), read_only=True) as connection:
        crosswalk = connection.execute("select * from marts.dim_indicator_crosswalk").fetchall()
        outside = connection.execute(
            "select distinct outcome from audit.validation_results where check_code = 'outside_population'"
        ).fetchall()
        reasons = connection.execute(
            "select plan_version, reason, count(distinct indicator_id) "
            "from marts.indicator_revisions group by all"
        ).fetchall()
    assert outside == [("pass",)], "KHM is a reporting party, a population that is tied to the year"
    assert explain(home, "1.c", 2025, "KHM", VERSION)["state"]["observations"][0]["reason"] == "yes"
    with pytest.raises(UsageProblem, match="plan version"):
        explain(home, "1.c", 2025, None, "adopted")
    assert reasons == [(VERSION, "definition", 3)], "a plan that was not there is another definition"
    assert crosswalk == [(VERSION, "1.1", "draft-2024-08-16", "1.1", "Shorter.")]

    assert refresh(Request(home, as_of=AS_OF), without_prefect).record["state"] == "nothing_new"
    for result in (first, second):
        made = reproduce(Home(home), str(result.record["publication_id"]))
        assert (made.different, made.missing, made.additional) == ([], [], [])
    said = " ".join(sraap("audit", "--home", home).stdout.split())
    (plan_loaded,) = plans.loaded(Home(home))
    assert f"Plans loaded besides: {VERSION} (SHA-256 {plan_loaded.sha256})" in said
    listed = json.loads(sraap("plan", "list", "--home", home, "--json").stdout)
    assert [line["plan_version"] for line in listed] == ["draft-2024-08-16", VERSION]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.create("real")
    return made


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"rule": "guessed"}, "'guessed' is no known rule"),
        ({"population": "everybody"}, "'everybody' is no known population"),
        ({"unit": "share"}, "'share' is no known unit"),
        ({"action": "2"}, "'2' is no known action"),
        ({"source": "letters"}, "'letters' is no known source"),
        ({"source": "untc_status"}, "'untc_status' is no known source"),
        ({"wording": ""}, "must be filled"),
        ({"unit": "number", "rule": "contributed"}, "can't be a number"),
        ({"unit": "number", "rule": "submitted", "population": "reporting_parties"}, "tied to a year"),
        ({"rule": "participant_share"}, "one unit and population only"),
        ({"population": "participants"}, "has no such rule"),
        ({"rule": "request_plan_complete", "population": "extension_requests"}, "request_part"),
        ({"request_part": "clearance"}, "request_part"),
        ({"indicator_id": "1.2"}, "'1.2' stands twice"),
    ],
)
def test_what_cannot_be_computed_is_refused_with_its_row(
    home: Home, tmp_path: Path, row: dict[str, str], said: str
) -> None:
    columns = {**INDICATOR, "request_part": ""}
    folder = plan(tmp_path / "p", {**columns, **row}, {**columns, "indicator_id": "1.2"})
    with pytest.raises(UsageProblem) as caught:
        plans.load(home, folder, None)
    assert said in caught.value.what
    assert plans.loaded(home) == ()


@pytest.mark.parametrize("number", ["0", "01", "²", "9999999999", "1.5"])
def test_an_action_is_a_number_that_every_table_can_hold(home: Home, tmp_path: Path, number: str) -> None:
    folder = plan(tmp_path / "p", {**INDICATOR, "action": number})
    write(folder / "actions.csv", [{**ACTION, "action": number}])
    with pytest.raises(UsageProblem, match="is no number of an action"):
        plans.load(home, folder, None)


def shipped(name: str, *less: str) -> list[dict[str, str]]:
    """Rows of a file of the shipped plan, in the columns of the contract's own files."""
    with (DBT_PROJECT / "seeds" / f"plan_{name}.csv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    return [{k: v for k, v in row.items() if k not in ("plan_version", *less)} for row in rows]


@pytest.mark.parametrize("less", [(), ("request_part",)], ids=["with request_part", "as in the contract"])
def test_every_indicator_of_the_shipped_plan_could_be_loaded(
    home: Home, tmp_path: Path, less: tuple[str, ...]
) -> None:
    write(tmp_path / "again" / "actions.csv", shipped("actions"))
    write(tmp_path / "again" / "indicators.csv", shipped("indicators", *less))
    assert plans.load(home, tmp_path / "again", None)["indicators"] == 87
    with duckdb.connect(":memory:") as connection:
        connection.execute("create schema control")
        for table, columns in (
            ("plan_actions", ("plan_version", *plans.ACTIONS)),
            ("plan_indicators", ("plan_version", *plans.INDICATORS, *plans.OPTIONAL)),
        ):
            connection.execute(f"create table control.{table} ({', '.join(f'{c} varchar' for c in columns)})")
        plans.fill(connection, plans.loaded(home))
        parts = connection.execute(
            "select indicator_id, request_part from control.plan_indicators "
            "where request_part is not null order by 1"
        ).fetchall()
    assert parts == [("20.1", "clearance"), ("20.2", "risk_education")]


@pytest.mark.parametrize(
    ("indicator_id", "wording", "part"),
    [
        ("19.4", "Requests with plans for Survey and Clearance.", "clearance"),
        ("19.4", "Requests with plans for risk education.", "risk_education"),
        ("20.1", "Requests with plans for risk education.", "risk_education"),  # renumbered: the words say it
        ("20.2", "Requests with complete plans.", "risk_education"),
        ("19.4", "Requests with plans for clearance and risk education.", None),
    ],
)
def test_a_request_indicator_says_which_part_it_asks_for(
    home: Home, tmp_path: Path, indicator_id: str, wording: str, part: str | None
) -> None:
    row = {
        **INDICATOR,
        "indicator_id": indicator_id,
        "population": "extension_requests",
        "rule": "request_plan_complete",
        "source": "extension_requests",
        "wording": wording,
    }
    folder = plan(tmp_path / "p", row)
    (folder / "crosswalk.csv").unlink()
    if part is None:
        with pytest.raises(UsageProblem, match="request_part"):
            plans.load(home, folder, None)
        return
    plans.load(home, folder, None)
    (found,) = plans._read_indicators(plans.loaded(home)[0].folder / "indicators.csv")
    assert found["request_part"] == part


def test_a_loaded_plan_never_changes(home: Home, tmp_path: Path) -> None:
    plans.load(home, plan(tmp_path / "p", INDICATOR), None)
    assert plans.load(home, tmp_path / "p", None)["already_loaded"]
    with pytest.raises(UsageProblem, match="says something else"):
        plans.load(home, plan(tmp_path / "p", {**INDICATOR, "population": "article5"}), None)
    kept = home.root / "plans" / "p" / "indicators.csv"
    kept.write_text(kept.read_text(encoding="utf-8").replace("affected", "article5"), encoding="utf-8")
    with pytest.raises(UsageProblem, match="was altered"):
        plans.loaded(home)


@pytest.mark.parametrize("version", ["../x", "", "a b", "draft-2024-08-16"])
def test_a_version_needs_a_name_of_its_own(home: Home, tmp_path: Path, version: str) -> None:
    folder = plan(tmp_path / "p !", INDICATOR)
    with pytest.raises(UsageProblem, match="version"):
        plans.load(home, folder, version)


def test_a_folder_without_the_files_is_said_as_such(home: Home, tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match=r"actions\.csv and indicators\.csv missing"):
        plans.load(home, tmp_path, "x")
    write(tmp_path / "actions.csv", [ACTION])
    write(tmp_path / "indicators.csv", [{**INDICATOR, "colour": "red"}])
    with pytest.raises(UsageProblem, match="unknown columns: colour"):
        plans.load(home, tmp_path, "x")
