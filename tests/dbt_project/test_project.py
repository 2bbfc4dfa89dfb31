"""The dbt project as a whole: unit tests pass, every table says what it holds, and the SQL stays portable.

dbt's own unit tests prove the rules; nothing else would notice if they were not run, if a column had no
meaning written beside it, or if a function crept in that only one engine knows.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from tests.dbt_harness import fill_control, fill_landing

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"
MOST_NODES = 200
SCHEMAS = ("staging", "intermediate", "marts")

UNREPEATABLE = ("now", "current_date", "current_timestamp", "today", "random", "rand", "uuid")
"""What would give other figures tomorrow, or on the next run."""

OF_ONE_ENGINE = (
    r"strftime|strptime|date_format|date_trunc|date_part|date_diff|datediff|date_add|date_sub|dateadd|"
    r"add_months|make_date|last_day|interval|exclude|generate_series|arg_max|arg_min|max_by|min_by|"
    r"string_agg|list_agg|list|unnest|explode|ilike"
)
"""Functions and words that DuckDB and Spark do not share, or do not mean alike."""


@dataclass(frozen=True)
class Build:
    """An empty database built by dbt, with the manifest and the outcome of every unit test."""

    database: Path
    manifest: Any
    unit_tests: dict[str, str]

    @property
    def models(self) -> list[Any]:
        return [n for n in self.manifest.nodes.values() if n.resource_type == "model"]


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Build]:
    """Seeds, empty tables of every model, then the unit tests, in this process."""
    from dbt.cli.main import dbtRunner

    folder = tmp_path_factory.mktemp("dbt_project")
    database = folder / "warehouse.duckdb"
    options = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--quiet"]
    options += ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs")]

    def dbt(*arguments: str) -> Any:
        found = dbtRunner().invoke([*arguments, *options])
        assert found.exception is None, found.exception
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SRAAP_BUILD_DB", str(database))
        patch.setenv("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
        with duckdb.connect(str(database)) as connection:
            fill_landing(connection, {})
        dbt("seed")
        with duckdb.connect(str(database)) as connection:
            fill_control(connection, date(2026, 11, 20))
        manifest = dbtRunner().invoke(["parse", *options]).result
        dbt("run", "--empty")
        results = dbt("test", "--select", "test_type:unit").result.results
        unit_tests = [r for r in results if r.node.resource_type == "unit_test"]  # hooks have results too
        yield Build(database, manifest, {r.node.name: str(r.status) for r in unit_tests})
    assert os.environ.get("SRAAP_BUILD_DB") != str(database)


def declared_unit_tests() -> list[str]:
    """Names of the unit tests that stand in the project's YAML files."""
    files = [yaml.safe_load(p.read_text(encoding="utf-8")) for p in PROJECT.glob("models/**/*.yml")]
    return [test["name"] for found in files for test in found.get("unit_tests", ())]


def without_comments(sql: str) -> str:
    return re.sub(r"--[^\n]*|\{#.*?#\}", " ", sql, flags=re.DOTALL)


def without_text(sql: str) -> str:
    """The SQL less its comments, its Jinja and its string literals: what an engine reads as words."""
    return re.sub(r"\{\{.*?\}\}|\{%.*?%\}|'[^'\n]*'", " ", without_comments(sql), flags=re.DOTALL)


def sql_files() -> list[Path]:
    folders = ("models", "macros", "tests")
    return [path for folder in folders for path in sorted((PROJECT / folder).rglob("*.sql"))]


def test_every_declared_unit_test_passes(build: Build) -> None:
    declared = declared_unit_tests()
    assert len(declared) == len(set(declared)) >= 50
    assert build.unit_tests == dict.fromkeys(declared, "pass")


def test_unit_tests_say_what_they_prove(build: Build) -> None:
    described = {test.name: test.description for test in build.manifest.unit_tests.values()}
    page = re.compile(r"(semantics|inputs|outputs)\.md")
    assert [name for name, text in described.items() if not page.match(text or "")] == []


