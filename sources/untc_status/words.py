"""Dates as the Treaty Collection writes them, in English and French."""

from __future__ import annotations

_MONTHS = (
    "jan january janv janvier",
    "feb february févr fevr février fevrier",
    "mar march mars",
    "apr april avr avril",
    "may mai",
    "jun june juin",
    "jul july juil juillet",
    "aug august août aout",
    "sep sept september septembre",
    "oct october octobre",
    "nov november novembre",
    "dec december déc décembre decembre",
)

MONTHS = {word: f"{number:02}" for number, words in enumerate(_MONTHS, start=1) for word in words.split()}
"""Month by its name or abbreviation, case-folded -> two digits."""

_ANY = "|".join(sorted(MONTHS, key=len, reverse=True))

DATE = rf"\d{{1,2}}(?:er)?\s+(?i:{_ANY})\.?\s+\d{{4}}"
"""A regular expression of a date: day, month in words, year; white space of any kind between."""
