"""Footnotes of the status table: which number is which text, and what it says of a withdrawal.

The table shows that a state has left by square brackets alone; when it said so, and from when it is no
longer bound, stands in a note, in words. Only words that are understood give a date: what is doubtful gives
none, and says why.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass

from sources.untc_status.words import DATE, MONTHS

_LEAVES = re.compile(r"withdr[ae]w|denounc|denunciat|\bretrait|\b(?:se |s'est )?retir|dénonc", re.I)
_OF_SOMETHING_ELSE = re.compile(
    r"withdr[ae]w\w*\s+(?:of\s+|its\s+|the\s+|their\s+|all\s+)*"
    r"(?:reservation|declaration|signature|objection|statement|communication)"
    r"|retrait\s+(?:de\s+|d')?(?:sa\s+|la\s+|ses\s+|les\s+|l')*(?:réserve|déclaration|signature|objection)",
    re.I,
)
_TAKEN_BACK = re.compile(
    r"rescind|revok|retract|cancel|annul|withdr[ae]w\w*\s+(?:of\s+)?(?:its|the)\s+(?:notification|notice|"
    r"instrument|withdrawal|denunciation)|révoqu|renonc",
    re.I,
)
_EFFECT = re.compile(
    rf"(?:effect(?:ive)?|effet|entrée en vigueur)\b(?:(?!{DATE})[^.;]){{0,80}}?(?P<date>{DATE})", re.I
)
_DATE = re.compile(DATE)
_NUMBER = re.compile(
    rf"\s*(?:<(?:superscript|sup)>\s*)?\(?(?P<number>\d{{1,3}})\)?\s*(?:</(?:superscript|sup)>)?[.:]?(?=\s|<|$)"
    rf"(?!\s+(?:{'|'.join(MONTHS)})\b)",
    re.I,
)
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")


@dataclass(frozen=True)
class Withdrawal:
    """Days (``YYYY-MM-DD``, or empty where the note does not tell) of the notification and of its effect.

    ``doubt``: what the note leaves open, as a sentence; empty where it tells both.
    """

    deposited_on: str
    effective_on: str
    doubt: str = ""


def numbered(blocks: Sequence[str]) -> dict[str, str]:
    """Number -> text of the notes in a sequence of paragraphs.

    A paragraph that begins with a number begins a note, unless the number is the day of a date or does not
    follow on those before it; other paragraphs go on with the note before.
    """
    notes: dict[str, list[str]] = {}
    last = 0
    for block in blocks:
        marked = html.unescape(block)
        found = _NUMBER.match(marked)
        if found and last < int(found["number"]) <= last + 20:
            last = int(found["number"])
            notes[str(last)] = [marked[found.end() :]]
        elif notes and marked.strip():
            notes[str(last)].append(marked)
    return {number: " ".join(_TAG.sub(" ", " ".join(parts)).split()) for number, parts in notes.items()}


def withdrawal(note: str) -> Withdrawal | None:
    """The withdrawal from the Convention that a note tells of; ``None`` where it tells of none."""
    text = _OF_SOMETHING_ELSE.sub(" ", note)
    if not _LEAVES.search(text):
        return None
    if _TAKEN_BACK.search(text):
        return Withdrawal(
            "",
            "",
            "A note tells of a withdrawal and that it was taken back. Nothing was concluded from it; read "
            "the note and deliver the row if there is one.",
        )
    sentences = [one for one in re.split(r"(?<=[.;])\s+(?=[A-ZÀ-Ý])", text) if _LEAVES.search(one)]
    effects = {_iso(found["date"]) for found in _EFFECT.finditer(text)}
    if len(effects) > 1:
        return Withdrawal("", "", "A note gives several days of effect for a withdrawal. Deliver the row.")
    effective = next(iter(effects), "")
    days = {_iso(day) for sentence in sentences for day in _DATE.findall(_EFFECT.sub(" ", sentence))}
    if len(days) > 1:
        return Withdrawal(
            "", effective, "A note gives several days for the notification of a withdrawal. Deliver the row."
        )
    deposited = next(iter(days), "")
    doubt = ""
    if not deposited:
        doubt = (
            "A note gives the day on which a withdrawal takes effect and not the day of its notification. "
            "Add it to sources/treaty_actions/corrections.csv, or deliver the row."
            if effective
            else "A note tells of a withdrawal without any date. Deliver the row."
        )
    elif not effective:
        doubt = (
            "A note gives the day on which a withdrawal was notified and not from when it has effect, so "
            "that it changes nothing yet. Add it to sources/treaty_actions/corrections.csv once it is known."
        )
    return Withdrawal(deposited, effective, doubt)


def _iso(written: str) -> str:
    day, month, year = re.split(r"\s+", written.strip())
    return f"{year}-{MONTHS[month.strip('.').casefold()]}-{int(day.removesuffix('er')):02}"
