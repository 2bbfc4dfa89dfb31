"""Compares the marts that the SQL makes with the independent recomputation, row by row and exactly.

Used by the agreement test and by the mutants, which need the same deliveries and the same notion of a
difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings

from tests.dbt_harness import FIGURES, CompiledProject
from tests.oracle.indicators import Result, compute, load_plan
from tests.oracle.rows import Row, Rows
from tests.oracle.strategies import Delivery, deliveries, landing_rows

GRAIN = {
    "indicator_values": ("reporting_year", "plan_version", "indicator_id", "breakdown", "breakdown_value"),
    "indicator_observations": ("reporting_year", "indicator_id", "member_kind", "member_key"),
    "population_members": ("reporting_year", "population", "member_kind", "member_key"),
}
PLAN = load_plan()
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


@dataclass(frozen=True)
class Example:
    """Landing rows, the day of knowledge, and the figures that the recomputation gives for them."""

    landing: dict[str, list[Row]]
    header_only: frozenset[str]
    as_of: date
    expected: Result


def example(rows: Rows, as_of: date) -> Example:
    """An example from accepted rows."""
    return Example(landing_rows(rows), rows.header_only, as_of, compute(rows, as_of, PLAN))


def drawn_examples(count: int) -> list[Example]:
    """So many examples drawn by hypothesis, always the same ones."""
    drawn: list[Delivery] = []

    @settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=SLOW,
    )
    @given(deliveries())
    def collect(delivery: Delivery) -> None:
        drawn.append(delivery)

    collect()
    return [example(delivery.accepted, delivery.as_of) for delivery in drawn[:count]]


def differences(project: CompiledProject, example: Example) -> list[str]:
    """What differs between the SQL's figures and the expected ones, a line each; empty if they agree."""
    marts = project.run(example.landing, example.as_of, example.header_only)
    return marts_differences(example.expected, marts)


def marts_differences(expected: Result, marts: Mapping[str, list[dict[str, Any]]]) -> list[str]:
    """Differences over values, observations and members of populations."""
    return [
        line
        for table in FIGURES
        for line in table_differences(table, getattr(expected, _FIELD[table]), marts[table])
    ]


_FIELD = {
    "indicator_values": "values",
    "indicator_observations": "observations",
    "population_members": "population_members",
}


def table_differences(
    table: str, expected_rows: Iterable[Mapping[str, Any]], mart_rows: Iterable[Mapping[str, Any]]
) -> list[str]:
    """Differences of one mart, rows matched by its grain."""
    grain = GRAIN[table]
    expected = {tuple(row[name] for name in grain): row for row in expected_rows}
    found: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    lines = []
    for row in mart_rows:
        key = tuple(row[name] for name in grain)
        if key in found:
            lines.append(f"{table} {key}: twice in the mart")
        found[key] = row
    for key in sorted(expected.keys() | found.keys(), key=str):
        if key not in found:
            lines.append(f"{table} {key}: missing in the mart, expected {dict(expected[key])}")
        elif key not in expected:
            lines.append(f"{table} {key}: not expected, the mart has {dict(found[key])}")
        else:
            lines.extend(
                f"{table} {key} {column}: expected {value!r}, the mart has {found[key][column]!r}"
                for column, value in expected[key].items()
                if found[key][column] != value
            )
    return lines
