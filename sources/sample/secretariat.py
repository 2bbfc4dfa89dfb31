"""Synthetic rows of what the secretariat keeps itself: requests, declarations, discoveries, cases, money.

States in extension requests, declarations and discoveries are drawn by the seed among those whose
registers make the act possible. Cases are another matter: a made-up case must accuse nobody, so its
state is drawn among the parties without any obligation in the registers, and its basis says that
there is no document.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from sources.sample import parties as register
from sources.sample.chance import Chance, Texts
from sources.sample.parties import Parties, as_days
from sources.sample.rows import LAST_RECEIVED, contradict, frame, put, repeat, scatter, single, spoil
from sources.sample.spellings import spell

YEARS = (2025, 2026)
LIMITS = {2025: np.datetime64("2025-09-01", "D"), 2026: np.datetime64("2026-08-30", "D")}
"""Three months before the formal meeting of the year: payments in time are in by then."""


def extension_requests(parties: Parties, seed: int) -> pd.DataFrame:
    """Seven requests in 2025 and six in 2026, three of them revised; two retold in the same words."""
    chance = Chance(seed, "extension requests")
    rows = parties.obligations
    clearing = rows[
        (rows["kind"] == "article_5") & (rows["ends_on"] == "") & (rows["deadline"] > "2025-03-01")
    ]
    states = clearing["iso3"].to_numpy(dtype=object)[chance.sample(len(clearing), 13)]
    year = np.repeat(np.array(YEARS), [7, 6])
    opened = np.array([f"{y}-03-10" for y in year], dtype="datetime64[D]")
    submitted = register.later(opened, chance.integers(0, 80, 13))
    plans = {
        f"{part}_{quality}": np.where(chance.below(likely, 13), "yes", "no")
        for part, likely in (("clearance", 0.85), ("risk_education", 0.65))
        for quality in ("detailed", "costed", "multiyear")
    }
    made = frame(
        {
            "request_id": [f"XR-{y}-{s}" for y, s in zip(year, states, strict=True)],
            "iso3": spell(states, 0.4, chance),
            "submitted_on": register.texts(submitted),
            **plans,
            "received_on": register.texts(register.later(submitted, chance.integers(1, 9, 13))),
        }
    )
    revised = made.iloc[[1, 4, 9]].copy()
    revised["received_on"] = register.texts(register.later(register.days(revised["received_on"]), 100))
    revised[[c for c in plans if c.endswith("costed")]] = "yes"
    revised["source_ref"] = "synthetic sample, revised request"
    return pd.concat([repeat(made, np.array([2])), revised], ignore_index=True)


def completion_declarations(parties: Parties, seed: int) -> pd.DataFrame:
    """Croatia's, with the day of its real completion, and three that the seed draws."""
    chance = Chance(seed, "declarations of completion")
    rows = parties.obligations
    ever = np.setdiff1d(rows["iso3"][rows["kind"] == "article_5"].unique(), ["HRV"]).astype(object)
    clearing = ever[chance.sample(len(ever), 2)]
    never = np.setdiff1d(parties.parties_on("2026-06-30"), rows["iso3"].to_numpy())[3:4]
    return frame(
        {
            "declaration_id": ["DC-2025-1", "DC-2026-1", "DC-2026-2", "DC-2026-3"],
            # The last never had an Article 5 obligation: its declaration is heard and not counted.
            "iso3": [clearing[0], "Croatie", clearing[1], never[0]],
            "declared_on": ["2025-12-03", "2026-03-21", "2026-06-17", "2026-06-18"],
            "voluntary_declaration": ["no", "yes", "Yes", "no"],
            "received_on": ["2025-12-12", "2026-03-30", "2026-06-29", "2026-06-29"],
        }
    )


