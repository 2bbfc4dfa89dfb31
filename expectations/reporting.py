"""What the door says about its checks: lines of ``audit.validation_results`` and ``audit.quarantined_rows``.

A value is shown where it helps and can't be a person's: never of a register, never of an id that names
somebody, and of other texts without names and addresses.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from expectations import values
from expectations.door import DeliveredTable
from expectations.judging import ROW, Outcome
from expectations.people import PersonFinder
from expectations.rows import Places, Rows, first_errors
from expectations.suite import Check, suite_of
from sources.contract import Dataset

QUARANTINED_COLUMNS = {
    "dataset": "str",
    "file_sha256": "str",
    "file_name": "str",
    "sheet": "str",
    "row_number": "int64",
    "place": "str",
    "delivery_seq": "int64",
    "column_name": "str",
    "check_code": "str",
    "sentence": "str",
    "value": "str",
    "waiting": "bool",
}
BALANCE_COLUMNS = {
    "file_sha256": "str",
    "file_name": "str",
    "sheet": "str",
    "dataset": "str",
    "rows_read": "int64",
    "rows_loaded": "int64",
    "rows_duplicate": "int64",
    "rows_quarantined": "int64",
    "rows_waiting": "int64",
}
RESULT_COLUMNS = {
    "check_code": "str",
    "engine": "str",
    "subject": "str",
    "file_sha256": "str",
    "file_name": "str",
    "sheet": "str",
    "column_name": "str",
    "guards": "str",
    "dimension": "str",
    "severity": "str",
    "outcome": "str",
    "rows_checked": "int64",
    "rows_failing": "int64",
    "sample_rows": "str",
    "sentence": "str",
}

LONGEST_VALUE = 200
MOST_TOLD = 10
"""Rows of a table whose disagreement with another source is told in words."""
MOST_CANDIDATES = 200
"""For so many distinct unknown names the nearest states are looked up; more of them are no spelling
mistakes."""


def framed(lines: Sequence[dict[str, Any]] | pd.DataFrame, columns: dict[str, str]) -> pd.DataFrame:
    """The lines as a frame with exactly these columns and types."""
    return pd.DataFrame(lines).reindex(columns=list(columns)).astype(columns).reset_index(drop=True)


def code_of(check: Check, dataset: Dataset) -> str:
    """The check's code; the star of a check that all datasets share stands for the dataset's letters."""
    return check.code.replace("*", suite_of(dataset.name).letters)


def neutral(sentence: str) -> str:
    """A check's sentence where no single value is meant."""
    return sentence.replace("{candidates}", "").replace("{value}", "The value").replace(": {told}", "")


def broken(outcome: Outcome) -> str:
    """What to say of a check that raised, or was not evaluated."""
    return (
        f"The check itself broke ({outcome.error}), so that nothing is known about its rows. "
        "Mend the check, or report it as a defect."
    )


def result_line(
    outcome: Outcome,
    dataset: Dataset,
    delivered: DeliveredTable | None,
    rows: tuple[int, int, list[int]],
    sentence: str,
) -> dict[str, Any]:
    """One line of results. ``rows``: how many were checked, how many failed, the first of their numbers."""
    check = outcome.check
    checked, failing, sample = rows
    return {
        "check_code": code_of(check, dataset),
        "engine": "great_expectations",
        "subject": dataset.name,
        "file_sha256": delivered.file_sha256 if delivered else None,
        "file_name": delivered.file_name if delivered else None,
        "sheet": delivered.table.sheet if delivered else None,
        "column_name": check.column,
        "guards": check.reason,
        "dimension": check.dimension,
        "severity": check.severity,
        "outcome": "error" if outcome.outcome == "error" else "fail" if failing else "pass",
        "rows_checked": checked,
        "rows_failing": failing,
        "sample_rows": json.dumps(sample),
        "sentence": sentence,
    }


def table_lines(rows: Rows, found: Sequence[Outcome]) -> list[dict[str, Any]]:
    """A check's lines, one for each table; ``found`` are its outcomes on rows and on retractions."""
    outcome = next((one for one in found if one.outcome == "error"), found[0])
    sentence = broken(outcome) if outcome.outcome == "error" else neutral(outcome.check.sentence)
    told = _told_of_tables(rows, found)
    seen = any(one.rows_checked for one in found)
    judged = rows.judged_of_table
    failing = rows.failing(found)
    return [
        result_line(
            outcome,
            rows.dataset,
            delivered,
            (int(judged[place]) if seen else 0, *failing.get(place, (0, []))),
            told.get(place, sentence),
        )
        for place, delivered in enumerate(rows.tables)
    ]


