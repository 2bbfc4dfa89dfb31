"""The history of records: every version known on a day, which one counted and why, and what the checks said.

``sraap explain`` shows it below a state's observation. Versions come from the landing, which holds all that
was ever accepted; which one counts is decided by semantics.md, Which version of a row counts. Datasets with
people's data have no history here: their registers are named by file only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.build import landed

if TYPE_CHECKING:
    import duckdb

_PLACE = ("received_on", "record_status", "source_ref", "delivery_seq")
_FILE = ("file_sha256", "file_name", "sheet", "row_number", "place")


def versions(
    connection: duckdb.DuckDBPyConnection,
    landing: Mapping[str, Sequence[Path]],
    records: Mapping[str, set[str]],
    as_of: date,
) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """All versions of records that were known on a day, the latest first.

    ``landing``: Parquet files of each dataset; ``records``: keys by dataset, parts joined by a bar. Gives for
    each (dataset, key) dicts with received_on, record_status, source_ref, delivery_seq, file_sha256,
    file_name, sheet, row_number, place, ``cells`` (the dataset's own columns), ``counts`` and ``why``.
    Raises ``duckdb.Error``.
    """
    from sources.contract import datasets

    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for name, keys in records.items():
        dataset = datasets()[name]
        if dataset.holds_people or not landing.get(name):
            continue
        own = [column.name for column in dataset.own_columns]
        columns = ", ".join(f'"{column}"' for column in (*own, *_PLACE, *_FILE))
        key = " || '|' || ".join(f'"{column}"' for column in dataset.key)
        rows = connection.execute(
            f"""
            select {key} as record_key, {columns}
            from {landed(connection, dataset, landing[name])}
            where received_on <= ? and record_key in (select unnest(?))
            order by record_key, received_on desc, delivery_seq desc
            """,
            [as_of, sorted(keys)],
        )
        names = [column[0] for column in rows.description]
        for values in rows.fetchall():
            row = dict(zip(names, values, strict=True))
            place = {column: row[column] for column in (*_PLACE, *_FILE)}
            cells = {column: row[column] for column in own}
            found.setdefault((name, row["record_key"]), []).append({**place, "cells": cells})
    for history in found.values():
        _judge(history)
    return found


def _judge(history: list[dict[str, Any]]) -> None:
    """Say of each version, the latest first, whether it counts and why."""
    latest = history[0]
    retracted = latest["record_status"] == "retracted"
    for place, version in enumerate(history):
        version["counts"] = place == 0 and not retracted
        if place == 0:
            version["why"] = _why_latest(history, retracted)
        elif retracted:
            version["why"] = f"does not count: the record was retracted by {_where(latest)}"
        else:
            version["why"] = f"superseded by {_where(history[place - 1])}"


def _why_latest(history: Sequence[Mapping[str, Any]], retracted: bool) -> str:
    if retracted:
        return "retracts the record: it does not exist from the day this was received"
    if len(history) == 1:
        return "counts: the only version known"
    if history[0]["received_on"] == history[1]["received_on"]:
        return "counts: of the versions received last, on one day, it was delivered last"
    return "counts: the version received last"


def _where(version: Mapping[str, Any]) -> str:
    return (
        f"the row received on {version['received_on']} ({version['file_name']}, row {version['row_number']})"
    )


def checks(
    connection: duckdb.DuckDBPyConnection, places: Sequence[Mapping[str, Any]]
) -> dict[tuple[str, str | None], dict[str, Any]]:
    """What the checks said of the tables in which rows stand, from ``audit.validation_results``.

    ``places``: dicts with file_sha256 and sheet. Gives for each (file_sha256, sheet): ``passed``, a count,
    and ``findings``, dicts with check_code, severity, outcome, column_name, rows_failing, sample_rows and
    sentence of each check that failed or erred. Raises ``duckdb.Error``.
    """
    files = sorted({str(place["file_sha256"]) for place in places if place["file_sha256"]})
    rows = connection.execute(
        """
        select
            file_sha256, sheet, check_code, severity, outcome, column_name, rows_failing, sample_rows,
            sentence
        from audit.validation_results
        where file_sha256 in (select unnest(?))
        order by check_code, column_name
        """,
        [files],
    )
    names = [column[0] for column in rows.description]
    found: dict[tuple[str, str | None], dict[str, Any]] = {}
    for values in rows.fetchall():
        row = dict(zip(names, values, strict=True))
        table = found.setdefault((row.pop("file_sha256"), row.pop("sheet")), {"passed": 0, "findings": []})
        if row["outcome"] == "pass":
            table["passed"] += 1
        else:
            table["findings"].append(row)
    return found
