"""The dbt project, parsed where the processes come from of which tests fork theirs (tests/forked.py).

Parsing takes most of a second of each of the tests' own refreshes, and comes out the same. Whatever a test
starts as a command parses for itself, as a user's does.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flows import dbt_parse, quiet
from flows.dbt_worker import parse_for_any_home
from flows.program import DBT_PROJECT
from flows.spark import DUCKDB

PLACE = ("--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT), "--target", DUCKDB)
SILENT = ("--log-level", "none", "--log-level-file", "none")


def _parse() -> Any:
    from dbt.cli.main import dbtRunner

    parse_for_any_home()
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "target"
        dbt_parse.supply(target)
        os.environ["SRAAP_BUILD_DB"] = str(Path(folder) / "warehouse.duckdb")
        try:
            return dbtRunner().invoke(
                ["parse", *PLACE, "--target-path", str(target), *SILENT, "--no-write-json"]
            )
        finally:
            del os.environ["SRAAP_BUILD_DB"]


def is_answered(arguments: Sequence[str]) -> bool:
    """Whether what dbt is asked is to parse this project as a night does."""
    return (
        arguments[0] == "parse"
        and "--no-partial-parse" not in arguments
        and set(PLACE) <= set(arguments)
        and RESULT.success
    )


with quiet.importing():
    RESULT = _parse()
