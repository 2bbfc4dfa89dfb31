"""Cells as values: what numbers tell of them."""

from __future__ import annotations

import pandas as pd
from hypothesis import example, given
from hypothesis import strategies as st

from expectations import values

NUMBERS = st.integers(-3, 3) | st.integers(-(2**63), 2**63 - 1)
TEXTS = st.sampled_from(["a", "b", None])


@given(st.lists(st.tuples(NUMBERS, TEXTS, NUMBERS), min_size=1, max_size=30))
@example([(-(2**63), "a", 0), (2**63 - 1, "a", 0), (0, None, 1), (0, None, 1)])
@example([(number, "a", 2**62 + number * 2**31) for number in range(3)])
def test_rows_have_one_number_where_they_are_the_same_and_only_there(
    rows: list[tuple[int, str | None, int]],
) -> None:
    first, second, third = zip(*rows, strict=True)
    columns = [
        pd.Series(first, dtype="int64"),
        values.packed(pd.Series(second, dtype="str")),
        pd.Series(third, dtype="int64"),
    ]
    numbers = values.row_codes(columns).tolist()
    pairs = set(zip(numbers, rows, strict=True))
    assert len(pairs) == len(set(numbers)) == len(set(rows))
