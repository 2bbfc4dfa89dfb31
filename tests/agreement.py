"""Compares the marts that the SQL makes with the independent recomputation, row by row and exactly.

Used by the agreement test and by the mutants, which need the same deliveries and the same notion of a
difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from functools import cache
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings

from tests.dbt_harness import FIGURES, CompiledProject
from tests.oracle.indicators import Indicator, Result, compute, load_plan
from tests.oracle.rows import Row, Rows
from tests.oracle.strategies import Delivery, deliveries, landing_rows

GRAIN = {
    "indicator_values": ("reporting_year", "plan_version", "indicator_id", "breakdown", "breakdown_value"),
    "indicator_observations": ("reporting_year", "plan_version", "indicator_id", "member_kind", "member_key"),
    "population_members": ("reporting_year", "population", "member_kind", "member_key"),
}
PLAN = load_plan()
OTHER_PLAN = tuple(
    Indicator("adopted-2024-11-29", key, int(key.split(".")[0]), "I", unit, population, rule, source, "", "W")
    for key, unit, population, rule, source in (
        ("1.1", "percent", "states_not_party", "reported", "article7_answers"),
        ("5.1", "number", "affected", "reported", "article7_answers"),
        ("45.1", "percent", "article3", "reported_ever", "article7_answers"),
        ("46.1", "percent", "states_parties", "submitted", "article7_reports"),
        ("46.2", "number", "states_parties", "submitted", "article7_reports"),
        ("46.3", "number", "all_states", "attended", "meeting_participants"),
        ("46.4", "number", "article5", "discovered_in_year", "stockpile_discoveries"),
        ("46.5", "number", "states_not_party", "condemned_in_meeting", "meeting_statements"),
        ("46.6", "number", "article4_overdue", "case_open_in_year", "compliance_cases"),
        ("46.7", "number", "states_parties", "declared_complete_in_year", "completion_declarations"),
        ("46.8", "percent", "states_parties", "attended", "meeting_participants"),
        ("46.9", "percent", "stockpile_discoverers", "condemned_in_meeting", "meeting_statements"),
        ("47.1", "percent", "article5", "discovered_in_year", "stockpile_discoveries"),
        ("47.2", "percent", "reporting_parties", "declared_complete_in_year", "completion_declarations"),
        ("47.3", "percent", "article4_overdue", "case_open_in_year", "compliance_cases"),
        ("47.4", "percent", "article5", "declared_with_voluntary_declaration", "completion_declarations"),
        ("47.5", "percent", "states_parties", "case_open_in_year", "compliance_cases"),
    )
)
"""Rules of the contract over other populations, under ids that are partly those of the shipped plan."""
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


@dataclass(frozen=True)
class Example:
    """Landing rows, the day of knowledge, and the figures that the recomputation gives for them."""

    landing: dict[str, list[Row]]
    header_only: frozenset[str]
    as_of: date
    expected: Result
    loaded_plan: tuple[Indicator, ...] = ()

    @property
    def plan_rows(self) -> list[dict[str, Any]]:
        """Rows of ``control.plan_indicators`` for the loaded plan."""
        rows = [asdict(indicator) for indicator in self.loaded_plan]
        return [{("wording" if k == "indicator" else k): v for k, v in row.items()} for row in rows]


def example(rows: Rows, as_of: date, loaded_plan: tuple[Indicator, ...] = ()) -> Example:
    """An example from accepted rows; ``loaded_plan`` is a plan version besides the shipped one."""
    expected = compute(rows, as_of, [*PLAN, *loaded_plan])
    return Example(landing_rows(rows), rows.header_only, as_of, expected, loaded_plan)


@cache
def drawn_deliveries(count: int) -> tuple[Delivery, ...]:
    """So many deliveries drawn by hypothesis, always the same ones."""
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
    return tuple(drawn[:count])


def differences(project: CompiledProject, example: Example) -> list[str]:
    """What differs between the SQL's figures and the expected ones, a line each; empty if they agree."""
    marts = project.run(example.landing, example.as_of, example.header_only, loaded_plan=example.plan_rows)
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
