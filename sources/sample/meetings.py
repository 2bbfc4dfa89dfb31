"""Synthetic meetings' registers: invented people, invented organizations, and what was said.

The calendar is real where it is known; everybody who attends is invented. Names are put together
from syllables that belong to no language, so that none can be the full name of a real person.
"""

from __future__ import annotations

import unicodedata
from dataclasses import asdict, dataclass
from functools import cache

import numpy as np
import pandas as pd

from sources.contract import datasets
from sources.sample import SAMPLE
from sources.sample import parties as register
from sources.sample.chance import Chance, Flags, Floats, Integers, Texts
from sources.sample.invented import words
from sources.sample.parties import Parties
from sources.sample.rows import (
    LAST_RECEIVED,
    NOTES,
    SYNTHETIC,
    contradict,
    frame,
    put,
    repeat,
    scatter,
    single,
    spoil,
)
from sources.sample.spellings import NO_STATE, spell


@dataclass(frozen=True)
class Meeting:
    """A meeting, when it was announced, and how many people and mine victims its register holds."""

    meeting_id: str
    title: str
    kind: str
    starts_on: str
    ends_on: str
    received_on: str
    record_status: str
    source_ref: str
    people: int = 0
    victims: int = 0


MSP, PREPARATORY = "meeting_of_states_parties", "preparatory"
WORKSHOP_SIZE = 350
PARTICIPATIONS_AT_SCALE = 3_500
"""Participations for each unit of scale above 1: the registers of a whole plan period."""

WEIGHTS = {
    "united_nations": 5,
    "international_organization": 5,
    "red_cross": 2,
    "survivor_organization": 7,
    "civil_society": 11,
    "other": 3,
}
"""How much each kind of guest comes, relative to its number."""
OBSERVER_STATES = 14
"""States not party at a large meeting."""


@cache
def known() -> tuple[Meeting, ...]:
    """The meetings of ``calendar.csv``; a second row of one meeting is a later version of it."""
    table = pd.read_csv(SAMPLE / "calendar.csv", dtype=str, keep_default_na=False)
    people, victims = (table.pop(name).astype(int) for name in ("people", "victims"))
    return tuple(
        Meeting(**{str(name): text for name, text in row.items()}, people=seats, victims=harmed)
        for row, seats, harmed in zip(table.to_dict("records"), people, victims, strict=True)
    )


def calendar(scale: int, seed: int) -> list[Meeting]:
    """The meetings; at scale X > 1 also as many workshops as give 3,500 X participations."""
    return [*known(), *_workshops(scale, seed)]


def _workshops(scale: int, seed: int) -> list[Meeting]:
    if scale == 1:
        return []
    missing = PARTICIPATIONS_AT_SCALE * scale - sum(m.people for m in known())
    count = max(round(missing / WORKSHOP_SIZE), 0)
    first = np.datetime64("2025-01-13", "D")
    after_first = Chance(seed, "days of workshops").integers(0, 650, count)
    starts = register.texts(register.later(np.full(count, first), after_first))
    return [
        Meeting(
            meeting_id=f"WS-{number:04d}",
            title=f"Technical workshop {number}",
            kind=PREPARATORY,
            starts_on=str(day),
            ends_on=str(day),
            received_on="2025-01-10",
            record_status="",
            source_ref=SYNTHETIC,
            people=WORKSHOP_SIZE,
            victims=10,
        )
        for number, day in enumerate(starts, start=1)
    ]


def rows(scale: int, seed: int) -> pd.DataFrame:
    """Rows of the dataset meetings."""
    meetings = [asdict(m) for m in calendar(scale, seed)]
    columns = [c.name for c in datasets()["meetings"].columns]
    return frame({column: [m[column] for m in meetings] for column in columns})


def people(parties: Parties, seed: int, scale: int) -> pd.DataFrame:
    """Everybody who may attend: full_name, email, gender, delegation_kind, iso3, organization, victim."""
    chance = Chance(seed, "people")
    seats = 6 * min(scale, 20)
    state = np.repeat(parties.iso3, seats)
    kinds, organizations = [], []
    for kind, names in words()["organizations"].items():
        each = seats + 2
        kinds += [kind] * (each * len(names))
        organizations += [name for name in names for _ in range(each)]
    delegation = np.concatenate([np.full(len(state), "state", dtype=object), np.array(kinds, dtype=object)])
    n = len(delegation)
    survivors = delegation == "survivor_organization"
    victim = np.where(survivors, chance.below(0.75, n), chance.below(0.012, n))
    made = pd.DataFrame(
        {
            "full_name": _names(n, chance),
            "gender": chance.pick(("female", "male", "other"), n, (0.425, 0.57, 0.005)),
            "delegation_kind": delegation,
            "iso3": np.concatenate([state, np.full(len(kinds), "", dtype=object)]),
            "organization": np.concatenate(
                [np.full(len(state), "", dtype=object), np.array(organizations, dtype=object)]
            ),
            "victim": victim,
        }
    )
    plain = made["full_name"].map(unaccented).str.casefold().str.replace(" ", ".")
    made["email"] = np.where(chance.below(0.7, n), plain + "@example.org", "")
    return made


