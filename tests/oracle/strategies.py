"""Small whole deliveries for hypothesis, drawn so that the edges of the contract are common.

Days come from a short list around year ends, cut-offs, 30 April, ends of February and the as-of date,
so that two dates often coincide or lie a day apart; keys and people are few, so that they meet again.
"""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tests.oracle.indicators import add_months, answerable, load_plan, organization_identity, person_identity
from tests.oracle.rows import CONSENTS, DATASETS, DELEGATION_KINDS, KEYS, REGIONS, Row, Rows, from_text

REQUIRED = (
    "states",
    "treaty_actions",
    "obligations",
    "article7_reports",
    "article7_answers",
    "meetings",
    "meeting_participants",
)
EARLY = date(2024, 11, 29)
OLD = date(2001, 3, 1)
DAY = timedelta(days=1)
AS_OF_DAYS = (
    date(2025, 1, 1),
    date(2025, 8, 30),
    date(2025, 12, 31),
    date(2026, 1, 1),
    date(2026, 2, 28),
    date(2026, 6, 28),
    date(2026, 6, 29),
    date(2026, 6, 30),
    date(2026, 12, 31),
    date(2027, 6, 29),
    date(2028, 2, 29),
)
EDGE_DAYS = (
    date(2024, 12, 31),
    date(2025, 1, 1),
    date(2025, 2, 28),
    date(2025, 4, 30),
    date(2025, 5, 1),
    date(2025, 8, 31),
    date(2025, 12, 27),
    date(2025, 12, 30),
    date(2025, 12, 31),
    date(2026, 1, 1),
    date(2026, 2, 28),
    date(2026, 4, 30),
    date(2026, 6, 29),
    date(2026, 6, 30),
    date(2026, 8, 31),
    date(2026, 12, 31),
    date(2027, 1, 1),
)
ACTIVE_STATES = ("AFG", "AGO", "ALB", "COK", "NAM", "NOR")
ABSENT_STATE = "ZWE"
STATE_NAMES = {
    "AFG": "Afghanistan",
    "AGO": "Angola",
    "ALB": "Albania",
    "COK": "Cook Islands",
    "NAM": "Namibia",
    "NOR": "Norway",
}
OBLIGATION_KINDS = ("article_3", "article_4", "article_5", "victim_assistance")
ANSWERED = ("1.1", "5.1", "11.2", "12.1", "13.1", "15.1", "16.1", "18.2", "22.2", "27.1", "45.1")
"""An indicator of each population that answers speak of; 45.1 twice as likely by its rule."""
ORGANIZATIONS = (
    "Survivors' Network",
    "SURVIVORS’ NETWORK",
    "Réseau des survivants",
    "Reseau  des SURVIVANTS",
    "AFG",
)
NAME = "Zoë Weiß"
NAME_SPELLINGS: tuple[Callable[[str], str], ...] = (
    str,
    str.upper,
    lambda name: unicodedata.normalize("NFD", name),
    lambda name: name.replace(" ", "\u00a0 ") + " ",
)

TextCells = dict[str, str]
Draw = Callable[[st.SearchStrategy[Any]], Any]


@dataclass(frozen=True)
class Delivery:
    """One delivery: text rows by file stem (``<dataset>--<n>``), and the day of knowledge."""

    files: dict[str, list[TextCells]]
    as_of: date

    @property
    def accepted(self) -> Rows:
        """The rows that load, by the oracle's own reading of the contract."""
        return from_text(self.files, indicators=answerable(load_plan()))


