"""A page for each action: its indicators, who stands on each side, what moved since the last publication."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from jinja2 import Environment
from markupsafe import Markup, escape

from flows.site import marks, pieces, words
from flows.site.content import Content, Indicator, Row


def pages(environment: Environment, site: Content) -> Iterator[tuple[str, str]]:
    """Name and HTML of the page of each action."""
    by_action: dict[int, list[Indicator]] = defaultdict(list)
    for indicator in site.indicators.values():
        by_action[indicator.row["action"]].append(indicator)
    numbers = [int(action["action"]) for action in site.actions]
    dates = [(year, *site.dates(year)) for year in site.years]
    for place, action in enumerate(site.actions):
        yield (
            f"actions/{action['action']:02d}.html",
            pieces.render(
                environment,
                "action.html",
                root="../",
                action=action,
                dates=dates,
                indicators=[_indicator(site, i) for i in by_action[action["action"]]],
                before=numbers[place - 1] if place else None,
                after=numbers[place + 1] if place + 1 < len(numbers) else None,
            ),
        )


def _indicator(site: Content, indicator: Indicator) -> dict[str, Any]:
    total = indicator.total(site.latest)
    headline = Markup("")
    if total is not None:
        said = [Markup('<p class="v">{}</p>').format(marks.value(total, "h"))]
        if words.fraction(total):
            said.append(Markup("<p>{} in {}</p>").format(marks.value(total, "f"), site.latest))
        else:
            said.append(Markup("<p>in {}</p>").format(site.latest))
        if site.first != site.latest:
            since = marks.since_first(
                indicator.id,
                site.since_first(indicator),
                indicator.row["unit"],
                site.why_not_comparable(indicator),
            )
            said.append(Markup('<p>{} <span class="why">since {}</span></p>').format(since, site.first))
        headline = Markup("").join(said)
    return {
        "id": indicator.id,
        "row": indicator.row,
        "synthetic": indicator.synthetic,
        "by_reports": indicator.row["source"] in ("article7_answers", "article7_reports"),
        "bars": pieces.bars(site, indicator, large=True),
        "headline": headline,
        "trend": [_trend(site, indicator, year) for year in site.plan_years],
        "breakdowns": _breakdowns(site, indicator),
        "sides": _sides(site, indicator),
        "sides_title": {
            "state": "States on each side",
            "request": "Requests on each side",
            "instrument": "Instruments",
        }.get(_member_kind(indicator), "Members"),
        "revisions": pieces.revised(site, indicator.revisions, pieces.MOST_REVISIONS),
    }


def _member_kind(indicator: Indicator) -> str:
    for members in indicator.members.values():
        for member in members:
            return str(member["member_kind"])
    return str(indicator.row["member_kind"])


def _trend(site: Content, indicator: Indicator, year: int) -> dict[str, Any]:
    row = indicator.total(year)
    if row is None:
        return {
            "year": year,
            "cells": Markup('<td class="num">–</td><td class="num">–</td><td>Not begun.</td>'),
        }
    return {
        "year": year,
        "cells": Markup('<td class="num">{}</td><td class="num">{}</td><td>{}</td>').format(
            marks.value(row, "r"), marks.change(row), words.words(words.STATUSES, row["status"])
        ),
    }


def _breakdowns(site: Content, indicator: Indicator) -> list[dict[str, Any]]:
    tables = []
    titles = {"un_region": "By regional group at the United Nations", **words.BREAKDOWNS}
    meetings = {str(m["meeting_id"]): words.clean(m["title"]) for m in site.meetings}
    for breakdown, title in titles.items():
        rows = []
        parts = indicator.parts(breakdown)
        if breakdown not in ("un_region", "meeting"):
            parts.sort(key=pieces.part_order)
        for part in parts:
            cells, name = Markup(""), ""
            for year in site.years:
                row = indicator.values.get((year, breakdown, part))
                cells += Markup('<td class="num">{}</td>').format(
                    marks.value(row, "r") if row is not None else Markup("–")
                )
            if breakdown == "un_region":
                name = words.words(words.REGIONS, part)
            elif breakdown == "meeting":
                name = Markup('<span data-r="dim_meeting/{}">{}</span>').format(
                    part, meetings.get(part, words.clean(part))
                )
            else:
                name = words.words(words.PARTS | words.PARTS_OF.get(breakdown, {}), part)
            rows.append({"name": name, "cells": cells})
        if rows:
            tables.append(
                {
                    "title": title,
                    "head": "Regional group" if breakdown == "un_region" else "Part",
                    "years": site.years,
                    "rows": rows,
                    "note": _NOTES.get(breakdown, ""),
                }
            )
    return tables


_NOTES = {
    "meeting": "Who is at several meetings counts at each, so that meetings need not add up to the year.",
    "timeliness": "Of all members: the parts add up to the whole.",
    "payment": "Of all members: the parts add up to the whole.",
}

_ORDER = ("yes", "met", "no", "not_met", "not_applicable", "unclear", "not_answered", "no_report", "pending")


def _sides(site: Content, indicator: Indicator) -> list[dict[str, Any]]:
    """Members by reason, the latest year first; groups of people have a table of their own."""
    if _member_kind(indicator) == "participation_group":
        return []
    found = []
    for year in reversed(site.years):
        groups: dict[str, list[Row]] = defaultdict(list)
        for member in indicator.members.get(year, ()):
            groups[member["reason"]].append(member)
        ordered = sorted(groups, key=lambda r: (_ORDER.index(r) if r in _ORDER else len(_ORDER), r))
        found.append(
            {
                "year": year,
                "groups": [
                    {
                        "reason": reason,
                        "word": words.words(words.REASONS, reason),
                        "definition": words.clean(site.reasons.get(reason, "")),
                        "count": len(groups[reason]),
                        "members": _members(site, indicator, groups[reason]),
                    }
                    for reason in ordered
                ],
            }
        )
    return [side for side in found if side["groups"]]


def _members(site: Content, indicator: Indicator, members: Sequence[Row]) -> Markup:
    """Names with links; in cases of compliance the document that names the state stands beside it."""
    lines = []
    for member in members:
        state = site.states.get(member["iso3"])
        name = words.clean(state.row["name"]) if state else words.clean(member["member_key"])
        more = ""
        if member["member_kind"] != "state":
            more = f" <small>{escape(words.clean(member['member_key']))}</small>"
        if state and indicator.row["rule"] in pieces.CASE_RULES and member["in_numerator"]:
            for case in state.cases:
                more += f' <cite class="why">{escape(words.clean(case["basis"]))}</cite>'
        link = str(escape(name))
        if state:
            link = f'<a href="../states/{escape(member["iso3"])}.html">{link}</a>'
        lines.append(f"<li>{link}{more}</li>")
    return Markup("\n".join(lines))
