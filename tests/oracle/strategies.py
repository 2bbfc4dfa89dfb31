"""Small whole deliveries for hypothesis, drawn so that the edges of the contract are common.

Days come from a short list around year ends, cut-offs, 30 April, ends of February and the as-of date,
so that two dates often coincide or lie a day apart; keys and people are few, so that they meet again.
"""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import strategies as st

from tests.oracle.indicators import add_months, answerable, load_plan, organization_identity, person_identity
from tests.oracle.rows import (
    CONSENTS,
    DATASETS,
    DELEGATION_KINDS,
    KEYS,
    REGIONS,
    Row,
    Rows,
    from_text,
    key_of,
)

EARLY = date(2024, 11, 29)
OLD = date(2001, 3, 1)
DAY = timedelta(days=1)
HALF_A_YEAR = timedelta(days=180)
AS_OF_DAYS = (
    date(2026, 6, 30),
    date(2025, 12, 31),
    date(2026, 12, 31),
    date(2026, 6, 29),
    date(2026, 6, 28),
    date(2027, 6, 29),
    date(2026, 2, 28),
    date(2028, 2, 29),
    date(2025, 8, 30),
    date(2026, 1, 1),
    date(2025, 1, 1),
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
"""An indicator of each population that answers speak of, and the one of rule ``reported_ever``."""
INDICATORS = answerable(load_plan())
ORGANIZATIONS = (
    "Survivors' Network",
    "SURVIVORS’ NETWORK",
    "Réseau des survivants",
    "Reseau  des SURVIVANTS",
    "AFG",
)
CROWDS = (
    (5, 5, 0, 0),
    (5, 6, 1, 0),
    (4, 5, 0, 0),
    (5, 4, 0, 0),
    (1, 0, 0, 0),
    (0, 1, 0, 0),
    (0, 0, 2, 0),
    (6, 7, 0, 0),
    (0, 0, 0, 1),
    (0, 0, 0, 9),
    (0, 0, 0, 10),
    (0, 5, 0, 10),
    (5, 5, 1, 11),
)
"""Women, men, people of unknown gender and mine victims of a delegation, around the thresholds."""
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
        """The rows that load, by the oracle's own reading of the contract, with the shipped plan alone."""
        return self.accepted_with(INDICATORS)

    def accepted_with(self, plans: Mapping[str, frozenset[str]]) -> Rows:
        """The rows that load with those ids by plan version."""
        return from_text(self.files, plans=plans)


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

    A retraction carries the cells of the version before it, which the SQL must ignore.
    ``person_key`` and ``organization_key`` are any injective token; the figures don't depend on which.
    """
    landed: dict[str, list[Row]] = {}
    for dataset, found in rows.tables.items():
        landed[dataset] = []
        contents: dict[tuple[str, ...], Row] = {}
        for accepted in found:
            row = accepted
            if row["record_status"] == "retracted":
                row = {**contents.get(key_of(dataset, row), {}), **_without_empty(row)}
            contents[key_of(dataset, row)] = row
            place = {
                "file_sha256": "0" * 64,
                "file_name": f"{dataset}.csv",
                "row_number": row["delivery_seq"],
            }
            landed[dataset].append({**row, **place, **_people_keys(dataset, row)})
    return landed


def _without_empty(row: Row) -> Row:
    return {name: value for name, value in row.items() if value is not None}


def _people_keys(dataset: str, row: Row) -> Row:
    if dataset != "meeting_participants" or row.get("full_name") is None:
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
    """Makes the rows of one delivery; later datasets refer to what was made before.

    The source of chance is hypothesis's own (``st.randoms``), used as a plain random number generator:
    drawing cell by cell makes most examples small and alike, and leaves the edges out.
    """

    def __init__(self, random: Random, as_of: date, states: Sequence[str], complete: bool) -> None:
        self.random = random
        self.as_of = as_of
        self.states = states
        near = [day for day in EDGE_DAYS if day <= as_of + DAY]
        self.days = sorted({*near, as_of - DAY, as_of, as_of + DAY})
        self.keys: dict[str, list[str]] = {name: [] for name in DATASETS}
        self.files: dict[str, list[TextCells]] = {}
        self.limits: list[date] = []
        self.case_states: dict[str, str] = {}
        self.turns: dict[str, list[date]] = {iso3: [] for iso3 in (*states, ABSENT_STATE)}
        self.missing = None if complete or random.random() < 0.5 else self.one(*DATASETS)
        self.fate = self.one("absent", "header only", *["unknown yet", "known today"] * 3)

    # -- small draws

    def one(self, *choices: Any) -> Any:
        return self.random.choice(choices)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def some(self, least: int, most: int) -> range:
        return range(self.random.randint(least, most))

    def day(self) -> date:
        return self.random.choice(self.days if self.chance(0.7) else EDGE_DAYS)

    def turning_day(self, iso3: str) -> date:
        """A day on which the state's membership changes, or the day before; else any edge day."""
        if not self.turns[iso3] or self.chance(0.5):
            return self.day()
        shift: int = self.one(0, 0, 1)
        return self.random.choice(self.turns[iso3]) - shift * DAY

    def remember_turns(self, rows: Sequence[Row]) -> None:
        """Days on which these treaty actions or obligations change a membership."""
        for row in rows:
            days = [row.get(name) for name in ("effective_on", "starts_on", "ends_on")]
            self.turns[row["iso3"]].extend(day for day in days if day is not None and day > EARLY)

    def state(self) -> str:
        return ABSENT_STATE if self.chance(0.03) else self.random.choice(self.states)

    def key_among(self, dataset: str) -> str:
        known = self.keys[dataset]
        return self.random.choice(known) if known and not self.chance(0.05) else "nowhere"

    # -- files

    def add(self, dataset: str, rows: list[Row], again: Callable[[Row], Row]) -> None:
        """Files of a dataset: its rows, then corrections, retractions and broken rows of them.

        ``again`` makes other contents for the key of a row.
        """
        self.keys[dataset] = sorted({str(row[KEYS[dataset][0]]) for row in rows})
        missing = dataset == self.missing
        if missing and self.fate in ("absent", "header only"):
            if self.fate == "header only":
                self.files[dataset] = []
            return
        for row in rows:
            row["received_on"] = self.one(self.as_of + DAY, self.as_of) if self.chance(0.06) else EARLY
            if missing:
                row["received_on"] = self.as_of + DAY
        if missing and rows and self.fate == "known today":
            rows[0]["received_on"] = self.as_of
        self.files[f"{dataset}--1"] = [_cells(row) for row in rows]
        for place in self.some(1, 4) if rows else ():
            file = [_cells(self._revision(dataset, self.one(*rows), again))]
            if file not in self.files.values():  # the same bytes delivered twice change nothing
                self.files[f"{dataset}--{place + 2}"] = file

    def _revision(self, dataset: str, row: Row, again: Callable[[Row], Row]) -> Row:
        key = {name: row[name] for name in KEYS[dataset]}
        first = self.as_of + DAY if dataset == self.missing else EARLY
        later = (self.as_of, self.as_of + DAY)
        received = {"received_on": first if first > self.as_of else self.one(first, first, *later)}
        match self.one("retracted", "corrected", "corrected", "broken"):
            case "retracted":
                return {**key, **received, "record_status": "Retracted"}
            case "corrected":
                return {**again(row), **key, **received}
            case _:
                return {**again(row), **key, "received_on": "2025-02-30"}

    def many(self, dataset: str, sizes: range, again: Callable[[Row], Row], prefix: str) -> list[Row]:
        """Rows with keys <prefix>8, <prefix>9, <prefix>10, …; by code point 10 comes before 9."""
        key = KEYS[dataset][0]
        rows = [{**again({}), key: f"{prefix}{8 + n}"} for n in sizes]
        self.add(dataset, rows, again)
        return rows

    # -- datasets

    def make_states(self) -> None:
        def again(row: Row) -> Row:
            return {"name": STATE_NAMES[row["iso3"]], "un_region": self.one(*REGIONS, "")}

        self.add("states", [{"iso3": iso3, **again({"iso3": iso3})} for iso3 in self.states], again)

    def make_treaty_actions(self) -> None:
        rows: list[Row] = []

        def put(iso3: str, action: str, deposited: date, effective: date | None) -> None:
            row = {"action_id": f"T{len(rows) + 8}", "iso3": iso3, "action": action}
            rows.append({**row, "deposited_on": deposited, "effective_on": effective})

        for iso3 in [*self.states, ABSENT_STATE]:
            story = self.one(
                "party", "party", "party", "none", "none", "joins", "leaves", "rejoins", "doubts"
            )
            if story in ("party", "leaves", "rejoins", "doubts"):
                put(iso3, self.one(*CONSENTS), OLD - HALF_A_YEAR, OLD)
            if story == "joins":
                put(iso3, "signature", OLD, None)
                put(iso3, self.one(*CONSENTS), self.day(), self._joining_day())
            for _ in self.some(1, 2) if story in ("leaves", "rejoins") else ():
                put(iso3, "withdrawal", self.day(), self.one(OLD, *[self.day() for _ in range(4)]))
            for _ in self.some(1, 2) if story == "rejoins" else ():
                put(iso3, self.one(*CONSENTS), self.day(), self._joining_day())
            if story == "doubts":
                put(iso3, "withdrawal", self.day(), None)
                put(iso3, "suspension_notice", self.day(), None)

        def again(row: Row) -> Row:
            return {**row, "deposited_on": self.day(), "effective_on": self.day()}

        self.add("treaty_actions", rows, again)
        self.remember_turns(rows)

    def _joining_day(self) -> date:
        """Often 180 days before a cut-off, when the first report is due, or a day more or less."""
        cut_off: date = min(self.one(date(2025, 12, 31), date(2026, 12, 31)), self.as_of)
        shift: int = self.one(-1, 0, 1)
        return self.one(self.day(), cut_off - HALF_A_YEAR + shift * DAY)  # type: ignore[no-any-return]

    def make_obligations(self) -> None:
        def again(row: Row) -> Row:
            ends = self.one(None, None, self.day())
            deadlines = (self.day(), self.day(), date(2030, 1, 1), *([None] if ends else []))
            return {
                "iso3": row.get("iso3") or self.state(),
                "kind": self.one(*OBLIGATION_KINDS, "article_4"),
                "starts_on": self.one(OLD, OLD, self.day()),
                "ends_on": ends,
                "end_reason": None if ends is None else self.one("completed", "completed", "other"),
                "deadline": self.one(*deadlines),
            }

        rows = self.many("obligations", self.some(2 * len(self.states), 4 * len(self.states)), again, "O")
        self.remember_turns(rows)

    def make_reports(self) -> None:
        def again(row: Row) -> Row:
            iso3 = row.get("iso3") or self.state()
            submitted = self.turning_day(iso3)
            return {
                "iso3": iso3,
                "reporting_year": self.one(2024, 2025, 2025, 2025, 2026, 2026),
                "submitted_on": self.one(submitted, submitted, self.as_of, date(2025, 4, 30)),
                "uses_guide": self.chance(0.5),
                "has_implementation_update": self.chance(0.3),
            }

        self.many("article7_reports", self.some(len(self.states), 4 * len(self.states)), again, "R")

    def make_answers(self) -> None:
        def again(row: Row) -> Row:
            return {
                "plan_version": self.one(
                    *[""] * 7, "draft-2024-08-16", "draft-2024-08-16", "adopted-2024-11-29"
                ),
                "answer": self.one("yes", "yes", "no", "unclear", "not_applicable"),
                "evidence": self.one("", "as it says"),
                "location": self.one("", "p. 3"),
            }

        rows = [
            {**again({}), "report_id": report, "indicator_id": indicator}
            for report in [*self.keys["article7_reports"], "nowhere"]
            for indicator in ANSWERED
            if self.chance(0.5)
        ]
        self.add("article7_answers", rows, again)

    def make_meetings(self) -> None:
        def again(row: Row) -> Row:
            moves = [row["effective_on"] for row in self.files.get("treaty_actions--1", [])]
            late = [day for day in moves if day > EARLY.isoformat()]
            turning = self.day()
            if late and self.chance(0.6):
                turning = date.fromisoformat(self.random.choice(late))
            starts = self.one(turning, turning, turning, date(2025, 11, 30), date(2025, 5, 31))
            if self.chance(0.2):
                starts = add_months(self.as_of, 3) + self.one(-1, 0, 1) * DAY
            kinds = ("meeting_of_states_parties", "review_conference", "intersessional", "preparatory")
            return {
                "title": "Meeting",
                "kind": self.one(*kinds, *kinds[:2]),
                "starts_on": starts,
                "ends_on": starts + 4 * DAY,
            }

        self.many("meetings", self.some(1, 6), again, "M")
        starts = [row["starts_on"] for row in self.files.get("meetings--1", [])]
        self.limits = [add_months(date.fromisoformat(day), -3) for day in starts]

    def make_participants(self) -> None:
        rows: list[Row] = []

        def register(meeting: str, delegation: Row, person: int, **more: Any) -> None:
            spelling = self.one(*NAME_SPELLINGS) if self.chance(0.3) else str
            base = {"full_name": spelling(f"{NAME} {person}"), "meeting_id": meeting}
            attended = "no" if self.chance(0.05) else "yes"
            rows.append(
                {**base, "registration_id": f"P{len(rows) + 8}", "attended": attended, **delegation, **more}
            )

        for meeting in [*self.keys["meetings"], "nowhere"]:
            for _ in self.some(0, 4):
                delegation = self._delegation()
                women, men, unknown, victims = self.one(*CROWDS)
                sizes = {
                    ("female", ""): women,
                    ("male", "no"): men,
                    ("unknown", ""): unknown,
                    (self.one("female", "male", "other"), "yes"): victims,
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
                "attended": self.one("yes", "yes", "yes", "no"),
            }
            kind = row["delegation_kind"]
            if kind != "state" and self.chance(0.5):
                other["delegation_kind"] = self.one("survivor_organization", *DELEGATION_KINDS[1:])
            return {**row, **other}

        for _ in self.some(0, 5) if rows else ():
            second = again(self.one(*rows))
            rows.append({**second, "registration_id": f"P{len(rows) + 8}"})
        self.add("meeting_participants", rows, again)

    def _delegation(self) -> Row:
        kind = self.one("state", "state", "survivor_organization", "survivor_organization", "civil_society")
        if kind == "state":
            return {"delegation_kind": kind, "iso3": self.state()}
        return {"delegation_kind": kind, "organization": self.one(*ORGANIZATIONS)}

    def make_cases(self) -> None:
        def again(row: Row) -> Row:
            iso3 = self.state()
            return {
                "iso3": iso3,
                "article": "1.1",
                "opened_on": self.one(OLD, self.turning_day(iso3), self.turning_day(iso3)),
                "closed_on": self.one(None, self.turning_day(iso3), self.turning_day(iso3)),
                "basis": "APLC/MSP.1",
            }

        self.many("compliance_cases", self.some(2, 7), again, "C")
        self.case_states = {row["case_id"]: row["iso3"] for row in self.files.get("compliance_cases--1", [])}

    def make_statements(self) -> None:
        def again(row: Row) -> Row:
            topic = self.one(
                "condemnation", "condemnation", "compliance_update", "compliance_update", "other"
            )
            case = self.key_among("compliance_cases")
            own = topic == "compliance_update" and self.chance(0.7)
            return {
                "meeting_id": self.key_among("meetings"),
                "iso3": self.case_states.get(case, self.state()) if own else self.state(),
                "topic": topic,
                "case_id": case if topic == "compliance_update" else self.one("", case, "nowhere"),
            }

        self.many("meeting_statements", self.some(6, 20), again, "S")

    def make_contributions(self) -> None:
        around = [limit + shift * DAY for limit in self.limits for shift in (-1, 0, 1)]

        def again(row: Row) -> Row:
            kind = row.get("kind") or self.one("assessment_payment", "voluntary_isu")
            days = [*around, *around, *self.days] if kind == "assessment_payment" else self.days
            return {
                "iso3": row.get("iso3") or self.state(),
                "year": row.get("year") or self.one(2025, 2025, 2026),
                "kind": kind,
                "amount": self.one("50", "100.00", "100.00", "100.01", "0.01"),
                "dated_on": self.random.choice(days),
            }

        rows = []
        for iso3 in self.states:
            for year in (2025, 2026):
                for kind, most in (("assessment", 2), ("assessment_payment", 3)):
                    rows += [again({"iso3": iso3, "year": year, "kind": kind}) for _ in self.some(0, most)]
        rows += [again({}) for _ in self.some(0, 4)]
        for place, row in enumerate(rows):
            row["contribution_id"] = f"F{8 + place}"
        self.add("contributions", rows, again)

    def make_requests(self) -> None:
        parts = [c.name for c in DATASETS["extension_requests"] if c.type == "yes_no"]

        def again(row: Row) -> Row:
            answers = {part: self.chance(0.8) for part in parts}
            iso3 = self.state()
            return {"iso3": iso3, "submitted_on": self.turning_day(iso3), **answers}

        self.many("extension_requests", self.some(1, 5), again, "E")

    def make_declarations(self) -> None:
        def again(row: Row) -> Row:
            iso3, voluntary = self.state(), self.chance(0.5)
            return {"iso3": iso3, "declared_on": self.turning_day(iso3), "voluntary_declaration": voluntary}

        self.many("completion_declarations", self.some(2, 8), again, "D")

    def make_discoveries(self) -> None:
        def again(row: Row) -> Row:
            discovered = self.one(self.day(), date(2024, 8, 31), date(2025, 6, 30), date(2025, 8, 31))
            limit = add_months(discovered, 6)
            iso3 = self.one(*self.states[:2], self.state())
            return {
                "iso3": iso3,
                "discovered_on": discovered,
                "reported_on": self.one(discovered, self.turning_day(iso3), self.turning_day(iso3)),
                "destroyed_on": self.one(None, limit - DAY, limit, limit + DAY, self.day()),
            }

        self.many("stockpile_discoveries", self.some(4, 9), again, "K")


def _cells(row: Mapping[str, Any]) -> TextCells:
    return {name: _text(value) for name, value in row.items()}


@st.composite
def deliveries(draw: Draw, complete: bool = False) -> Delivery:
    """A small delivery with a day of knowledge.

    ``complete``: every dataset is delivered, so that a refresh of it is not blocked; otherwise one is
    sometimes missing, or has only a header or rows that are not yet known.
    """
    states = draw(st.lists(st.sampled_from(ACTIVE_STATES), min_size=4, max_size=6, unique=True))
    random = draw(st.randoms(use_true_random=True))
    as_of = random.choice(AS_OF_DAYS)
    maker = _Maker(random, as_of, states, complete)
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


def smaller(delivery: Delivery, fails: Callable[[Delivery], bool]) -> Delivery:
    """The delivery with every row left out that it does not take to make ``fails`` true.

    Takes the place of hypothesis's shrinking, which can't see rows in a stream of chance.
    """
    files = {stem: list(rows) for stem, rows in delivery.files.items()}
    for size in (16, 4, 1):
        for stem in list(files):
            for start in reversed(range(0, len(files[stem]), size)):
                rows = files[stem][:start] + files[stem][start + size :]
                without = replace(delivery, files={**files, stem: rows})
                if fails(without):
                    files[stem] = rows
    return replace(delivery, files=files)
