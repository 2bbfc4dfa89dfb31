"""Whether what is known is still fresh: the age of each dataset's newest row on the as-of date.

The limits stand beside each source (``sources/<dataset>/source.yml``). Nothing here blocks: an old register
is still what is known, and the people who publish it have to be told so (docs/contract/inputs.md, check
severities). The shipped sample is never stale: it ages by design.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from sources.contract import Dataset, datasets

WARN_CODE = "FRESH-WARN"
ERROR_CODE = "FRESH-ERROR"


def newest(landing: Mapping[str, Sequence[Path]], as_of: date) -> dict[str, date]:
    """The greatest ``received_on`` up to the as-of date of each dataset that has such rows.

    ``landing``: Parquet files of each dataset. Raises ``OSError`` and ``duckdb.Error``.
    """
    import duckdb

    found: dict[str, date] = {}
    with duckdb.connect(":memory:") as connection:
        for name, paths in landing.items():
            if paths:
                row = connection.execute(
                    "select max(received_on) from read_parquet(?) where received_on <= ?",
                    [[str(path) for path in paths], as_of],
                ).fetchone()
                if row and row[0]:
                    found[name] = row[0]
    return found


def judge(newest_rows: Mapping[str, date], as_of: date, run_id: str) -> list[dict[str, Any]]:
    """Rows of ``audit.validation_results``, two for each dataset that has limits and rows.

    A dataset of which nothing has come is not late but missing, which other checks say.
    """
    return [
        _result(dataset, newest_rows[dataset.name], as_of, run_id, code)
        for dataset in datasets().values()
        if dataset.freshness and dataset.name in newest_rows
        for code in (WARN_CODE, ERROR_CODE)
    ]


def _result(dataset: Dataset, newest_row: date, as_of: date, run_id: str, code: str) -> dict[str, Any]:
    assert dataset.freshness is not None
    limit = dataset.freshness.warn_days if code == WARN_CODE else dataset.freshness.error_days
    age = (as_of - newest_row).days
    stale = age > limit
    return {
        "run_id": run_id,
        "check_code": code,
        "engine": "flow",
        "subject": dataset.name,
        "file_sha256": None,
        "file_name": None,
        "sheet": None,
        "column_name": "received_on",
        "guards": f"The newest row of {dataset.name} is at most {limit} days old.",
        "dimension": "timeliness",
        "severity": "warn",
        "outcome": "fail" if stale else "pass",
        "rows_checked": None,
        "rows_failing": None,
        "sample_rows": None,
        "sentence": _sentence(dataset, newest_row, age, limit, code) if stale else None,
    }


def _sentence(dataset: Dataset, newest_row: date, age: int, limit: int, code: str) -> str:
    said = f"The newest row of {dataset.name} was received on {newest_row}, {age} days before the as-of date"
    if code == WARN_CODE:
        return f"{said} (limit {limit}); ask whether something new has come in."
    return (
        f"{said} (limit {limit}): its indicators describe a past that may no longer hold. "
        "Deliver it again, or say so wherever the figures are shown."
    )


def stale_sentences(checks: Sequence[Mapping[str, Any]]) -> list[str]:
    """What to tell people: of each dataset that is stale the stronger sentence."""
    failed = [c for c in checks if c["outcome"] == "fail" and c["check_code"] in (WARN_CODE, ERROR_CODE)]
    by_dataset: dict[str, str] = {}
    for check in sorted(failed, key=lambda c: c["check_code"] == ERROR_CODE):
        by_dataset[check["subject"]] = check["sentence"]
    return list(by_dataset.values())
