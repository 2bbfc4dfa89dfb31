"""The dbt project, parsed once for an environment.

Parsing the whole project takes as long as building it. dbt keeps what it parsed in its target folder and
parses again only files that have changed; ``make setup`` lets it parse once and keeps the result beside the
interpreter, and a new home starts with a copy. Without it dbt parses everything itself, only slower.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from flows import children, quiet
from flows.program import DBT_PROJECT
from flows.spark import DUCKDB

NAME = "partial_parse.msgpack"


def template(target: str = DUCKDB) -> Path:
    """Where what this environment's dbt parsed for a target stands, if it did."""
    return Path(sys.prefix) / "share" / "sraap" / f"dbt-{version('dbt-core')}-{target}-{NAME}"


def supply(folder: Path, target: str = DUCKDB) -> None:
    """Give a new target folder a copy of what was parsed. Raises ``OSError``."""
    parsed = folder / NAME
    if parsed.exists() or not template(target).exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    aside = parsed.with_name(f".{NAME}.{os.getpid()}")
    shutil.copyfile(template(target), aside)
    aside.rename(parsed)


def make(target: str = DUCKDB) -> None:
    """Let dbt parse the project as a run does, and keep the result.

    Raises ``RuntimeError`` and ``OSError``.
    """
    template(target).parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=template(target).parent) as folder:
        asked = [
            "parse",
            "--target",
            target,
            "--target-path",
            folder,
            "--log-level-file",
            "none",
            "--quiet",
            "--no-write-json",
        ]
        places = ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)]
        database = str(Path(folder) / "warehouse.duckdb")
        log = Path(folder) / "dbt.log"
        worker = children.start("flows.dbt_worker", log=log, environment={"SRAAP_BUILD_DB": database})
        try:
            assert worker.stdin is not None and worker.stdout is not None
            worker.stdin.write(json.dumps({"arguments": [*asked, *places]}).encode() + b"\n")
            worker.stdin.flush()
            worker.stdout.readline()
        finally:
            children.stop(worker)
        if not (Path(folder) / NAME).exists():
            raise RuntimeError(f"the dbt project can't be parsed: {log.read_text(errors='replace')}")
        (Path(folder) / NAME).rename(template(target))


if __name__ == "__main__":
    quiet.settle()
    for asked_target in sys.argv[1:] or [DUCKDB]:
        make(asked_target)
