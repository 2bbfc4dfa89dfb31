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
from flows.program import DBT_PROJECT, project_version
from flows.spark import DUCKDB

NAME = "partial_parse.msgpack"


def template(target: str = DUCKDB) -> Path:
    """Where what this environment's dbt parsed for a target stands, if it did."""
    return Path(sys.prefix) / "share" / "sraap" / f"dbt-{version('dbt-core')}-{target}-{NAME}"


def supply(folder: Path, target: str = DUCKDB) -> None:
    """Give a target folder a copy of what was parsed, if what it has is not of this program's dbt project.

    dbt parses again only what changed, and is wrong about some changes (a time spine that a model became is
    not seen), so that a home of an earlier program could not be built. Raises ``OSError``.
    """
    parsed = folder / NAME
    if parsed.exists() and _is_of_this_program(parsed):
        return
    parsed.unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    if template(target).exists() and _is_of_this_program(template(target)):
        aside = parsed.with_name(f".{NAME}.{os.getpid()}")
        shutil.copyfile(template(target), aside)
        aside.rename(parsed)
    _stamp(parsed).write_text(project_version(), encoding="ascii")


def _stamp(parsed: Path) -> Path:
    """Where it stands of which dbt project something was parsed."""
    return parsed.with_name(f"{parsed.name}.of")


def _is_of_this_program(parsed: Path) -> bool:
    try:
        return _stamp(parsed).read_text(encoding="ascii") == project_version()
    except (OSError, ValueError):
        return False


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
            "--log-level",
            "none",
            "--log-level-file",
            "none",
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
        _stamp(template(target)).unlink(missing_ok=True)
        (Path(folder) / NAME).rename(template(target))
        _stamp(template(target)).write_text(project_version(), encoding="ascii")


if __name__ == "__main__":
    quiet.settle()
    for asked_target in sys.argv[1:] or [DUCKDB]:
        make(asked_target)
