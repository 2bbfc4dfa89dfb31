"""A reader for the tests: a sheet whose column A holds states; each gives a row of two datasets."""

from __future__ import annotations

import pandas as pd

from sources.readers import Reading, ReadingContext, ReadTable, SheetCells, Unreadable

KNOWN = {"KHM", "KEN"}


def read_sheet(sheet: SheetCells, context: ReadingContext) -> Reading:
    """A row of meetings and of obligations for each cell of column A."""
    states = [row[0] for row in sheet.rows]
    if not KNOWN.issuperset(states):
        raise Unreadable("CODING-STATE", "Column A holds something else than states.")
    common = {
        "received_on": context.received_on.isoformat(),
        "_row": range(1, len(states) + 1),
        "_place": [f"codes!A{row}" for row in range(1, len(states) + 1)],
    }
    meetings = pd.DataFrame(
        {
            "meeting_id": states,
            "title": states,
            "kind": "intersessional",
            "starts_on": "2025-06-17",
            "ends_on": "2025-06-18",
            **common,
        }
    )
    obligations = pd.DataFrame(
        {
            "obligation_id": states,
            "iso3": states,
            "kind": "article_3",
            "starts_on": "2000-01-01",
            **common,
        }
    )
    return Reading((ReadTable("meetings", None, meetings), ReadTable("obligations", None, obligations)))