def stockpile_discoveries(parties: Parties, seed: int) -> pd.DataFrame:
    """Discoveries on each side of the six months, one of them still inside on 23 November 2026."""
    chance = Chance(seed, "stockpile discoveries")
    states = parties.parties_on("2026-06-30")
    states = states[chance.sample(len(states), 7)]
    found = [
        # state, discovered, reported, destroyed, received
        (0, "2025-02-11", "2025-04-28", "2025-06-30", "2025-07-10"),  # destroyed in time
        (1, "2025-08-31", "2025-10-02", "2026-02-28", "2026-03-12"),  # on the very last day of the six months
        (2, "2025-03-05", "2025-04-30", "2026-01-20", "2026-02-02"),  # late
        (3, "2025-11-20", "2026-04-15", "", "2026-04-27"),  # not yet, and overdue
        (4, "2026-01-14", "2026-04-29", "2026-05-30", "2026-06-09"),  # two of one state: in time,
        (4, "2026-02-02", "2026-04-29", "2026-09-30", "2026-10-12"),  # and late
        (5, "2026-07-27", "2026-09-08", "", "2026-09-15"),  # still inside its six months
        (6, "2024-10-10", "2025-01-20", "2025-03-31", "2025-04-14"),  # found before the plan began
    ]
    n = len(found)
    made = frame(
        {
            "discovery_id": [f"SD-{number:02d}" for number in range(1, n + 1)],
            "iso3": states[[f[0] for f in found]],
            "discovered_on": [f[1] for f in found],
            "reported_on": [f[2] for f in found],
            "destroyed_on": [f[3] for f in found],
            "quantity": chance.integers(4, 900, n),
            "received_on": [f[4] for f in found],
        }
    )
    # Delivered first as not destroyed, months before its destruction was known.
    before = made.iloc[[2]].copy()
    before["destroyed_on"], before["received_on"] = "", "2025-05-14"
    return pd.concat([before, made], ignore_index=True)


def compliance_cases(parties: Parties, seed: int) -> pd.DataFrame:
    """Four invented cases of four states that the seed draws; no document states any of them."""
    chance = Chance(seed, "compliance cases")
    free = np.setdiff1d(parties.parties_on("2026-06-30"), parties.obligations["iso3"].to_numpy())
    free = np.setdiff1d(free, ["MHL", "TON"])
    states = free[chance.sample(len(free), 4)]
    return frame(
        {
            "case_id": ["S-CASE-1", "S-CASE-2", "S-CASE-3", "S-CASE-4"],
            "iso3": states,
            "article": "1.1",
            "opened_on": ["2024-09-02", "2025-07-15", "2026-03-02", "2025-05-05"],
            "closed_on": ["", "", "", "2026-02-20"],
            "basis": "Synthetic sample: no real document. An invented case; the state was drawn at random.",
            "received_on": ["2025-01-10", "2025-08-01", "2026-03-16", "2025-05-19"],
        }
    )


def contributions(parties: Parties, seed: int) -> pd.DataFrame:
    """Assessments of all parties, payments (early, in instalments, late, in part, none), voluntary ones."""
    made = pd.concat([_year_of_money(parties, year, seed) for year in YEARS], ignore_index=True)
    return _mess(_corrected(made), Chance(seed, "bad contributions"))


