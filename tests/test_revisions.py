"""The reasons for which values moved are confirmed by recomputing without the rows that they name."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from typing import Any

import pytest

from tests.agreement import PLAN, drawn_deliveries
from tests.dbt_harness import compiled_project
from tests.oracle.indicators import compute
from tests.oracle.rows import Row, Rows
from tests.revisions import FIGURES, VALUE_KEY, Knowledge, halves, moved

SEQUENCES = 30
DAYS = (0, 0, 0, 1, 30, -1)
"""By how many days the as-of date of the second publication lies after that of the first."""

CONFIRMED: list[bool] = []
"""For each value that rows moved: whether the old figure came back without them."""
SHARE = 0.98
"""Two rows may have opposite effects on one member, which then seems unmoved (decision 008)."""


def values(rows: Rows, as_of: date) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    found = compute(rows, as_of, PLAN).values
    return {tuple(v[k] for k in VALUE_KEY): tuple(v[k] for k in FIGURES) for v in found}


def sequence(number: int) -> tuple[Knowledge, Knowledge]:
    """Two publications in a row over a drawn delivery."""
    delivery = drawn_deliveries(SEQUENCES)[number]
    first, whole = halves(delivery, number)
    shift = timedelta(days=DAYS[number % len(DAYS)])
    return Knowledge(first, delivery.as_of), Knowledge(whole, delivery.as_of + shift)


def without(later: Knowledge, other: Knowledge, causes: list[dict[str, Any]]) -> Rows:
    """What the later day knows, less the named rows that the other does not know, with those that it does."""
    named = {(c["dataset"], c["delivery_seq"]) for c in causes if c["delivery_seq"] is not None}
    registers = {c["record_key"] for c in causes if c["dataset"] == "meeting_participants"}
    header_only = {c["dataset"] for c in causes if c["dataset"] and c["record_key"] is None}

    def is_named(dataset: str, row: Row) -> bool:
        if dataset == "meeting_participants":
            return row.get("meeting_id") in registers or bool(registers and row["record_status"] != "active")
        return (dataset, row["delivery_seq"]) in named

    known, known_to_other = later.known(), other.known()
    tables = {}
    for dataset in {*known.tables, *known_to_other.tables}:
        rows = {row["delivery_seq"]: row for row in known.tables.get(dataset, [])}
        others = {row["delivery_seq"]: row for row in known_to_other.tables.get(dataset, [])}
        kept = [row for seq, row in rows.items() if seq in others or not is_named(dataset, row)]
        back = [row for seq, row in others.items() if seq not in rows and is_named(dataset, row)]
        tables[dataset] = sorted([*kept, *back], key=lambda row: int(row["delivery_seq"]))
    return Rows(tables, header_only=known.header_only - header_only)


@pytest.mark.parametrize("number", range(SEQUENCES))
def test_without_the_rows_named_the_old_figure_comes_back(number: int) -> None:
    before, now = sequence(number)
    published, publishing = values(before.known(), before.as_of), values(now.known(), now.as_of)
    later, other = (now, before) if now.as_of >= before.as_of else (before, now)
    by_day_alone = values(other.known(), later.as_of)
    at_old_day = values(now.known(), before.as_of)
    revisions: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in moved(compiled_project(), before, now):
        revisions[tuple(row[k] for k in VALUE_KEY)].append(row)

    differing = {k for k in published.keys() | publishing.keys() if published.get(k) != publishing.get(k)}
    assert set(revisions) == differing
    memo: dict[frozenset[Any], dict[Any, Any]] = {}
    for key, rows in revisions.items():
        causes = [row for row in rows if row["cause_number"] and row["dataset"]]
        named = frozenset((c["dataset"], c["record_key"], c["delivery_seq"], c["is_known"]) for c in causes)
        if named not in memo:
            memo[named] = values(without(later, other, causes), later.as_of)
        day_moves_it = by_day_alone.get(key) != (published if later is now else publishing).get(key)
        # where both the day and rows move a value, they may cancel out for a member, who then seems unmoved
        if causes and not (day_moves_it and before.as_of != now.as_of):
            CONFIRMED.append(memo[named].get(key) == by_day_alone.get(key))
        if not causes:
            assert {row["reason"] for row in rows} == {"time"}
            assert before.as_of != now.as_of
            assert day_moves_it or at_old_day.get(key) == published.get(key), key
        old = tuple(rows[0][f"old_{name}"] for name in FIGURES)
        new = tuple(rows[0][f"new_{name}"] for name in FIGURES)
        assert (old, new) == (published.get(key, (None,) * 4), publishing.get(key, (None,) * 4))


def test_nearly_all_old_figures_came_back() -> None:
    """After the sequences above, in the same process."""
    assert len(CONFIRMED) > 1000
    assert sum(CONFIRMED) / len(CONFIRMED) >= SHARE
