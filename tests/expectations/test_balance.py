"""Whatever is delivered: rows read = loaded + duplicate + quarantined."""

from __future__ import annotations

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.expectations.harness import judged, row, table

CELLS = {
    "meeting_id": st.sampled_from(["22MSP", "IM", "", "a@b.example", "22MSP "]),
    "title": st.sampled_from(["One", "Two", "", "Zélindra Quombatt"]),
    "kind": st.sampled_from(["intersessional", "INTERSESSIONAL", "nonsense", ""]),
    "starts_on": st.sampled_from(["2025-06-17", "2025-06-31", "17.6.2025", ""]),
    "received_on": st.sampled_from(["2025-07-01", "2025-07-02", "2099-01-01", "", "soon"]),
    "record_status": st.sampled_from(["", "active", "retracted", "RETRACTED", "gone"]),
    "_cells": st.sampled_from([8, 8, 8, 8, 8, 3]),
}
MEETINGS = st.lists(st.fixed_dictionaries(CELLS), max_size=12).map(
    lambda rows: [{**row("meetings"), **given} for given in rows]
)
STATEMENTS = st.lists(
    st.fixed_dictionaries(
        {
            "meeting_id": st.sampled_from(["22MSP", "IM", "nowhere"]),
            "topic": st.sampled_from(["other", "compliance_update", "?"]),
            "case_id": st.sampled_from(["", "CASE-1", "CASE-2"]),
            "statement_id": st.sampled_from(["S-1", "S-2", "S-3"]),
        }
    ),
    max_size=8,
).map(lambda rows: [row("meeting_statements", **r) for r in rows])


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(MEETINGS, MEETINGS, STATEMENTS)
def test_rows_read_are_loaded_duplicate_or_quarantined(
    first: list[dict[str, object]], second: list[dict[str, object]], statements: list[dict[str, str]]
) -> None:
    tables = [
        table("meetings", first),
        table("meetings", second),
        table("meeting_statements", statements),
    ]
    verdict = judged(*tables, known_keys={"states": ["KHM"], "compliance_cases": ["CASE-1"]})
    balance = verdict.balance.set_index("file_name")
    assert balance["rows_read"].tolist() == [len(t.frame) for t in tables]
    parts = balance[["rows_loaded", "rows_duplicate", "rows_quarantined"]]
    assert (parts.sum(axis=1) == balance["rows_read"]).all() and (parts >= 0).all(axis=None)
    loaded = pd.concat([verdict.accepted[name].to_pandas() for name in ("meetings", "meeting_statements")])
    assert loaded["file_name"].value_counts().reindex(balance.index, fill_value=0).tolist() == (
        balance["rows_loaded"].tolist()
    )
    lines = verdict.quarantined.drop_duplicates("delivery_seq")
    assert lines["file_name"].value_counts().reindex(balance.index, fill_value=0).tolist() == (
        balance["rows_quarantined"].tolist()
    )
    assert lines.groupby("file_name")["waiting"].sum().reindex(balance.index, fill_value=0).tolist() == (
        balance["rows_waiting"].tolist()
    )
    assert not set(lines["delivery_seq"]) & set(loaded["delivery_seq"])
