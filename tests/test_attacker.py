"""An attacker who has every table of a publication can't tell the size of a hidden group.

Groups stand in a table, meetings by kinds of delegation, whose margins are published. The attacker solves it:
of all tables of whole numbers that agree with everything published, has a hidden group the same size in each?
(docs/contract/semantics.md, People; docs/decisions/006-groups-of-people-in-observations.md.) What total and
parts tell by themselves is published by decision, and counts as known before a group is shown.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from scipy.optimize import linprog  # type: ignore[import-untyped]

from tests.dbt_harness import CompiledProject, LandingRows, compiled_project
from tests.oracle.indicators import _rectangle_company

AS_OF = date(2026, 6, 1)
KINDS = ("state", "united_nations", "civil_society", "survivor_organization")
Margins = list[tuple[set[str], int]]
"""Published sums: the groups that add up, and to what."""


def test_the_attacker_finds_what_is_there_to_find() -> None:
    margins: Margins = [({"a", "b", "c"}, 20), ({"a", "d"}, 9)]
    assert determined({"a"}, {"b": 5, "c": 12}, margins[:1]) == {"a"}
    assert determined({"a", "b"}, {"c": 12}, margins[:1]) == set()
    assert determined({"a", "b", "d"}, {"c": 18}, margins) == {"a", "b", "d"}


@pytest.mark.parametrize("seed", range(25))
def test_no_hidden_group_can_be_had(seed: int) -> None:
    published = publish(compiled_project(), random.Random(seed))
    assert not had(published, "3.3")
    assert not had(published, "3.4")


@pytest.mark.parametrize("seed", range(25))
def test_who_is_hidden_with_a_group_is_the_cheapest_rectangle_of_all(seed: int) -> None:
    """The SQL looks at the two cheapest further sides of each pair of kinds, the recomputation at all."""
    project, landing = compiled_project(), world(random.Random(seed))
    (model,) = [m for m in project.models if m.name == "int_participation_parts"]
    company = " or company.breakdown_value is not null"
    assert company in model.sql

    def groups(project: CompiledProject) -> dict[str, dict[str, Any]]:
        rows = project.run(landing, AS_OF, tables=(model.name,))[model.name]
        shares = [row for row in rows if (row["rule"], row["breakdown"]) == ("participant_share", "group")]
        return {row["breakdown_value"]: row for row in shares}

    alone = groups(project.with_sql(model.name, model.sql.replace(company, "")))
    small = {key for key, row in alone.items() if row["is_suppressed"]}
    with_company = _rectangle_company({key: row["denominator"] for key, row in alone.items()}, small)
    assert {key for key, row in groups(project).items() if row["is_suppressed"]} == small | with_company


@pytest.mark.parametrize("indicator", ["3.3", "3.4"])
def test_the_rule_of_the_parts_alone_would_give_groups_away(indicator: str) -> None:
    project = compiled_project()
    (model,) = [m for m in project.models if m.name == "int_participation_parts"]
    company = " or company.breakdown_value is not null"
    assert company in model.sql
    weaker = project.with_sql(model.name, model.sql.replace(company, ""))
    assert any(had(publish(weaker, random.Random(seed)), indicator) for seed in range(25))


def had(published: Mapping[str, list[dict[str, Any]]], indicator: str) -> set[str]:
    """Hidden groups whose size the attacker gets from what is published of groups."""
    found: set[str] = set()
    values = [v for v in published["indicator_values"] if v["indicator_id"] == indicator]
    cells = [o for o in published["indicator_observations"] if o["indicator_id"] == indicator]
    for year in {cell["reporting_year"] for cell in cells}:
        groups = {c["member_key"]: c["member_count"] for c in cells if c["reporting_year"] == year}
        hidden = {key for key, count in groups.items() if count is None}
        shown = {key: count for key, count in groups.items() if count is not None}
        margins = published_sums([v for v in values if v["reporting_year"] == year], indicator, set(groups))
        found |= determined(hidden, shown, margins) - determined(set(groups), {}, margins)
    return found


def published_sums(values: list[dict[str, Any]], indicator: str, groups: set[str]) -> Margins:
    """What adds up: meetings, and in 3.4, where nobody counts twice, kinds of delegation and the total."""
    counted = "numerator" if indicator == "3.3" else "denominator"
    sums: Margins = []
    for value in values:
        key = value["breakdown_value"]
        if value[counted] is None:
            continue
        if value["breakdown"] == "meeting":
            sums.append(({g for g in groups if g.rpartition("|")[0] == key}, value[counted]))
        elif indicator == "3.4" and value["breakdown"] == "delegation_kind":
            sums.append(({g for g in groups if g.rpartition("|")[2] == key}, value[counted]))
        elif indicator == "3.4" and value["breakdown"] == "total":
            sums.append((set(groups), value[counted]))
    return sums


def determined(hidden: set[str], shown: Mapping[str, int], margins: Margins) -> set[str]:
    """Hidden groups that can have one size only.

    The attacker holds each for at least 1, since nobody hides an empty group, until that fits no table.
    """
    left = [(group & hidden, total - sum(shown.get(g, 0) for g in group)) for group, total in margins]
    left = [(group, total) for group, total in left if group]
    bounded = set().union(*(group for group, _ in left))
    for least in (1, 0):
        with contextlib.suppress(Impossible):
            return {key for key in hidden & bounded if len(sizes(key, hidden, left, least)) == 1}
    raise AssertionError("what is published contradicts itself")


class Impossible(Exception):
    """No table agrees with what is published."""


def sizes(key: str, hidden: set[str], margins: Margins, least: int) -> set[int]:
    """The least and the greatest size that the group can have.

    Sums over the rows and columns of a table are totally unimodular: the bounds are whole numbers.
    """
    order = sorted(hidden)
    rows = [[float(name in group) for name in order] for group, _ in margins]
    totals = [total for _, total in margins]
    found: set[int] = set()
    for sign in (1, -1):
        goal = [sign * float(name == key) for name in order]
        solved = linprog(goal, A_eq=rows, b_eq=totals, bounds=[(least, None)] * len(order))
        if solved.status == 2:
            raise Impossible
        assert solved.status == 0, solved.message
        found.add(round(sign * solved.fun))
    return found


def publish(project: CompiledProject, chance: random.Random) -> Mapping[str, list[dict[str, Any]]]:
    """What a small world with meetings of small and large groups publishes."""
    tables = ("indicator_values", "indicator_observations")
    return project.run(world(chance), AS_OF, tables=tables)


def world(chance: random.Random) -> LandingRows:
    """Two to four meetings; of each kind of delegation nobody, a few, or many."""
    meetings = [
        {"meeting_id": f"m{i}", "kind": "intersessional", "starts_on": day, "ends_on": day}
        for i in range(chance.randint(2, 4))
        for day in [date(2025, 2 + i, 1)]
    ]
    participants = [
        {
            "registration_id": f"{meeting['meeting_id']}-{kind}-{number}",
            "meeting_id": meeting["meeting_id"],
            "delegation_kind": kind,
            "gender": "female" if number < women else "male",
            "is_mine_victim": number < victims,
            "attended": True,
            "person_key": f"{meeting['meeting_id']}-{kind}-{number}",
            "organization_key": None if kind == "state" else f"{kind}-{number % 3}",
        }
        for meeting in meetings
        for kind in KINDS
        for women in [chance.choice([0, 0, 1, 3, 5, 8, 12])]
        for victims in [chance.choice([0, 0, 0, 1, 1, 2, 10, 14])]
        for number in range(max(victims, women + chance.choice([0, 0, 2, 5, 9])))
    ]
    rows = {"meetings": meetings, "meeting_participants": participants}
    return {
        name: [
            {**row, "received_on": date(2025, 1, 1), "record_status": "active", "delivery_seq": place}
            for place, row in enumerate(lines, 1)
        ]
        for name, lines in rows.items()
    }
