"""Figures as the pages write them: the words, and beside them in ``data-`` attributes which row they show.

``data-v="2026/1.1/total/all/r"`` is the value of indicator 1.1 in 2026, its total, in the form ``r`` (h:
headline, f: fraction, r: in full, c: change since the year before); ``data-u`` a cell of the overview's
row: a region, or h or f; ``data-s`` the change since the first year; ``data-n`` a count by name; ``data-o``
an observation or a group of them; ``data-g`` a group of people; ``data-y`` a state's reports of a year;
``data-r`` a row of a table; ``data-t`` a text of the plan; ``data-a`` a row of ``audit``; ``data-x`` a
revision; ``data-f`` words that are fixed. Tests read all of them back and compare them with the tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup, escape

from flows.site import words

SIGNS = {"higher": "▲", "lower": "▼", "same": "=", "none": "·"}
SAID = {"higher": "higher", "lower": "lower", "same": "unchanged", "none": "no comparison"}
_FORMS = {"h": words.headline, "f": words.fraction, "r": words.reading}


def key(row: Mapping[str, Any]) -> str:
    return f"{row['reporting_year']}/{row['indicator_id']}/{row['breakdown']}/{row['breakdown_value']}"


def value(row: Mapping[str, Any], form: str) -> Markup:
    """A value in one of its forms; "" where the form has nothing to say."""
    said = _FORMS[form](row)
    if not said:
        return Markup("")
    blank = ' class="blank"' if row["value"] is None else ""
    return Markup(f'<span data-v="{escape(key(row))}/{form}"{blank}>{escape(said)}</span>')


def change(row: Mapping[str, Any]) -> Markup:
    """The change of a value since the year before, with its sign; a dash for none."""
    said = words.change(row["change"], row["unit"])
    if not said:
        return Markup("–")
    which = words.direction(row["change"])
    sign = f'<span aria-hidden="true">{SIGNS[which]}</span> '
    return Markup(f'<span class="{which}">{sign}<span data-v="{escape(key(row))}/c">{said}</span></span>')


def since_first(indicator_id: str, difference: float | None, unit: str, why: str) -> Markup:
    """The change since the first year, or why there is no comparison."""
    if difference is None:
        return Markup(f'<span class="none" data-s="{escape(indicator_id)}">{escape(why)}</span>')
    which = words.direction(difference)
    said = words.change(difference, unit)
    return Markup(
        f'<span class="{which}"><span aria-hidden="true">{SIGNS[which]}</span> '
        f'<span class="vh">{SAID[which]} </span><span data-s="{escape(indicator_id)}">{said}</span></span>'
    )


def count(name: str, value: int | None) -> Markup:
    """A count, by the name under which tests find what it must be."""
    return Markup(f'<span data-n="{escape(name)}">{words.number(value)}</span>')
