"""meetings: what participants and statements refer to, and from what the limit for payments is counted."""

from __future__ import annotations

from expectations import rules
from expectations.suite import Check, Suite, contract_checks

SUITE = Suite(
    "meetings",
    "ME",
    (
        *contract_checks("meetings", "ME"),
        Check(
            "ME-ENDS_ON-11",
            rules.ExpectOrderOfTime(column_list=["starts_on", "ends_on"]),
            column="ends_on",
            dimension="consistency",
            severity="warn",
            reason="A meeting's first day decides to which year it belongs; swapped days may move it.",
            sentence="{value} lies before starts_on. Check both days.",
        ),
    ),
)
