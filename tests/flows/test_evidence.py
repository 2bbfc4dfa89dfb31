"""What a publication says of itself holds: against its tables, the specifications, and readers of others."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator, Draft202012Validator, FormatChecker
from pysdmx.io import read_sdmx
from pysdmx.io.pd import PandasDataset
from referencing import Registry, Resource

from flows.evidence import datapackage as evidence_datapackage
from flows.evidence import docs as evidence_docs
from flows.evidence import manifest as evidence_manifest
from flows.evidence import sdmx as evidence_sdmx
from flows.program import lock_file_hash
from tests.flows.conftest import Refreshed
from tests.flows.harness import AS_OF

SCHEMAS = Path(__file__).parent / "schemas"


def read(path: Path) -> Any:
    return json.loads(path.read_bytes())


# --- manifest -----------------------------------------------------------------------------------------------


def test_the_manifest_says_what_the_publication_was_made_from(refreshed: Refreshed) -> None:
    manifest = read(refreshed.published / "evidence" / "manifest.json")
    assert manifest["publication_id"] == refreshed.published.name
    assert manifest["as_of"] == AS_OF
    assert manifest["plan_version"] == "draft-2024-08-16"
    (made_by,) = (
        duckdb.read_parquet(str(refreshed.published / "parquet" / "dim_publication.parquet"))
        .project("program_version")
        .fetchall()
    )
    assert made_by == (manifest["program"]["version"],)
    assert set(manifest["program"]) == {"commit", "clean", "version"}
    assert manifest["requirements_lock_sha256"] == lock_file_hash()
    assert {"python", "dbt-core", "duckdb", "great-expectations"} <= set(manifest["tools"])
    assert manifest["configuration"]["time_zone"] == "Europe/Zurich"
    assert manifest["last_delivery_seq"] > 0
    assert manifest["acceptances"] == []
    states = next(entry for entry in manifest["inputs"] if entry["file_name"] == "states.csv")
    given = (refreshed.inbox / "states.csv").read_bytes()
    assert states["file_sha256"] == hashlib.sha256(given).hexdigest()
    assert (states["bytes"], states["source"], states["outcome"]) == (len(given), "inbox", "loaded")
    assert states["received_at"]


def test_the_manifest_says_rows_and_schema_of_every_table(refreshed: Refreshed) -> None:
    outputs = {o["path"]: o for o in read(refreshed.published / "evidence" / "manifest.json")["outputs"]}
    tables = [path for path in outputs if path.startswith("parquet/")]
    assert "parquet/indicator_values.parquet" in tables
    for path in tables:
        relation = duckdb.read_parquet(str(refreshed.published / path))
        rows = relation.aggregate("count(*)").fetchall()[0][0]
        twin = outputs[path.replace("parquet", "csv")]
        assert outputs[path]["rows"] == twin["rows"] == rows
        assert outputs[path]["schema_sha256"] == twin["schema_sha256"]
        with (refreshed.published / twin["path"]).open(encoding="utf-8", newline="") as handle:
            assert sum(1 for _ in csv.reader(handle)) == rows + 1
    assert outputs["evidence/quarantined_rows.csv"]["rows"] == 1
    assert outputs["evidence/validation.json"]["rows"] is None


def test_another_column_or_type_is_another_schema() -> None:
    one = evidence_manifest.Table((("a", "VARCHAR"), ("b", "BIGINT")), 1)
    assert one.schema_sha256 == evidence_manifest.Table(one.columns, 2).schema_sha256
    for other in (
        (("b", "BIGINT"), ("a", "VARCHAR")),
        (("a", "VARCHAR"), ("b", "DOUBLE")),
        (("a", "VARCHAR"),),
    ):
        assert evidence_manifest.Table(other, 1).schema_sha256 != one.schema_sha256


def test_the_manifest_holds_no_secret(refreshed: Refreshed) -> None:
    key = (refreshed.home / "secrets" / "people.key").read_text(encoding="utf-8").strip()
    assert key not in (refreshed.published / "evidence" / "manifest.json").read_text(encoding="utf-8")


# --- Data Docs ----------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """What a page would load or execute, and where it leads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in {"script", "link", "img", "iframe", "object", "embed"} or "src" in given:
            self.loads.append(tag)
        self.loads += [name for name in given if name.startswith("on")]
        if tag == "a" and "href" in given:
            self.links.append(str(given["href"]))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_data_docs_open_from_disk_and_load_nothing(refreshed: Refreshed) -> None:
    folder = refreshed.home / "publications" / refreshed.record["publication_id"] / "evidence" / "data_docs"
    pages = sorted(folder.rglob("*.html"))
    assert {path.suffix for path in folder.rglob("*") if path.is_file()} == {".html"}
    for path in pages:
        text = path.read_text(encoding="utf-8")
        page = Page(text)
        assert page.loads == []
        assert "http:" not in text
        assert "https:" not in text
        for link in page.links:
            if not link.startswith("#"):
                assert (path.parent / link).is_file(), link
    linked = {folder / link for link in Page((folder / "index.html").read_text(encoding="utf-8")).links}
    assert linked == set(pages) - {folder / "index.html"}


