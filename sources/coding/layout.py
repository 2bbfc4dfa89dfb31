"""Where things stand on the coding sheet: what the template writes and the reader looks for."""

from __future__ import annotations

SHEET = "coding"
YEAR = "reporting_year"
PLAN = "plan_version"
STATE = "state"

REPORT_COLUMNS = (
    "report_id",
    "submitted_on",
    "received_on",
    "uses_guide",
    "has_implementation_update",
    "language",
    "document_url",
)
"""Columns of article7_reports on the sheet, after ``iso3`` and ``state``."""

LEFT = ("iso3", STATE, *REPORT_COLUMNS)

PARTS = ("", " evidence", " location")
"""After an indicator's id: the headings of its answer, its evidence and its location."""

FIRST_REPORT = "-1"
"""The template proposes as a report_id the year, a hyphen, the state's code, and this."""
