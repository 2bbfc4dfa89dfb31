"""Where the time of a run went: ``sraap refresh --profile``.

Phases are timed in every run and stand in its ``run.json``; here they are put beside the whole, with the
tools that were started and the nodes of dbt that took longest.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from flows import children
from flows.build import target_path
from flows.files import read_json
from flows.home import Home
from flows.show import table as show_table

SLOWEST = 8
"""Nodes of dbt that are named."""

OUTSIDE = "outside the phases"


def profile(home: Home, record: Mapping[str, Any]) -> dict[str, Any]:
    """Seconds of a run that has just ended in this process. ``record``: its run.json.

    ``whole``: from the start of the process; ``phases``: name, seconds, cpu (of all processes; the last is
    what lies outside the phases: before the first, between them, after the last); ``tools``: seconds of what
    was started, beside each other; ``dbt_nodes``: name, seconds of the slowest.
    """
    whole = {"seconds": _since_start(), "cpu": children.cpu_seconds()}
    phases = [dict(phase) for phase in record["phases"]]
    outside = {kind: whole[kind] - sum(phase[kind] for phase in phases) for kind in whole}
    phases.append({"name": OUTSIDE, **outside})
    built = any(phase["name"] == "build" for phase in phases)
    return {
        "whole": whole,
        "phases": phases,
        "tools": dict(record.get("tools") or {}),
        "dbt_nodes": _slowest_nodes(home, record["asked"].get("target") or "duckdb") if built else [],
    }


def _since_start() -> float:
    """Seconds since this process began; where there is no /proc, the processor seconds it used."""
    with contextlib.suppress(OSError):
        fields = Path("/proc/self/stat").read_text(encoding="ascii", errors="replace")
        started = int(fields.rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
        return time.clock_gettime(time.CLOCK_BOOTTIME) - started
    return time.process_time()


def _slowest_nodes(home: Home, target: str) -> list[dict[str, Any]]:
    with contextlib.suppress(OSError, ValueError, KeyError):
        results = read_json(target_path(home, target) / "run_results.json")["results"]
        nodes = [
            {"name": result["unique_id"].split(".", 2)[2], "seconds": float(result["execution_time"])}
            for result in results
        ]
        return sorted(nodes, key=lambda node: -node["seconds"])[:SLOWEST]
    return []


def show(console: Console, found: Mapping[str, Any]) -> None:
    """Print a profile as tables."""
    phases = [
        {"name": phase["name"], "seconds": float(phase["seconds"]), "cpu": float(phase["cpu"])}
        for phase in (*found["phases"], {"name": "whole", **found["whole"]})
    ]
    columns = {"name": "phase", "seconds": "seconds", "cpu": "processor seconds"}
    show_table(console, "Where the time went", phases, columns)
    for title, lines in (
        ("Tools, started beside each other", found["tools"].items()),
        ("dbt's slowest nodes", [(node["name"], node["seconds"]) for node in found["dbt_nodes"]]),
    ):
        rows = [{"name": name, "seconds": float(seconds)} for name, seconds in lines]
        show_table(console, title, rows, {"name": "name", "seconds": "seconds"})