def test_every_rule_and_population_has_unit_tests(build: Build) -> None:
    tested = {test.model for test in build.manifest.unit_tests.values()}
    rules = {node.name for node in build.models if node.name.startswith(("int_rule_", "int_population_"))}
    assert rules
    assert rules <= tested


def test_every_model_says_its_grain_first(build: Build) -> None:
    silent = [node.name for node in build.models if "One row per" not in node.description]
    assert silent == []
    elsewhere = [
        node.name
        for node in build.models
        if node.schema != "marts" and not node.description.startswith("One row per")
    ]
    assert elsewhere == []


def test_every_column_has_a_meaning(build: Build) -> None:
    described = {
        (node.schema, node.name, name)
        for node in build.models
        for name, column in node.columns.items()
        if column.description.strip()
    }
    with duckdb.connect(str(build.database)) as connection:
        built = connection.execute(
            """
            select table_schema, table_name, column_name
            from information_schema.columns
            where list_contains($schemas, table_schema)
            """,
            {"schemas": list(SCHEMAS)},
        ).fetchall()
    assert len(built) > len(build.models)
    assert sorted(set(built) - described) == []
    assert sorted(described - set(built)) == []


READERS = {"site": "flows/site/content.py", "workbook": "flows/evidence/spreadsheet.py"}
"""Exposures whose program names the marts it reads."""


@pytest.mark.parametrize("exposure", sorted(READERS))
def test_exposures_name_every_mart_their_program_reads(build: Build, exposure: str) -> None:
    source = (PROJECT.parent / READERS[exposure]).read_text(encoding="utf-8")
    marts = {model.name for model in build.models if "marts" in model.fqn}
    read = {name for name in marts if re.search(rf'"{name}"|marts\.{name}\b', source)}
    if exposure == "site":  # the names of these are put together in its query
        read |= {name for name in marts if re.search(rf"\"{name.removeprefix('state_')}\", \"", source)}
    found = [e for e in build.manifest.exposures.values() if e.name == exposure]
    named = {key.split(".")[-1] for e in found for key in e.depends_on.nodes}
    assert len(read) > 4
    assert named == read


def test_nodes_stay_few(build: Build) -> None:
    built = [node for node in build.manifest.nodes.values() if node.resource_type != "operation"]
    nodes = len(built) + len(build.manifest.unit_tests)
    assert nodes <= MOST_NODES, f"{nodes} nodes: each costs time every night"


@pytest.mark.parametrize("path", sql_files(), ids=lambda path: path.stem)
def test_nothing_depends_on_the_clock_or_on_chance(path: Path) -> None:
    words = "|".join(UNREPEATABLE)
    sql = without_comments(path.read_text(encoding="utf-8"))
    assert re.findall(rf"\b(?:{words})\b\s*\(|\bcurrent_(?:date|timestamp)\b", sql) == []


@pytest.mark.parametrize("path", sql_files(), ids=lambda path: path.stem)
def test_engines_differ_in_dispatched_macros_only(path: Path) -> None:
    sql = path.read_text(encoding="utf-8")
    sql = re.sub(r"\{% macro (?:default|spark)__.*?\{%-? endmacro %\}", " ", sql, flags=re.DOTALL)
    sql = without_text(sql)
    assert re.findall(rf"\b(?:{OF_ONE_ENGINE})\b|::", sql) == []


def test_dispatched_macros_know_both_engines() -> None:
    macros = "\n".join(p.read_text(encoding="utf-8") for p in sorted((PROJECT / "macros").glob("*.sql")))
    dispatched = set(re.findall(r"adapter\.dispatch\('(\w+)'\)", macros))
    assert dispatched
    for engine in ("default", "spark"):
        assert dispatched == set(re.findall(rf"macro {engine}__(\w+)\(", macros)) & dispatched
