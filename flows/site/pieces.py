"""What pages of every kind are put together from: names, places in files, bars, values that moved."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup, escape

from flows.site import charts, marks, words
from flows.site.content import Content, Indicator, Row

TEMPLATES = Path(__file__).parent / "templates"

CASE_RULES = ("case_open_in_year", "case_update_reported")

MOST_REVISIONS = 40
"""Parts that moved which an indicator lists; the rest are counted."""

KINDS = (
    ("higher", marks.SIGNS["higher"], "higher"),
    ("lower", marks.SIGNS["lower"], "lower"),
    ("same", marks.SIGNS["same"], "unchanged"),
    ("none", marks.SIGNS["none"], "without a comparison"),
)


def render(environment: Environment, template: str, **given: Any) -> str:
    """A template with what it is given."""
    return environment.get_template(template).render(**given)


@cache
def script() -> tuple[Markup, str]:
    """The one script, which only helps to find a row, and what the policy of its page says of it."""
    source = (TEMPLATES / "find.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
    return Markup(f"<script>{source}</script>"), f"; script-src 'sha256-{digest}'"


@cache
def _titles() -> dict[str, str]:
    from sources.contract import datasets

    return {name: declared.title for name, declared in datasets().items()}


def dataset(name: object) -> str:
    """A dataset by its title; a table by its name."""
    return _titles().get(str(name)) or words.clean(name)


def label(name: object) -> str:
    """A name of the program as words: ``not_met`` becomes ``Not met``."""
    text = words.clean(name).replace("_", " ")
    return text[:1].upper() + text[1:]


def cell(value: object) -> str:
    """A value of any type as it is written."""
    if isinstance(value, datetime):
        return f"{words.moment(value)} UTC"
    return words.day(value) if isinstance(value, date) else words.clean(value)


def source(row: Row) -> Markup:
    """Where a row stands: its reference, and the file with its place, which has its hash among the files."""
    said = words.clean(row["source_ref"])
    mark = synthetic(row["source_ref"])
    if mark:
        said = ""
    where = words.clean(row["file_name"])
    short = str(row["file_sha256"] or "")[:12]
    at = place(row)
    text = f"{escape(said)} " if said else ""
    return Markup(
        f'{text}{mark}<span class="file">{escape(where)}{escape(at)} '
        f'<span class="mono">{short}…</span></span>'
    )


def synthetic(source_ref: object) -> Markup:
    """The mark of a row whose reference says that it is synthetic; else nothing."""
    if source_ref and "synthetic" in str(source_ref).casefold():
        return Markup('<span class="syn">synthetic</span> ')
    return Markup("")


def place(row: Row) -> str:
    """``, sheet coding, row 12`` or what the reader called the place."""
    if row["place"]:
        return f", {words.clean(row['place'])}"
    sheet = f", sheet {words.clean(row['sheet'])}" if row["sheet"] else ""
    number = f", row {row['row_number']}" if row["row_number"] is not None else ""
    return sheet + number


def bars(site: Content, indicator: Indicator, *, large: bool = False) -> Markup:
    """The bars of an indicator: percentages out of 100, numbers out of their own highest year."""
    totals = {year: indicator.total(year) for year in site.plan_years}
    highest = 100.0
    if indicator.row["unit"] != "percent":
        found = [row["value"] for row in totals.values() if row and row["value"] is not None]
        highest = max([*found, 1.0])
    drawn = [
        charts.Bar(
            year,
            None if row is None or row["value"] is None else row["value"] / highest,
            "" if row is None else words.reading(row),
        )
        for year, row in totals.items()
    ]
    return charts.bars(drawn, site.latest, large=large)


def part_order(part: str) -> tuple[int, str]:
    """Sorts parts as the vocabulary has them."""
    known = list(words.PARTS)
    return (known.index(part) if part in known else len(known), part)


def revised(site: Content, revisions: Sequence[Row], most: int, *, root: str = "") -> Markup:
    """A line for each value that moved: from what to what, why, and the first rows that caused it."""
    lines = []
    meetings = {str(m["meeting_id"]): words.clean(m["title"]) for m in site.meetings}
    for row in revisions[:most]:
        part = "total"
        if row["breakdown"] != "total":
            vocabulary = {
                **words.REGIONS,
                **words.PARTS,
                **words.PARTS_OF.get(row["breakdown"], {}),
                **meetings,
            }
            if row["breakdown"] == "un_region":
                vocabulary = words.REGIONS
            part = words.words(vocabulary, row["breakdown_value"])
        old, new = _side_of(row, "old"), _side_of(row, "new")
        if old == new:  # only the status differs
            old, new = (f"{said}, {row[f'{side}_status']}" for said, side in ((old, "old"), (new, "new")))
        causes = ""
        for cause in row["first_causes"] or ():
            where = place({**cause, "place": None})
            causes += (
                f"<li>{escape(dataset(cause['dataset']))} {escape(words.clean(cause['record_key']))}: "
                f"{escape(words.clean(cause['file_name']))}{escape(where)}</li>"
            )
        if causes:
            left = row["causes"] - len(row["first_causes"])
            causes = f"<ul>{causes}{f'<li>and {left} more</li>' if left else ''}</ul>"
        key = f"{row['reporting_year']}/{row['indicator_id']}/{row['breakdown']}/{row['breakdown_value']}"
        about = f"{row['reporting_year']}, {escape(part)}"
        if root:
            action = site.indicators[row["indicator_id"]].row["action"]
            page = f"actions/{action:02d}.html"
            about = f'<a href="{page}#i{row["indicator_id"]}">{row["indicator_id"]}</a> {about}'
        lines.append(
            f'<li data-x="{escape(key)}"><strong>{about}</strong>: <span data-k="old">{escape(old)}</span> → '
            f'<span data-k="new">{escape(new)}</span> <span class="why">because '
            f"{escape(words.words(words.REVISIONS, row['reason']))}</span>{causes}</li>"
        )
    if len(revisions) > most:
        lines.append(f"<li>and {len(revisions) - most} more, in marts.indicator_revisions</li>")
    return Markup("\n".join(lines))


def _side_of(row: Row, side: str) -> str:
    if row[f"{side}_status"] is None:
        return "not there"
    shown = {name: row[f"{side}_{name}"] for name in ("numerator", "denominator", "value", "status")}
    return words.reading({**shown, "unit": row["unit"]})
