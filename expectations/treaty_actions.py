"""treaty_actions: who is bound, and since when. Populations of every year rest on these dates."""

from __future__ import annotations

import great_expectations.expectations as gxe
from great_expectations.expectations.row_conditions import Column

from expectations import rules
from expectations.suite import Check, Suite, contract_checks, not_after_received

CONSENT = Column("_action").is_in(["ratification", "acceptance", "approval", "accession", "succession"])
WITHDRAWAL = Column("_action") == "withdrawal"
WITHOUT_EFFECT = Column("_action").is_in(["signature", "suspension_notice"])

SUITE = Suite(
    "treaty_actions",
    "TA",
    (
        *contract_checks("treaty_actions", "TA"),
        Check(
            "TA-EFFECTIVE_ON-11",
            gxe.ExpectColumnValuesToNotBeNull(column="effective_on", row_condition=CONSENT),
            column="effective_on",
            dimension="completeness",
            severity="quarantine",
            reason="A consent to be bound binds from its entry into force on; without that day nobody is "
            "a State Party.",
            sentence="effective_on is empty for a consent to be bound. Article 17 gives it: the first day "
            "of the sixth month after the month of deposit (1999-03-01 for a deposit up to 1998-09-16).",
        ),
        Check(
            "TA-EFFECTIVE_ON-12",
            rules.ExpectArticle17Date(column_list=["deposited_on", "effective_on"], row_condition=CONSENT),
            column="effective_on",
            dimension="accuracy",
            severity="warn",
            reason="Article 17 gives the day of entry into force; another one is seldom right.",
            sentence="{value} is not the day that Article 17 gives for this deposit. Check deposited_on and "
            "effective_on.",
        ),
        Check(
            "TA-EFFECTIVE_ON-13",
            rules.ExpectSixMonthsNotice(
                column_list=["deposited_on", "effective_on"],
                row_condition=WITHDRAWAL,
            ),
            column="effective_on",
            dimension="accuracy",
            severity="warn",
            reason="A withdrawal takes effect six months after its deposit at the earliest (Article 20).",
            sentence="{value} lies less than six months after deposited_on. Check both days.",
        ),
        Check(
            "TA-EFFECTIVE_ON-14",
            gxe.ExpectColumnValuesToBeNull(column="effective_on", row_condition=WITHOUT_EFFECT),
            column="effective_on",
            dimension="consistency",
            severity="warn",
            reason="A signature or a suspension notice has no effect on membership; a day may mean "
            "another action.",
            sentence="effective_on is given for a signature or a suspension notice. Check action; leave "
            "the day out.",
        ),
        not_after_received("TA", "deposited_on", 11, "A deposit"),
    ),
)
