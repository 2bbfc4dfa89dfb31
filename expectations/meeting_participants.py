"""meeting_participants: who attended. It holds people's data: no value of it is ever shown."""

from __future__ import annotations

import great_expectations.expectations as gxe
from great_expectations.expectations.row_conditions import Column

from expectations import rules
from expectations.suite import Check, Suite, contract_checks

STATE = Column("_delegation_kind") == "state"
NO_STATE = Column("_delegation_kind").is_not_null() & (Column("_delegation_kind") != "state")
ATTENDED = Column("_attended") == "yes"

SUITE = Suite(
    "meeting_participants",
    "MP",
    (
        # iso3 counts for delegations of states only; its checks stand below.
        *contract_checks("meeting_participants", "MP", but=["MP-ISO3-02", "MP-ISO3-03"]),
        Check(
            "MP-ISO3-11",
            gxe.ExpectColumnValuesToNotBeNull(column="iso3", row_condition=STATE),
            column="iso3",
            dimension="completeness",
            severity="quarantine",
            reason="The delegation of a state counts for that state.",
            sentence="iso3 is empty for a delegation of a state. Write the state.",
        ),
        Check(
            "MP-ISO3-12",
            rules.ExpectState(column="iso3", row_condition=STATE),
            column="iso3",
            dimension="validity",
            severity="quarantine",
            reason="The delegation of a state counts for that state.",
            sentence="{value} names no state, or more than one.{candidates} Write the ISO 3166-1 alpha-3 "
            "code, or add the name to sources/aliases.csv.",
        ),
        Check(
            "MP-ISO3-13",
            rules.ExpectLoadedState(column="iso3", row_condition=STATE),
            column="iso3",
            dimension="consistency",
            severity="quarantine",
            reason="A row takes part only where what it refers to is known in states.",
            sentence="{value} is not known in states so far. The row waits and loads once it has come; "
            "deliver states, or correct iso3.",
            waits=True,
        ),
        Check(
            "MP-ISO3-14",
            gxe.ExpectColumnValuesToBeNull(column="iso3", row_condition=NO_STATE),
            column="iso3",
            dimension="consistency",
            severity="warn",
            reason="A person of another delegation doesn't count for a state, whatever the cell says.",
            sentence="iso3 is given and the delegation is not a state's: it is dropped. Check "
            "delegation_kind.",
        ),
        Check(
            "MP-ORGANIZATION-11",
            gxe.ExpectColumnValuesToNotBeNull(column="organization", row_condition=NO_STATE),
            column="organization",
            dimension="completeness",
            severity="quarantine",
            reason="Persons of other delegations are told apart within their organization.",
            sentence="organization is empty and the delegation is not a state's. Write the organization.",
        ),
        Check(
            "MP-REGISTRATION_ID-11",
            rules.ExpectNoDataOfThePerson(column_list=["registration_id", "full_name", "email"]),
            column="registration_id",
            dimension="validity",
            severity="quarantine",
            reason="The registration's id is kept; made of a name or an address it would carry the person "
            "past the door.",
            sentence="registration_id is made of the person's name or e-mail address. Give an id that "
            "says nothing about the person.",
            on=("row", "retraction"),
        ),
        Check(
            "MP-ATTENDED-11",
            rules.ExpectMeetingHasBegun(column_list=["meeting_id", "received_on"], row_condition=ATTENDED),
            column="attended",
            dimension="accuracy",
            severity="warn",
            reason="Nobody has attended a meeting that hasn't begun.",
            sentence="attended is yes, and the row was received before the meeting began. Check "
            "meeting_id, attended and received_on.",
        ),
    ),
)
