"""What changed between two publications, as a person would ask: which totals, from what to what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flows.build import quoted


def changed_totals(before: Path, after: Path) -> list[dict[str, Any]]:
    """Totals that differ between two publications' ``indicator_values``.

    Returns dicts with reporting_year, indicator_id, status, and old and new numerator, denominator and value,
    ordered by year and plan order; a year that one of them does not have counts as changed. Raises
    ``duckdb.Error`` if a publication can't be read.
    """
    import duckdb

    key = "plan_version, reporting_year, indicator_id"
    shown = "status, numerator, denominator, value"
    with duckdb.connect(":memory:") as connection:
        for name, folder in (("old", before), ("new", after)):
            path = quoted(str(folder / "parquet" / "indicator_values.parquet"))
            connection.execute(
                f"create view {name} as select {key}, action, {shown} from read_parquet({path}) "
                "where breakdown = 'total'"
            )
        rows = connection.execute(
            f"""
            select
                {key},
                old.numerator, old.denominator, old.value, old.status,
                new.numerator, new.denominator, new.value, new.status
            from old
            full join new using ({key})
            where (old.numerator, old.denominator, old.value, old.status)
                is distinct from (new.numerator, new.denominator, new.value, new.status)
            order by plan_version, reporting_year, coalesce(new.action, old.action),
                length(indicator_id), indicator_id
            """
        ).fetchall()
    names = ("numerator", "denominator", "value", "status")
    return [
        {
            "plan_version": row[0],
            "reporting_year": row[1],
            "indicator_id": row[2],
            "old": dict(zip(names, row[3:7], strict=True)),
            "new": dict(zip(names, row[7:11], strict=True)),
        }
        for row in rows
    ]
