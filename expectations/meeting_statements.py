"""meeting_statements: what delegations said, as coded by the secretariat."""

from __future__ import annotations

import great_expectations.expectations as gxe
from great_expectations.expectations.row_conditions import Column

from expectations import rules
from expectations.suite import Check, Suite, contract_checks

UPDATE = Column("_topic") == "compliance_update"

SUITE = Suite(
    "meeting_statements",
    "MS",
    (
        # A case_id refers to a case in a compliance update only; its check stands below.
        *contract_checks("meeting_statements", "MS", but=["MS-CASE_ID-03"]),
        Check(
            "MS-CASE_ID-11",
            gxe.ExpectColumnValuesToNotBeNull(column="case_id", row_condition=UPDATE),
            column="case_id",
            dimension="completeness",
            severity="quarantine",
            reason="An update counts for the case that it is about.",
            sentence="case_id is empty for a compliance_update. Write the case.",
        ),
        Check(
            "MS-CASE_ID-12",
            rules.ExpectKnownParent(column="case_id", parent="compliance_cases", row_condition=UPDATE),
            column="case_id",
            dimension="consistency",
            severity="quarantine",
            reason="A row takes part only where what it refers to is known in compliance_cases.",
            sentence="{value} is not known in compliance_cases so far. The row waits and loads once it "
            "has come; deliver compliance_cases, or correct case_id.",
            waits=True,
        ),
    ),
)
