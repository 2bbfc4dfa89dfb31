"""The site's words for the vocabularies of the marts, and how its figures, dates and names are written.

Each word of the tables has one wording here, so that a status reads the same on every page
(docs/contract/semantics.md, Status of a value, What one member's cell says, Breakdowns).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from flows.plain_text import printable

STATUSES = {
    "not_computable": "Can’t be computed: a dataset was never delivered, or no formal meeting is known.",
    "not_yet_due": "Not yet due.",
    "empty_population": "Nobody is in the population.",
    "suppressed": "Not shown: too few people, who could be told apart.",
    "provisional": "Provisional: what comes late still counts.",
    "final": "Final: the time for late reports is over.",
}
BLANKS = {
    "not_computable": "can’t be computed",
    "not_yet_due": "not yet due",
    "empty_population": "nobody in the population",
    "suppressed": "not shown (few people)",
}
"""Why there is no value, short enough for a cell."""

REASONS = {
    "yes": "Yes",
    "no": "No",
    "not_applicable": "Not applicable",
    "unclear": "Unclear",
    "not_answered": "Not answered",
    "no_report": "No report",
    "met": "Counted",
    "not_met": "Not counted",
    "pending": "Not yet due",
    "unknown_gender": "Gender not recorded",
    "suppressed": "Not shown",
}
REGIONS = {
    "African": "African",
    "Asia-Pacific": "Asia-Pacific",
    "Eastern European": "Eastern Europe",
    "Latin American and Caribbean": "Latin America and Caribbean",
    "Western European and Other": "Western Europe and Other",
    "none": "No group",
}
REGION_HEADS = {
    "African": "Afri\u00adcan",
    "Asia-Pacific": "Asia-Pacific",
    "Eastern European": "East. Europe",
    "Latin American and Caribbean": "Latin Am., Carib.",
    "Western European and Other": "West. Europe, Other",
    "none": "No group",
}
BREAKDOWNS = {
    "reporting": "Among those that have reported",
    "applicable": "Among those to which it applies",
    "timeliness": "When the first report came",
    "payment": "When the contribution was paid",
    "kind": "Mine victims, survivor organizations",
    "meeting": "By meeting",
    "delegation_kind": "By kind of delegation",
}
PARTS = {
    "reporting": "with a report",
    "applicable": "less those answering “not applicable”",
    "on_time": "on time, by 30 April",
    "in_time": "in time",
    "late": "late",
    "partial": "in part",
    "none": "none",
    "mine_victims": "mine victims",
    "survivor_organizations": "survivor organizations",
    "state": "states",
    "united_nations": "United Nations",
    "international_organization": "international organizations",
    "red_cross": "Red Cross and Red Crescent",
    "survivor_organization": "survivor organizations",
    "civil_society": "civil society",
    "other": "others",
}
PARTS_OF = {
    "timeliness": {"none": "no report"},
    "payment": {"in_time": "in full, in time", "late": "in full, late", "none": "nothing paid"},
}
"""Parts whose word says more within their breakdown."""

MEETINGS = {
    "meeting_of_states_parties": "Meeting of the States Parties",
    "review_conference": "Review Conference",
    "intersessional": "Intersessional Meetings",
    "preparatory": "Preparatory Meeting",
}
OBLIGATIONS = {
    "article_3": "Article 3: retains mines",
    "article_4": "Article 4: destroys a stockpile",
    "article_5": "Article 5: clears mined areas",
    "victim_assistance": "Assists significant numbers of survivors",
}
UNITS = {"mines": "mines", "m2": "m²", "persons": "persons"}
ENDS = {"completed": "completed", "other": "ended otherwise"}
TIMELINESS = {
    "on_time": "on time",
    "late": "late",
    "missing": "missing",
    "not_due": "not due",
}
ACTIONS = {
    "signature": "Signature",
    "ratification": "Ratification",
    "acceptance": "Acceptance",
    "approval": "Approval",
    "accession": "Accession",
    "succession": "Succession",
    "withdrawal": "Withdrawal",
    "suspension_notice": "Notice of suspension",
}
REVISIONS = {
    "definition": "the plan or the way of counting changed",
    "membership": "a state entered or left the population",
    "retraction": "a row was retracted",
    "correction": "a row was corrected",
    "late": "a row came late: it had been received before",
    "new_report": "new rows",
    "time": "days passed: no row moved it",
}
ENGINES = {"great_expectations": "Great Expectations", "reader": "reading of files", "flow": "upkeep"}
OUTCOMES = {
    "loaded": "loaded",
    "partly_loaded": "loaded in part",
    "quarantined": "quarantined",
    "unknown_file": "unknown file",
    "already_delivered": "delivered before",
    "header_only": "only a header",
}
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def words(vocabulary: Mapping[str, str], word: object) -> str:
    """The wording of a word; a word nobody foresaw as it stands, with spaces, so that none is hidden."""
    text = "" if word is None else str(word)
    return vocabulary.get(text) or clean(text.replace("_", " "))


def clean(text: object) -> str:
    """Text of others on one line, unseen characters written out; "" for none."""
    if text is None:
        return ""
    said = str(text)
    # white space of any kind is one space to a reader; other unseen characters are written out
    return said if said.isprintable() else printable(" ".join(said.split()))


def day(value: date | None) -> str:
    """``1 Mar 2030``; "" for none."""
    return "" if value is None else f"{value.day} {MONTHS[value.month - 1]} {value.year}"


def days(first: date, last: date | None) -> str:
    """``16 to 19 Jun 2026``, ``30 Nov to 4 Dec 2026``, or one day."""
    if last is None or last == first:
        return day(first)
    begins = day(first)
    if first.year == last.year:
        begins = begins.rpartition(" ")[0] if first.month != last.month else str(first.day)
    return f"{begins} to {day(last)}"


def moment(value: object) -> str:
    """A time in UTC as ``1 Mar 2030, 04:05``; "" for none. Takes a datetime or ISO 8601."""
    if value is None:
        return ""
    at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return f"{day(at.date())}, {at:%H:%M}"


def number(value: object) -> str:
    """A whole number with thin groups (``13,964``); "" for none."""
    return "" if value is None else f"{int(value):,}"  # type: ignore[call-overload]


def quantity(value: Any) -> str:
    """An amount without needless zeros: ``1,200`` or ``12.5``; "" for none."""
    if value is None:
        return ""
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def rounded(value: float) -> int:
    """To the nearest whole, halves away from zero, as the tables' SQL rounds."""
    return int(math.copysign(math.floor(abs(value) + 0.5), value))


