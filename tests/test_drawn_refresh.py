"""Drawn deliveries through whole refreshes: what is published is what the recomputation says.

One goes through the command and a Prefect server that stands already; the others through the same steps in
this process, below Prefect, for what is proved with them is not Prefect.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random

import pytest

from flows import prefect_database, quiet
from flows.explain import explain
from flows.refresh import Request, refresh
from sources.contract import datasets
from tests.agreement import PLAN, drawn_deliveries, marts_differences
from tests.flows.harness import without_prefect
from tests.oracle.indicators import Result, compute
from tests.oracle.strategies import Delivery, write_delivery
from tests.test_whole_refresh import AS_OF, published, run

QUESTIONS = 10
"""Questions asked of each of the ten homes: an indicator, a year and a state."""
FIGURES = ("numerator", "denominator", "value", "status")
CELL = ("member_kind", "in_denominator", "in_numerator", "reason", "report_id", "evidence", "location")


@pytest.fixture(scope="module")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Prefect server that stands already, which a refresh then uses instead of starting its own."""
    before = dict(os.environ)
    folder = tmp_path_factory.mktemp("prefect")
    prefect_database.supply(folder)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/api"
        program = (
            "-m",
            "uvicorn",
            "--factory",
            "prefect.server.api.server:create_app",
            "--log-level",
            "error",
        )
        server = subprocess.Popen(
            [sys.executable, *program, "--fd", str(listener.fileno())],
            env={**before, **quiet.SETTINGS, "PREFECT_HOME": str(folder), "PREFECT__SERVER_EPHEMERAL": "1"},
            pass_fds=(listener.fileno(),),
        )
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=120) as answer:
            assert answer.status == 200
        os.environ["PREFECT_API_URL"] = url
        yield
        with sqlite3.connect(folder / "prefect.db") as database:
            states = {state for (state,) in database.execute("select state_type from flow_run")}
        assert "COMPLETED" in states, "no run told the server that stood already"
    finally:
        server.terminate()
        server.wait()
        os.environ.clear()
        os.environ.update(before)


@cache
def whole_deliveries() -> list[Delivery]:
    """Drawn deliveries that can be published: every required dataset is there, and the day has come."""
    required = {name for name, dataset in datasets().items() if dataset.required}
    return [
        delivery
        for delivery in drawn_deliveries(80)
        if delivery.as_of <= AS_OF and required <= {stem.partition("--")[0] for stem in delivery.files}
    ]


@pytest.mark.usefixtures("prefect_server")
def test_a_drawn_delivery_through_the_command_and_a_server_that_stands(tmp_path: Path) -> None:
    """So many rows of these are bad that the run may be blocked; then what blocks it is accepted by name."""
    delivery = whole_deliveries()[0]
    inbox, home = tmp_path / "inbox", tmp_path / "home"
    write_delivery(inbox, delivery)
    asked = ("refresh", "--home", str(home), "--as-of", delivery.as_of.isoformat(), "--json")
    done = run(*asked, "--inbox", str(inbox), expected=(0, 1, 2))
    if done.returncode == 2:
        assert not (home / "published").exists()
        codes = sorted({problem["check_code"] for problem in json.loads(done.stdout)["problems"]})
        accepted = [word for code in codes for word in ("--accept", code)]
        run(*asked, *accepted, "--by", "Test", "--why", "drawn to be bad", expected=(0, 1))
    assert_agrees(delivery, home)


@pytest.mark.parametrize("number", range(1, 10))
def test_a_drawn_delivery_through_a_whole_refresh(number: int, tmp_path: Path) -> None:
    delivery = whole_deliveries()[number]
    inbox, home = tmp_path / "inbox", tmp_path / "home"
    write_delivery(inbox, delivery)
    as_of = delivery.as_of.isoformat()
    result = refresh(Request(home=home, inboxes=(inbox,), as_of=as_of), without_prefect)
    if result.exit_code == 2:
        assert not (home / "published").exists()
        codes = tuple(sorted({problem["check_code"] for problem in result.record["problems"]}))
        again = Request(home=home, as_of=as_of, accept=codes, by="Test", why="drawn to be bad")
        result = refresh(again, without_prefect)
    assert result.exit_code in (0, 1), result.error
    assert_agrees(delivery, home)


def assert_agrees(delivery: Delivery, home: Path) -> None:
    expected = compute(delivery.accepted, delivery.as_of, PLAN)
    marts = published(home)
    lines = marts_differences(expected, marts)
    assert not lines, "\n".join(lines[:40])
    members = marts["population_members"]
    states = sorted({str(row["member_key"]) for row in members if row["population"] == "all_states"})
    questions = Random(delivery.as_of.toordinal())
    for _ in range(QUESTIONS if states else 0):
        indicator, state = questions.choice(PLAN), questions.choice(states)
        year = questions.randint(2025, delivery.as_of.year)
        assert_explained(expected, home, (indicator.indicator_id, year, state))


def assert_explained(expected: Result, home: Path, question: tuple[str, int, str]) -> None:
    """What a person is told of an indicator and a state is what the recomputation says, with its sources."""
    indicator, year, state = question
    told = explain(home, indicator, year, state)
    (total,) = (
        value
        for value in expected.values
        if (value["indicator_id"], value["reporting_year"], value["breakdown"]) == (indicator, year, "total")
    )
    assert {name: told["total"][name] for name in FIGURES} == {name: total[name] for name in FIGURES}, (
        question
    )
    cells = {
        cell["member_key"]: {name: cell[name] for name in CELL}
        for cell in expected.observations
        if (cell["indicator_id"], cell["reporting_year"], cell["iso3"]) == (indicator, year, state)
    }
    observations = told["state"]["observations"]
    assert {o["member_key"]: {name: o[name] for name in CELL} for o in observations} == cells, question
    assert all(o["sources"] for o in observations), question
