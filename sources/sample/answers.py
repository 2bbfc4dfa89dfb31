"""Synthetic answers: what each report says on each ``reported`` indicator, as coded twice.

A report is coded once soon after it came, and most reports again some weeks later by a second
person; each coding is a version of the answer. That is where the 15,000 answers a year come from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sources.sample import parties as register
from sources.sample.chance import Chance, Flags, Floats, Integers, Texts
from sources.sample.invented import words
from sources.sample.parties import Parties, as_days
from sources.sample.rows import LAST_RECEIVED, contradict, frame, put, repeat, scatter, single, spoil

BLOCK = 2_000
"""Reports that are answered at a time, so that memory does not grow with the scale."""

CASES = ("YES", "Yes", "No", "NO", "Not_Applicable", "UNCLEAR", "Unclear")
ROUNDS = ("", ", second coding", ", third coding", ", fourth coding")


@dataclass(frozen=True)
class Questions:
    """Reports, the indicators they are asked about, and how likely each answer is.

    ``chances`` and ``inside`` (is the state in the indicator's population?) are matrices, reports down
    and indicators across; ``report`` and ``indicator`` are the positions of the pairs that are answered.
    """

    reports: pd.DataFrame
    indicators: pd.DataFrame
    chances: Floats
    inside: Flags
    report: Integers
    indicator: Integers


def blocks(
    parties: Parties, reports: pd.DataFrame, indicators: pd.DataFrame, seed: int, *, scale: int
) -> Iterator[pd.DataFrame]:
    """Sound answers of these reports, ``BLOCK`` reports at a time, in order of receipt.

    ``indicators`` holds indicator_id, section, population and unit of the reported ones. Columns: the
    dataset's, and the notes.
    """
    rounds = 2 if scale == 1 else len(ROUNDS)
    for start in range(0, len(reports), BLOCK):
        part = reports.iloc[start : start + BLOCK].reset_index(drop=True)
        chance = Chance(seed, f"answers of {part['report_id'].iloc[0]}")
        chances, inside = _chances(parties, part, indicators, seed)
        questions = Questions(part, indicators, chances, inside, *_answered(part, indicators, chance))
        yield _block(questions, chance, rounds)


def _block(questions: Questions, chance: Chance, rounds: int) -> pd.DataFrame:
    """All codings of these reports. At life size one report in ten is coded once only."""
    n = len(questions.reports)
    received = register.later(as_days(questions.reports["received"]), chance.integers(3, 30, n))
    coded = np.asarray(received <= LAST_RECEIVED)
    mood = chance.uniform(len(questions.report))
    made = []
    for number in range(rounds):
        if number:
            received = register.later(received, chance.integers(15, 60 if rounds == 2 else 40, n))
            again = chance.below(0.9 if rounds == 2 else 1.0, n)
            coded = coded & again & (received <= LAST_RECEIVED)
            redrawn = chance.below(0.05, len(mood))
            mood = np.where(redrawn, chance.uniform(len(mood)), mood)
        coding = _coding(questions, mood, chance)
        coding["received_on"] = register.texts(received)[questions.report]
        coding["source_ref"] = "synthetic sample" + ROUNDS[number]
        made.append(coding[coded[questions.report]])
    rows = pd.concat(made, ignore_index=True)
    return rows.sort_values(["received_on", "report_id"], kind="stable").reset_index(drop=True)


def _chances(
    parties: Parties, reports: pd.DataFrame, indicators: pd.DataFrame, seed: int
) -> tuple[Floats, Flags]:
    """Chance of a yes for (report, indicator), and whether the state is in the population."""
    iso3 = reports["iso3"].to_numpy(dtype=object)
    member = parties.memberships(iso3, as_days(reports["submitted"]))
    inside = np.column_stack([member[population] for population in indicators["population"]])
    state = Chance(seed, "tendency of states").uniform(len(parties.iso3))[parties.position(iso3)]
    theme = Chance(seed, "tendency of indicators").uniform(len(indicators))
    growth = 0.06 * (reports["reporting_year"].to_numpy(dtype=float) - 2025)
    chances = 0.3 + 0.45 * state[:, None] + 0.3 * (theme[None, :] - 0.5) + growth[:, None]
    # What is counted rather than shared out concerns few; but a state not party reports its moratorium.
    few = (indicators["unit"] == "number") & (indicators["population"] != "states_not_party")
    return np.where(few.to_numpy()[None, :], chances * 0.4, chances), inside


def _answered(reports: pd.DataFrame, indicators: pd.DataFrame, chance: Chance) -> tuple[Integers, Integers]:
    """Positions of the (report, indicator) pairs that have an answer.

    Most reports answer nearly all, one in seven less than half; those before 2025 little but 45.1.
    """
    shape = (len(reports), len(indicators))
    backlog = reports["reporting_year"].to_numpy(dtype=np.int64) < 2025
    full = np.select([backlog, chance.below(0.86, len(reports))], [0.04, 0.985], 0.4)
    answered = chance.uniform(shape[0] * shape[1]).reshape(shape) < full[:, None]
    fulfilled = (indicators["indicator_id"] == "45.1").to_numpy()
    answered[:, fulfilled] |= backlog[:, None]
    report, indicator = np.nonzero(answered)
    return report.astype(np.int64), indicator.astype(np.int64)


def _coding(questions: Questions, mood: Floats, chance: Chance) -> pd.DataFrame:
    """One round of coding: answer, evidence and location for each pair; ``mood`` decides the answer."""
    report, indicator = questions.report, questions.indicator
    n = len(report)
    likely = questions.chances[report, indicator]
    within = np.select(
        [mood < likely, mood < likely + 0.07, mood > 0.965], ["yes", "unclear", "not_applicable"], "no"
    )
    without = np.select([mood < 0.006, mood < 0.015], ["yes", "no"], "not_applicable")
    answer = np.where(questions.inside[report, indicator], within, without).astype(object)
    sections = questions.indicators["section"].to_numpy(dtype=object)[indicator]
    return frame(
        {
            "report_id": questions.reports["report_id"].to_numpy(dtype=object)[report],
            "indicator_id": questions.indicators["indicator_id"].to_numpy(dtype=object)[indicator],
            "plan_version": np.where(chance.below(0.03, n), "draft-2024-08-16", ""),
            "answer": answer,
            "evidence": _evidence(answer, sections, chance),
            "location": _locations(answer, chance),
        }
    )


def _evidence(answer: Texts, sections: Texts, chance: Chance) -> Texts:
    n = len(answer)
    subjects = np.full(n, "", dtype=object)
    for section, phrases in words()["subjects"].items():
        here = sections == section
        subjects[here] = chance.pick(phrases, int(here.sum()))
    positive = chance.pick(words()["leads"], n) + " " + subjects + chance.pick(words()["tails"], n) + "."
    negative, unclear = chance.pick(words()["negative"], n), chance.pick(words()["unclear"], n)
    said = np.where(answer == "yes", positive, np.where(answer == "no", negative, unclear))
    return np.where(answer == "not_applicable", "", said).astype(object)


def _locations(answer: Texts, chance: Chance) -> Texts:
    n = len(answer)
    place = (
        chance.pick(words()["sections"], n) + ", page " + chance.integers(1, 48, n).astype(str).astype(object)
    )
    return np.where((answer == "not_applicable") & chance.below(0.8, n), "", place).astype(object)


def mess(rows: pd.DataFrame, year: int, seed: int) -> pd.DataFrame:
    """``rows`` of one year's file with life's mess in it; every fault is noted.

    Only answers with one coding are spoilt, so that no sound row shares a key with a bad one.
    """
    chance = Chance(seed, f"bad answers of {year}")
    told = np.flatnonzero((rows["answer"] == "yes").to_numpy())
    hostile = words()["hostile"]
    put(rows, np.sort(told[chance.sample(len(told), len(hostile))]), "evidence", hostile)
    for word in CASES:
        same = np.flatnonzero((rows["answer"] == word.lower()).to_numpy())
        put(rows, same[chance.sample(len(same), 20)], "answer", [word])

    free = single(rows, ["report_id", "indicator_id"])
    free = free[chance.sample(len(free), 60)]
    put(rows, free, "plan_version", [""])
    spoil(rows, free[:12], "answer", ["maybe", "ja", "partly", "n/a", "oui", "-"], "unknown_word")
    spoil(rows, free[12:18], "answer", [""], "missing_cell")
    spoil(rows, free[18:23], "received_on", [""], "missing_cell")
    spoil(
        rows, free[23:29], "received_on", ["31.02.2026", f"{year}-13-01", "soon", f"{year}-06-31"], "bad_date"
    )
    spoil(rows, free[29:33], "indicator_id", ["99.9", "0.0"], "unknown_indicator")
    spoil(rows, free[33:35], "indicator_id", ["7.1", "3.4"], "indicator_not_reported")
    spoil(rows, free[35:36], "record_status", ["deleted"], "unknown_word")
    spoil(rows, free[36:37], "report_id", [""], "missing_cell")
    orphans = rows.iloc[free[37:45]].copy()
    orphans["report_id"] = [f"{year}-{iso3}-700" for iso3 in orphans["report_id"].str[5:8]]
    spoil(
        orphans,
        np.arange(len(orphans)),
        "report_id",
        list(orphans["report_id"]),
        "unknown_report",
        outcome="waiting",
    )
    flipped = {"yes": "no", "no": "yes", "unclear": "no", "not_applicable": "no"}
    pairs = np.array([p for p in free[45:60] if rows["answer"].iloc[p] in flipped][:6], dtype=np.int64)
    rows = contradict(rows, pairs, "answer", flipped)
    rows = scatter(rows, orphans, chance)
    sound = np.flatnonzero((rows["_outcome"] == "").to_numpy())
    return repeat(rows, np.sort(sound[chance.sample(len(sound), 10)]))


def corrections(rows: pd.DataFrame, reports: pd.DataFrame, parent_missing: Texts, seed: int) -> pd.DataFrame:
    """The file of later corrections, retractions, corrections after a retraction, and late answers.

    ``rows`` are all rows of the years' files; ``parent_missing`` are ids of reports that stand in the
    files of reports and can't load from them, whose answers wait.
    """
    chance = Chance(seed, "corrections of answers")
    sound = rows[rows["_outcome"] == ""]
    latest = sound.assign(day=register.days(sound["received_on"])).sort_values("day", kind="stable")
    latest = latest.drop_duplicates(["report_id", "indicator_id"], keep="last").sort_index(kind="stable")
    latest = latest[latest["day"] < np.datetime64("2026-07-15", "D")].reset_index(drop=True)
    latest = latest[~latest["answer"].isin(CASES)]
    latest = latest.iloc[chance.sample(len(latest), 230)].reset_index(drop=True)
    day = as_days(latest.pop("day"))

    corrected = latest.iloc[:150].copy()
    turned = {"yes": "no", "no": "yes", "unclear": "yes", "not_applicable": "unclear"}
    corrected["answer"] = corrected["answer"].map(turned)
    corrected["evidence"] = "Corrected after an exchange with the state."
    corrected["received_on"] = register.texts(register.later(day[:150], chance.integers(15, 110, 150)))
    corrected["source_ref"] = "synthetic sample, correction"

    retracted = latest.iloc[150:200].copy()
    retracted[["plan_version", "answer", "evidence", "location"]] = ""
    put(retracted, [0, 1], "answer", ["see note", "-"])  # ignored: a retraction needs only its key
    retracted["received_on"] = register.texts(register.later(day[150:200], 30))
    put(retracted, np.arange(50), "record_status", ["retracted", "retracted", "RETRACTED"])
    retracted["source_ref"] = "synthetic sample, retraction"

    returned = latest.iloc[150:170].copy()
    returned["answer"] = "yes"
    returned["received_on"] = register.texts(register.later(day[150:170], chance.integers(45, 100, 20)))
    returned["source_ref"] = "synthetic sample, correction after a retraction"

    waiting = latest.iloc[200 : 200 + 3 * len(parent_missing)].copy()
    waiting["report_id"] = np.repeat(parent_missing, 3)
    put(waiting, np.arange(len(waiting)), "indicator_id", ["5.1", "10.1", "45.1"])
    spoil(
        waiting,
        np.arange(len(waiting)),
        "report_id",
        list(waiting["report_id"]),
        "unknown_report",
        outcome="waiting",
    )

    unheard = latest.iloc[-1:].copy()
    answered = set(rows["indicator_id"][rows["report_id"] == reports["report_id"].iloc[0]])
    unheard["report_id"] = reports["report_id"].iloc[0]
    unheard["indicator_id"] = next(i for i in ("5.1", "10.1", "37.2", "40.1") if i not in answered)
    unheard["record_status"] = "retracted"
    spoil(unheard, [0], "record_status", ["retracted"], "retraction_of_unknown_key", outcome="warned")

    made = pd.concat([corrected, retracted, returned, waiting, unheard], ignore_index=True)
    spoil(made, [3], "answer", ["yess"], "unknown_word")
    spoil(made, [5], "received_on", ["2026/03/05"], "bad_date")
    spoil(made, [7], "received_on", ["yesterday"], "bad_date")
    return made.iloc[chance.sample(len(made), len(made))].reset_index(drop=True)
