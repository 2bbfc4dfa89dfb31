"""The 87 indicators from accepted rows, by docs/contract/semantics.md alone.

Written sentence by sentence after that page, with loops and sets over plain rows, slow where slow
is clearer. The pipeline's SQL must give the same figures (tests/test_agreement.py).
"""

from __future__ import annotations

import csv
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.oracle.rows import CONSENTS, DATASETS, DELEGATION_KINDS, REGIONS, Row, Rows, key_of, parents_of

PLAN_YEARS = range(2025, 2030)
HALF_A_YEAR = timedelta(days=180)
PLAN_CSV = Path(__file__).resolve().parents[2] / "dbt_project" / "seeds" / "plan_indicators.csv"
ALL_REGIONS = (*REGIONS, "none")
OBLIGATIONS = {
    "article3": "article_3",
    "article4": "article_4",
    "article5": "article_5",
    "victim_assistance": "victim_assistance",
}
STATE_POPULATIONS = (
    "all_states",
    "states_parties",
    "states_not_party",
    *OBLIGATIONS,
    "affected",
    "article4_overdue",
    "articles_3_4_5",
    "article5_completed",
    "article5_ever",
)
"""Populations of the first table: members on any day t."""
YEAR_POPULATIONS = (
    "reporting_parties",
    "assessed",
    "stockpile_discoverers",
    "extension_requests",
    "completion_declarers",
    "article1_cases",
)
"""Populations tied to a year, but ``participants``, whose members are people."""

_PARTIES = frozenset({"states", "treaty_actions"})
_BOUND = _PARTIES | {"obligations"}
POPULATION_NEEDS: dict[str, frozenset[str]] = {
    "all_states": frozenset({"states"}),
    "states_parties": _PARTIES,
    "states_not_party": _PARTIES,
    **dict.fromkeys(STATE_POPULATIONS[3:], _BOUND),
    "reporting_parties": _PARTIES | {"article7_reports"},
    "assessed": _PARTIES | {"contributions"},
    "stockpile_discoverers": _PARTIES | {"stockpile_discoveries"},
    "extension_requests": _PARTIES | {"extension_requests"},
    "completion_declarers": _BOUND | {"completion_declarations"},
    "article1_cases": _PARTIES | {"compliance_cases"},
    "participants": frozenset({"meetings", "meeting_participants"}),
}
SOURCE_NEEDS: dict[str, frozenset[str]] = {
    "article7_answers": frozenset({"article7_answers", "article7_reports"}),
    "meeting_participants": frozenset({"meeting_participants", "meetings"}),
    "meeting_statements": frozenset({"meeting_statements", "meetings"}),
}
NOT_LIVE = ("not_computable", "not_yet_due")


@dataclass(frozen=True)
class Indicator:
    """A row of a plan's indicators; ``indicator`` is its wording."""

    plan_version: str
    indicator_id: str
    action: int
    section: str
    unit: str
    population: str
    rule: str
    source: str
    request_part: str
    indicator: str


@dataclass
class Result:
    """``values``, ``observations`` and ``population_members``: rows with the columns of the marts.

    The columns are those of docs/contract/outputs.md for ``indicator_values``,
    ``indicator_observations`` (and its plan_version) and ``population_members``.
    """

    values: list[dict[str, Any]]
    observations: list[dict[str, Any]]
    population_members: list[dict[str, Any]]