def _year_of_money(parties: Parties, year: int, seed: int) -> pd.DataFrame:
    chance = Chance(seed, f"contributions of {year}")
    states = parties.parties_on(f"{year}-01-15")
    n = len(states)
    # In cents, so that instalments add up to the last one.
    wealth = Chance(seed, "scale of assessments").small(len(parties.iso3), 4)[parties.position(states)]
    due = np.floor(100 * (12 + 40_000 * wealth)).astype(np.int64) + year % 100
    billed = np.full(n, np.datetime64(f"{year}-01-20", "D"))
    conduct = chance.uniform(n)
    limit = LIMITS[year]
    begin = np.datetime64(f"{year}-02-10", "D")
    span = int((limit - begin).astype(np.int64))
    in_time = begin + np.floor(chance.uniform(n) * (span + 1)).astype(np.int64)
    in_time[np.flatnonzero(conduct < 0.40)[:2]] = limit  # paid on the last day
    late = limit + 1 + np.floor(150 * chance.small(n, 2)).astype(np.int64)
    late[np.flatnonzero((conduct >= 0.58) & (conduct < 0.76))[:1]] = limit + 1

    instalments = (conduct >= 0.40) & (conduct < 0.58)
    first_part = due // 3
    third = np.floor(chance.uniform(n) * 20).astype(np.int64)
    payments = [
        _paid(states, due, in_time, conduct < 0.40),
        _paid(states, first_part, in_time - third - 20, instalments),
        _paid(states, first_part, in_time - third, instalments),
        # Some pay the last third too late, which makes the whole late.
        _paid(states, due - 2 * first_part, np.where(third > 14, limit + 2 + third, in_time), instalments),
        _paid(states, due, late, (conduct >= 0.58) & (conduct < 0.76)),
        _paid(states, due // 2, in_time, (conduct >= 0.76) & (conduct < 0.84)),
    ]
    giving = chance.below(0.13, n)
    gifts = np.floor(100 * (500 + 60_000 * chance.small(n, 2))).astype(np.int64)
    given_on = np.datetime64(f"{year}-02-01", "D") + chance.integers(0, 300, n)
    parts = [(_paid(states, due, billed, np.ones(n, dtype=bool)), "assessment")]
    parts += [(p, "assessment_payment") for p in payments]
    parts += [(_paid(states, gifts, given_on, giving), "voluntary_isu")]
    joined = _joined_in(parties, year)
    if len(joined):
        first_bill = np.full(len(joined), np.datetime64(f"{year}-12-05", "D"))
        ones = np.ones(len(joined), dtype=bool)
        parts.append((_paid(joined, np.full(len(joined), 1_250), first_bill, ones), "assessment"))
    rows = pd.concat([part.assign(kind=kind) for part, kind in parts], ignore_index=True)
    rows["received"] = register.later(as_days(rows["day"]), chance.integers(1, 12, len(rows)))
    rows = rows[rows["received"] <= LAST_RECEIVED].sort_values(["received", "iso3", "kind"], kind="stable")
    cents = rows["cents"].to_numpy(dtype=np.int64)
    return frame(
        {
            "contribution_id": [f"C{year}-{number:04d}" for number in range(1, len(rows) + 1)],
            "iso3": spell(rows["iso3"].to_numpy(dtype=object), 0.15, chance),
            "year": year,
            "kind": rows["kind"],
            "amount": [f"{whole}.{part:02d}" for whole, part in zip(cents // 100, cents % 100, strict=True)],
            "dated_on": register.texts(as_days(rows["day"])),
            "received_on": register.texts(as_days(rows["received"])),
        }
    )


def _paid(states: Texts, cents: np.ndarray, day: np.ndarray, who: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"iso3": states[who], "cents": cents[who], "day": day[who]})


def _joined_in(parties: Parties, year: int) -> Texts:
    began = parties.joined.astype("datetime64[Y]") == np.datetime64(str(year), "Y")
    return np.asarray(parties.iso3[began])


def _corrected(made: pd.DataFrame) -> pd.DataFrame:
    """Two assessments corrected, one payment retracted, one retracted and entered anew."""
    assessed = np.flatnonzero((made["kind"] == "assessment").to_numpy())[[11, 200]]
    paid = np.flatnonzero((made["kind"] == "assessment_payment").to_numpy())[[7, 31]]
    corrected = made.iloc[assessed].copy()
    corrected["amount"] = ["15.50", "21.75"]
    retracted = made.iloc[paid].copy()
    returned = retracted.iloc[1:].copy()
    corrected["received_on"] = register.texts(register.later(register.days(corrected["received_on"]), 60))
    retracted["received_on"] = register.texts(register.later(register.days(retracted["received_on"]), 25))
    retracted[["iso3", "year", "kind", "amount", "dated_on"]] = ""
    retracted["record_status"] = "retracted"
    returned["received_on"] = register.texts(register.later(register.days(returned["received_on"]), 50))
    corrected["source_ref"] = "synthetic sample, correction"
    retracted["source_ref"] = "synthetic sample, retraction"
    returned["source_ref"] = "synthetic sample, correction after a retraction"
    return pd.concat([made, corrected, retracted, returned], ignore_index=True)


def _mess(made: pd.DataFrame, chance: Chance) -> pd.DataFrame:
    free = single(made, ["contribution_id"])
    free = free[(made["kind"].iloc[free] == "voluntary_isu").to_numpy()]
    free = free[chance.sample(len(free), 13)]
    extra = made.iloc[free[:8]].copy()
    extra["contribution_id"] = [f"{c[:5]}-9{c[-3:]}" for c in extra["contribution_id"]]
    spoil(extra, [0], "amount", ["-500.00"], "not_above_zero")
    spoil(extra, [1], "amount", ["1.234,50"], "bad_number")
    spoil(extra, [2], "amount", ["a lot"], "bad_number")
    spoil(extra, [3], "kind", ["gift"], "unknown_word")
    spoil(extra, [4], "year", ["next year"], "bad_year")
    spoil(extra, [5], "iso3", ["Freedonia"], "unknown_state")
    spoil(extra, [6], "dated_on", [""], "missing_cell")
    spoil(extra, [7], "dated_on", ["2026-02-29"], "bad_date")
    put(made, free[8:10], "kind", ["VOLUNTARY_ISU", "Voluntary_ISU"])
    made = repeat(made, free[10:11])
    pair = np.flatnonzero((made["contribution_id"] == made["contribution_id"].iloc[free[11]]).to_numpy())[:1]
    if made["_outcome"].iloc[pair[0]] == "":
        amount = made["amount"].iloc[pair[0]]
        made = contradict(made, pair, "amount", {amount: "777.77"})
    return scatter(made, extra, chance)
