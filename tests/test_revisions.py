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

SEQUENCES = 24
DAYS = (0, 0, 0, 1, 30, -1)
"""By how many days the as-of date of the second publication lies after that of the first."""
Values = dict[tuple[Any, ...], tuple[Any, ...]]


def values(rows: Rows, as_of: date) -> Values:
    found = compute(rows, as_of, PLAN).values
    return {tuple(v[k] for k in VALUE_KEY): tuple(v[k] for k in FIGURES) for v in found}


def sequence(number: int) -> tuple[Knowledge, Knowledge]:
    """Two publications in a row over a drawn delivery."""
    delivery = drawn_deliveries(SEQUENCES)[number]
    first, whole = halves(delivery, number)
    shift = timedelta(days=DAYS[number % len(DAYS)])
    return Knowledge(first, delivery.as_of), Knowledge(whole, delivery.as_of + shift)


def without(before: Knowledge, now: Knowledge, causes: list[dict[str, Any]]) -> Rows:
    """What the publication ``now`` knows, less the named rows that the one before does not know, with the
    named ones that only that one knows."""
    named = {(c["dataset"], c["delivery_seq"]) for c in causes}
    header_only = {c["dataset"] for c in causes if c["delivery_seq"] is None}
    known, known_before = now.known(), before.known()
    tables: dict[str, list[Row]] = {}
    for dataset in {*known.tables, *known_before.tables}:
        rows = {row["delivery_seq"]: row for row in known.tables.get(dataset, [])}
        others = {row["delivery_seq"]: row for row in known_before.tables.get(dataset, [])}
        kept = [row for seq, row in rows.items() if seq in others or (dataset, seq) not in named]
        back = [row for seq, row in others.items() if seq not in rows and (dataset, seq) in named]
        tables[dataset] = sorted([*kept, *back], key=lambda row: int(row["delivery_seq"]))
    return Rows(tables, header_only=known.header_only - header_only)


def by_value(rows: list[dict[str, Any]]) -> dict[tuple[Any, ...], list[dict[str, Any]]]:
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        found[tuple(row[k] for k in VALUE_KEY)].append(row)
    return found


@pytest.mark.parametrize("number", range(SEQUENCES))
def test_every_reason_is_confirmed_without_the_rows_named(number: int) -> None:
    """On the later of both days the named rows, and they alone, make the difference; where none is named, all
    rows together make none, and the day alone moved the value."""
    before, now = sequence(number)
    later_day = max(before.as_of, now.as_of)
    published, publishing = values(before.known(), before.as_of), values(now.known(), now.as_of)
    without_rows, with_rows = values(before.known(), later_day), values(now.known(), later_day)
    built = moved(compiled_project(), before, now, tables=("indicator_revisions", "int_revision_causes"))
    revisions, causes = by_value(built["indicator_revisions"]), by_value(built["int_revision_causes"])

    assert set(revisions) == {
        k for k in published.keys() | publishing.keys() if published.get(k) != publishing.get(k)
    }
    memo: dict[frozenset[Any], Values] = {}
    for key, rows in revisions.items():
        named = causes.get(key, [])
        assert (rows[0]["dataset"] is not None) == bool(named)
        if not named:
            assert {row["reason"] for row in rows} == {"time"}
            assert before.as_of != now.as_of
            assert without_rows.get(key) == with_rows.get(key), key
        else:
            assert without_rows.get(key) != with_rows.get(key), key
            which = frozenset((c["dataset"], c["delivery_seq"]) for c in named)
            if which not in memo:
                memo[which] = values(without(before, now, named), later_day)
            assert memo[which].get(key) == without_rows.get(key), (key, rows[0]["reason"])
        old = tuple(rows[0][f"old_{name}"] for name in FIGURES)
        new = tuple(rows[0][f"new_{name}"] for name in FIGURES)
        assert (old, new) == (published.get(key, (None,) * 4), publishing.get(key, (None,) * 4))
