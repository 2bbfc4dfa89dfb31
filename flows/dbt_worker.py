"""dbt in a process of its own: import and parse while the parent reads files, build when told to.

Speaks lines of JSON: requests on standard input, one answer each on standard output. dbt runs in process
here, through ``dbtRunner``, so that what was parsed is what is built.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import UTC, datetime
from typing import Any

from flows import children, faults, quiet


def _pass_points(event: Any) -> None:
    """Tell at which kind of node dbt begins: ``dbt.seed``, ``dbt.test``, or the layer of a model."""
    if event.info.name == "NodeStart":
        node = event.data.node_info
        layer = node.node_path.split("/")[0] if node.resource_type == "model" else node.resource_type
        faults.point(f"dbt.{layer}")


def _write_errors(event: Any) -> None:
    """Write what went wrong, as dbt says it, to the run's log."""
    if event.info.level == "error":
        sys.stderr.write(f"{datetime.now(UTC):%H:%M:%S}  {event.info.msg}\n")
        sys.stderr.flush()


def parse_for_any_home() -> None:
    """Let dbt take what it parsed for one home as good for another.

    It takes every setting of the connection for one that models may use. Ours use none, and only the path of
    the database, or the address of a cluster, differs between homes.
    """
    from dbt.adapters.duckdb.credentials import DuckDBCredentials

    DuckDBCredentials._connection_keys = lambda _self: ("database", "schema")


def main() -> None:
    """Answer requests ``{"arguments": [...]}`` until the parent closes the pipe."""
    children.ignore_interrupts()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    requests = children.requests()
    began = time.monotonic()
    with quiet.importing():
        from dbt.cli.main import dbtRunner

    parse_for_any_home()
    imported = time.monotonic() - began
    manifest = None
    callbacks = [_write_errors, *([_pass_points] if faults.ARMED else [])]
    while True:
        arguments = requests.get()["arguments"]
        asked = time.monotonic()
        faults.point("dbt.parse" if arguments[0] == "parse" else "dbt.build")
        result = dbtRunner(manifest=manifest, callbacks=callbacks).invoke(arguments)
        if arguments[0] == "parse" and result.success:
            manifest = result.result
            quiet.keep()
        else:
            faults.point("dbt.built")
        answer = {
            "success": result.success,
            "exception": str(result.exception or "") or None,
            "imported": imported,
            "seconds": time.monotonic() - asked,
        }
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