def load_plan(path: Path = PLAN_CSV) -> list[Indicator]:
    """The indicators of a plan from its CSV."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [
            Indicator(
                plan_version=row["plan_version"],
                indicator_id=row["indicator_id"],
                action=int(row["action"]),
                section=row["section"],
                unit=row["unit"],
                population=row["population"],
                rule=row["rule"],
                source=row["source"],
                request_part=row["request_part"],
                indicator=row["wording"],
            )
            for row in csv.DictReader(file)
        ]


def answerable(plan: Iterable[Indicator]) -> dict[str, frozenset[str]]:
    """Ids that an answer may name, by plan version; the empty one is the configured plan, the first."""
    ids: dict[str, set[str]] = {}
    for indicator in plan:
        asked = ids.setdefault(indicator.plan_version, set())
        if indicator.rule in ("reported", "reported_ever"):
            asked.add(indicator.indicator_id)
    configured = next(iter(ids))
    return {"": frozenset(ids[configured])} | {version: frozenset(asked) for version, asked in ids.items()}


def add_months(day: date, months: int) -> date:
    """The same day ``months`` later (earlier if negative), or that month's last day."""
    month0 = day.month - 1 + months
    year, month = day.year + month0 // 12, month0 % 12 + 1
    next_first = date(year + month // 12, month % 12 + 1, 1)
    return date(year, month, min(day.day, (next_first - timedelta(days=1)).day))


_WHITE_SPACE = frozenset("\t\n\x0b\x0c\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000") | {
    chr(c) for c in range(0x2000, 0x200B)
}


def normalised(text: str) -> str:
    """NFKD, category Mn removed, case-folded, Unicode white space collapsed, trimmed."""
    decomposed = unicodedata.normalize("NFKD", text)
    folded = "".join(c for c in decomposed if unicodedata.category(c) != "Mn").casefold()
    spaced = "".join(" " if c in _WHITE_SPACE else c for c in folded)
    return " ".join(part for part in spaced.split(" ") if part)


def organization_identity(row: Row) -> str:
    """The organization of a registration, by normalised name."""
    if row.get("organization_key") is not None:
        return str(row["organization_key"])
    return normalised(row["organization"])


def person_identity(row: Row) -> tuple[str, ...]:
    """A person: normalised full name and delegation; a state never equals an organization."""
    if row.get("person_key") is not None:
        return ("key", str(row["person_key"]))
    name = normalised(row["full_name"])
    if row["delegation_kind"] == "state":
        return ("state", row["iso3"], name)
    return ("organization", organization_identity(row), name)


# ---------------------------------------------------------------------------------------------
# what is known at A


class World:
    """The records that exist at A, and membership of states in populations on a day."""

    def __init__(self, rows: Rows, as_of: date, configured_plan: str) -> None:
        self.as_of = as_of
        self.configured_plan = configured_plan
        self.delivered = set(rows.header_only)
        records: dict[str, dict[tuple[str, ...], Row]] = {}
        for dataset in DATASETS:
            versions: dict[tuple[str, ...], Row] = {}
            for row in rows.tables.get(dataset, []):
                if row["received_on"] > as_of:
                    continue
                self.delivered.add(dataset)
                key = key_of(dataset, row)
                best = versions.get(key)
                if best is None or _version_order(row) > _version_order(best):
                    versions[key] = row
            records[dataset] = {k: r for k, r in versions.items() if r["record_status"] == "active"}
        self.records: dict[str, list[Row]] = {
            dataset: [
                row
                for row in found.values()
                if all((key,) in records[parent] for parent, key in parents_of(dataset, row))
            ]
            for dataset, found in records.items()
        }
        self.region = {s["iso3"]: s["un_region"] or "none" for s in self.records["states"]}
        self.states = sorted(self.region)
        self._consents = self._by_state("treaty_actions", lambda r: r["action"] in CONSENTS)
        self._withdrawals = self._by_state(
            "treaty_actions", lambda r: r["action"] == "withdrawal" and r["effective_on"] is not None
        )
        self._obligations = self._by_state("obligations")
        self.contributions = self._by_state("contributions")

    def _by_state(self, dataset: str, wanted: Callable[[Row], bool] = lambda _: True) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = defaultdict(list)
        for row in self.records[dataset]:
            if wanted(row):
                found[row["iso3"]].append(row)
        return found

    @cached_property
    def answers(self) -> dict[tuple[str, str], dict[str, Row]]:
        """(plan version, indicator) -> report_id -> answer."""
        found: dict[tuple[str, str], dict[str, Row]] = defaultdict(dict)
        for row in self.records["article7_answers"]:
            plan = row["plan_version"] or self.configured_plan
            found[plan, row["indicator_id"]][row["report_id"]] = row
        return found

    def latest_consent(self, iso3: str, t: date) -> date | None:
        """effective_on of the latest consent in effect on t."""
        days = (c["effective_on"] for c in self._consents.get(iso3, []))
        return max((day for day in days if day <= t), default=None)

    def is_party(self, iso3: str, t: date) -> bool:
        """States parties: a consent in effect and no later withdrawal in effect."""
        consent = self.latest_consent(iso3, t)
        return consent is not None and not any(
            consent < w["effective_on"] <= t for w in self._withdrawals.get(iso3, [])
        )

    def _open(self, iso3: str, kind: str, t: date) -> list[Row]:
        return [
            o
            for o in self._obligations.get(iso3, [])
            if o["kind"] == kind and o["starts_on"] <= t and (o["ends_on"] is None or o["ends_on"] > t)
        ]

    def belongs(self, population: str, iso3: str, t: date) -> bool:
        """Whether a state is a member of a population of the first table on day t."""
        if population == "all_states":
            return iso3 in self.region
        party = self.is_party(iso3, t)
        if population == "states_parties":
            return party
        if population == "states_not_party":
            return iso3 in self.region and not party
        if not party:
            return False

        def bound(name: str) -> bool:
            return bool(self._open(iso3, OBLIGATIONS[name], t))

        def completed() -> bool:
            return any(
                o["kind"] == "article_5"
                and o["end_reason"] == "completed"
                and o["ends_on"] is not None
                and o["ends_on"] <= t
                for o in self._obligations.get(iso3, [])
            )

        match population:
            case "article3" | "article4" | "article5" | "victim_assistance":
                return bound(population)
            case "affected":
                return bound("article5") or bound("victim_assistance")
            case "article4_overdue":
                return any(
                    o["deadline"] is not None and o["deadline"] < t for o in self._open(iso3, "article_4", t)
                )
            case "articles_3_4_5":
                return bound("article3") or bound("article4") or bound("article5")
            case "article5_completed":
                return completed()
            case "article5_ever":
                return bound("article5") or completed()
        raise ValueError(f"no population of states {population!r}")

    def days_of_change(self, iso3: str) -> set[date]:
        """Every day on which the state's membership of some population can change."""
        days = {r["effective_on"] for r in (*self._consents.get(iso3, []), *self._withdrawals.get(iso3, []))}
        for obligation in self._obligations.get(iso3, []):
            days.add(obligation["starts_on"])
            if obligation["ends_on"] is not None:
                days.add(obligation["ends_on"])
            if obligation["deadline"] is not None and obligation["deadline"] < date.max:
                days.add(obligation["deadline"] + timedelta(days=1))
        return days

    def belongs_on_some_day(self, population: str, iso3: str, first: date, last: date) -> bool:
        """Whether a state is a member on at least one day from first to last, both included."""
        changes = {day for day in self.days_of_change(iso3) if first < day <= last}
        return any(self.belongs(population, iso3, day) for day in sorted({first} | changes))


def _version_order(row: Row) -> tuple[date, int]:
    return row["received_on"], row["delivery_seq"]


# ---------------------------------------------------------------------------------------------
# members and groups


@dataclass(frozen=True)
class Cell:
    """What one member's cell says."""

    kind: str
    key: str
    iso3: str | None
    in_denominator: bool | None
    in_numerator: bool | None
    reason: str
    member_count: int | None = 1
    report_id: str | None = None
    evidence: str | None = None
    location: str | None = None


@dataclass(frozen=True)
class Figure:
    """Numerator and denominator of one part; ``hidden`` by the rule of suppression."""

    numerator: int
    denominator: int | None
    hidden: bool = False


@dataclass(frozen=True)
class Participation:
    """A person at a meeting, as the speaking registration has it."""

    meeting_id: str
    person: tuple[str, ...]
    registration: Row

    @property
    def kind(self) -> str:
        return str(self.registration["delegation_kind"])

    @property
    def group(self) -> str:
        return f"{self.meeting_id}|{self.kind}"


def suppressed(parts: dict[str, tuple[bool, int]]) -> set[str]:
    """Keys of the parts to hide, from (hidden for its own sake, count for the next smallest)."""
    hidden = {key for key, (primary, _) in parts.items() if primary}
    if len(hidden) == 1:
        others = sorted((count, key) for key, (_, count) in parts.items() if key not in hidden and count >= 1)
        hidden.update(key for _, key in others[:1])
    return hidden


class Year:
    """One reporting year in the world at A."""

    def __init__(self, world: World, year: int) -> None:
        self.world = world
        self.year = year
        self.first = date(year, 1, 1)
        self.last = date(year, 12, 31)
        self.cut_off = min(self.last, world.as_of)
        self.submission_cut_off = min(self.last + HALF_A_YEAR, world.as_of)
        self.final = world.as_of >= self.last + HALF_A_YEAR
        self._populations: dict[str, tuple[set[str], set[str]]] = {}

    def holds(self, day: date) -> bool:
        """In Y: between 1 January and the cut-off, both included."""
        return self.first <= day <= self.cut_off

    # -- reports

    @cached_property
    def reports_so_far(self) -> dict[str, list[Row]]:
        """Reports of years up to Y submitted by S, by state, earliest first."""
        found: dict[str, list[Row]] = defaultdict(list)
        for report in self.world.records["article7_reports"]:
            if report["reporting_year"] <= self.year and report["submitted_on"] <= self.submission_cut_off:
                found[report["iso3"]].append(report)
        for reports in found.values():
            reports.sort(key=lambda r: (r["reporting_year"], r["submitted_on"], r["report_id"]))
        return found

    @cached_property
    def reports(self) -> dict[str, list[Row]]:
        """Reports of Y submitted by S, by state, earliest first."""
        found = {
            iso3: [r for r in reports if r["reporting_year"] == self.year]
            for iso3, reports in self.reports_so_far.items()
        }
        return {iso3: reports for iso3, reports in found.items() if reports}

    # -- meetings

    @cached_property
    def meetings(self) -> dict[str, Row]:
        """Known meetings with starts_on in Y."""
        return {m["meeting_id"]: m for m in self.world.records["meetings"] if self.holds(m["starts_on"])}

    @cached_property
    def participations(self) -> list[Participation]:
        """(meeting, person) pairs with attended = yes; the greatest registration_id speaks."""
        speaking: dict[tuple[str, tuple[str, ...]], Row] = {}
        for row in self.world.records["meeting_participants"]:
            if row["attended"] and row["meeting_id"] in self.meetings:
                pair = (row["meeting_id"], person_identity(row))
                if pair not in speaking or row["registration_id"] > speaking[pair]["registration_id"]:
                    speaking[pair] = row
        return [Participation(meeting, person, row) for (meeting, person), row in speaking.items()]

    @cached_property
    def mine_victims(self) -> set[tuple[str, ...]]:
        """A mine victim at one meeting of Y is one at each."""
        return {p.person for p in self.participations if p.registration["is_mine_victim"]}

    @cached_property
    def statements(self) -> list[tuple[Row, date]]:
        """Statements at meetings of Y, with the meeting's first day."""
        return [
            (s, self.meetings[s["meeting_id"]]["starts_on"])
            for s in self.world.records["meeting_statements"]
            if s["meeting_id"] in self.meetings
        ]

    # -- populations tied to the year

    def members(self, population: str) -> set[str]:
        """Members on the cut-off: states, or requests."""
        return self._population(population)[0]

    def pending(self, population: str) -> set[str]:
        """Those that are shown, but stand outside the denominator."""
        return self._population(population)[1]

    def _population(self, name: str) -> tuple[set[str], set[str]]:
        if name not in self._populations:
            self._populations[name] = self._find_population(name)
        return self._populations[name]

    def _on_cut_off(self, population: str) -> set[str]:
        return {s for s in self.world.states if self.world.belongs(population, s, self.cut_off)}

    def _find_population(self, name: str) -> tuple[set[str], set[str]]:
        if name in STATE_POPULATIONS:
            return self._on_cut_off(name), set()
        parties = self._on_cut_off("states_parties")
        match name:
            case "reporting_parties":
                due = {s for s in parties if self._first_report_due(s) or s in self.reports}
                return due, parties - due
            case "assessed":
                return {s for s in parties if self._amounts("assessment", s, self.cut_off)}, set()
            case "stockpile_discoverers":
                discoveries = self.world.records["stockpile_discoveries"]
                due = parties & {d["iso3"] for d in discoveries if self.holds(falls_due(d))}
                not_yet = {
                    d["iso3"]
                    for d in discoveries
                    if d["reported_on"] <= self.cut_off and falls_due(d) > self.cut_off
                }
                return due, (parties & not_yet) - due
            case "extension_requests":
                return set(self.requests), set()
            case "completion_declarers":
                declared = {d["iso3"] for d in self.declarations}
                return self._on_cut_off("article5_ever") & declared, set()
            case "article1_cases":
                return parties & {c["iso3"] for c in self.cases}, set()
        raise ValueError(f"no population {name!r}")

    def _first_report_due(self, iso3: str) -> bool:
        consent = self.world.latest_consent(iso3, self.cut_off)
        return consent is not None and consent + HALF_A_YEAR <= self.cut_off

    @cached_property
    def requests(self) -> dict[str, Row]:
        """Extension requests submitted in Y by a state that was a party on that day."""
        return {
            r["request_id"]: r
            for r in self.world.records["extension_requests"]
            if self.holds(r["submitted_on"]) and self.world.is_party(r["iso3"], r["submitted_on"])
        }

    @cached_property
    def declarations(self) -> list[Row]:
        """Declarations of completion declared in Y."""
        return [d for d in self.world.records["completion_declarations"] if self.holds(d["declared_on"])]

    @cached_property
    def cases(self) -> list[Row]:
        """Cases under Article 1.1 open on a day in Y."""
        return [
            c
            for c in self.world.records["compliance_cases"]
            if c["article"] == "1.1" and self._case_days(c)[0] <= self._case_days(c)[1]
        ]

    def _case_days(self, case: Row) -> tuple[date, date]:
        """First and last day in Y on which the case is open; first > last if there is none."""
        return max(case["opened_on"], self.first), min(case["closed_on"] or date.max, self.cut_off)

    # -- answers and reports of one member

    def answer(self, indicator: Indicator, iso3: str) -> Cell:
        """The deciding answer, as a cell that is in the numerator if it is yes."""
        answers = self.world.answers.get((indicator.plan_version, indicator.indicator_id), {})
        ever = indicator.rule == "reported_ever"
        reports = (self.reports_so_far if ever else self.reports).get(iso3, [])
        cell = Cell("state", iso3, iso3, True, False, "no_report")
        if not reports:
            return cell
        answering = [r for r in reports if r["report_id"] in answers]
        if ever:
            clear = [r for r in answering if answers[r["report_id"]]["answer"] in ("yes", "no")]
            answering = clear or answering
        if not answering:
            return replace(cell, reason="not_answered", report_id=reports[-1]["report_id"])
        answer = answers[answering[-1]["report_id"]]
        return replace(
            cell,
            in_numerator=answer["answer"] == "yes",
            reason=answer["answer"],
            report_id=answer["report_id"],
            evidence=answer["evidence"],
            location=answer["location"],
        )

    @cached_property
    def submission_days(self) -> dict[str, date]:
        """submitted_on of each report of Y."""
        return {r["report_id"]: r["submitted_on"] for reports in self.reports.values() for r in reports}

    # -- money

    @cached_property
    def payment_limit(self) -> date | None:
        """Three months before the first formal meeting of the calendar year; None if none is known."""
        formal = ("meeting_of_states_parties", "review_conference")
        meetings = (m for m in self.world.records["meetings"] if m["kind"] in formal)
        starts = [m["starts_on"] for m in meetings if m["starts_on"].year == self.year]
        return add_months(min(starts), -3) if starts else None

    @cached_property
    def payments(self) -> dict[str, str]:
        """in_time, late, partial or none for each assessed state, once there is a limit."""
        limit = self.payment_limit
        if limit is None:
            return {}
        found = {}
        for iso3 in self.members("assessed"):
            due = self._total("assessment", iso3, self.cut_off)
            paid = self._total("assessment_payment", iso3, self.cut_off)
            if self._total("assessment_payment", iso3, limit) >= due:
                found[iso3] = "in_time"
            elif paid >= due:
                found[iso3] = "late"
            else:
                found[iso3] = "partial" if paid > 0 else "none"
        return found

    def _amounts(self, kind: str, iso3: str, by: date) -> list[Decimal]:
        """Amounts of a kind for the budget year Y dated on or before a day."""
        return [
            c["amount"]
            for c in self.world.contributions.get(iso3, [])
            if c["kind"] == kind and c["year"] == self.year and c["dated_on"] <= by
        ]

    def _total(self, kind: str, iso3: str, by: date) -> Decimal:
        return sum(self._amounts(kind, iso3, by), Decimal(0))


def falls_due(discovery: Row) -> date:
    """The later of reported_on and the earlier of destroyed_on and discovery plus six months."""
    limit = add_months(discovery["discovered_on"], 6)
    destroyed: date = discovery["destroyed_on"] or limit
    reported: date = discovery["reported_on"]
    return max(reported, min(destroyed, limit))


def _state(iso3: str, met: bool, in_denominator: bool | None = True, report_id: str | None = None) -> Cell:
    return Cell("state", iso3, iso3, in_denominator, met, "met" if met else "not_met", report_id=report_id)


# ---------------------------------------------------------------------------------------------
# rules


def _percent_cells(indicator: Indicator, year: Year) -> list[Cell]:
    """A percentage describes the members on D."""
    if indicator.rule == "request_plan_complete":
        part = indicator.request_part
        fields = [f"{part}_detailed", f"{part}_costed", f"{part}_multiyear"]
        return [
            replace(_state(r["iso3"], all(r[f] for f in fields)), kind="request", key=key)
            for key, r in sorted(year.requests.items())
        ]
    members = sorted(year.members(indicator.population))
    cells = [_percent_cell(indicator, year, iso3) for iso3 in members]
    pending = [
        Cell("state", iso3, iso3, False, False, "pending")
        for iso3 in sorted(year.pending(indicator.population))
    ]
    return cells + pending


def _percent_cell(indicator: Indicator, year: Year, iso3: str) -> Cell:
    reports = year.reports.get(iso3, [])
    latest = reports[-1]["report_id"] if reports else None
    world = year.world
    match indicator.rule:
        case "reported" | "reported_ever":
            return year.answer(indicator, iso3)
        case "submitted":
            return _state(iso3, bool(reports), report_id=latest)
        case "submitted_with_guide":
            return _state(iso3, bool(reports) and reports[-1]["uses_guide"], report_id=latest)
        case "submitted_with_updates":
            return _state(iso3, any(r["has_implementation_update"] for r in reports), report_id=latest)
        case "paid_in_time":
            return _state(iso3, year.payments[iso3] == "in_time")
        case "contributed":
            return _state(
                iso3,
                any(
                    c["kind"] == "voluntary_isu" and year.holds(c["dated_on"])
                    for c in world.contributions.get(iso3, [])
                ),
            )
        case "destroyed_within_six_months":
            due = [
                d
                for d in world.records["stockpile_discoveries"]
                if d["iso3"] == iso3 and year.holds(falls_due(d))
            ]
            return _state(
                iso3,
                all(
                    d["destroyed_on"] is not None and d["destroyed_on"] <= add_months(d["discovered_on"], 6)
                    for d in due
                ),
            )
        case "declared_with_voluntary_declaration":
            return _state(
                iso3, any(d["iso3"] == iso3 and d["voluntary_declaration"] for d in year.declarations)
            )
        case "case_update_reported":
            own = {c["case_id"] for c in year.cases if c["iso3"] == iso3}
            return _state(
                iso3,
                any(
                    s["iso3"] == iso3 and s["topic"] == "compliance_update" and s["case_id"] in own
                    for s, _ in year.statements
                ),
            )
    days = _act_days(indicator, year)[iso3]
    if indicator.rule == "case_open_in_year" and indicator.population in STATE_POPULATIONS:
        # the rule itself says "on which it belonged"; a population tied to the year has no days of its own
        days = [day for day in days if world.belongs(indicator.population, iso3, day)]
    return _state(iso3, bool(days))


def _act_days(indicator: Indicator, year: Year) -> dict[str, list[date]]:
    """The days on which each state did what the rule counts."""
    world = year.world
    acts: dict[str, list[date]] = defaultdict(list)
    match indicator.rule:
        case "submitted":
            for iso3, reports in year.reports.items():
                acts[iso3] = [r["submitted_on"] for r in reports]
        case "attended":
            for p in year.participations:
                if p.kind == "state":
                    acts[p.registration["iso3"]].append(year.meetings[p.meeting_id]["starts_on"])
        case "condemned_in_meeting":
            for statement, day in year.statements:
                if statement["topic"] == "condemnation":
                    acts[statement["iso3"]].append(day)
        case "discovered_in_year":
            for discovery in world.records["stockpile_discoveries"]:
                if year.holds(discovery["reported_on"]):
                    acts[discovery["iso3"]].append(discovery["reported_on"])
        case "declared_complete_in_year":
            for declaration in year.declarations:
                acts[declaration["iso3"]].append(declaration["declared_on"])
        case "case_open_in_year":
            for case in year.cases:
                first, last = year._case_days(case)
                changes = (d for d in world.days_of_change(case["iso3"]) if first < d <= last)
                acts[case["iso3"]] += [first, *changes]
        case _:
            raise ValueError(f"no rule {indicator.rule!r} with acts")
    return acts


def _number_cells(indicator: Indicator, year: Year) -> list[Cell]:
    """A number counts acts whose actor belonged to the population on the day of the act."""
    world = year.world
    population = indicator.population
    if indicator.rule == "joined_in_year":
        return [
            replace(_state(c["iso3"], True, None), kind="instrument", key=c["action_id"])
            for c in sorted(world.records["treaty_actions"], key=lambda c: c["action_id"])
            if c["action"] in CONSENTS and year.holds(c["deposited_on"])
        ]
    listed = {s for s in world.states if world.belongs_on_some_day(population, s, year.first, year.cut_off)}
    if indicator.rule == "reported":
        cells = []
        for iso3 in world.states:
            cell = year.answer(indicator, iso3)
            counts = (
                cell.in_numerator is True
                and cell.report_id is not None
                and world.belongs(population, iso3, year.submission_days[cell.report_id])
            )
            if counts or iso3 in listed:
                cells.append(replace(cell, in_denominator=None, in_numerator=counts))
        return cells
    acts = _act_days(indicator, year)
    counted = {
        iso3 for iso3, days in acts.items() if any(world.belongs(population, iso3, day) for day in days)
    }
    cells = [_state(iso3, iso3 in counted, None) for iso3 in sorted(listed | counted)]
    if indicator.rule == "submitted":
        return [replace(cell, report_id=_report_of_act(population, year, cell.key)) for cell in cells]
    return cells


def _report_of_act(population: str, year: Year, iso3: str) -> str | None:
    """The latest report on whose day the state belonged, or else the latest report."""
    reports = year.reports.get(iso3, [])
    own = [r for r in reports if year.world.belongs(population, iso3, r["submitted_on"])]
    chosen = own or reports
    return str(chosen[-1]["report_id"]) if chosen else None


# ---------------------------------------------------------------------------------------------
# people


@dataclass(frozen=True)
class Heads:
    """Counts of people and organizations among some participations."""

    women: int
    others: int
    victims: int
    organizations: int

    @property
    def known(self) -> int:
        return self.women + self.others


def _heads(participations: Iterable[Participation], victims: set[tuple[str, ...]]) -> Heads:
    found = list(participations)
    known = [p for p in found if p.registration["gender"] != "unknown"]
    women = sum(p.registration["gender"] == "female" for p in known)
    return Heads(
        women=women,
        others=len(known) - women,
        victims=len({p.person for p in found if p.person in victims}),
        organizations=len(
            {organization_identity(p.registration) for p in found if p.kind == "survivor_organization"}
        ),
    )


def _between(count: int, threshold: int) -> bool:
    return 1 <= count <= threshold - 1


def _hidden(rule: str, parts: dict[str, Heads]) -> set[str]:
    """Parts of one breakdown to suppress."""
    if rule == "participant_count":
        return suppressed({key: (_between(h.victims, 10), h.victims) for key, h in parts.items()})
    return suppressed(
        {key: (_between(h.women, 5) or _between(h.others, 5), h.known) for key, h in parts.items()}
    )


def _heads_figure(rule: str, heads: Heads, hidden: bool = False) -> Figure:
    if rule == "participant_count":
        return Figure(heads.victims + heads.organizations, None, hidden)
    return Figure(heads.women, heads.known, hidden)


def _people_parts(rule: str, year: Year) -> dict[tuple[str, str], Figure]:
    """All parts of 3.3 or 3.4, the total included."""
    people, victims = year.participations, year.mine_victims
    total = _heads(people, victims)
    figures = {("total", "all"): _heads_figure(rule, total)}
    breakdowns = {"meeting": {m: [p for p in people if p.meeting_id == m] for m in year.meetings}}
    if rule == "participant_count":
        hide = _between(total.victims, 10)
        figures["kind", "mine_victims"] = Figure(total.victims, None, hide)
        figures["kind", "survivor_organizations"] = Figure(
            total.organizations, None, hide and total.organizations >= 1
        )
    else:
        breakdowns["delegation_kind"] = {k: [p for p in people if p.kind == k] for k in DELEGATION_KINDS}
    for breakdown, members in breakdowns.items():
        parts = {key: _heads(found, victims) for key, found in members.items()}
        hidden = _hidden(rule, parts)
        for key, heads in parts.items():
            figures[breakdown, key] = _heads_figure(rule, heads, key in hidden)
    return figures


def _row_company(sizes: dict[str, int], hidden: set[str], shown_meetings: set[str]) -> set[str]:
    """Groups to hide too, lest a meeting's published count less its other groups give a hidden one."""
    company: set[str] = set()
    for meeting in shown_meetings:
        row = {key for key in sizes if key.rpartition("|")[0] == meeting}
        gone = row & hidden
        if not gone or (len(gone) > 1 and max(sizes[key] for key in gone) > 1):
            continue
        others = sorted((sizes[key], key) for key in row - hidden if sizes[key] > 1)
        company |= {others[0][1]} if others else row
    return company


def _rectangle_company(sizes: dict[str, int], hidden: set[str]) -> set[str]:
    """Groups to hide too: with each hidden one the best rectangle, or all where one has none."""
    company: set[str] = set()
    for key in hidden:
        meeting, _, kind = key.rpartition("|")
        found = []
        for other, size in sizes.items():
            other_meeting, _, other_kind = other.rpartition("|")
            if other_meeting == meeting or other_kind == kind or size < 1:
                continue
            beside, below = f"{meeting}|{other_kind}", f"{other_meeting}|{kind}"
            if sizes.get(beside, 0) < 2 or sizes.get(below, 0) < 2:
                continue
            corners = (beside, below, other)
            found.append((len(set(corners) - hidden), sum(sizes[c] for c in corners), *corners))
        if not found:
            return set(sizes)
        company |= set(min(found)[2:])
    return company


def _people_cells(rule: str, year: Year) -> list[Cell]:
    """A cell for each group (meeting, delegation_kind) with a participation in Y."""
    groups: dict[str, list[Participation]] = defaultdict(list)
    for participation in year.participations:
        groups[participation.group].append(participation)
    parts = {key: _heads(found, year.mine_victims) for key, found in groups.items()}
    hidden = _hidden(rule, parts)
    if rule == "participant_count":
        shown = {
            key
            for (breakdown, key), f in _people_parts(rule, year).items()
            if breakdown == "meeting" and not f.hidden
        }
        hidden |= _row_company({key: h.victims for key, h in parts.items()}, hidden, shown)
    else:
        hidden |= _rectangle_company({key: h.known for key, h in parts.items()}, hidden)
    cells = []
    for key, heads in sorted(parts.items()):
        cell = Cell("participation_group", key, None, None, None, "suppressed", None)
        if key not in hidden and rule == "participant_count":
            count = heads.victims + heads.organizations
            cell = replace(
                cell, in_numerator=count > 0, reason="met" if count else "not_met", member_count=count
            )
        elif key not in hidden:
            reason = "met" if heads.women else "not_met" if heads.known else "unknown_gender"
            cell = replace(
                cell,
                in_denominator=heads.known > 0,
                in_numerator=heads.women > 0,
                reason=reason,
                member_count=heads.known,
            )
        cells.append(cell)
    return cells


# ---------------------------------------------------------------------------------------------
# breakdowns


def _count(cells: Iterable[Cell], percent: bool) -> Figure:
    found = list(cells)
    if not percent:
        return Figure(sum(c.in_numerator is True for c in found), None)
    inside = [c for c in found if c.in_denominator]
    return Figure(sum(c.in_numerator is True for c in inside), len(inside))


def _first_report(year: Year, iso3: str) -> str:
    reports = year.reports.get(iso3, [])
    if not reports:
        return "none"
    return "on_time" if reports[0]["submitted_on"] <= date(year.year, 4, 30) else "late"


def _state_parts(indicator: Indicator, year: Year, cells: Sequence[Cell]) -> dict[tuple[str, str], Figure]:
    """All parts of an indicator whose members are states, instruments or requests."""
    percent = indicator.unit == "percent"
    states = indicator.population != "extension_requests"
    total = _count(cells, percent)
    figures = {("total", "all"): total}
    for region in ALL_REGIONS:
        figures["un_region", region] = _count(
            (c for c in cells if c.iso3 is not None and year.world.region[c.iso3] == region), percent
        )
    if percent and states:
        figures["reporting", "reporting"] = _count((c for c in cells if c.key in year.reports), percent)
    if percent and indicator.rule == "reported":
        figures["applicable", "applicable"] = _count(
            (c for c in cells if c.reason != "not_applicable"), percent
        )
    inside = [c.key for c in cells if c.in_denominator]
    if indicator.rule == "submitted" and indicator.population == "reporting_parties":
        for part in ("on_time", "late", "none"):
            figures["timeliness", part] = Figure(
                sum(_first_report(year, iso3) == part for iso3 in inside), total.denominator
            )
    if indicator.rule == "paid_in_time":
        for part in ("in_time", "late", "partial", "none"):
            figures["payment", part] = Figure(
                sum(year.payments[iso3] == part for iso3 in inside), total.denominator
            )
    if indicator.rule in ("attended", "condemned_in_meeting"):
        for meeting in year.meetings:
            met = _at_meeting(indicator, year, meeting)
            figures["meeting", meeting] = (
                Figure(len(met.intersection(inside)), total.denominator)
                if percent
                else Figure(len(_belonging(met, indicator, year, meeting)), None)
            )
    return figures


def _at_meeting(indicator: Indicator, year: Year, meeting: str) -> set[str]:
    """States that did the act at one meeting."""
    if indicator.rule == "attended":
        return {
            p.registration["iso3"]
            for p in year.participations
            if p.meeting_id == meeting and p.kind == "state"
        }
    return {
        s["iso3"] for s, _ in year.statements if s["meeting_id"] == meeting and s["topic"] == "condemnation"
    }


def _belonging(states: set[str], indicator: Indicator, year: Year, meeting: str) -> set[str]:
    """Those of the states that belonged on a meeting's first day."""
    day = year.meetings[meeting]["starts_on"]
    return {iso3 for iso3 in states if year.world.belongs(indicator.population, iso3, day)}


# ---------------------------------------------------------------------------------------------
# values


def _needs(indicator: Indicator) -> frozenset[str]:
    needs = POPULATION_NEEDS[indicator.population]
    needs |= SOURCE_NEEDS.get(indicator.source, frozenset({indicator.source}))
    if indicator.rule == "case_update_reported":
        needs |= SOURCE_NEEDS["meeting_statements"]
    return needs


def _barred(indicator: Indicator, year: Year) -> str | None:
    """not_computable or not_yet_due, or None for a value that lives."""
    if not _needs(indicator) <= year.world.delivered:
        return "not_computable"
    if indicator.rule == "paid_in_time":
        limit = year.payment_limit
        if limit is None:
            return "not_computable"
        if year.cut_off < limit:
            return "not_yet_due"
    return None


def _row(figure: Figure, percent: bool, barred: str | None, final: bool) -> dict[str, Any]:
    """numerator, denominator, value and status of one part."""
    if barred is not None:
        return {"numerator": None, "denominator": None, "value": None, "status": barred}
    n, d = figure.numerator, figure.denominator
    ready = "final" if final else "provisional"
    if percent and d == 0:
        return {"numerator": n, "denominator": d, "value": None, "status": "empty_population"}
    if figure.hidden:
        return {"numerator": None, "denominator": None, "value": None, "status": "suppressed"}
    value = (100.0 * n) / d if percent and d is not None else float(n)
    return {"numerator": n, "denominator": d, "value": value, "status": ready}


def _of_year(
    indicator: Indicator, year: Year
) -> tuple[str | None, dict[tuple[str, str], Figure], list[Cell]]:
    """Why it has no value if it has none, its parts, and its members' cells."""
    barred = _barred(indicator, year)
    live = barred is None
    if indicator.rule in ("participant_count", "participant_share"):
        return (
            barred,
            _people_parts(indicator.rule, year),
            _people_cells(indicator.rule, year) if live else [],
        )
    cells: list[Cell] = []
    if live:
        cells = (_percent_cells if indicator.unit == "percent" else _number_cells)(indicator, year)
    return barred, _state_parts(indicator, year, cells), cells


def compute(
    rows: Rows,
    as_of: date,
    plan: Sequence[Indicator],
    configured_plan: str | None = None,
    years: Iterable[int] = PLAN_YEARS,
) -> Result:
    """Values, observations and members of populations at A for every year that has begun.

    ``plan`` may hold several plan versions; ``configured_plan`` (that of the first indicator unless
    given) is the one that answers without a version mean.
    """
    configured = configured_plan or plan[0].plan_version
    world = World(rows, as_of, configured)
    result = Result([], [], [])
    values: dict[tuple[str, str, str, str, int], float | None] = {}
    for number in years:
        if date(number, 1, 1) > as_of:
            continue
        year = Year(world, number)
        for indicator in plan:
            barred, figures, cells = _of_year(indicator, year)
            for (breakdown, part), figure in figures.items():
                row = _row(figure, indicator.unit == "percent", barred, year.final)
                place = (indicator.plan_version, indicator.indicator_id, breakdown, part)
                values[*place, number] = row["value"]
                previous = None if row["status"] == "suppressed" else values.get((*place, number - 1))
                change = None if previous is None or row["value"] is None else row["value"] - previous
                result.values.append(
                    {
                        "reporting_year": number,
                        "plan_version": indicator.plan_version,
                        "action": indicator.action,
                        "section": indicator.section,
                        "indicator_id": indicator.indicator_id,
                        "indicator": indicator.indicator,
                        "unit": indicator.unit,
                        "breakdown": breakdown,
                        "breakdown_value": part,
                        "numerator": row["numerator"],
                        "denominator": row["denominator"],
                        "value": row["value"],
                        "previous_value": previous,
                        "change": change,
                        "status": row["status"],
                        "as_of": as_of,
                    }
                )
            result.observations.extend(_observation(number, indicator, cell) for cell in cells)
        result.population_members.extend(_population_members(year))
    return result


def _observation(year: int, indicator: Indicator, cell: Cell) -> dict[str, Any]:
    return {
        "reporting_year": year,
        "plan_version": indicator.plan_version,
        "indicator_id": indicator.indicator_id,
        "member_kind": cell.kind,
        "member_key": cell.key,
        "iso3": cell.iso3,
        "in_denominator": cell.in_denominator,
        "in_numerator": cell.in_numerator,
        "reason": cell.reason,
        "member_count": cell.member_count,
        "report_id": cell.report_id,
        "evidence": cell.evidence,
        "location": cell.location,
    }


def _population_members(year: Year) -> list[dict[str, Any]]:
    return [
        {
            "reporting_year": year.year,
            "population": population,
            "member_kind": "request" if population == "extension_requests" else "state",
            "member_key": member,
        }
        for population in (*STATE_POPULATIONS, *YEAR_POPULATIONS)
        for member in sorted(year.members(population))
    ]
