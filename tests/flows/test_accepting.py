"""Publishing in spite of a check, kept for ever; taking a file back; a night that was missed."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from flows import build
from flows.files import read_json
from flows.home import Home
from flows.ledger import Ledger
from flows.program import DBT_PROJECT
from flows.refresh import Request, Result, refresh
from tests.flows.harness import AS_OF, REPORTS, deliver, table, take_in, without_prefect, write_csv

HOUSE = "HOUSE-TEST-99"
FAILING_TEST = f"""
{{{{ config(severity='error', meta={{'code': '{HOUSE}', 'sentence': 'It does not hold.'}}) }}}}
select * from {{{{ ref('stg_states') }}}} where iso3 = 'KEN'
"""
ACCEPTED = {"by": "R. Ashgrove", "why": "Known since spring."}
LATE = [{**REPORTS[0], "report_id": "R-KEN", "iso3": "KEN"}]


@pytest.fixture(scope="module")
def failing_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dbt project with one more test, which Kenya fails, and behind which everything stands."""
    project = tmp_path_factory.mktemp("dbt") / "dbt_project"
    shutil.copytree(DBT_PROJECT, project, ignore=shutil.ignore_patterns("target", "logs", "__pycache__"))
    (project / "tests" / "kenya_is_not_there.sql").write_text(FAILING_TEST, encoding="utf-8")
    return project


def test_a_failed_test_of_the_house_blocks_and_can_be_accepted_for_ever(
    failing_project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "home")
    inbox = deliver(tmp_path / "inbox")

    def night(*inboxes: Path, accept: tuple[str, ...] = ()) -> Result:
        asked = ACCEPTED if accept else {}
        request = Request(home=home.root, inboxes=inboxes, as_of=AS_OF, full=True, accept=accept, **asked)
        return refresh(request, without_prefect)

    with monkeypatch.context() as patched:
        patched.setattr(build, "DBT_PROJECT", failing_project)
        blocked = night(inbox)
        assert blocked.exit_code == 2
        assert HOUSE in {problem["check_code"] for problem in blocked.record["problems"]}
        evidence = home.runs / blocked.record["run_id"] / "evidence"
        assert {path.name for path in evidence.iterdir()} >= {"files.parquet", "run_results.json"}
        assert home.current_publication() is None and Ledger.read(home).number == 0

        accepted = night(accept=(HOUSE.lower(),))
        assert accepted.error is None
    later = night()
    for result in (accepted, later):
        publication = home.publications / result.record["publication_id"]
        (line,) = read_json(publication / "evidence" / "manifest.json")["acceptances"]
        assert (line["check_code"], line["accepted_by"], line["why"]) == (HOUSE, *ACCEPTED.values())
        with duckdb.connect(str(publication / "warehouse.duckdb"), read_only=True) as connection:
            kept = "select check_code, accepted_by, run_id from audit.acceptances"
            assert connection.execute(kept).fetchall() == [(HOUSE, ACCEPTED["by"], accepted.record["run_id"])]
            failed = "select outcome from audit.validation_results where check_code = ? and run_id = ?"
            found = connection.execute(failed, [HOUSE, result.record["run_id"]]).fetchall()
            assert found == ([("fail",)] if result is accepted else [])
            assert connection.execute("select count(*) from marts.indicator_values").fetchone() != (0,)
            runs = connection.execute("select distinct run_id from audit.validation_results").fetchall()
        checked = read_json(publication / "evidence" / "validation.json")["results"]
        assert {line["run_id"] for line in checked} == {result.record["run_id"]}
        assert {run_id for (run_id,) in runs} == {
            one.record["run_id"] for one in (accepted, later)[: 1 + (result is later)]
        }


def test_another_code_accepts_nothing(tmp_path: Path) -> None:
    inbox = deliver(tmp_path / "inbox", states=[])
    assert take_in(tmp_path / "home", inbox, accept=("HOUSE-OTHER",), **ACCEPTED).exit_code == 2


def test_an_acceptance_at_the_door_stands_in_every_later_ledger(tmp_path: Path) -> None:
    inbox = deliver(tmp_path / "inbox", meetings=[])
    first = take_in(tmp_path / "home", inbox)
    assert first.exit_code == 2
    codes = tuple({problem["check_code"] for problem in first.record["problems"]})
    assert take_in(tmp_path / "home", accept=codes, **ACCEPTED).exit_code in (0, 1)
    kept = table(tmp_path / "home", "acceptances")
    write_csv(tmp_path / "b" / "article7_reports.csv", LATE)
    take_in(tmp_path / "home", tmp_path / "b")
    assert table(tmp_path / "home", "acceptances") == kept and len(kept) == len(codes)


def test_a_missed_night_is_caught_up_in_one_run(tmp_path: Path) -> None:
    first = deliver(tmp_path / "a")
    second = tmp_path / "b"
    write_csv(second / "article7_reports.csv", LATE, received_on="2025-06-03")
    take_in(tmp_path / "two", first)
    take_in(tmp_path / "two", second)
    take_in(tmp_path / "one", first, second)

    def landed(home: Path) -> dict[str, list[dict[str, object]]]:
        keyless = {"person_key", "organization_key"}  # each home has a key of its own
        return {
            folder.name: [
                {name: value for name, value in row.items() if name not in keyless}
                for path in sorted(folder.glob("*.parquet"))
                for row in pq.read_table(path).to_pylist()
            ]
            for folder in sorted((home / "landing").iterdir())
            if folder.name not in ("batches", "ledger")
        }

    assert landed(tmp_path / "one") == landed(tmp_path / "two")

    def balance(home: Path) -> list[list[str]]:
        return sorted([str(cell) for cell in line.values()] for line in table(home, "row_balance"))

    assert balance(tmp_path / "one") == balance(tmp_path / "two")
