"""How much memory DuckDB may hold: what does not fit goes to the disk, and memory stays as it is.

A run has several processes (docs/decisions/021-four-processes.md); without a limit each DuckDB would take
four fifths of the machine's memory. Source: docs/scaling.md.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from flows.errors import UsageProblem

if TYPE_CHECKING:
    import duckdb

MEGABYTES = "SRAAP_BUILD_MEGABYTES"
DEFAULT = 512
LEAST = 128


def megabytes() -> int:
    """What is configured. Raises ``UsageProblem`` where that is no number of megabytes."""
    text = os.environ.get(MEGABYTES, "").strip()
    if not text:
        return DEFAULT
    if not text.isascii() or not text.isdigit() or int(text) < LEAST:
        raise UsageProblem(
            f"{text!r} is no limit for DuckDB's memory",
            where=MEGABYTES,
            next_step=f"Give a whole number of {LEAST} or more, or leave it out for {DEFAULT}.",
        )
    return int(text)


def limit(connection: duckdb.DuckDBPyConnection, aside: Path) -> None:
    """Let the connection's database hold so much, and put what does not fit into the folder ``aside``.

    Raises ``UsageProblem`` where the limit is none.
    """
    connection.execute("set enable_progress_bar = false")  # it would draw over what the run says
    connection.execute(f"set memory_limit = '{megabytes()}MB'")
    connection.execute("set temp_directory = ?", [str(aside)])
