"""From registrations of a conference system to rows of ``meeting_participants``.

What the check-in interface of Indico and the export for managers have in common: what the words of a form
mean (``indico/words.csv``), when somebody attended, and what is kept of a person's country. A word that
nobody knows stays as it stood, so that its row is quarantined; nothing is guessed from a title or a name.
Source: docs/contract/inputs.md (meeting_participants), docs/contract/semantics.md (People).
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache

import pandas as pd

from sources.contract import SOURCES
from sources.readers import Finding

WORDS = SOURCES / "indico" / "words.csv"

MEANT = ("gender", "delegation_kind", "is_mine_victim", "attended")
"""The columns whose words are looked up."""

STATES = {
    "complete": "complete",
    "completed": "complete",
    "pending": "pending",
    "rejected": "rejected",
    "withdrawn": "withdrawn",
    "unpaid": "unpaid",
    "awaiting payment": "unpaid",
}
"""State of a registration by its name, or as an export titles it. None says who came: a check-in does."""

COLUMNS = (
    *("registration_id", "meeting_id", "delegation_kind", "iso3", "organization", "full_name", "email"),
    *("gender", "is_mine_victim", "attended", "received_on"),
)


@cache
def known_words() -> dict[str, dict[str, str]]:
    """Column -> word, case-folded -> value."""
    found: dict[str, dict[str, str]] = {column: {} for column in MEANT}
    with WORDS.open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            found[line["column"]][line["word"].casefold()] = line["value"]
    return found


def participants(
    said: pd.DataFrame,
    *,
    meeting_id: str,
    received_on: str,
    letters: str,
    words: Mapping[str, Mapping[str, str]] | None = None,
) -> tuple[pd.DataFrame, list[Finding]]:
    """Rows of ``meeting_participants``, and the words that nobody knows.

    ``said``: text columns registration_id, full_name, email, delegation_kind, country, organization, gender,
    is_mine_victim, attended, state (of the registration), with ``_row`` and ``_place``. ``words``: a source's
    own words, column -> word -> value. An empty gender is ``unknown``; other empty cells stay empty.
    """
    findings: list[Finding] = []
    frame = pd.DataFrame({name: said[name] for name in ("registration_id", "full_name", "email")})
    for column in MEANT:
        own = {word.casefold(): value for word, value in (words or {}).get(column, {}).items()}
        known = known_words()[column] | own | {"": ""}
        text = said[column].str.split().str.join(" ").str.casefold()
        frame[column] = text.map(known).where(text.isin(list(known)), said[column])
        findings += _unknown(letters, column, said.loc[~text.isin(list(known)), "_place"])
    state = said["state"].str.casefold()
    odd = ~state.isin([*STATES, ""])
    findings += _unknown(letters, "state", said.loc[odd, "_place"])
    meant = state.map(STATES)
    frame["attended"] = frame["attended"].mask(odd, said["state"])
    gone = meant.isin(["rejected", "withdrawn"]) & (frame["attended"] == "yes")
    findings += [
        Finding(
            f"{letters}-CHECKED-IN",
            "warn",
            "The registration was rejected or withdrawn, and the person was checked in. The check-in counts.",
            place,
        )
        for place in said.loc[gone, "_place"]
    ]
    is_state = frame["delegation_kind"] == "state"
    frame = frame.assign(
        meeting_id=meeting_id,
        # Of others the country is where somebody lives, which is nobody's business here.
        iso3=said["country"].where(is_state, ""),
        organization=said["organization"],
        gender=frame["gender"].mask(frame["gender"] == "", "unknown"),
        received_on=received_on,
    )
    return frame[[*COLUMNS]].assign(_row=said["_row"].astype("int64"), _place=said["_place"]), findings


def _unknown(letters: str, column: str, places: pd.Series) -> list[Finding]:
    """One finding for a column's unknown words; the words stay unsaid, for a person wrote them."""
    if places.empty:
        return []
    sentence = (
        f"{len(places)} registration(s) have a word for {column} that is not known; their rows are in "
        "quarantine. Add it to sources/indico/words.csv, or to the source's settings."
    )
    return [Finding(f"{letters}-WORD", "warn", sentence, str(places.iloc[0]))]