def _names(n: int, chance: Chance) -> Texts:
    """``n`` distinct invented full names."""
    given = [start + end for start in words()["given_starts"] for end in words()["given_ends"]]
    family = [start + end for start in words()["family_starts"] for end in words()["family_ends"]]
    number = chance.sample(len(given) * len(family), n)
    first = np.array(given, dtype=object)[number % len(given)]
    return np.asarray(first + " " + np.array(family, dtype=object)[number // len(given)])


def unaccented(text: str) -> str:
    """``text`` without its accents."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if unicodedata.category(c) != "Mn")


def participants(parties: Parties, everybody: pd.DataFrame, seed: int, scale: int) -> dict[str, pd.DataFrame]:
    """Rows of meeting_participants by file: one for each meeting, workshops together by year."""
    held = [m for m in calendar(scale, seed) if m.people]
    files = {m.meeting_id: _register(parties, everybody, m, seed) for m in held if m.meeting_id[:2] != "WS"}
    for year in ("2025", "2026"):
        of_year = [m for m in held if m.meeting_id[:2] == "WS" and m.starts_on[:4] == year]
        if of_year:
            registers = [_register(parties, everybody, m, seed) for m in of_year]
            files[f"workshops-{year}"] = pd.concat(registers, ignore_index=True)
    _unsaid(files)
    for name in ("IM2025", "22MSP", "IM2026"):
        files[name] = _mess(files[name], name, seed)
    return files


def _register(parties: Parties, everybody: pd.DataFrame, meeting: Meeting, seed: int) -> pd.DataFrame:
    """One meeting's register: sound, with no-shows, double registrations and odd spellings."""
    chance = Chance(seed, f"register of {meeting.meeting_id}")
    chosen = everybody.iloc[_attendants(parties, everybody, meeting, chance)].reset_index(drop=True)
    n = len(chosen)
    ahead = meeting.starts_on > "2026-11-20"  # not held yet: nobody has checked in
    ends = np.full(n, np.datetime64(meeting.ends_on, "D"))
    late = np.where(chance.below(0.02, n), 45, 0)
    received = register.later(ends, 7 + chance.integers(0, 9, n) + late)
    if ahead:
        received = register.later(np.full(n, np.datetime64("2026-11-02", "D")), chance.integers(0, 17, n))
    received = np.minimum(received, LAST_RECEIVED)
    victim = chosen["victim"].to_numpy(dtype=bool)
    unsaid = chance.below(0.45, n)
    made = frame(
        {
            "registration_id": [f"{meeting.meeting_id}-{number:04d}" for number in range(1, n + 1)],
            "meeting_id": meeting.meeting_id,
            "delegation_kind": chosen["delegation_kind"],
            "iso3": spell(chosen["iso3"].to_numpy(dtype=object), 0.3, chance),
            "organization": chosen["organization"],
            "full_name": chosen["full_name"],
            "email": chosen["email"],
            "gender": np.where(chance.below(0.035, n), "unknown", chosen["gender"]),
            "is_mine_victim": np.where(victim, "yes", np.where(unsaid, "", "no")),
            "attended": "no" if ahead else np.where(~victim & chance.below(0.07, n), "no", "yes"),
            "received_on": register.texts(received),
        }
    )
    spelled = chance.sample(n, n // 25)
    put(made, spelled, "organization", [_odd(o, i) for i, o in enumerate(made["organization"].iloc[spelled])])
    return _twice(made, meeting, chance)


def _attendants(parties: Parties, everybody: pd.DataFrame, meeting: Meeting, chance: Chance) -> Integers:
    """Positions of the people on the register, mine victims among them as many as planned."""
    here = _states_here(parties, meeting, chance)
    victim = everybody["victim"].to_numpy(dtype=bool)
    is_state = (everybody["delegation_kind"] == "state").to_numpy()
    from_here = is_state & everybody["iso3"].isin(here).to_numpy()
    luck = chance.uniform(len(everybody))
    guests = round(0.28 * meeting.people)
    weight = everybody["delegation_kind"].map(WEIGHTS).fillna(1).to_numpy()
    victims = np.flatnonzero(victim & (from_here | ~is_state))
    chosen = np.concatenate(
        [
            _delegates(everybody, from_here & ~victim, luck, meeting.people - guests - meeting.victims),
            _lowest(np.flatnonzero(~is_state & ~victim), luck / weight, guests),
            victims[chance.sample(len(victims), meeting.victims)],
        ]
    )
    return chosen[chance.sample(len(chosen), len(chosen))]


def _states_here(parties: Parties, meeting: Meeting, chance: Chance) -> Texts:
    """States that attend: up to 60 % of the parties, and up to ``OBSERVER_STATES`` others."""
    day = np.full(len(parties.iso3), np.datetime64(meeting.starts_on, "D"))
    party = parties.are_parties(parties.iso3, day)
    share = min(meeting.people / 500, 0.6)
    others = np.flatnonzero(~party)
    observers = np.zeros(len(party), dtype=bool)
    observers[others[chance.sample(len(others), round(OBSERVER_STATES * share / 0.6))]] = True
    return np.asarray(parties.iso3[(party & chance.below(share, len(party))) | observers])


def _delegates(everybody: pd.DataFrame, eligible: Flags, luck: Floats, seats: int) -> Integers:
    """At least one delegate of each state, the rest of the seats by luck."""
    drawn = _lowest(np.flatnonzero(eligible), luck, len(everybody))
    follows = everybody["iso3"].iloc[drawn].duplicated().to_numpy()
    leaders = drawn[~follows]
    return np.concatenate([leaders, drawn[follows][: max(seats - len(leaders), 0)]])


def _lowest(positions: Integers, by: Floats, k: int) -> Integers:
    """The ``k`` positions with the lowest values of ``by``, lowest first."""
    return np.asarray(positions[np.argsort(by[positions], kind="stable")][:k])


def _odd(text: str, number: int) -> str:
    """``text`` as another clerk would type it; equal to it once normalised."""
    forms = (
        text.upper(),
        text.replace(" ", "  "),
        text.lower(),
        unaccented(text),
        unicodedata.normalize("NFD", text),
    )
    return forms[number % len(forms)]


def _twice(made: pd.DataFrame, meeting: Meeting, chance: Chance) -> pd.DataFrame:
    """Some people registered a second time, with their name spelled in another way."""
    again = made.iloc[np.sort(chance.sample(len(made), max(len(made) // 40, 1)))].copy()
    again["full_name"] = [_odd(name, i) for i, name in enumerate(again["full_name"])]
    again["registration_id"] = [
        f"{meeting.meeting_id}-{number:04d}" for number in range(len(made) + 1, len(made) + 1 + len(again))
    ]
    put(again, np.arange(len(again))[::3], "gender", ["unknown"])
    return pd.concat([made, again], ignore_index=True)


def _unsaid(files: dict[str, pd.DataFrame]) -> None:
    """A mine victim of the 22MSP whose register of June says nothing of it, and one who says no."""
    victims = files["22MSP"][files["22MSP"]["is_mine_victim"] == "yes"]
    june = files["IM2025"]
    both = june.index[june["full_name"].isin(victims["full_name"]) & (june["is_mine_victim"] == "yes")]
    june.loc[both[:2], "is_mine_victim"] = ["", "no"][: len(both[:2])]


def _mess(made: pd.DataFrame, name: str, seed: int) -> pd.DataFrame:
    chance = Chance(seed, f"bad registrations of {name}")
    ordinary = made["delegation_kind"].eq("state") & made["is_mine_victim"].ne("yes")
    free = np.intersect1d(single(made, ["registration_id"]), np.flatnonzero(ordinary.to_numpy()))
    free = free[chance.sample(len(free), 20)]
    spoil(made, free[0:1], "gender", ["F"], "unknown_word")
    spoil(made, free[1:2], "full_name", [""], "missing_cell")
    spoil(made, free[2:3], "iso3", [NO_STATE[2]], "unknown_state")
    spoil(made, free[3:4], "delegation_kind", ["NGO"], "unknown_word")
    put(made, free[3:4], "organization", ["Clear Meadows Trust"])
    put(made, free[3:4], "iso3", [""])
    spoil(made, free[4:5], "attended", [""], "missing_cell")
    spoil(made, free[5:6], "is_mine_victim", ["perhaps"], "unknown_word")
    spoil(made, free[6:7], "iso3", [""], "missing_cell")
    spoil(made, free[7:8], "received_on", ["20 June"], "bad_date")
    spoil(made, free[8:9], "meeting_id", ["99MSP"], "unknown_meeting", outcome="waiting")
    guests = made["delegation_kind"].isin(["survivor_organization", "civil_society"]) & made[
        "is_mine_victim"
    ].ne("yes")
    invited = np.flatnonzero(guests.to_numpy())
    invited = invited[chance.sample(len(invited), 2)]
    spoil(made, invited[:1], "organization", [""], "missing_cell")
    spoil(made, invited[1:], "iso3", ["KHM"], "iso3_of_an_organization", outcome="warned")

    later = made.iloc[free[9:16]].copy()
    later["received_on"] = register.texts(register.later(register.days(later["received_on"]), 30))
    emptied = [c for c in later.columns if c not in ("registration_id", "received_on", "source_ref", *NOTES)]
    later.iloc[:3, [later.columns.get_loc(c) for c in emptied]] = ""  # type: ignore[index]
    put(later, [0, 1, 2], "record_status", ["retracted"])
    put(later, [3, 4], "attended", ["no"])
    put(later, [5, 6], "gender", ["FEMALE", "Male"])
    made = contradict(made, free[16:17], "attended", {"yes": "no", "no": "yes"})
    sound = np.flatnonzero(
        made["registration_id"].isin(made["registration_id"].iloc[free[17:19]]) & (made["_outcome"] == "")
    )
    made = repeat(made, sound[:2])
    return pd.concat([made, later], ignore_index=True)


def statements(parties: Parties, cases: pd.DataFrame, seed: int, scale: int) -> pd.DataFrame:
    """Rows of meeting_statements: condemnations, updates on cases, and the rest."""
    made = pd.concat(
        [
            _said(parties, m, seed)
            for m in calendar(scale, seed)
            if m.people >= 200 and m.starts_on < "2026-11"
        ]
    )
    updates = _updates(cases)
    made = scatter(made.reset_index(drop=True), updates, Chance(seed, "places of updates"))
    chance = Chance(seed, "bad statements")
    free = single(made, ["statement_id"])
    free = free[(made["case_id"].iloc[free] == "").to_numpy()]
    free = free[chance.sample(len(free), 8)]
    spoil(made, free[0:1], "iso3", [NO_STATE[3]], "unknown_state")
    spoil(made, free[1:2], "topic", ["praise"], "unknown_word")
    spoil(made, free[2:3], "received_on", ["2025-06-31"], "bad_date")
    spoil(made, free[3:4], "meeting_id", ["21½MSP"], "unknown_meeting", outcome="waiting")
    made = repeat(made, free[4:5])
    return made


def _said(parties: Parties, meeting: Meeting, seed: int) -> pd.DataFrame:
    chance = Chance(seed, f"statements at {meeting.meeting_id}")
    here = parties.parties_on(meeting.starts_on)
    condemning = here[chance.sample(len(here), 46 if meeting.kind == MSP else 24)]
    others = parties.others_on(meeting.starts_on)
    condemning = np.concatenate([condemning, others[chance.sample(len(others), 2)]])
    if meeting.meeting_id == "22MSP":
        # Lithuania leaves 26 days later; what it says here still counts.
        condemning = np.concatenate([condemning[condemning != "LTU"], np.array(["LTU"], dtype=object)])
    speaking = here[chance.sample(len(here), 55)]
    iso3 = np.concatenate([np.sort(condemning), speaking])
    topic = np.repeat(np.array(["condemnation", "other"], dtype=object), [len(condemning), len(speaking)])
    n = len(iso3)
    loud = chance.below(0.05, n)
    received = register.later(np.full(n, np.datetime64(meeting.ends_on, "D")), chance.integers(5, 25, n))
    return frame(
        {
            "statement_id": [f"{meeting.meeting_id}-S{number:03d}" for number in range(1, n + 1)],
            "meeting_id": meeting.meeting_id,
            "iso3": spell(iso3, 0.3, chance),
            "topic": np.where(loud, np.char.upper(topic.astype(str)).astype(object), topic),
            "case_id": "",
            "received_on": register.texts(received),
        }
    )


def _updates(cases: pd.DataFrame) -> pd.DataFrame:
    """Updates on the sample's cases: by the state itself, by another, on a closed one, on none known."""
    own = dict(zip(cases["case_id"], cases["iso3"], strict=True))
    said = [
        ("22MSP-U1", "22MSP", own["S-CASE-1"], "S-CASE-1", "2025-12-15"),
        ("IM2026-U1", "IM2026", own["S-CASE-2"], "S-CASE-2", "2026-07-01"),
        # Another state speaks on a case that is not its own: it is heard and not counted.
        ("IM2026-U2", "IM2026", own["S-CASE-1"], "S-CASE-3", "2026-07-01"),
        # Closed in February; an update in June still counts for the year.
        ("IM2026-U3", "IM2026", own["S-CASE-4"], "S-CASE-4", "2026-07-01"),
        ("IM2026-U4", "IM2026", own["S-CASE-3"], "S-CASE-99", "2026-07-02"),
    ]
    made = frame(
        {
            "statement_id": [s[0] for s in said],
            "meeting_id": [s[1] for s in said],
            "iso3": [s[2] for s in said],
            "topic": "compliance_update",
            "case_id": [s[3] for s in said],
            "received_on": [s[4] for s in said],
        }
    )
    spoil(made, [4], "case_id", ["S-CASE-99"], "unknown_case", outcome="waiting")
    return made
