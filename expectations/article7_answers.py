"""article7_answers: what a report says on one indicator."""

from __future__ import annotations

from expectations import rules
from expectations.suite import Check, Suite, contract_checks

SUITE = Suite(
    "article7_answers",
    "AN",
    (
        # An indicator's id is the plan's and names nobody; whether the plan has it is asked below.
        *contract_checks("article7_answers", "AN", but=["AN-INDICATOR_ID-04"]),
        Check(
            "AN-PLAN_VERSION-11",
            rules.ExpectKnownPlan(column="plan_version"),
            column="plan_version",
            dimension="validity",
            severity="quarantine",
            reason="An indicator's id means something in one version of the plan only.",
            sentence="{value} is not a plan version that is loaded. Load that plan, correct the version, "
            "or leave it out for the configured plan.",
        ),
        Check(
            "AN-INDICATOR_ID-11",
            rules.ExpectAnsweredIndicator(column_list=["indicator_id", "plan_version"]),
            column="indicator_id",
            dimension="validity",
            severity="quarantine",
            reason="Only indicators whose rule is reported or reported_ever are answered by reports.",
            sentence="{value} is not an indicator of this plan that states answer in their reports. Check "
            "the id and the plan version.",
        ),
    ),
)
