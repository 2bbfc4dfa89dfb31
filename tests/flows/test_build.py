"""What dbt found, as people are told: a test of several rules says which of them failed."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from flows import build
from flows.errors import Defect

META = {
    "code": "HOUSE-KEY-21",
    "subject": "marts",
    "named_by": "table_name",
    "sentence": "two rows share a key.",
}
FAILING = "select table_name from (values ('dim_state'), ('dim_action'), ('dim_state')) as rows(table_name)"


def written(folder: Path, sql: str) -> tuple[Path, Path]:
    """dbt's target folder with one failed test, and its database."""
    target, database = folder / "target", folder / "warehouse.duckdb"
    target.mkdir()
    node = {"resource_type": "test", "name": "keys", "compiled_code": sql, "depends_on": {"nodes": []}}
    manifest = {"nodes": {"test.keys": {**node, "config": {"severity": "error", "meta": META}}}}
    results = {"results": [{"unique_id": "test.keys", "status": "fail", "failures": 3, "message": "Got 3"}]}
    (target / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (target / "run_results.json").write_text(json.dumps(results), encoding="utf-8")
    duckdb.connect(str(database)).close()
    return target, database


def test_a_test_of_several_tables_names_those_that_failed_it(tmp_path: Path) -> None:
    target, database = written(tmp_path, FAILING)
    (check,) = build.read_results(target, "run", database).blocking
    assert check["sentence"] == "dim_action; dim_state: two rows share a key."
    assert (check["check_code"], check["outcome"], check["rows_failing"]) == ("HOUSE-KEY-21", "fail", 3)
    (unnamed,) = build.read_results(target, "run").blocking
    assert unnamed["sentence"] == META["sentence"]


def test_what_fails_and_can_not_be_named_is_a_defect(tmp_path: Path) -> None:
    target, database = written(tmp_path, "select table_name from gone")
    with pytest.raises(Defect, match="HOUSE-KEY-21"):
        build.read_results(target, "run", database)
