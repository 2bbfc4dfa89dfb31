"""What was known of a state on any day: drawn questions, answered by the SQL and by the recomputation."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

import pytest

from tests.agreement import PLAN, drawn_deliveries
from tests.dbt_harness import compiled_project
from tests.oracle.indicators import compute
from tests.oracle.strategies import EDGE_DAYS, landing_rows

DELIVERIES = 10
QUESTIONS = 10
CELL = ("in_denominator", "in_numerator", "reason", "report_id", "evidence", "location")


def cells(rows: list[dict[str, Any]]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """What each member's cell says, by year, plan version, indicator and member."""
    key = ("reporting_year", "plan_version", "indicator_id", "member_kind", "member_key")
    return {tuple(row[k] for k in key): tuple(row[k] for k in CELL) for row in rows}


@pytest.mark.parametrize("number", range(DELIVERIES))
def test_a_drawn_question_has_the_answer_of_the_recomputation(number: int) -> None:
    """Ten times (indicator, state) on a drawn day, for each of ten deliveries; not only of members."""
    random = Random(number)
    delivery = drawn_deliveries(30)[number]
    near = delivery.as_of + timedelta(days=random.randint(-30, 30))
    day = max(random.choice((near, *EDGE_DAYS)), date(2025, 1, 1))
    rows = delivery.accepted
    built = compiled_project().run(
        landing_rows(rows), day, rows.header_only, tables=("indicator_observations",)
    )
    answers, expected = cells(built["indicator_observations"]), cells(compute(rows, day, PLAN).observations)
    states = sorted({str(row["iso3"]) for row in rows.tables["states"]})
    for _ in range(QUESTIONS):
        indicator, state = random.choice(PLAN), random.choice(states)
        for year in range(2025, day.year + 1):
            question = (year, indicator.plan_version, indicator.indicator_id, "state", state)
            assert answers.get(question) == expected.get(question), (question, day)
