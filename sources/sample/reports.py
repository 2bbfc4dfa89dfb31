"""Synthetic Article 7 reports: who reports for which year, when, and what the secretariat first got wrong.

Which state reports, and when, is drawn by the seed alone; nothing is taken from a state's real
habits. The edges that semantics.md names are put in by hand, on states that are drawn too.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd

from sources.sample import parties as register
from sources.sample.chance import Chance, Texts
from sources.sample.parties import Days, Parties, as_days
from sources.sample.rows import LAST_RECEIVED, contradict, frame, put, repeat, scatter, single, spoil
from sources.sample.spellings import NO_STATE, spell

YEARS = (2025, 2026)
LAST_SUBMITTED = np.datetime64("2026-11-12", "D")
LANGUAGES = ("English", "French", "Spanish", "Arabic", "Russian")
YES_WORDS = ("yes", "yes", "yes", "Yes", "YES", "true", "y", "1")
NO_WORDS = ("no", "no", "no", "No", "false", "n", "0")


def make(parties: Parties, seed: int, scale: int) -> pd.DataFrame:
    """The sound reports: report_id, iso3, reporting_year, edition, submitted, received (days).

    At scale 1 a state that reports does so once, one in eight again; at scale X it submits X
    editions a year.
    """
    years = [_year(parties, year, seed, scale) for year in YEARS]
    reports = pd.concat([_backlog(parties, seed), *years], ignore_index=True)
    chance = Chance(seed, "reports received")
    n = len(reports)
    delay = chance.integers(1, 14, n) + np.where(chance.below(0.05, n), chance.integers(60, 200, n), 0)
    submitted = as_days(reports["submitted"])
    received = np.maximum(register.later(submitted, delay), np.datetime64("2025-01-10", "D"))
    reports["submitted"], reports["received"] = submitted, received
    kept = reports[(submitted <= LAST_SUBMITTED) & (received <= LAST_RECEIVED)].copy()
    kept["edition"] = kept.groupby(["reporting_year", "iso3"], sort=False).cumcount() + 1
    kept["report_id"] = (
        kept["reporting_year"].astype(str) + "-" + kept["iso3"] + "-" + kept["edition"].astype(str)
    )
    return kept.reset_index(drop=True)


def _year(parties: Parties, year: int, seed: int, scale: int) -> pd.DataFrame:
    states = parties.parties_on(f"{year}-06-30")
    chance = Chance(seed, f"reports of {year}")
    habit = Chance(seed, "habit of reporting").uniform(len(parties.iso3))[parties.position(states)]
    willing = np.select([habit < 0.45, habit < 0.75], [0.97, 0.50], 0.10) * (
        1.0 if year == YEARS[0] else 0.92
    )
    states = np.asarray(states[chance.below(willing, len(states))])
    first = _submission_days(year, len(states), chance)
    first, states = _edges(parties, year, states, first, chance)
    if scale == 1:
        again = chance.sample(len(states), len(states) // 8)
        more, later = states[again], first[again] + chance.integers(10, 120, len(again))
        later[:1] = first[again[:1]]  # two reports of one state on one day
    else:
        more = np.repeat(states, scale - 1)
        later = np.repeat(first, scale - 1) + chance.integers(0, 150, len(more))
        later = np.minimum(later, LAST_SUBMITTED)
    made = pd.DataFrame({"iso3": np.concatenate([states, more]), "submitted": np.concatenate([first, later])})
    made["reporting_year"] = year
    return made.sort_values(["iso3", "submitted"], kind="stable")


def _submission_days(year: int, n: int, chance: Chance) -> Days:
    """About 42 % by 30 April, most in the last weeks; 43 % until November; the rest up to summer after."""
    due = np.datetime64(f"{year}-04-30", "D")
    early = due - np.floor(75 * chance.small(n, 2)).astype(np.int64)
    late = due + 1 + np.floor(190 * chance.small(n, 2)).astype(np.int64)
    very_late = np.datetime64(f"{year}-12-01", "D") + chance.integers(0, 230, n)
    kind = chance.uniform(n)
    return np.asarray(np.select([kind < 0.42, kind < 0.85], [early, late], very_late))


def _edges(parties: Parties, year: int, states: Texts, first: Days, chance: Chance) -> tuple[Days, Texts]:
    """Put reports on the days where the rules turn, and add those who report without having to."""
    days = [f"{year}-04-30", f"{year}-05-01", f"{year}-12-31", f"{year + 1}-06-29", f"{year + 1}-06-30"]
    turning = np.array([d for d in days if d <= str(LAST_SUBMITTED)], dtype="datetime64[D]")
    at = chance.sample(len(states), len(turning))
    first = first.copy()
    first[at] = turning
    volunteers = parties.others_on(f"{year}-11-20")
    volunteers = volunteers[~np.isin(volunteers, ["EST", "FIN", "LTU", "LVA", "POL", "TON"])]
    volunteers = volunteers[chance.sample(len(volunteers), 5)]
    volunteer_days = np.datetime64(f"{year}-03-15", "D") + chance.integers(0, 90, len(volunteers))
    named = {
        # Before its year began: the door warns.
        2025: {"early": "2024-12-18", "EST": "2026-02-11", "FIN": "2025-12-30"},
        # Tonga's first report is due on 30 May 2026; Latvia and Poland report after they left.
        2026: {"TON": "2026-05-28", "LVA": "2026-04-27", "POL": "2026-06-02"},
    }[year]
    if "early" in named:
        free = np.setdiff1d(np.arange(len(states)), at)
        first[free[chance.sample(len(free), 1)]] = np.datetime64(named.pop("early"), "D")
    keep = ~np.isin(states, list(named))
    all_states = np.concatenate([states[keep], volunteers, np.array(list(named), dtype=object)])
    all_days = np.concatenate(
        [first[keep], volunteer_days, np.array(list(named.values()), dtype="datetime64[D]")]
    )
    return all_days, all_states


def _backlog(parties: Parties, seed: int) -> pd.DataFrame:
    """Reports of 2022 to 2024, delivered with the first batch; only 45.1 looks at them."""
    chance = Chance(seed, "backlog of reports")
    states = parties.parties_on("2024-06-30")
    made = [
        pd.DataFrame(
            {
                "iso3": np.sort(states[chance.sample(len(states), 20)]),
                "submitted": np.datetime64(f"{year}-03-20", "D") + chance.integers(0, 150, 20),
                "reporting_year": year,
            }
        )
        for year in (2022, 2023, 2024)
    ]
    return pd.concat(made, ignore_index=True)


def rows(parties: Parties, reports: pd.DataFrame, seed: int) -> dict[int, pd.DataFrame]:
    """Rows of article7_reports for the two files, by year: sound, corrected, retracted and bad."""
    chance = Chance(seed, "rows of reports")
    n = len(reports)
    iso3 = reports["iso3"].to_numpy(dtype=object)
    submitted = as_days(reports["submitted"])
    implements = np.logical_or.reduce(
        [parties.bound_by(kind, iso3, submitted) for kind in ("article_3", "article_4", "article_5")]
    )
    digests = [hashlib.sha256(f"no real document: {r}".encode()).hexdigest() for r in reports["report_id"]]
    made = frame(
        {
            "report_id": reports["report_id"],
            "iso3": spell(iso3, 0.35, chance),
            "reporting_year": reports["reporting_year"],
            "submitted_on": register.texts(submitted),
            "uses_guide": _words(chance.below(0.6, n), chance),
            "has_implementation_update": _words(chance.below(np.where(implements, 0.75, 0.1), n), chance),
            "language": chance.pick(LANGUAGES, n, (50, 22, 18, 7, 3)),
            "document_url": "https://documents.example.org/article7/" + reports["report_id"] + ".pdf",
            "document_sha256": np.where(chance.below(0.5, n), np.array(digests, dtype=object), ""),
            "received_on": register.texts(as_days(reports["received"])),
        }
    )
    files = {}
    for year in YEARS:
        mine = reports["reporting_year"] <= year if year == YEARS[0] else reports["reporting_year"] == year
        sound = made[mine.to_numpy()]
        sound = sound.sort_values(["received_on", "report_id"], kind="stable").reset_index(drop=True)
        files[year] = _mess(_versions(sound, year, seed), year, seed)
    late = _mended(files[YEARS[0]])
    files[YEARS[1]] = pd.concat([files[YEARS[1]], late], ignore_index=True)
    return files


def _words(flags: np.ndarray, chance: Chance) -> Texts:
    n = len(flags)
    return np.where(flags, chance.pick(YES_WORDS, n), chance.pick(NO_WORDS, n))


def _versions(sound: pd.DataFrame, year: int, seed: int) -> pd.DataFrame:
    """Corrections, retractions and a correction after a retraction, at the end of the file."""
    chance = Chance(seed, f"versions of reports of {year}")
    limit = LAST_RECEIVED - 120
    old = np.flatnonzero(
        (register.days(sound["received_on"]) < limit) & (sound["reporting_year"] == str(year))
    )
    chosen = old[chance.sample(len(old), 11)]
    received = register.days(sound["received_on"].iloc[chosen])
    corrected = sound.iloc[chosen[:8]].copy()
    corrected["received_on"] = register.texts(register.later(received[:8], chance.integers(20, 90, 8)))
    corrected["uses_guide"] = np.where(
        corrected["uses_guide"].str.lower().isin(["yes", "true", "y", "1"]), "no", "yes"
    )
    corrected["source_ref"] = "synthetic sample, correction"
    retracted = sound.iloc[chosen[8:]].copy()
    emptied = [c for c in retracted.columns if c != "report_id" and not c.startswith("_")]
    retracted[emptied] = ""
    retracted["received_on"] = register.texts(register.later(received[8:], 40))
    retracted["record_status"] = ["retracted", "Retracted", "retracted"]
    retracted["source_ref"] = "synthetic sample, retraction"
    returned = sound.iloc[chosen[8:10]].copy()
    returned["received_on"] = register.texts(register.later(received[8:10], 80))
    returned["uses_guide"] = "yes"
    returned["source_ref"] = "synthetic sample, correction after a retraction"
    return pd.concat([sound, corrected, retracted, returned], ignore_index=True)


def _mess(made: pd.DataFrame, year: int, seed: int) -> pd.DataFrame:
    chance = Chance(seed, f"bad reports of {year}")
    sound = single(made, ["report_id"])
    sound = sound[made["reporting_year"].iloc[sound] == str(year)]
    chosen = sound[chance.sample(len(sound), 9)]
    bad = made.iloc[chosen[:6]].copy()
    # Reports of their own, so that no sound row shares a key with a bad one.
    bad["report_id"] = [f"{r[:9]}900" for r in bad["report_id"]]
    pair = made.iloc[chosen[8:9]].copy()
    spoil(bad, [0], "iso3", NO_STATE[:1] if year == YEARS[0] else NO_STATE[1:2], "unknown_state")
    spoil(bad, [1], "submitted_on", [f"{year}-02-30"], "bad_date")
    spoil(bad, [2], "uses_guide", ["perhaps"], "unknown_word")
    if year == YEARS[0]:
        spoil(bad, [3], "reporting_year", ["MMXXV"], "bad_year")
        spoil(bad, [4], "has_implementation_update", [""], "missing_cell")
        bad = bad.iloc[:5]
    else:
        spoil(bad, [3], "received_on", [""], "missing_cell")
        bad = bad.iloc[:4]
    made = repeat(made, chosen[6:8])
    twice = np.flatnonzero((made["_outcome"] == "duplicate").to_numpy())[:1]
    put(made, twice, "iso3", [made["report_id"].iloc[twice[0]][5:8]])  # the same state, spelled by its code
    if year == YEARS[0]:
        # Two rows that contradict each other: neither loads, and nothing refers to them.
        pair["report_id"] = [f"{r[:9]}800" for r in pair["report_id"]]
        pair = contradict(
            pair, np.array([0]), "submitted_on", {pair["submitted_on"].iloc[0]: f"{year}-03-03"}
        )
        made = pd.concat([made, pair], ignore_index=True)
    return scatter(made, bad, chance)


def _mended(file: pd.DataFrame) -> pd.DataFrame:
    """The report whose uses_guide was no word at all, received again in good order a year later."""
    wrong = file[(file["_column"] == "uses_guide") & (file["_outcome"] == "quarantined")].copy()
    wrong["uses_guide"] = "no"
    wrong["received_on"] = "2026-03-02"
    wrong["source_ref"] = "synthetic sample, correction"
    wrong[["_column", "_kind", "_outcome"]] = ""
    return wrong