def write_delivery(folder: Path, delivery: Delivery) -> None:
    """Writes each file of a delivery as CSV into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for stem, rows in delivery.files.items():
        header = _columns(stem.partition("--")[0])
        with (folder / f"{stem}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, header, restval="")
            writer.writeheader()
            writer.writerows(rows)


def landing_rows(rows: Rows) -> dict[str, list[Row]]:
    """Accepted rows as the landing holds them: people's cells gone, keys and provenance in their place.

    ``person_key`` and ``organization_key`` are any injective token; the figures don't depend on which.
    """
    landed: dict[str, list[Row]] = {}
    for dataset, found in rows.tables.items():
        landed[dataset] = []
        for row in found:
            place = {
                "file_sha256": "0" * 64,
                "file_name": f"{dataset}.csv",
                "row_number": row["delivery_seq"],
            }
            landed[dataset].append({**row, **place, **_people_keys(dataset, row)})
    return landed


def _people_keys(dataset: str, row: Row) -> Row:
    if dataset != "meeting_participants" or row["full_name"] is None:
        return {}
    state = row["delegation_kind"] == "state"
    return {
        "person_key": repr(person_identity(row)),
        "organization_key": None if state else organization_identity(row),
    }


def _columns(dataset: str) -> list[str]:
    return [cell.name for cell in DATASETS[dataset]] + ["received_on", "record_status", "source_ref"]


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case date():
            return value.isoformat()
        case _:
            return str(value)


# ---------------------------------------------------------------------------------------------
# drawing


class _Maker:
    """Draws the rows of one delivery; later datasets refer to what was drawn before."""

    def __init__(self, draw: Draw, as_of: date, states: Sequence[str], complete: bool) -> None:
        self.draw = draw
        self.as_of = as_of
        self.states = states
        self.complete = complete
        near = [d for d in EDGE_DAYS if d.year <= as_of.year + 1]
        self.days = sorted({*near, as_of - DAY, as_of, as_of + DAY})
        self.keys: dict[str, list[str]] = {name: [] for name in DATASETS}
        self.files: dict[str, list[TextCells]] = {}
        self.limits: list[date] = []
        self.regions = {iso3: draw(st.sampled_from((*REGIONS, ""))) for iso3 in states}

    # -- small draws

    def one(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def some(self, most: int, least: int = 0) -> range:
        return range(self.draw(st.integers(least, most)))

    def rarely(self) -> bool:
        return bool(self.draw(st.integers(0, 11)) == 11)

    def day(self) -> date:
        day: date = self.draw(st.sampled_from(self.days))
        return day

    def yes_no(self) -> bool:
        return bool(self.draw(st.booleans()))

    def state(self) -> str:
        return ABSENT_STATE if self.rarely() else str(self.one(*self.states))

    def key_among(self, dataset: str) -> str:
        known = self.keys[dataset]
        return str(self.one(*known)) if known and not self.rarely() else "nowhere"

    # -- files

    def add(self, dataset: str, rows: list[Row], again: Callable[[Row], Row]) -> None:
        """Files of a dataset: its rows, then corrections, retractions and broken rows of them.

        ``again`` draws other contents for the key of a row.
        """
        for row in rows:
            row["received_on"] = self.one(EARLY, EARLY, EARLY, EARLY, self.as_of, self.as_of + DAY)
        self.files[f"{dataset}--1"] = [self._cells(row) for row in rows]
        self.keys[dataset] = [str(row[KEYS[dataset][0]]) for row in rows]
        revisions = []
        for _ in self.some(2) if rows else ():
            row = self.one(*rows)
            key = {name: row[name] for name in KEYS[dataset]}
            received = self.one(EARLY, self.as_of - DAY, self.as_of, self.as_of + DAY)
            fate = self.one("retracted", "corrected", "corrected", "broken")
            if fate == "retracted":
                revisions.append({**key, "received_on": received, "record_status": "Retracted"})
            else:
                revisions.append({**again(row), **key, "received_on": received})
            if fate == "broken":
                revisions[-1]["received_on"] = "2025-02-30"
        for place, row in enumerate(revisions, start=2):
            self.files[f"{dataset}--{place}"] = [self._cells(row)]
        if not self.complete and self.rarely():
            for stem in [stem for stem in self.files if stem.partition("--")[0] == dataset]:
                del self.files[stem]
            if self.yes_no():
                self.files[dataset] = []

    def _cells(self, row: Mapping[str, Any]) -> TextCells:
        return {name: _text(value) for name, value in row.items()}

    def many(self, dataset: str, most: int, again: Callable[[Row], Row], prefix: str) -> None:
        """Up to ``most`` rows with keys <prefix>1, <prefix>2, …; by code point 10 comes before 9."""
        key = KEYS[dataset][0]
        first = self.one(1, 8)
        rows = [{**again({}), key: f"{prefix}{first + n}"} for n in self.some(most)]
        self.add(dataset, rows, again)

    # -- datasets

    def make_states(self) -> None:
        def again(row: Row) -> Row:
            return {"name": STATE_NAMES[row["iso3"]], "un_region": self.one(*REGIONS, "")}

        rows = [
            {"iso3": iso3, "name": STATE_NAMES[iso3], "un_region": self.regions[iso3]} for iso3 in self.states
        ]
        self.add("states", rows, again)

    def make_treaty_actions(self) -> None:
        rows: list[Row] = []

        def put(iso3: str, action: str, deposited: date, effective: date | None) -> None:
            rows.append(
                {
                    "action_id": f"T{len(rows) + 8}",
                    "iso3": iso3,
                    "action": action,
                    "deposited_on": deposited,
                    "effective_on": effective,
                }
            )

        for iso3 in self.states:
            story = self.one("party", "party", "none", "joins", "leaves", "rejoins", "doubts")
            if story in ("party", "leaves", "rejoins", "doubts"):
                put(iso3, self.one(*CONSENTS), OLD - 180 * DAY, OLD)
            if story == "joins":
                put(iso3, "signature", OLD, None)
                put(iso3, self.one(*CONSENTS), self.day(), self._joining_day())
            if story in ("leaves", "rejoins"):
                put(iso3, "withdrawal", self.day(), self.one(OLD, self.day(), self.day()))
            if story == "rejoins":
                put(iso3, self.one(*CONSENTS), self.day(), self._joining_day())
            if story == "doubts":
                put(iso3, "withdrawal", self.day(), None)
                put(iso3, "suspension_notice", self.day(), None)

        def again(row: Row) -> Row:
            return {**row, "deposited_on": self.day(), "effective_on": self.day()}

        self.add("treaty_actions", rows, again)

    def _joining_day(self) -> date:
        """Often 180 days before a cut-off, when the first report is due."""
        day: date = self.one(
            self.day(),
            self.day(),
            date(2025, 12, 31) - 180 * DAY,
            min(self.as_of, date(2026, 12, 31)) - 180 * DAY,
        )
        shift: int = self.one(0, 0, 1)
        return day + shift * DAY

    def make_obligations(self) -> None:
        def again(row: Row) -> Row:
            ends = self.one(None, None, self.day())
            return {
                "iso3": row.get("iso3") or self.state(),
                "kind": self.one(*OBLIGATION_KINDS),
                "starts_on": self.one(OLD, OLD, self.day()),
                "ends_on": ends,
                "end_reason": None if ends is None else self.one("completed", "completed", "other"),
                "deadline": self.one(self.day(), date(2030, 1, 1)),
            }

        self.many("obligations", 3 * len(self.states), again, "O")

    def make_reports(self) -> None:
        def again(row: Row) -> Row:
            return {
                "iso3": self.state(),
                "reporting_year": self.one(2024, 2025, 2025, 2025, 2026, 2026),
                "submitted_on": self.day(),
                "uses_guide": self.yes_no(),
                "has_implementation_update": self.yes_no(),
            }

        self.many("article7_reports", 3 * len(self.states), again, "R")

    def make_answers(self) -> None:
        def again(row: Row) -> Row:
            return {
                "plan_version": self.one("", "", "", "draft-2024-08-16", "adopted-2024-11-29"),
                "answer": self.one("yes", "yes", "no", "unclear", "not_applicable"),
                "evidence": self.one("", "as it says"),
                "location": self.one("", "p. 3"),
            }

        rows = []
        for report in self.keys["article7_reports"]:
            for indicator in self.draw(st.lists(st.sampled_from(ANSWERED), max_size=6, unique=True)):
                parent = "nowhere" if self.rarely() else report
                rows.append({**again({}), "report_id": parent, "indicator_id": indicator})
        unique = {(row["report_id"], row["indicator_id"]): row for row in rows}
        self.add("article7_answers", list(unique.values()), again)

    def make_meetings(self) -> None:
        def again(row: Row) -> Row:
            starts = self.one(self.day(), date(2025, 11, 30), date(2025, 5, 31), date(2026, 12, 1))
            return {
                "title": "Meeting",
                "kind": self.one(
                    "meeting_of_states_parties", "review_conference", "intersessional", "preparatory"
                ),
                "starts_on": starts,
                "ends_on": starts + 4 * DAY,
            }

        self.many("meetings", 4, again, "M")
        starts = [row["starts_on"] for row in self.files.get("meetings--1", [])]
        self.limits = [add_months(date.fromisoformat(day), -3) for day in starts]

    def make_participants(self) -> None:
        rows: list[Row] = []

        def register(meeting: str, delegation: Row, person: int, **more: Any) -> None:
            spelling = NAME_SPELLINGS[self.draw(st.integers(0, 3))] if self.rarely() else str
            base = {"full_name": spelling(f"{NAME} {person}"), "meeting_id": meeting, "attended": "yes"}
            rows.append({**base, "registration_id": f"P{len(rows) + 1}", **delegation, **more})

        for meeting in self.keys["meetings"]:
            for _ in self.some(3):
                delegation = self._delegation()
                sizes = {
                    ("female", ""): self.one(0, 0, 1, 4, 5),
                    ("male", "no"): self.one(0, 0, 1, 4, 5),
                    ("unknown", ""): self.one(0, 0, 1),
                    (self.one("female", "male", "other"), "yes"): self.one(0, 0, 1, 9, 10),
                }
                person = 0
                for (gender, victim), size in sizes.items():
                    for _ in range(size):
                        person += 1
                        register(meeting, delegation, person, gender=gender, is_mine_victim=victim)

        def again(row: Row) -> Row:
            other = {
                "gender": self.one("female", "male", "other", "unknown"),
                "is_mine_victim": self.one("yes", "no", ""),
                "attended": self.one("yes", "yes", "no"),
            }
            kind = row["delegation_kind"]
            if kind != "state" and self.yes_no():
                other["delegation_kind"] = self.one(*(k for k in DELEGATION_KINDS if k != "state"))
            return {**row, **other}

        for _ in self.some(3) if rows else ():
            second = again(self.one(*rows))
            rows.append({**second, "registration_id": f"P{len(rows) + 1}"})
        self.add("meeting_participants", rows, again)

    def _delegation(self) -> Row:
        kind = self.one("state", "state", "survivor_organization", "survivor_organization", "civil_society")
        if kind == "state":
            return {"delegation_kind": kind, "iso3": self.state()}
        return {"delegation_kind": kind, "organization": self.one(*ORGANIZATIONS)}

    def make_cases(self) -> None:
        def again(row: Row) -> Row:
            return {
                "iso3": self.state(),
                "article": "1.1",
                "opened_on": self.one(OLD, self.day()),
                "closed_on": self.one(None, self.day()),
                "basis": "APLC/MSP.1",
            }

        self.many("compliance_cases", 3, again, "C")

    def make_statements(self) -> None:
        def again(row: Row) -> Row:
            topic = self.one("condemnation", "compliance_update", "compliance_update", "other")
            case = self.key_among("compliance_cases")
            return {
                "meeting_id": self.key_among("meetings"),
                "iso3": self.state(),
                "topic": topic,
                "case_id": case if topic == "compliance_update" or self.rarely() else "",
            }

        self.many("meeting_statements", 8, again, "S")

    def make_contributions(self) -> None:
        def again(row: Row) -> Row:
            around = [limit + shift * DAY for limit in self.limits for shift in (-1, 0, 1)]
            return {
                "iso3": row.get("iso3") or self.state(),
                "year": self.one(2025, 2025, 2026),
                "kind": self.one("assessment", "assessment_payment", "assessment_payment", "voluntary_isu"),
                "amount": self.one("50", "100.00", "100.01", "0.01"),
                "dated_on": self.one(*around, *around, *self.days),
            }

        self.many("contributions", 4 * len(self.states), again, "F")

    def make_requests(self) -> None:
        parts = [c.name for c in DATASETS["extension_requests"] if c.type == "yes_no"]

        def again(row: Row) -> Row:
            answers = {part: not self.rarely() for part in parts}
            return {"iso3": self.state(), "submitted_on": self.day(), **answers}

        self.many("extension_requests", 3, again, "E")

    def make_declarations(self) -> None:
        def again(row: Row) -> Row:
            return {
                "iso3": self.state(),
                "declared_on": self.day(),
                "voluntary_declaration": self.yes_no(),
            }

        self.many("completion_declarations", 3, again, "D")

    def make_discoveries(self) -> None:
        def again(row: Row) -> Row:
            discovered = self.one(self.day(), date(2024, 8, 31), date(2025, 6, 30))
            limit = add_months(discovered, 6)
            return {
                "iso3": self.state(),
                "discovered_on": discovered,
                "reported_on": self.one(discovered, self.day(), self.day()),
                "destroyed_on": self.one(None, limit - DAY, limit, limit + DAY, self.day()),
            }

        self.many("stockpile_discoveries", 4, again, "K")


@st.composite
def deliveries(draw: Draw, complete: bool = False) -> Delivery:
    """A small delivery with a day of knowledge.

    ``complete``: every dataset is delivered, so that a refresh of it is not blocked; otherwise some are
    missing or have only a header.
    """
    as_of = draw(st.sampled_from(AS_OF_DAYS))
    states = draw(st.lists(st.sampled_from(ACTIVE_STATES), min_size=3, max_size=6, unique=True))
    maker = _Maker(draw, as_of, states, complete)
    maker.make_states()
    maker.make_treaty_actions()
    maker.make_obligations()
    maker.make_reports()
    maker.make_answers()
    maker.make_meetings()
    maker.make_participants()
    maker.make_cases()
    maker.make_statements()
    maker.make_contributions()
    maker.make_requests()
    maker.make_declarations()
    maker.make_discoveries()
    return Delivery(maker.files, as_of)
