"""The dashboard's files fit together and ask the published tables for what was published; without Superset.

``make superset`` asks the same of Superset itself.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from flows.superset import acceptance, assets
from tests.conftest import Sample

DATASETS = assets.read("datasets/marts")
CHARTS = assets.read("charts")
BY_UUID = {dataset["uuid"]: dataset for dataset in DATASETS.values()}
(DASHBOARD,) = assets.read("dashboards").values()


@pytest.fixture(scope="module")
def warehouse(sample: Sample) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published file as Superset opens it."""
    (database,) = assets.read("databases").values()
    arguments = database["extra"]["engine_params"]["connect_args"]
    with duckdb.connect(str(sample.publication / "warehouse.duckdb"), **arguments) as connection:
        yield connection


def test_connection_can_do_nothing_but_read_marts(warehouse: duckdb.DuckDBPyConnection) -> None:
    assert warehouse.execute(acceptance.ORDINARY).fetchall() != [(0,)]
    for what, sql in acceptance.FORBIDDEN.items():
        with pytest.raises(duckdb.Error, match=r"disabled by config|locked|read-only"):
            warehouse.execute(sql)
            pytest.fail(what)


@pytest.mark.parametrize("name", DATASETS)
def test_dataset_has_the_columns_it_declares(name: str, warehouse: duckdb.DuckDBPyConnection) -> None:
    described = warehouse.execute(f"describe {DATASETS[name]['sql']}").fetchall()
    declared = [(column["column_name"], column["type"]) for column in DATASETS[name]["columns"]]
    assert declared == [row[:2] for row in described]


@pytest.mark.parametrize("name", CHARTS)
def test_chart_asks_for_columns_and_metrics_that_are_there(name: str) -> None:
    dataset = BY_UUID[CHARTS[name]["dataset_uuid"]]
    asked = assets.question(CHARTS[name]["params"])
    columns = {column["column_name"] for column in dataset["columns"]}
    assert set(asked["columns"]) | {f["col"] for f in asked["filters"]} <= columns
    assert set(asked["metrics"]) <= {metric["metric_name"] for metric in dataset["metrics"]}


def test_dashboard_holds_every_chart_and_each_is_compared() -> None:
    placed = [place["meta"]["uuid"] for place in _places("CHART")]
    assert sorted(placed) == sorted(chart["uuid"] for chart in CHARTS.values())
    compared = {*acceptance.EXPECTED, "Who stands behind it"}
    assert compared == {chart["slice_name"] for chart in CHARTS.values()}


def test_every_part_of_the_dashboard_stands_where_it_says() -> None:
    position = DASHBOARD["position"]
    for place in (place for place in position.values() if isinstance(place, dict)):
        for child in place.get("children", ()):
            if "parents" in position[child]:
                assert position[child]["parents"][-1] == place["id"]


def test_filters_ask_for_what_is_there(warehouse: duckdb.DuckDBPyConnection) -> None:
    for asked in DASHBOARD["metadata"]["native_filter_configuration"]:
        (target,) = asked["targets"]
        name, sql = target["column"]["name"], BY_UUID[target["datasetUuid"]]["sql"]
        offered = {value for (value,) in warehouse.execute(f"select distinct {name} from ({sql})").fetchall()}
        assert offered
        assert set(asked["defaultDataMask"]["filterState"].get("value", ())) <= offered


@pytest.mark.parametrize(
    "name", [n for n, chart in CHARTS.items() if chart["slice_name"] in acceptance.EXPECTED]
)
def test_chart_gives_the_published_figures(
    name: str, warehouse: duckdb.DuckDBPyConnection, sample: Sample
) -> None:
    sql, columns = acceptance.EXPECTED[CHARTS[name]["slice_name"]]
    shown = warehouse.execute(_as_superset_asks(CHARTS[name], columns)).fetchall()
    with duckdb.connect() as published:
        for path in (sample.publication / "parquet").glob("*.parquet"):
            published.execute(f"create view {path.stem} as from read_parquet('{path}')")
        expected = published.execute(sql).fetchall()
    assert sorted(map(_stripped, shown), key=repr) == sorted(map(_stripped, expected), key=repr)


def test_bundle_names_the_warehouse_and_what_each_chart_asks() -> None:
    with zipfile.ZipFile(io.BytesIO(assets.bundle(Path("/srv/published/warehouse.duckdb")))) as bundle:
        documents = {name: yaml.safe_load(bundle.read(name)) for name in bundle.namelist()}
    assert documents["assets/metadata.yaml"]["type"] == "assets"
    database = documents["assets/databases/warehouse.yaml"]
    assert database["sqlalchemy_uri"] == "duckdb:////srv/published/warehouse.duckdb"
    charts = [document for name, document in documents.items() if name.startswith("assets/charts/")]
    assert len(charts) == len(CHARTS)
    for chart in charts:
        (asked,) = json.loads(chart["query_context"])["queries"]
        assert asked["columns"], chart["slice_name"]


def test_exposure_names_the_tables_that_are_read() -> None:
    read = {table for d in DATASETS.values() for table in re.findall(r"\bmarts\.(\w+)", d["sql"])}
    text = (Path(__file__).parents[2] / "dbt_project/models/exposures.yml").read_text(encoding="utf-8")
    (exposure,) = (e for e in yaml.safe_load(text)["exposures"] if e["name"] == "superset")
    assert {ref.removeprefix("ref('").removesuffix("')") for ref in exposure["depends_on"]} == read


def _places(kind: str) -> list[Any]:
    return [p for p in DASHBOARD["position"].values() if isinstance(p, dict) and p["type"] == kind]


def _as_superset_asks(chart: dict[str, Any], columns: tuple[str, ...]) -> str:
    """A chart's question as SQL over its dataset."""
    dataset = BY_UUID[chart["dataset_uuid"]]
    asked = assets.question(chart["params"])
    expressions = {metric["metric_name"]: metric["expression"] for metric in dataset["metrics"]}
    picked = ", ".join(f"{expressions[m]} as {m}" for m in asked["metrics"])
    where = " and ".join(["true", *(f"{f['col']} = '{f['val']}'" for f in asked["filters"])])
    groups = ", ".join(asked["columns"])
    inner = f"select {groups}{', ' if picked else ''}{picked} from ({dataset['sql']}) where {where}"
    inner += f" group by {groups}" if picked else ""
    instant = {"as_of": "epoch_ms(as_of::timestamp)"}
    return f"select {', '.join(instant.get(column, column) for column in columns)} from ({inner})"


def _stripped(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(value.strip() if isinstance(value, str) else value for value in row)