def _told_of_tables(rows: Rows, found: Sequence[Outcome]) -> dict[int, str]:
    """Table -> the check's sentence with what a source says against its first failing rows."""
    outcome = found[0]
    if "{told}" not in outcome.check.sentence or outcome.outcome != "fail":
        return {}
    places = np.sort(rows.places(outcome.failing))
    part = rows.frame(places).assign(_table=rows.table[places])
    lines: dict[int, str] = {}
    for place in part["_table"].unique().tolist():
        mine = part[part["_table"] == place].sort_values("row_number").head(MOST_TOLD)
        where = values.text(mine["place"]).fillna("row " + mine["row_number"].astype("str"))
        words = "; ".join(where + ": " + mine[ROW].map(rows.told))
        more = " and others" if (part["_table"] == place).sum() > MOST_TOLD else ""
        lines[place] = outcome.check.sentence.replace("{told}", words + more)
    return lines


def quarantine_lines(
    rows: Rows, frame: pd.DataFrame, finder: PersonFinder, hint: Callable[[str], str]
) -> pd.DataFrame:
    """A line for each quarantined row and check that it failed.

    ``frame``: the cells of some of the rows (``Rows.frame``), in their order, of which lines are wanted.
    ``hint``: from an unknown name to the nearest.
    """
    shown = frame.index.to_numpy()
    here = np.zeros(len(rows), dtype=bool)
    here[shown] = True
    held: list[tuple[Check, Places]] = []
    for check, failing in rows.faults:
        places = failing[here[failing]]
        held.append((check, places[rows.held_at(places)]))
    held = [(check, places) for check, places in held if len(places)]
    if not held:
        return framed([], QUARANTINED_COLUMNS)
    all_places = np.concatenate([places for _, places in held])
    cells = frame.iloc[np.searchsorted(shown, all_places)]
    cells = pd.DataFrame({name: values.text(cells[name]) for name in cells.columns}, index=cells.index)
    told: list[pd.DataFrame] = []
    first = 0
    for check, places in held:
        part = cells.iloc[first : first + len(places)]
        first += len(places)
        column = (
            first_errors(rows.dataset, part)
            if check.of_errors
            else pd.Series(check.column, index=part.index, dtype="str")
        )
        of_check = _told(rows, check, part.assign(_column=column), finder, hint)
        told.append(pd.DataFrame({"column_name": column, **of_check}))
    lines = pd.concat(told, ignore_index=True).assign(
        dataset=rows.dataset.name,
        delivery_seq=cells[ROW].to_numpy(),
        check_code=np.repeat([code_of(check, rows.dataset) for check, _ in held], [len(p) for _, p in held]),
        waiting=rows.waiting_at(all_places),
        **{name: cells[name].array for name in ("file_sha256", "file_name", "sheet", "row_number", "place")},
    )
    return framed(lines.sort_values("delivery_seq", kind="stable"), QUARANTINED_COLUMNS)


def _told(
    rows: Rows, check: Check, part: pd.DataFrame, finder: PersonFinder, hint: Callable[[str], str]
) -> dict[str, pd.Series]:
    """Value (where it may be shown) and sentence of the rows that failed a check; ``_column`` of ``part``:
    whose value."""
    raw = pd.Series(np.nan, index=part.index, dtype="str")
    for name in part["_column"].dropna().unique():
        raw = raw.mask(part["_column"] == name, part[name])
    shown = pd.Series(np.nan, index=part.index, dtype="str")
    if check.shows_value and not rows.dataset.holds_people:
        # Cleaned before it is cut: half a name is still a name.
        shown = finder.without_persons(raw)[0].str.slice(0, LONGEST_VALUE)
    sentence = pd.Series(check.sentence, index=part.index, dtype="str")
    if "{candidates}" in check.sentence:
        texts = values.distinct(raw)
        near = texts.iloc[:MOST_CANDIDATES].map(hint).astype("str").reindex(texts.index)
        sentence = _put(sentence, "{candidates}", values.spread(raw, near).fillna(""))
    if "{told}" in check.sentence:
        sentence = _put(sentence, "{told}", part[ROW].map(rows.told).astype("str"))
    quoted = shown.map("'{}'".format, na_action="ignore").astype("str").fillna("The value")
    return {"value": shown, "sentence": _put(sentence, "{value}", quoted)}


def _put(sentence: pd.Series, place: str, text: pd.Series) -> pd.Series:
    """Each row's sentence with each row's text in the place meant for it; what the text holds is no place."""
    parts = sentence.str.partition(place)
    return (parts[0] + text + parts[2]).where(parts[1] == place, sentence)
