"""Whether the dashboard shows what was published: each chart's rows, by Superset, beside plain SQL.

The plain SQL reads the Parquet files of the publication, knows nothing of Superset's datasets, and takes
percentages as they were published, where Superset adds up numerators and denominators.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb

from flows.superset.client import Client

Row = tuple[Any, ...]
TOTALS = "from indicator_values semi join dim_publication using (plan_version) where breakdown = 'total'"
EXPECTED = {
    "Publication": (
        "select publication_id, epoch_ms(as_of::timestamp) from dim_publication",
        ("publication_id", "as_of"),
    ),
    "The 87 indicators by year": (
        "select indicator_id, indicator, coalesce(columns('reading_.*'), '') from indicators_wide "
        "semi join dim_publication using (plan_version)",
        ("indicator_id", "wording", *(f"reading_{year}" for year in range(2025, 2030))),
    ),
    "Percentages by year": (
        f"select indicator_id, reporting_year, value {TOTALS} and unit = 'percent'",
        ("indicator_id", "reporting_year", "percent"),
    ),
    "Numbers by year": (
        f"select indicator_id, reporting_year, numerator {TOTALS} and unit = 'number'",
        ("indicator_id", "reporting_year", "counted"),
    ),
    "By year": (
        "select printf('%4s  %s', indicator_id, indicator), reporting_year, status, numerator, denominator, "
        f"case when unit = 'percent' then value end {TOTALS}",
        ("indicator", "reporting_year", "status", "counted", "out_of", "percent"),
    ),
    "By UN region": (
        "select indicator_id, breakdown_value, reporting_year, numerator, denominator, "
        "case when unit = 'percent' then value end from indicator_values "
        "semi join dim_publication using (plan_version) where breakdown = 'un_region'",
        ("indicator_id", "un_region", "reporting_year", "counted", "out_of", "percent"),
    ),
    "Answers by year": (
        "select reporting_year, replace(reason, '_', ' '), count(*) from indicator_observations "
        "semi join dim_publication using (plan_version) group by all",
        ("reporting_year", "reason", "members"),
    ),
    "What changed since the publication before": (
        "select distinct printf('%4s  %s', indicator_id, wording), reporting_year, breakdown, "
        "breakdown_value, old_value, new_value, replace(reason, '_', ' ') from indicator_revisions "
        "semi join dim_publication using (plan_version) "
        "join dim_indicator using (plan_version, indicator_id)",
        ("indicator", "reporting_year", "breakdown", "breakdown_value", "old_value", "new_value", "reason"),
    ),
}
"""Name of a chart -> plain SQL on the published tables, and the columns of the chart that must equal it."""

ORDINARY = "select count(*) from marts.indicator_values"
FORBIDDEN = {
    "read a file of the machine": "select * from read_text('/etc/passwd')",
    "turn that on": "set enable_external_access = true",
    "write a file": "copy (select 1) to '/tmp/superset-was-here.csv'",
    "change the warehouse": "create table marts.superset_was_here as select 1",
}
"""What nobody may do through Superset, and a query that tries it."""


def comparisons(client: Client, dashboard: str, published: Path) -> dict[str, tuple[int, list[Row]]]:
    """For each chart how many rows were compared, and the rows that only one side has."""
    charts = client.charts(dashboard)
    found: dict[str, tuple[int, list[Row]]] = {}
    with duckdb.connect() as tables:
        for path in sorted((published / "parquet").glob("*.parquet")):
            tables.execute(f"create view {path.stem} as from read_parquet('{path}')")
        for name, (sql, columns) in EXPECTED.items():
            shown = _rows(client.chart_data(charts[name]), columns)
            expected = Counter(_plain(row) for row in tables.execute(sql).fetchall())
            differing = sorted(((shown - expected) + (expected - shown)).elements(), key=repr)
            found[name] = (sum(expected.values()), differing)
        found["Who stands behind it"] = _members(client, charts["Who stands behind it"], tables)
    return found


def _members(client: Client, chart: int, tables: duckdb.DuckDBPyConnection) -> tuple[int, list[Row]]:
    """The list of members is cut at its limit; each row that is shown must be one that was published."""
    sql = (
        "select reporting_year, coalesce(name, member_key), replace(reason, '_', ' '), "
        "coalesce(report_id, ''), coalesce(evidence, '') "
        "from indicator_observations left join dim_state using (iso3)"
    )
    published = {_plain(row) for row in tables.execute(sql).fetchall()}
    shown = _rows(client.chart_data(chart), ("reporting_year", "member", "reason", "report_id", "evidence"))
    return sum(shown.values()), sorted((row for row in shown if row not in published), key=repr)


def _rows(rows: Iterable[dict[str, Any]], columns: tuple[str, ...]) -> Counter[Row]:
    return Counter(_plain(tuple(row[name] for name in columns)) for row in rows)


def _plain(row: Row) -> Row:
    """Numbers to twelve digits, texts without the blanks that put 2 before 10."""
    return tuple(
        value.strip() if isinstance(value, str) else round(float(value), 12) if _is_number(value) else value
        for value in row
    )


def _is_number(value: Any) -> bool:
    return value is not None and not isinstance(value, bool) and hasattr(value, "__float__")


def findings(client: Client) -> list[str]:
    """What is wrong with what people may ask in SQL Lab; nothing, if all is well."""
    wrong = [f"let through: {what}" for what, sql in FORBIDDEN.items() if not client.refused(sql)]
    refusal = client.refused(ORDINARY)
    return [*wrong, f"an ordinary question is refused: {refusal[:300]}"] if refusal else wrong
