"""The pipeline's SQL and the independent recomputation give the same figures, to the last digit."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings

from tests.agreement import GRAIN, OTHER_PLAN, PLAN, SLOW, differences, example, table_differences
from tests.dbt_harness import compiled_project
from tests.oracle.indicators import answerable
from tests.oracle.rows import Rows, read_deliveries
from tests.oracle.strategies import Delivery, deliveries, smaller

SAMPLE = Path(__file__).resolve().parents[1] / "sources" / "sample" / "delivery"
SAMPLE_DAYS = ("2025-04-30", "2025-12-31", "2026-02-28", "2026-06-29", "2026-11-20")
"""A day in the first year, two cut-offs, the day on which 2025 becomes final, and a late one."""


def disagreement(delivery: Delivery) -> list[str]:
    """What differs between the SQL and the recomputation on a small delivery."""
    return differences(compiled_project(), example(delivery.accepted, delivery.as_of))


@settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=SLOW,
)
@given(deliveries())
def test_figures_agree_on_small_deliveries(delivery: Delivery) -> None:
    if not disagreement(delivery):
        return
    least = smaller(delivery, lambda one: bool(disagreement(one)))
    rows = "\n".join(f"{stem}: {row}" for stem, found in least.files.items() for row in found)
    lines = "\n".join(disagreement(least)[:40])
    pytest.fail(f"as of {least.as_of}:\n{rows}\n{lines}")


@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=SLOW,
)
@given(deliveries())
def test_figures_of_another_plan_version_agree_beside_the_first(delivery: Delivery) -> None:
    rows = delivery.accepted_with(answerable([*PLAN, *OTHER_PLAN]))
    both = example(rows, delivery.as_of, OTHER_PLAN)
    lines = differences(compiled_project(), both)
    assert not lines, "\n".join(lines[:40])


@cache
def sample() -> Rows:
    return read_deliveries([SAMPLE], plans=answerable(PLAN))


@pytest.mark.parametrize("as_of", SAMPLE_DAYS)
def test_figures_agree_on_the_shipped_delivery(as_of: str) -> None:
    expected = example(sample(), date.fromisoformat(as_of))
    assert expected.expected.values
    assert not differences(compiled_project(), expected)[:40]


@pytest.mark.parametrize("column", ["value", "status"])
def test_a_difference_is_seen(column: str) -> None:
    row = dict.fromkeys((*GRAIN["indicator_values"], "value", "status"), "x")
    assert table_differences("indicator_values", [row], [row]) == []
    assert len(table_differences("indicator_values", [row], [{**row, column: "y"}])) == 1
    assert len(table_differences("indicator_values", [row], [])) == 1
    assert len(table_differences("indicator_values", [], [row])) == 1