def test_data_docs_say_which_check_found_what(refreshed: Refreshed) -> None:
    folder = refreshed.home / "publications" / refreshed.record["publication_id"] / "evidence" / "data_docs"
    page = Page((folder / "validations" / "article7_answers.row.html").read_text(encoding="utf-8"))
    assert "AN-ANSWER-02 (quarantine)" in page.text
    assert "1 unexpected values found" in page.text
    assert "oui" not in page.text


def test_data_docs_of_a_run_that_judged_nothing_say_so(tmp_path: Path) -> None:
    index = evidence_docs.write(tmp_path / "data_docs", [], "R1", "2026-06-01T00:00:00Z")
    assert "judged nothing" in index.read_text(encoding="utf-8")
    assert list(index.parent.iterdir()) == [index]


def test_data_docs_say_a_stage_that_broke(tmp_path: Path) -> None:
    broken = {"dataset": "states", "suite": "row", "result": {"suite_name": "states.row"}}
    index = evidence_docs.write(tmp_path / "data_docs", [broken], "R1", "2026-06-01T00:00:00Z")
    assert "error" in Page(index.read_text(encoding="utf-8")).text
    page = tmp_path / "data_docs" / "validations" / "states.row.html"
    assert "could not judge" in page.read_text(encoding="utf-8")


# --- OpenLineage --------------------------------------------------------------------------------------------


def test_openlineage_events_are_by_the_specification(refreshed: Refreshed) -> None:
    registry: Registry[Any] = Registry()
    ids = {}
    for path in SCHEMAS.glob("*.json"):
        schema = read(path)
        if "$id" in schema:
            registry = registry.with_resource(schema["$id"], Resource.from_contents(schema))
            ids[schema["$id"]] = schema
    specification = read(SCHEMAS / "OpenLineage.json")
    events = read(refreshed.published / "evidence" / "openlineage.json")
    for event in events:
        run_event = {"$ref": f"{specification['$id']}#/$defs/RunEvent"}
        Draft202012Validator(run_event, registry=registry, format_checker=FormatChecker()).validate(event)
        for name, facet in _facets(event):
            if facet["_schemaURL"] in ids:
                Draft202012Validator(ids[facet["_schemaURL"]], registry=registry).validate({name: facet})
            else:
                assert facet["_schemaURL"].startswith(specification["$id"]), name
    start, complete = events
    assert (start["eventType"], complete["eventType"]) == ("START", "COMPLETE")
    assert start["run"]["runId"] == complete["run"]["runId"]
    assert start["eventTime"] < complete["eventTime"]
    manifest = read(refreshed.published / "evidence" / "manifest.json")
    received = {f"sha256:{entry['file_sha256']}" for entry in manifest["inputs"] if entry["file_sha256"]}
    assert {dataset["name"] for dataset in complete["inputs"]} == received
    tables = {
        f"marts.{Path(o['path']).stem}" for o in manifest["outputs"] if o["path"].startswith("parquet/")
    }
    assert {dataset["name"] for dataset in complete["outputs"]} == tables


