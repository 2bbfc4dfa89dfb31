"""Small deliveries for the tests of the door: one good row of each dataset, and what the landing knows by
then."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from expectations.door import Context, DeliveredTable, Verdict, judge
from sources.contract import datasets
from sources.reading import Table

TODAY = date(2026, 6, 1)
PLAN = "draft-2024-08-16"

GOOD: dict[str, dict[str, str]] = {
    "states": {"iso3": "KHM", "name": "Cambodia", "un_region": "Asia-Pacific"},
    "treaty_actions": {
        "action_id": "KHM-1",
        "iso3": "KHM",
        "action": "ratification",
        "deposited_on": "1999-07-28",
        "effective_on": "2000-01-01",
    },
    "obligations": {
        "obligation_id": "KHM-5",
        "iso3": "KHM",
        "kind": "article_5",
        "starts_on": "2000-01-01",
        "deadline": "2030-12-31",
        "quantity": "10.50",
        "unit": "m2",
    },
    "article7_reports": {
        "report_id": "R-1",
        "iso3": "KHM",
        "reporting_year": "2025",
        "submitted_on": "2025-04-30",
        "uses_guide": "yes",
        "has_implementation_update": "no",
    },
    "article7_answers": {"report_id": "R-1", "indicator_id": "1.1", "answer": "yes", "evidence": "Page 3"},
    "meetings": {
        "meeting_id": "22MSP",
        "title": "Twenty-second meeting",
        "kind": "meeting_of_states_parties",
        "starts_on": "2025-12-01",
        "ends_on": "2025-12-05",
    },
    "meeting_participants": {
        "registration_id": "REG-1",
        "meeting_id": "22MSP",
        "delegation_kind": "state",
        "iso3": "KHM",
        "full_name": "Amara Testperson",
        "email": "amara.testperson@example.org",
        "gender": "female",
        "attended": "yes",
    },
    "meeting_statements": {
        "statement_id": "S-1",
        "meeting_id": "22MSP",
        "iso3": "KHM",
        "topic": "compliance_update",
        "case_id": "CASE-1",
    },
    "contributions": {
        "contribution_id": "C-1",
        "iso3": "KHM",
        "year": "2025",
        "kind": "assessment",
        "amount": "1500.25",
        "dated_on": "2025-02-01",
    },
    "extension_requests": {
        "request_id": "E-1",
        "iso3": "KHM",
        "submitted_on": "2025-03-31",
        "clearance_detailed": "yes",
        "clearance_costed": "yes",
        "clearance_multiyear": "no",
        "risk_education_detailed": "yes",
        "risk_education_costed": "1",
        "risk_education_multiyear": "FALSE",
    },
    "completion_declarations": {
        "declaration_id": "D-1",
        "iso3": "KHM",
        "declared_on": "2025-12-03",
        "voluntary_declaration": "yes",
    },
    "stockpile_discoveries": {
        "discovery_id": "SD-1",
        "iso3": "KHM",
        "discovered_on": "2025-01-10",
        "reported_on": "2025-04-30",
        "destroyed_on": "2025-05-01",
        "quantity": "12",
    },
    "compliance_cases": {
        "case_id": "CASE-1",
        "iso3": "KHM",
        "article": "1.1",
        "opened_on": "2024-01-01",
        "closed_on": "2025-01-01",
        "basis": "APLC/MSP.21/2023/1",
    },
}
"""A row of each dataset against which no check has anything to say, given ``context()``."""


def row(dataset: str, **changes: str) -> dict[str, str]:
    """The good row of the dataset with some cells changed."""
    return {**GOOD[dataset], "received_on": "2026-01-15", **changes}


def table(dataset: str, rows: Sequence[Mapping[str, Any]], header: Sequence[str] = ()) -> Table:
    """A table as the reader makes it of a CSV file. A ``_cells`` in a row is the number of cells it had."""
    names = [*dict.fromkeys([*(c.name for c in datasets()[dataset].columns), *header])]
    frame = pd.DataFrame(
        [{name: r.get(name, "") for name in names} for r in rows], columns=names, dtype="str"
    ).assign(
        _row=np.arange(2, len(rows) + 2),
        _cells=np.array([r.get("_cells", len(names)) for r in rows], dtype=np.int64),
    )
    return Table(dataset, None, frame, tuple(names))


def delivered(*tables: Table, **settings: Any) -> list[DeliveredTable]:
    """The tables as files of one delivery, in that order."""
    found: list[DeliveredTable] = []
    seq = 1
    for place, one in enumerate(tables):
        found.append(
            DeliveredTable(one, f"{place:064x}", f"{one.dataset}--{place}.csv", first_seq=seq, **settings)
        )
        seq += len(one.frame)
    return found


def context(**changes: Any) -> Context:
    """A home in which every parent of the good rows is known and everything was delivered."""
    return replace(
        Context(
            today=TODAY,
            plan_version=PLAN,
            indicators=[
                (PLAN, "1.1", "reported"),
                (PLAN, "45.1", "reported_ever"),
                (PLAN, "7.1", "submitted"),
                ("adopted-2024", "1.2", "reported"),
            ],
            people_key=b"0" * 32,
            known_keys={
                "states": ["KHM", "FRA"],
                "article7_reports": ["R-1"],
                "meetings": ["22MSP", "23MSP"],
                "compliance_cases": ["CASE-1"],
            },
            state_names={"Cambodia": "KHM", "France": "FRA"},
            meeting_starts={"22MSP": date(2025, 12, 1), "23MSP": date(2026, 11, 16)},
            delivered=frozenset(datasets()),
        ),
        **changes,
    )


def judged(*tables: Table, **changes: Any) -> Verdict:
    """The verdict on the tables as new files, in the home of ``context``."""
    return judge(delivered(*tables), context(**changes))


def codes_by_row(verdict: Verdict, dataset: str) -> dict[int, set[str]]:
    """Row number -> codes of the checks that it failed, by the lines that auditors read."""
    found: dict[int, set[str]] = {}
    for line in verdict.results.query("subject == @dataset and outcome == 'fail'").itertuples():
        for number in json.loads(str(line.sample_rows)):
            found.setdefault(number, set()).add(str(line.check_code))
    for line in verdict.quarantined.query("dataset == @dataset").itertuples():
        found.setdefault(int(str(line.row_number)), set()).add(str(line.check_code))
    return found


def outcomes(verdict: Verdict) -> dict[str, str]:
    """Check code -> outcome, the worst where there are several lines."""
    rank = {"pass": 0, "fail": 1, "error": 2}
    found: dict[str, str] = {}
    for code, outcome in zip(verdict.results["check_code"], verdict.results["outcome"], strict=True):
        if rank[outcome] >= rank[found.get(code, "pass")]:
            found[code] = outcome
    return found
