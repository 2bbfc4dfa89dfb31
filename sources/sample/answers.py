"""Synthetic answers: what each report says on each ``reported`` indicator, as coded twice.

A report is coded once soon after it came, and most reports again some weeks later by a second
person; each coding is a version of the answer. That is where the 15,000 answers a year come from.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from sources.sample import parties as register
from sources.sample.chance import Chance, Floats, Integers, Texts
from sources.sample.parties import Days, Parties
from sources.sample.rows import LAST_RECEIVED, contradict, frame, put, repeat, scatter, single, spoil

BLOCK = 2_000
"""Reports that are answered at a time, so that memory does not grow with the scale."""

LEADS = (
    "The report states",
    "According to the report there is",
    "The national authority describes",
    "The authority lists",
    "The report mentions",
)
SUBJECTS = {
    "II": ("a national strategy with a work plan", "a data base that is kept up to date", "a standard revised in line with IMAS", "consultations in every district"),
    "III": ("demarches to states not party", "a regional workshop on universalization", "a statement at a regional meeting", "a moratorium"),
    "IV": ("a schedule for destruction", "a yearly review of the mines retained", "training without live mines", "progress at two depots"),
    "V": ("a survey of all suspected areas", "areas released by survey and clearance", "a costed plan of work", "contamination by type"),
    "VI": ("sessions of risk education in schools", "a method to choose groups at risk", "messages for herders and farmers", "a module in the school curriculum"),
    "VII": ("a focal point for victim assistance", "a directory of services", "rehabilitation in three centres", "peer support in two hospitals"),
    "VIII": ("a budget line of the state", "a platform with donors and operators", "a partnership of several years", "a plan to mobilise resources"),
    "IX": ("legislation under Article 9", "penal sanctions in the criminal code", "a decree on implementation"),
}  # fmt: skip
TAILS = (
    "",
    "",
    " since last year",
    " with dates and costs",
    " for the whole country",
    " in three provinces",
    ", with a table in an annex",
    ", without figures",
)
NEGATIVE = (
    "",
    "",
    "",
    "Nothing on this was found.",
    "The form leaves this blank.",
    "The report says that none is planned.",
)
UNCLEAR = (
    "Mentioned in one line without detail.",
    "The wording allows two readings.",
    "Refers to an annex that is not attached.",
)
SECTIONS = (
    "Section 4.1",
    "Section 2",
    "Form A",
    "Form C",
    "Form D",
    "Form F",
    "Form H",
    "Annex 2",
    "Section 7.3",
)
HOSTILE = (
    '=HYPERLINK("https://evil.example/","open me")',
    "<b>A plan</b> is in place & costed <script>alert('harmless')</script>",
    'The minister said: "we will finish", and then ""again"".',
    "First line of the passage\nand a second line; with a semicolon",
    "+1 area released, -2 suspected",
    "@SUM(A1:A9) hectares",
    "-3 areas; see O'Fictional & Sons' report",
    "Tab\there, and a comma, too",
    "C:\\plans\\2025\\final_FINAL(2).docx",
    "'; DROP TABLE article7_answers; --",
    "مخطط وطني and \u202etxet desrever\u202c in one cell",
    "{{ 7 * 7 }} ${HOME} %s %d",
    "A passage that goes on " + "and on " * 120 + "and ends.",
)
CASES = ("YES", "Yes", "No", "NO", "Not_Applicable", "UNCLEAR", "Unclear")


def blocks(
    parties: Parties, reports: pd.DataFrame, indicators: pd.DataFrame, seed: int, scale: int
) -> Iterator[pd.DataFrame]:
    """Sound answers of these reports, ``BLOCK`` reports at a time, in order of receipt.

    ``indicators`` holds indicator_id, section, population and unit of the reported ones. Columns: the
    dataset's, the notes, and ``round`` (0 for the first coding).
    """
    rounds = 2 if scale == 1 else 3
    for start in range(0, len(reports), BLOCK):
        part = reports.iloc[start : start + BLOCK].reset_index(drop=True)
        chance = Chance(seed, f"answers of {part['report_id'].iloc[0]}")
        yield _block(parties, part, indicators, chance, seed, rounds)


def _block(
    parties: Parties, reports: pd.DataFrame, indicators: pd.DataFrame, chance: Chance, seed: int, rounds: int
) -> pd.DataFrame:
    first = reports["received"].to_numpy().astype("datetime64[D]") + chance.integers(3, 30, len(reports))
    has_round = [first <= LAST_RECEIVED]
    received = [first]
    for _ in range(1, rounds):
        received.append(received[-1] + chance.integers(15, 60, len(reports)))
        again = chance.below(0.9, len(reports)) if rounds == 2 else True
        has_round.append(has_round[-1] & again & (received[-1] <= LAST_RECEIVED))

    chances, in_population = _chances(parties, reports, indicators, seed)
    report, indicator = _answered(reports, indicators, chance)
    mood = chance.uniform(len(report))
    made = []
    for number in range(rounds):
        if number:
            redrawn = chance.below(0.05, len(report))
            mood = np.where(redrawn, chance.uniform(len(report)), mood)
        keep = has_round[number][report]
        made.append(
            _coding(
                reports, indicators, report[keep], indicator[keep], received[number],
                chances, in_population, mood[keep], number, chance,
            )
        )  # fmt: skip
    rows = pd.concat(made, ignore_index=True)
    return rows.sort_values(["received_on", "report_id"], kind="stable").reset_index(drop=True)


def _chances(
    parties: Parties, reports: pd.DataFrame, indicators: pd.DataFrame, seed: int
) -> tuple[Floats, np.ndarray]:
    """Chance of a yes for (report, indicator), and whether the state is in the population."""
    iso3 = reports["iso3"].to_numpy(dtype=object)
    submitted = reports["submitted"].to_numpy().astype("datetime64[D]")
    member = parties.memberships(iso3, submitted)
    inside = np.column_stack([member[population] for population in indicators["population"]])
    state = Chance(seed, "tendency of states").uniform(len(parties.iso3))[parties.position(iso3)]
    theme = Chance(seed, "tendency of indicators").uniform(len(indicators))
    growth = 0.06 * (reports["reporting_year"].to_numpy(dtype=float) - 2025)
    chances = 0.2 + 0.45 * state[:, None] + 0.3 * (theme[None, :] - 0.5) + growth[:, None]
    few = (indicators["unit"] == "number").to_numpy()
    return np.where(few[None, :], chances * 0.45, chances), inside


def _answered(reports: pd.DataFrame, indicators: pd.DataFrame, chance: Chance) -> tuple[Integers, Integers]:
    """Positions of the (report, indicator) pairs that have an answer."""
    shape = (len(reports), len(indicators))
    backlog = reports["reporting_year"].to_numpy(dtype=np.int64) < 2025
    full = np.select([backlog, chance.below(0.86, len(reports))], [0.04, 0.985], 0.4)
    answered = chance.uniform(shape[0] * shape[1]).reshape(shape) < full[:, None]
    fulfilled = (indicators["indicator_id"] == "45.1").to_numpy()
    answered[:, fulfilled] |= backlog[:, None]
    report, indicator = np.nonzero(answered)
    return report.astype(np.int64), indicator.astype(np.int64)


def _coding(
    reports: pd.DataFrame, indicators: pd.DataFrame, report: Integers, indicator: Integers, received: Days,
    chances: Floats, in_population: np.ndarray, mood: Floats, number: int, chance: Chance,
) -> pd.DataFrame:  # fmt: skip
    """One round of coding: an answer, evidence and location for each pair."""
    n = len(report)
    likely = chances[report, indicator]
    inside = in_population[report, indicator]
    answer = np.where(
        inside,
        np.select(
            [mood < likely, mood < likely + 0.07, mood > 0.965], ["yes", "unclear", "not_applicable"], "no"
        ),
        np.select([mood < 0.006, mood < 0.015], ["yes", "no"], "not_applicable"),
    ).astype(object)
    sections = indicators["section"].to_numpy(dtype=object)[indicator]
    return frame(
        {
            "report_id": reports["report_id"].to_numpy(dtype=object)[report],
            "indicator_id": indicators["indicator_id"].to_numpy(dtype=object)[indicator],
            "plan_version": np.where(chance.below(0.03, n), "draft-2024-08-16", ""),
            "answer": answer,
            "evidence": _evidence(answer, sections, chance),
            "location": _locations(answer, chance),
            "received_on": register.texts(received[report]) if n else np.array([], dtype=object),
            "source_ref": "synthetic sample" + ("", ", second coding", ", third coding")[number],
            "round": number,
        }
    )


def _evidence(answer: Texts, sections: Texts, chance: Chance) -> Texts:
    n = len(answer)
    subjects = np.full(n, "", dtype=object)
    for section, phrases in SUBJECTS.items():
        here = sections == section
        subjects[here] = chance.pick(phrases, int(here.sum()))
    positive = chance.pick(LEADS, n) + " " + subjects + chance.pick(TAILS, n) + "."
    return np.select(
        [answer == "yes", answer == "no", answer == "unclear"],
        [positive, chance.pick(NEGATIVE, n), chance.pick(UNCLEAR, n)],
        "",
    ).astype(object)


def _locations(answer: Texts, chance: Chance) -> Texts:
    n = len(answer)
    pages = chance.integers(1, 48, n).astype(str).astype(object)
    place = chance.pick(SECTIONS, n) + ", page " + pages
    return np.where((answer == "not_applicable") & chance.below(0.8, n), "", place)


def mess(rows: pd.DataFrame, year: int, seed: int) -> pd.DataFrame:
    """``rows`` of one year's file with life's mess in it; every fault is noted.

    Only answers with one coding are spoilt, so that no sound row shares a key with a bad one.
    """
    chance = Chance(seed, f"bad answers of {year}")
    rows = rows.drop(columns="round")
    told = np.flatnonzero((rows["answer"] == "yes").to_numpy())
    put(rows, np.sort(told[chance.sample(len(told), len(HOSTILE))]), "evidence", HOSTILE)
    for word in CASES:
        same = np.flatnonzero((rows["answer"] == word.lower()).to_numpy())
        put(rows, same[chance.sample(len(same), 20)], "answer", [word])

    free = single(rows, ["report_id", "indicator_id"])
    free = free[chance.sample(len(free), 60)]
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
        orphans, np.arange(len(orphans)), "report_id", list(orphans["report_id"]), "unknown_report", "waiting"
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
    latest = latest.drop_duplicates(["report_id", "indicator_id"], keep="last").sort_index()
    latest = latest[latest["day"] < np.datetime64("2026-07-15", "D")].reset_index(drop=True)
    latest = latest[~latest["answer"].isin(CASES)]
    latest = latest.iloc[chance.sample(len(latest), 230)].reset_index(drop=True)
    day = latest.pop("day").to_numpy().astype("datetime64[D]")

    corrected = latest.iloc[:150].copy()
    turned = {"yes": "no", "no": "yes", "unclear": "yes", "not_applicable": "unclear"}
    corrected["answer"] = corrected["answer"].map(turned)
    corrected["evidence"] = "Corrected after an exchange with the state."
    corrected["received_on"] = register.texts(day[:150] + chance.integers(15, 110, 150))
    corrected["source_ref"] = "synthetic sample, correction"

    retracted = latest.iloc[150:200].copy()
    retracted[["plan_version", "answer", "evidence", "location"]] = ""
    put(retracted, [0, 1], "answer", ["see note", "-"])  # ignored: a retraction needs only its key
    retracted["received_on"] = register.texts(day[150:200] + 30)
    put(retracted, np.arange(50), "record_status", ["retracted", "retracted", "RETRACTED"])
    retracted["source_ref"] = "synthetic sample, retraction"

    returned = latest.iloc[150:170].copy()
    returned["answer"] = "yes"
    returned["received_on"] = register.texts(day[150:170] + chance.integers(45, 100, 20))
    returned["source_ref"] = "synthetic sample, correction after a retraction"

    waiting = latest.iloc[200 : 200 + 3 * len(parent_missing)].copy()
    waiting["report_id"] = np.repeat(parent_missing, 3)
    put(waiting, np.arange(len(waiting)), "indicator_id", ["5.1", "10.1", "45.1"])
    spoil(
        waiting, np.arange(len(waiting)), "report_id", list(waiting["report_id"]), "unknown_report", "waiting"
    )

    unheard = latest.iloc[-1:].copy()
    answered = set(rows["indicator_id"][rows["report_id"] == reports["report_id"].iloc[0]])
    unheard["report_id"] = reports["report_id"].iloc[0]
    unheard["indicator_id"] = next(i for i in ("5.1", "10.1", "37.2", "40.1") if i not in answered)
    unheard["record_status"] = "retracted"
    spoil(unheard, [0], "record_status", ["retracted"], "retraction_of_unknown_key", "warned")

    made = pd.concat([corrected, retracted, returned, waiting, unheard], ignore_index=True)
    spoil(made, [3], "answer", ["yess"], "unknown_word")
    spoil(made, [5], "received_on", ["2026/03/05"], "bad_date")
    spoil(made, [7], "received_on", ["yesterday"], "bad_date")
    return made.iloc[chance.sample(len(made), len(made))].reset_index(drop=True)
