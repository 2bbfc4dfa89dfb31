"""article7_reports: who reported, for which year and when; half of the indicators count them."""

from __future__ import annotations

from expectations import rules
from expectations.suite import Check, Suite, contract_checks, not_after_received

SUITE = Suite(
    "article7_reports",
    "AR",
    (
        *contract_checks("article7_reports", "AR"),
        Check(
            "AR-SUBMITTED_ON-11",
            rules.ExpectYearHasBegun(column_list=["reporting_year", "submitted_on"]),
            column="submitted_on",
            dimension="accuracy",
            severity="warn",
            reason="reporting_year is the year of the 30 April on which a report is due, not the year "
            "that it covers.",
            sentence="{value} lies before the reporting year began. Write as reporting_year the year in "
            "which the report is due.",
        ),
        not_after_received("AR", "submitted_on", 12, "A submission"),
    ),
)
