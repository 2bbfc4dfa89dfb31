"""obligations: what a state is bound to do and from when to when; the populations of Articles 3, 4 and 5
rest on it."""

from __future__ import annotations

import great_expectations.expectations as gxe
from great_expectations.expectations.row_conditions import Column

from expectations import rules
from expectations.suite import Check, Suite, contract_checks

OPEN = Column("ends_on").is_null()
ENDED = Column("ends_on").is_not_null()
OPEN_WITH_DEADLINE = OPEN & Column("_kind").is_in(["article_4", "article_5"])
WITH_QUANTITY = Column("quantity").is_not_null()
WITHOUT_QUANTITY = Column("quantity").is_null()

SUITE = Suite(
    "obligations",
    "OB",
    (
        *contract_checks("obligations", "OB"),
        Check(
            "OB-END_REASON-11",
            gxe.ExpectColumnValuesToNotBeNull(column="end_reason", row_condition=ENDED),
            column="end_reason",
            dimension="completeness",
            severity="quarantine",
            reason="Whether an obligation was completed decides who has completed Article 5.",
            sentence="The obligation has ended and end_reason is empty. Write completed or other.",
        ),
        Check(
            "OB-END_REASON-12",
            gxe.ExpectColumnValuesToBeNull(column="end_reason", row_condition=OPEN),
            column="end_reason",
            dimension="consistency",
            severity="quarantine",
            reason="An open obligation has no reason why it ended: either the reason or the missing day "
            "is wrong.",
            sentence="end_reason is {value} and ends_on is empty. Give the day on which it ended, or "
            "leave the reason out.",
        ),
        Check(
            "OB-DEADLINE-11",
            gxe.ExpectColumnValuesToNotBeNull(column="deadline", row_condition=OPEN_WITH_DEADLINE),
            column="deadline",
            dimension="completeness",
            severity="quarantine",
            reason="Who is overdue under Article 4 or 5 is told by the deadline.",
            sentence="deadline is empty for an open obligation under Article 4 or 5. Write the deadline, "
            "extensions included.",
        ),
        Check(
            "OB-UNIT-11",
            gxe.ExpectColumnValuesToNotBeNull(column="unit", row_condition=WITH_QUANTITY),
            column="unit",
            dimension="completeness",
            severity="quarantine",
            reason="A quantity without its unit says nothing.",
            sentence="unit is empty and quantity is given. Write mines, m2 or persons.",
        ),
        Check(
            "OB-UNIT-12",
            gxe.ExpectColumnValuesToBeNull(column="unit", row_condition=WITHOUT_QUANTITY),
            column="unit",
            dimension="consistency",
            severity="warn",
            reason="A unit without its quantity may mean that the quantity was lost.",
            sentence="unit is {value} and quantity is empty. Add the quantity if it is known.",
        ),
        Check(
            "OB-QUANTITY-11",
            rules.ExpectZeroOrMore(column="quantity"),
            column="quantity",
            dimension="accuracy",
            severity="warn",
            reason="Nobody has fewer than no mines, square metres or survivors.",
            sentence="{value} is below zero. Check the quantity.",
        ),
        Check(
            "OB-ENDS_ON-11",
            rules.ExpectOrderOfTime(column_list=["starts_on", "ends_on"]),
            column="ends_on",
            dimension="consistency",
            severity="warn",
            reason="An obligation that ends before it starts is open on no day.",
            sentence="{value} lies before starts_on. Check both days.",
        ),
    ),
)
