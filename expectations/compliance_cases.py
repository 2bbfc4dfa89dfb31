"""compliance_cases: cases of alleged or known non-compliance, as public documents of the Convention state
them."""

from __future__ import annotations

from expectations import rules
from expectations.suite import Check, Suite, contract_checks, not_after_received

SUITE = Suite(
    "compliance_cases",
    "CC",
    (
        *contract_checks("compliance_cases", "CC"),
        Check(
            "CC-CLOSED_ON-11",
            rules.ExpectOrderOfTime(column_list=["opened_on", "closed_on"]),
            column="closed_on",
            dimension="consistency",
            severity="warn",
            reason="A case that closes before it opens is open on no day.",
            sentence="{value} lies before opened_on. Check both days.",
        ),
        not_after_received("CC", "opened_on", 11, "The opening of a case"),
    ),
)