def percent(value: float) -> str:
    """``22%``."""
    return f"{rounded(value)}%"


def headline(row: Mapping[str, Any]) -> str:
    """What a value is at a glance: ``22%``, ``14``, or why there is none."""
    if row["value"] is None:
        return words(BLANKS, row["status"])
    return percent(row["value"]) if row["unit"] == "percent" else number(row["numerator"])


def reading(row: Mapping[str, Any]) -> str:
    """A value in full: ``10 of 45 (22%)``, ``14``, or why there is none."""
    if row["value"] is None or row["unit"] != "percent":
        return headline(row)
    return f"{number(row['numerator'])} of {number(row['denominator'])} ({percent(row['value'])})"


def fraction(row: Mapping[str, Any]) -> str:
    """``10 of 45`` where there is a denominator, else ""."""
    if row["value"] is None or row["unit"] != "percent":
        return ""
    return f"{number(row['numerator'])} of {number(row['denominator'])}"


def change(value: float | None, unit: str) -> str:
    """A change with its sign: ``+11.1 points``, ``−8``, ``0``; "" for none."""
    if value is None:
        return ""
    size = f"{abs(value):.1f}".removesuffix(".0") if unit == "percent" else f"{abs(value):g}"
    if size == "0" and value:
        size = "<0.1"
    sign = "" if not value else "+" if value > 0 else "−"
    return f"{sign}{size}{' points' if unit == 'percent' else ''}"


def direction(value: float | None) -> str:
    """``higher``, ``lower``, ``same`` or ``none``: what a change is, without a verdict."""
    if value is None:
        return "none"
    return "same" if not value else "higher" if value > 0 else "lower"


_BEGINNING = re.compile(
    r"^(?:Percentage|Number) of (?:the )?(?:affected )?States? Part(?:y|ies)(?: that| who)?"
    r"(?: report(?: having)?(?= ))?"
)


def shortened(wording: str, limit: int = 160) -> str:
    """The wording without its beginning, cut at a word; the full one stands on the action's page."""
    rest = _BEGINNING.sub("", wording).strip().rstrip(".")
    begins = "" if rest == wording.rstrip(".") else "…\u00a0"
    if len(rest) > limit:
        rest = rest[:limit].rsplit(" ", 1)[0].rstrip(",;") + "\u00a0…"
    return begins + rest
