"""The semantic model gives the published figures: measures, filters and formulas as plain SQL on the marts.

That it is valid is dbt's to say, whenever it parses the project; what its metrics come to is said here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from tests.conftest import Sample

PATH = Path(__file__).resolve().parents[2] / "dbt_project" / "models" / "marts" / "semantic.yml"
FOUND = yaml.safe_load(PATH.read_text(encoding="utf-8"))
(MODEL,) = FOUND["semantic_models"]
METRICS = {metric["name"]: metric for metric in FOUND["metrics"]}
MEASURES = {measure["name"]: measure for measure in MODEL["measures"]}
DIMENSIONS = {
    dimension["name"]: dimension.get("expr", dimension["name"]) for dimension in MODEL["dimensions"]
}


@pytest.fixture(scope="module")
def warehouse(sample: Sample) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published warehouse."""
    with duckdb.connect(str(sample.publication / "warehouse.duckdb"), read_only=True) as connection:
        yield connection


def as_sql(name: str) -> str:
    """A metric as an aggregate, each measure under the filter of its own metric."""
    metric = METRICS[name]
    asked = metric["type_params"]
    if metric["type"] == "derived":
        return re.sub(
            r"\b(\w+)\b", lambda m: as_sql(m[1]) if m[1] in asked["metrics"] else m[1], asked["expr"]
        )
    measure = MEASURES[asked["measure"]]
    condition = re.sub(
        r"\{\{ Dimension\('indicator_value__(\w+)'\) \}\}", lambda m: DIMENSIONS[m[1]], metric["filter"]
    )
    return f"{measure['agg']}({measure['expr']}) filter (where {condition})"


def differing(warehouse: duckdb.DuckDBPyConnection, metric: str, groups: str, published: str) -> list[Any]:
    """Groups in which a metric is not what ``published``, a query, says; each has a published row."""
    metric_sql = f"select {groups}, {as_sql(metric)} as value from marts.indicator_values group by {groups}"
    return warehouse.execute(
        f"""
        select * from ({published}) as published
        left join ({metric_sql}) as made using ({groups})
        where published.value is distinct from made.value
        """
    ).fetchall()


@pytest.mark.parametrize(
    ("metric", "breakdown", "unit"),
    [
        ("indicator_percent", "total", "percent"),
        ("region_percent", "un_region", "percent"),
        ("indicator_number", "total", "number"),
    ],
)
def test_metric_is_the_published_value(
    metric: str, breakdown: str, unit: str, warehouse: duckdb.DuckDBPyConnection
) -> None:
    groups = "reporting_year, plan_version, indicator_id"
    groups += ", breakdown_value" if breakdown == "un_region" else ""
    published = (
        f"select {groups}, value from marts.indicator_values "
        f"where breakdown = '{breakdown}' and unit = '{unit}'"
    )
    assert len(warehouse.execute(published).fetchall()) >= 38
    assert differing(warehouse, metric, groups, published) == []


def test_percent_over_regions_is_the_percent_of_all(warehouse: duckdb.DuckDBPyConnection) -> None:
    groups = "reporting_year, plan_version, indicator_id"
    of_states = (
        f"select {groups}, value from marts.indicator_values as v "
        "where breakdown = 'total' and unit = 'percent' and exists ("
        "select 1 from marts.indicator_values as r where r.indicator_id = v.indicator_id "
        "and r.reporting_year = v.reporting_year and r.breakdown = 'un_region')"
    )
    assert len(warehouse.execute(of_states).fetchall()) > 100
    assert differing(warehouse, "region_percent", groups, of_states) == []


def test_indicators_with_and_without_a_value_are_87(warehouse: duckdb.DuckDBPyConnection) -> None:
    both = f"{as_sql('indicators_with_value')} + {as_sql('indicators_without_value')}"
    totals = warehouse.execute(
        f"select {both} from marts.indicator_values group by reporting_year"
    ).fetchall()
    assert totals == [(87,), (87,)]


def test_no_measure_takes_a_percentage() -> None:
    assert {measure["agg"] for measure in MEASURES.values()} == {"sum"}
    assert [m for m in MEASURES.values() if re.fullmatch(r"value|change|previous_value", m["expr"])] == []


def test_every_dimension_is_a_column_of_the_mart(warehouse: duckdb.DuckDBPyConnection) -> None:
    picked = ", ".join(f"{expression} as {name}" for name, expression in DIMENSIONS.items())
    rows = warehouse.execute(f"select {picked} from marts.indicator_values limit 1").fetchall()
    assert len(rows[0]) == len(DIMENSIONS)
