"""A reader for the tests: ``Cambodia | ratification | 1999-07-28`` on each line of the file."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from sources.readers import Finding, Reading, ReadingContext, ReadTable, Unreadable


def read(path: Path, ending: str, context: ReadingContext) -> Reading:
    """Rows of treaty_actions; a line that begins with # is left over, one with ! breaks the reader."""
    lines = path.read_text(encoding="utf-8").splitlines()
    if not lines or lines[0] != "ROLL":
        raise Unreadable("ROLL-LAYOUT", "The first line is not ROLL. Save the page again.")
    rows = [(number, line) for number, line in enumerate(lines[1:], start=2) if not line.startswith("#")]
    cells = [[cell.strip() for cell in line.split("|")] for _, line in rows]
    frame = pd.DataFrame(
        {
            "action_id": [f"{state}-{action}" for state, action, _ in cells],
            "iso3": [state for state, _, _ in cells],
            "action": [action for _, action, _ in cells],
            "deposited_on": [day for _, _, day in cells],
            "received_on": context.received_on.isoformat(),
            "_row": [number for number, _ in rows],
            "_place": [f"line {number}" for number, _ in rows],
        }
    )
    findings = [
        Finding(
            "ROLL-LINE",
            "block" if line.startswith("##") else "quarantine",
            "A line is no action. Look at it.",
            f"line {n}",
        )
        for n, line in enumerate(lines, start=1)
        if line.startswith("#")
    ]
    return Reading((ReadTable("treaty_actions", "roll", frame),), tuple(findings))