def _facets(event: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    datasets = [*event["inputs"], *event["outputs"]]
    groups = [event["run"]["facets"], event["job"]["facets"]]
    for dataset in datasets:
        groups += [dataset["facets"], dataset.get("inputFacets", {}), dataset.get("outputFacets", {})]
    return [item for group in groups for item in group.items()]


# --- Data Package -------------------------------------------------------------------------------------------


def test_the_data_package_is_by_its_profile_and_describes_every_table(refreshed: Refreshed) -> None:
    package = read(refreshed.published / "datapackage.json")
    Draft7Validator(read(SCHEMAS / "datapackage.json")).validate(package)
    paths = {resource["path"] for resource in package["resources"]}
    assert paths == {
        path.relative_to(refreshed.published).as_posix()
        for part in ("parquet", "csv", "exports")
        for path in (refreshed.published / part).iterdir()
    }
    names = [resource["name"] for resource in package["resources"]]
    assert len(set(names)) == len(names)
    for resource in package["resources"]:
        content = (refreshed.published / resource["path"]).read_bytes()
        if resource["title"] == "dim_publication":
            assert not {"hash", "bytes"} & set(resource)
        else:
            assert resource["hash"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
            assert resource["bytes"] == len(content)
        if resource["format"] == "xlsx":
            continue
        undescribed = [f["name"] for f in resource["schema"]["fields"] if not f.get("description")]
        assert undescribed == [], resource["name"]


def test_fields_and_keys_of_the_data_package_hold_in_the_tables(refreshed: Refreshed) -> None:
    package = read(refreshed.published / "datapackage.json")
    keyed = set()
    for resource in package["resources"]:
        if resource["format"] != "parquet":
            continue
        relation = duckdb.read_parquet(str(refreshed.published / resource["path"]))
        assert [field["name"] for field in resource["schema"]["fields"]] == relation.columns
        if key := resource["schema"].get("primaryKey"):
            keyed.add(resource["title"])
            columns = ", ".join(f'"{column}"' for column in key)
            twice = relation.aggregate(f"{columns}, count(*) as n").filter("n > 1").fetchall()
            null = relation.filter(" or ".join(f'"{column}" is null' for column in key)).fetchall()
            assert (twice, null) == ([], []), resource["name"]
    assert {"indicator_values", "indicator_observations", "action_01", "action_45", "dim_state"} <= keyed
    values = next(r for r in package["resources"] if r["name"] == "indicator_values-csv")
    fields = {field["name"]: field for field in values["schema"]["fields"]}
    assert fields["value"]["type"] == "number"
    assert fields["value"]["unitFrom"] == "unit"
    assert fields["as_of"]["type"] == "date"
    assert fields["reporting_year"]["type"] == "integer"


def test_a_type_without_a_word_in_table_schema_breaks_the_export(tmp_path: Path) -> None:
    (tmp_path / "csv").mkdir()
    table = evidence_manifest.Table((("a", "STRUCT(b INTEGER)"),), 0)
    output = evidence_manifest.Output("csv/x.csv", 0, "0" * 64)
    with pytest.raises(KeyError):
        evidence_datapackage.write(tmp_path, {}, {"csv/x.csv": table}, {"csv/x.csv": output})


# --- SDMX ---------------------------------------------------------------------------------------------------


def test_a_library_of_others_reads_every_value_back(refreshed: Refreshed) -> None:
    (dataset,) = read_sdmx(refreshed.published / "indicators.sdmx.csv").data or ()
    assert isinstance(dataset, PandasDataset)
    assert "SRAAP:INDICATORS(1.0.0)" in str(dataset.structure)
    found = {
        (r["PLAN_VERSION"], r["INDICATOR"], r["BREAKDOWN"], r["BREAKDOWN_VALUE"], r["TIME_PERIOD"]): (
            float(r["OBS_VALUE"]) if r["OBS_VALUE"] else None,
            r["OBS_STATUS"],
            r["UNIT_MEASURE"],
            int(r["NUMERATOR"]) if r["NUMERATOR"] else None,
            int(r["DENOMINATOR"]) if r["DENOMINATOR"] else None,
        )
        for r in dataset.data.to_dict(orient="records")
    }
    rows = duckdb.read_parquet(str(refreshed.published / "parquet" / "indicator_values.parquet")).project(
        "plan_version, indicator_id, breakdown, breakdown_value, reporting_year, value, status, unit, "
        "numerator, denominator"
    )
    published = rows.fetchall()
    statuses = {
        "not_computable": "L",
        "not_yet_due": "M",
        "empty_population": "M",
        "suppressed": "Q",
        "final": "A",
        "provisional": "P",
    }
    expected = {
        (plan, indicator.replace(".", "_"), breakdown.upper(), part.replace(" ", "_"), str(year)): (
            value,
            statuses[status],
            {"percent": "PT", "number": "NUMBER"}[unit],
            numerator,
            denominator,
        )
        for plan, indicator, breakdown, part, year, value, status, unit, numerator, denominator in published
    }
    assert len(expected) == len(published)
    assert found == expected


@given(texts=st.lists(st.text(), unique=True, max_size=30), blank=st.sampled_from(["", ".", " "]))
def test_codes_are_valid_and_tell_texts_apart(texts: list[str], blank: str) -> None:
    codes = [evidence_sdmx.code(text, blank) for text in texts]
    assert len(set(codes)) == len(texts)
    for code in codes:
        assert re.fullmatch(r"[A-Za-z0-9_$-]*", code)
        assert not code.startswith("-")


def test_an_unknown_status_breaks_the_export(tmp_path: Path) -> None:
    (tmp_path / "parquet").mkdir()
    unknown = duckdb.query(
        "select 'p' as plan_version, 1 as action, '1.1' as indicator_id, 'total' as breakdown, "
        "'all' as breakdown_value, 2025 as reporting_year, 1.0 as value, 'new' as status, "
        "'percent' as unit, 1 as numerator, 1 as denominator"
    )
    assert unknown is not None
    unknown.write_parquet(str(tmp_path / "parquet" / "indicator_values.parquet"))
    with pytest.raises(duckdb.Error, match="no SDMX code"):
        evidence_sdmx.write(tmp_path)
