"""stockpile_discoveries: previously unknown stockpiles; their days decide what was destroyed within six
months."""

from __future__ import annotations

from expectations import rules
from expectations.suite import Check, Suite, contract_checks, not_after_received

SUITE = Suite(
    "stockpile_discoveries",
    "SD",
    (
        *contract_checks("stockpile_discoveries", "SD"),
        Check(
            "SD-REPORTED_ON-11",
            rules.ExpectOrderOfTime(column_list=["discovered_on", "reported_on"]),
            column="reported_on",
            dimension="consistency",
            severity="warn",
            reason="A stockpile is discovered before it is reported.",
            sentence="{value} lies before discovered_on. Check both days.",
        ),
        Check(
            "SD-DESTROYED_ON-11",
            rules.ExpectOrderOfTime(column_list=["discovered_on", "destroyed_on"]),
            column="destroyed_on",
            dimension="consistency",
            severity="warn",
            reason="A stockpile is discovered before it is destroyed.",
            sentence="{value} lies before discovered_on. Check both days.",
        ),
        Check(
            "SD-QUANTITY-11",
            rules.ExpectZeroOrMore(column="quantity"),
            column="quantity",
            dimension="accuracy",
            severity="warn",
            reason="A stockpile has no fewer than no mines.",
            sentence="{value} is below zero. Check the quantity.",
        ),
        not_after_received("SD", "reported_on", 12, "A report"),
        not_after_received("SD", "destroyed_on", 12, "A destruction"),
    ),
)
