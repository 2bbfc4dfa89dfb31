"""contributions: what states owe and pay, in US dollars."""

from __future__ import annotations

from dataclasses import replace

from great_expectations.expectations.row_conditions import Column

from expectations import rules
from expectations.suite import Check, Suite, contract_checks, not_after_received

SUITE = Suite(
    "contributions",
    "CO",
    (
        *contract_checks("contributions", "CO"),
        Check(
            "CO-AMOUNT-11",
            rules.ExpectAboveZero(column="amount"),
            column="amount",
            dimension="validity",
            severity="quarantine",
            reason="An assessment or payment of nothing, or less, is none.",
            sentence="{value} is not above zero. Write the amount; leave the row out where there is none.",
        ),
        Check(
            "CO-AMOUNT-12",
            rules.ExpectPaidWithinDue(column_list=["contribution_id", "iso3", "year", "kind", "amount"]),
            column="amount",
            dimension="accuracy",
            severity="warn",
            reason="Payments above what is due may belong to another year, or stand there twice.",
            sentence="The state's payments for this year add up to more than its assessments. Check year, "
            "amount and whether an assessment is missing.",
            compares=True,
        ),
        replace(
            not_after_received("CO", "dated_on", 11, "A payment"),
            # An assessment may be dated ahead.
            expectation=rules.ExpectOrderOfTime(
                column_list=["dated_on", "received_on"],
                row_condition=Column("_kind").is_not_null() & (Column("_kind") != "assessment"),
            ),
        ),
    ),
)
