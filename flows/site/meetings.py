"""The page of the meetings: who came, and what of it may be shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from flows.site import marks, pieces, words
from flows.site.content import Content, Indicator, Row

_MEETING_RULES = {
    "participant_share": "Women among participations",
    "attended": "States not party that took part",
    "condemned_in_meeting": "States Parties that condemned violations",
    "participant_count": "Mine victims and survivor organizations",
}


def page(environment: Environment, site: Content) -> str:
    """The page of all meetings, as HTML."""
    by_rule = {str(i.row["rule"]): i for i in site.indicators.values() if i.row["rule"] in _MEETING_RULES}
    shown: set[str] = set()
    years = []
    for year in reversed(site.years):
        meetings = []
        for meeting in site.meetings:
            key = meeting["meeting_id"]
            rows = [
                by_rule[rule].values.get((year, "meeting", key)) if rule in by_rule else None
                for rule in _MEETING_RULES
            ]
            if not any(rows):
                continue
            shown.add(key)
            cells = Markup("").join(
                Markup('<td role="cell" class="num" data-h="{}">{}</td>').format(
                    title, marks.value(row, "r") if row else "–"
                )
                for title, row in zip(_MEETING_RULES.values(), rows, strict=True)
            )
            meetings.append({**_meeting(meeting), "cells": cells})
        years.append(
            {
                "year": year,
                "tiles": _tiles(site, by_rule, year),
                "meetings": meetings,
                "kinds": _kinds(by_rule.get("participant_share"), year),
                **_groups(site, by_rule.get("participant_share"), year),
            }
        )
    return pieces.render(
        environment,
        "meetings.html",
        page="meetings",
        years=years,
        columns=list(_MEETING_RULES.values()),
        ahead=[_meeting(m) for m in site.meetings if m["meeting_id"] not in shown],
        see=sorted({i.row["action"] for i in by_rule.values()}),
    )


def _meeting(meeting: Row) -> Row:
    days = words.days(meeting["starts_on"], meeting["ends_on"])
    return {**meeting, "days": days, "synthetic": bool(pieces.synthetic(meeting["source_ref"]))}


def _tiles(site: Content, by_rule: Mapping[str, Indicator], year: int) -> list[dict[str, Any]]:
    tiles = []
    for rule, title in _MEETING_RULES.items():
        row = by_rule[rule].total(year) if rule in by_rule else None
        if row is not None:
            more = marks.value(row, "f")
            kinds = [
                by_rule[rule].values.get((year, "kind", part))
                for part in ("mine_victims", "survivor_organizations")
            ]
            if all(kinds):
                more = Markup(", ").join(
                    Markup("{} {}").format(
                        marks.value(kind, "h"), words.words(words.PARTS, kind["breakdown_value"])
                    )
                    for kind in kinds
                    if kind
                )
            tiles.append({"title": title, "value": marks.value(row, "h"), "more": more})
    return tiles


def _kinds(indicator: Indicator | None, year: int) -> list[dict[str, Any]]:
    if indicator is None:
        return []
    found = {
        part: row
        for (when, breakdown, part), row in indicator.values.items()
        if when == year and breakdown == "delegation_kind"
    }
    return [
        {
            "name": words.words(words.PARTS, part),
            "cells": Markup('<td class="num">{}</td>').format(marks.value(found[part], "r")),
        }
        for part in sorted(found, key=pieces.part_order)
    ]


def _groups(site: Content, indicator: Indicator | None, year: int) -> dict[str, Any]:
    """Groups of people, meetings by kinds of delegation, as ``indicator_observations`` shows them."""
    found: dict[tuple[str, str], Row] = {}
    for row in indicator.members.get(year, ()) if indicator else ():
        place, _, kind = str(row["member_key"]).rpartition("|")
        found[place, kind] = row
    kinds = [kind for kind in words.PARTS if any(kind == k for _, k in found)]
    lines = []
    for meeting in site.meetings:
        key = meeting["meeting_id"]
        if not any(m == key for m, _ in found):
            continue
        cells = Markup("")
        for kind in kinds:
            group = found.get((key, kind))
            said: str | Markup = "–"
            if group is not None and indicator is not None:
                is_hidden = group["reason"] == "suppressed"
                text = "not shown" if is_hidden else words.number(group["member_count"])
                said = Markup('<span data-g="{}/{}/{}">{}</span>').format(
                    year, indicator.id, group["member_key"], text
                )
            cells += Markup('<td class="num">{}</td>').format(said)
        lines.append({"name": words.clean(meeting["title"]), "cells": cells})
    hidden = sum(row["reason"] == "suppressed" for row in found.values())
    shown = len(found) - hidden
    name = f"groups/{year}/"
    note = Markup("{} of {} groups are shown; a dash is a group with nobody in it.").format(
        marks.count(f"{name}shown", shown), marks.count(f"{name}all", len(found))
    )
    if found and not shown:
        note = Markup(
            "None of the {} groups of this year is shown: one shown could give a small one away."
        ).format(marks.count(f"{name}all", len(found)))
    return {
        "groups": lines,
        "group_kinds": [words.words(words.PARTS, kind) for kind in kinds],
        "groups_note": note,
        "groups_shown": shown,
    }
