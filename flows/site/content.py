"""What the site shows, read from the publication's own warehouse with few queries.

Pages never compute a figure: numerators, values and reasons come as the marts hold them. What is counted here
(how many indicators changed, how many checks passed) is counted over those rows
(docs/contract/outputs.md, The site).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.site import words

if TYPE_CHECKING:
    import duckdb

Row = dict[str, Any]
FIRST_YEAR, LAST_YEAR = 2025, 2029
"""Years of the plan (semantics.md, Time)."""


@dataclass
class Indicator:
    """An indicator with its values: ``values[(year, breakdown, part)]``; ``members[year]``: observations."""

    row: Row
    values: dict[tuple[int, str, str], Row] = field(default_factory=dict)
    members: dict[int, list[Row]] = field(default_factory=lambda: defaultdict(list))
    revisions: list[Row] = field(default_factory=list)
    synthetic: bool = False

    @property
    def id(self) -> str:
        return str(self.row["indicator_id"])

    def total(self, year: int) -> Row | None:
        return self.values.get((year, "total", "all"))

    def parts(self, breakdown: str) -> list[str]:
        """The parts of a breakdown, in the order in which they were read."""
        return list(dict.fromkeys(part for _, name, part in self.values if name == breakdown))


@dataclass
class State:
    """A state with what the marts hold of it."""

    row: Row
    populations: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    treaty_actions: list[Row] = field(default_factory=list)
    obligations: list[Row] = field(default_factory=list)
    reports: list[Row] = field(default_factory=list)
    cases: list[Row] = field(default_factory=list)
    observations: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    """By indicator, in the order of years."""

    def is_party(self, year: int) -> bool:
        return "states_parties" in self.populations.get(year, ())


@dataclass
class Content:
    """A publication, ready to be shown."""

    publication: Row
    previous: Mapping[str, str] | None
    is_sample: bool
    years: list[int]
    actions: list[Row]
    indicators: dict[str, Indicator]
    states: dict[str, State]
    meetings: list[Row]
    populations: dict[str, Row]
    reasons: dict[str, str]
    other_plans: list[str]
    audit: dict[str, list[Row]]

    @property
    def latest(self) -> int:
        return self.years[-1]

    @property
    def first(self) -> int:
        return self.years[0]

    @property
    def plan_years(self) -> list[int]:
        return list(range(FIRST_YEAR, LAST_YEAR + 1))

    def dates(self, year: int) -> tuple[date, date]:
        """The cut-off of a year and the day until which its reports count (semantics.md, Time)."""
        end, as_of = date(year, 12, 31), self.publication["as_of"]
        return min(end, as_of), end + timedelta(days=180)

    def since_first(self, indicator: Indicator) -> float | None:
        """The latest year's value less the first year's; ``None`` where either has none."""
        then, now = indicator.total(self.first), indicator.total(self.latest)
        if self.first == self.latest or then is None or now is None:
            return None
        if then["value"] is None or now["value"] is None:
            return None
        return float(now["value"] - then["value"])

    def why_not_comparable(self, indicator: Indicator) -> str:
        """Why ``since_first`` is ``None``, in words."""
        if self.first == self.latest:
            return f"{self.first} is the first year"
        for year in (self.latest, self.first):
            total = indicator.total(year)
            if total is None or total["value"] is None:
                return f"{year}: {words.words(words.BLANKS, total and total['status'])}"
        return ""


def load(warehouse: Path, previous: Mapping[str, str] | None, is_sample: bool) -> Content:
    """Read a publication's warehouse.

    ``previous``: publication_id and manifest_sha256 of the publication before, if any. Raises
    ``duckdb.Error``.
    """
    import duckdb

    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return _load(_Query(connection), previous, is_sample)


class _Query:
    """Runs queries and gives rows as dicts, texts cleaned of what can't be seen."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def __call__(self, sql: str, values: list[Any] | None = None) -> list[Row]:
        result = self._connection.execute(sql, values or [])
        names = [str(column[0]) for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def has(self, schema: str, table: str) -> bool:
        found = self._connection.execute(
            "select 1 from information_schema.tables where table_schema = ? and table_name = ?",
            [schema, table],
        ).fetchall()
        return bool(found)


def _load(query: _Query, previous: Mapping[str, str] | None, is_sample: bool) -> Content:
    publication = query("select * from marts.dim_publication")[0]
    plan = publication["plan_version"]
    actions = query("select * from marts.dim_action where plan_version = ? order by action", [plan])
    found = query(
        """
        select i.*, p.title as population_title, p.definition as population_definition, p.member_kind,
            trim(replace(i.definition, concat('Population: ', p.definition), '')) as rule_definition
        from marts.dim_indicator as i
        left join marts.dim_population as p using (population)
        where i.plan_version = ?
        order by i.action, try_cast(split_part(i.indicator_id, '.', 2) as int), i.indicator_id
        """,
        [plan],
    )
    indicators = {str(row["indicator_id"]): Indicator(row) for row in found}
    states = {
        str(row["iso3"]): State(row) for row in query("select * from marts.dim_state order by name, iso3")
    }
    years = _add_values(query, plan, indicators)
    _add_observations(query, plan, indicators, states, is_sample)
    _add_revisions(query, plan, indicators)
    _add_states(query, states)
    return Content(
        publication=publication,
        previous=previous,
        is_sample=is_sample,
        years=years,
        actions=actions,
        indicators=indicators,
        states=states,
        meetings=query("select * from marts.dim_meeting order by starts_on, meeting_id"),
        populations={str(r["population"]): r for r in query("select * from marts.dim_population")},
        reasons={str(r["reason"]): str(r["definition"]) for r in query("select * from marts.dim_reason")},
        other_plans=[
            str(r["plan_version"])
            for r in query(
                "select distinct plan_version from marts.dim_action where plan_version <> ? order by all",
                [plan],
            )
        ],
        audit=_audit(query),
    )


def _add_values(query: _Query, plan: str, indicators: Mapping[str, Indicator]) -> list[int]:
    """Give each indicator its values; returns the years begun, or the plan's first where none has."""
    order = "list_position(['African', 'Asia-Pacific', 'Eastern European', 'Latin American and Caribbean', "
    order += "'Western European and Other', 'none'], breakdown_value)"
    rows = query(
        f"""
        select v.reporting_year, v.indicator_id, v.unit, v.breakdown, v.breakdown_value, v.numerator,
            v.denominator, v.value, v.previous_value, v.change, v.status
        from marts.indicator_values as v
        left join marts.dim_meeting as m on v.breakdown = 'meeting' and v.breakdown_value = m.meeting_id
        where v.plan_version = ?
        order by v.reporting_year, v.breakdown, {order} nulls first, m.starts_on, v.breakdown_value
        """,
        [plan],
    )
    for row in rows:
        key = (row["reporting_year"], row["breakdown"], row["breakdown_value"])
        indicators[row["indicator_id"]].values[key] = row
    return sorted({row["reporting_year"] for row in rows}) or [FIRST_YEAR]


def _add_observations(
    query: _Query,
    plan: str,
    indicators: Mapping[str, Indicator],
    states: Mapping[str, State],
    is_sample: bool,
) -> None:
    """Give indicators their members, states their cells, each with the first row on which it rests.

    Of several rows the answer comes before the report that holds it, and what was said or paid before the
    meeting; how many there are is said.
    """
    rows = query(
        """
        with ranked as (
            select *,
                row_number() over (
                    partition by reporting_year, indicator_id, member_kind, member_key
                    order by dataset = 'meetings', role, dataset = 'article7_reports', dataset, record_key,
                        delivery_seq desc, file_sha256
                ) as place_in_line,
                count(*) over (
                    partition by reporting_year, indicator_id, member_kind, member_key, role, dataset
                ) as rows_alike,
                bool_or(lower(source_ref) like '%synthetic%') over (
                    partition by reporting_year, indicator_id, member_kind, member_key
                ) as is_synthetic
            from marts.observation_sources
            where plan_version = $plan and role in ('decides', 'searched')
        )
        select o.reporting_year, o.indicator_id, o.member_kind, o.member_key, o.iso3, o.in_denominator,
            o.in_numerator, o.reason, o.member_count, o.report_id, o.evidence, o.location,
            s.role, s.dataset, s.record_key, s.source_ref, s.file_sha256, s.file_name, s.sheet, s.row_number,
            s.place, s.rows_alike, coalesce(s.is_synthetic, false) as is_synthetic
        from marts.indicator_observations as o
        left join ranked as s
            on s.place_in_line = 1
            and (o.reporting_year, o.indicator_id, o.member_kind, o.member_key)
                = (s.reporting_year, s.indicator_id, s.member_kind, s.member_key)
        left join marts.dim_state as n on o.iso3 = n.iso3
        where o.plan_version = $plan
        order by o.reporting_year, o.indicator_id, n.name, o.member_key
        """,
        {"plan": plan},  # type: ignore[arg-type]
    )
    for row in rows:
        indicator = indicators[row["indicator_id"]]
        if is_sample and row["dataset"] == "meeting_participants":
            # registers of people are named by file only; those of the sample are invented
            row["is_synthetic"] = True
        indicator.synthetic = indicator.synthetic or row["is_synthetic"]
        indicator.members[row["reporting_year"]].append(row)
        state = states.get(row["iso3"])
        if state is not None:
            state.observations[indicator.id].append(row)


def _add_revisions(query: _Query, plan: str, indicators: Mapping[str, Indicator]) -> None:
    rows = query(
        """
        select * from (
            select reporting_year, indicator_id, breakdown, breakdown_value, old_numerator, new_numerator,
                old_denominator, new_denominator, old_value, new_value, old_status, new_status, reason,
                count(file_sha256) as causes,
                list(
                    struct_pack(dataset, record_key, change, file_name, sheet, row_number)
                    order by cause_number
                ) filter (file_sha256 is not null and cause_number <= 3) as first_causes
            from marts.indicator_revisions
            where plan_version = ?
            group by all
        )
        order by reporting_year desc, indicator_id, breakdown <> 'total', breakdown, breakdown_value
        """,
        [plan],
    )
    for row in rows:
        if row["indicator_id"] in indicators:
            row["first_causes"] = row["first_causes"] or []
            row["unit"] = indicators[row["indicator_id"]].row["unit"]
            indicators[row["indicator_id"]].revisions.append(row)


def _add_states(query: _Query, states: Mapping[str, State]) -> None:
    for row in query(
        "select reporting_year, population, member_key from marts.population_members "
        "where member_kind = 'state' order by all"
    ):
        if row["member_key"] in states:
            states[row["member_key"]].populations[row["reporting_year"]].append(row["population"])
    for table, order in (
        ("treaty_actions", "deposited_on, action_id"),
        ("obligations", "starts_on, kind, obligation_id"),
        ("reports", "reporting_year, report_number"),
        ("cases", "opened_on, case_id"),
    ):
        for row in query(f"select * from marts.state_{table} order by {order}"):
            if row["iso3"] in states:
                getattr(states[row["iso3"]], table).append(row)


_AUDIT = {
    "checks": """
        select subject, dimension, count(*) as checks,
            count(*) filter (outcome = 'pass') as passed,
            count(*) filter (outcome = 'fail') as failed,
            count(*) filter (outcome = 'error') as errors
        from audit.validation_results group by all order by all
    """,
    "findings": """
        select * from (
            select check_code, subject, engine, dimension, severity, outcome,
                count(*) as tables, sum(rows_failing) as rows_failing, min(guards) as guards,
                min(sentence) as sentence
            from audit.validation_results
            where outcome <> 'pass'
            group by all
        )
        order by list_position(['block', 'quarantine', 'warn'], severity) nulls last,
            subject, check_code, outcome
    """,
    "balance": """
        select dataset, count(*) as tables, sum(rows_read) as rows_read, sum(rows_loaded) as rows_loaded,
            sum(rows_duplicate) as rows_duplicate, sum(rows_quarantined) as rows_quarantined,
            sum(rows_waiting) as rows_waiting
        from audit.row_balance group by all order by all
    """,
    "quarantined": """
        select check_code, dataset, count(*) as rows, count(*) filter (waiting) as waiting,
            count(distinct file_sha256) as files, min(sentence) as sentence
        from audit.quarantined_rows
        where check_code is not null
        group by all order by rows desc, check_code
    """,
    "files": """
        select f.file_name, f.file_sha256, f.dataset, f.source, f.bytes, f.received_at, f.outcome, f.reason,
            f.batch
        from audit.files as f order by f.received_at desc, f.file_name, f.file_sha256
    """,
    "freshness": """
        select subject, check_code, outcome, guards, sentence
        from audit.validation_results
        where check_code like 'FRESH%' or check_code like 'SOURCE-%'
        order by all
    """,
    "runs": """
        select run_id, started_at, ended_at, outcome, as_of, publication_id
        from audit.runs order by started_at desc, run_id desc limit 20
    """,
    "acceptances": "select * from audit.acceptances order by accepted_at, check_code",
}


_FETCHES = """
    select source, outcome, started_at as asked_at, status, bytes, sentence, file_name, stale_since
    from audit.fetches order by started_at desc, source limit 60
"""


def _audit(query: _Query) -> dict[str, list[Row]]:
    found = {name: query(sql) for name, sql in _AUDIT.items()}
    # fetched sources: there only where sources are configured
    found["fetches"] = query(_FETCHES) if query.has("audit", "fetches") else []
    return found
