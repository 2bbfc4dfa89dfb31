"""The pages of the site: each a template and what it is given.

Lists with thousands of lines are put together here, the rest in the templates, which escape whatever they
are given. Addresses are relative, so that the site works wherever its folder lies.
"""

from __future__ import annotations

import base64
import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import BytecodeCache, Environment, FileSystemLoader, StrictUndefined
from jinja2.bccache import Bucket
from markupsafe import Markup, escape

from flows.site import charts, marks, words
from flows.site.content import Content, Indicator, Row, State

TEMPLATES = Path(__file__).parent / "templates"
CASE_RULES = ("case_open_in_year", "case_update_reported")
MOST_FILES = 150
"""Files that the page of data quality lists; older ones are in ``audit.files``."""

MOST_REVISIONS = 40
"""Parts that moved which an indicator lists; the rest are counted."""

KINDS = (
    ("higher", marks.SIGNS["higher"], "higher"),
    ("lower", marks.SIGNS["lower"], "lower"),
    ("same", marks.SIGNS["same"], "unchanged"),
    ("none", marks.SIGNS["none"], "without a comparison"),
)


def pages(site: Content, folder: Path) -> Iterator[tuple[str, str]]:
    """Names (relative to the site's folder) and texts of all pages. ``folder``: the publication."""
    environment = _environment(site)
    yield "index.html", _overview(environment, site)
    yield from _actions(environment, site)
    yield "states.html", _states(environment, site)
    yield from _state_pages(environment, site)
    yield "meetings.html", _meetings(environment, site)
    yield "quality.html", _quality(environment, site, folder)
    yield "about.html", _about(environment, site, folder)


class _Compiled(BytecodeCache):
    """What templates were compiled to in this process."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._kept:
            bucket.bytecode_from_string(self._kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


_compiled = _Compiled()


def prepare() -> None:
    """Compile the templates before there is anything to show."""
    environment = _plain_environment()
    for path in TEMPLATES.glob("*.html"):
        environment.get_template(path.name)


def _plain_environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        bytecode_cache=_compiled,
    )
    environment.filters |= {
        "day": words.day,
        "moment": words.moment,
        "number": words.number,
        "quantity": words.quantity,
        "clean": words.clean,
        "dataset": dataset,
        "label": _label,
        "cell": _cell,
        "source": _source,
        "word": lambda value, vocabulary: words.words(getattr(words, vocabulary), value),
    }
    return environment


def _environment(site: Content) -> Environment:
    environment = _plain_environment()
    environment.globals |= {
        "site": site,
        "publication": site.publication,
        "n": marks.count,
        "root": "",
        "script": "",
        "script_policy": "",
        "page": "",
    }
    return environment


def _render(environment: Environment, template: str, **given: Any) -> str:
    return environment.get_template(template).render(**given)


@cache
def _script() -> tuple[Markup, str]:
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


def _label(name: object) -> str:
    text = words.clean(name).replace("_", " ")
    return text[:1].upper() + text[1:]


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return f"{words.moment(value)} UTC"
    return words.day(value) if isinstance(value, date) else words.clean(value)


def _source(row: Row) -> Markup:
    """Where a row stands: its reference, and the file with its place, which has its hash among the files."""
    said = words.clean(row["source_ref"])
    mark = _synthetic(row["source_ref"])
    if mark:
        said = ""
    where = words.clean(row["file_name"])
    short = str(row["file_sha256"] or "")[:12]
    place = _place(row)
    text = f"{escape(said)} " if said else ""
    return Markup(
        f'{text}{mark}<span class="file">{escape(where)}{escape(place)} '
        f'<span class="mono">{short}…</span></span>'
    )


def _synthetic(source_ref: object) -> Markup:
    if source_ref and "synthetic" in str(source_ref).casefold():
        return Markup('<span class="syn">synthetic</span> ')
    return Markup("")


def _place(row: Row) -> str:
    """``, sheet coding, row 12`` or what the reader called the place."""
    if row["place"]:
        return f", {words.clean(row['place'])}"
    sheet = f", sheet {words.clean(row['sheet'])}" if row["sheet"] else ""
    number = f", row {row['row_number']}" if row["row_number"] is not None else ""
    return sheet + number


# --- overview -----------------------------------------------------------------------------------------------


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


def _overview(environment: Environment, site: Content) -> str:
    tally = {key: 0 for key, _, _ in KINDS}
    sections: dict[str, dict[str, Any]] = {}
    titles = {action["section"]: action["section_title"] for action in site.actions}
    for indicator in site.indicators.values():
        difference = site.since_first(indicator)
        which = words.direction(difference)
        tally[which] += 1
        name = str(indicator.row["section"])
        section = sections.setdefault(
            name,
            {
                "id": name,
                "title": titles.get(name, name),
                "indicators": [],
                "tally": {key: 0 for key, _, _ in KINDS},
            },
        )
        section["tally"][which] += 1
        section["indicators"].append(_overview_row(site, indicator, difference))
    for name, section in sections.items():
        section["said"] = Markup(", ").join(
            Markup("{} {}").format(marks.count(f"section/{name}/{key}", section["tally"][key]), text)
            for key, _, text in KINDS
            if section["tally"][key]
        )
    total = len(site.indicators)
    if sum(tally.values()) != total:
        raise ArithmeticError("the parts of the overview don't add up to the indicators")
    script, policy = _script()
    return _render(
        environment,
        "index.html",
        page="index",
        total=total,
        tally=tally,
        kinds=KINDS,
        split=_split(tally, total),
        sections=list(sections.values()),
        several=site.first != site.latest,
        provisional=site.publication["as_of"] < site.dates(site.latest)[1],
        closes=site.dates(site.latest)[1],
        revised=sum(len(indicator.revisions) for indicator in site.indicators.values()),
        regions=list(words.REGIONS),
        region_heads=words.REGION_HEADS,
        legend=_legend(site),
        script=script,
        script_policy=Markup(policy),
    )


def _overview_row(site: Content, indicator: Indicator, difference: float | None) -> dict[str, Any]:
    total = indicator.total(site.latest)
    figure = Markup("")
    if total is not None:
        figure = Markup('<strong data-u="h"{}>{}</strong> <small data-u="f">{}</small>').format(
            Markup(' class="blank"') if total["value"] is None else "",
            words.headline(total),
            words.fraction(total),
        )
    return {
        "id": indicator.id,
        "row": indicator.row,
        "synthetic": indicator.synthetic,
        "wording": words.clean(indicator.row["wording"]),
        "bars": bars(site, indicator),
        "figure": figure,
        "change": marks.since_first(
            indicator.id, difference, indicator.row["unit"], site.why_not_comparable(indicator)
        ),
        "regions": _region_cells(site, indicator),
    }


def _region_cells(site: Content, indicator: Indicator) -> Markup:
    cells = ""
    for name in words.REGIONS:
        row = indicator.values.get((site.latest, "un_region", name))
        if row is None:
            return Markup(
                '<td role="cell" class="r all" colspan="6"><span class="why">its members are groups of '
                "people: not split by region</span></td>"
            )
        said = words.headline(row)
        if row["value"] is None:
            cells += (
                f'<td role="cell" class="r x" data-u="{name}"><i>–</i><span class="vh">{said}</span></td>'
            )
            continue
        heat = ""
        if row["unit"] == "percent":
            heat = f" h{min(int(row['value'] // 20) + (1 if row['value'] else 0), 5)}"
        cells += f'<td role="cell" class="r{heat}" data-u="{name}">{said}</td>'
    return Markup(cells)


def _split(tally: Mapping[str, int], total: int) -> Markup:
    """One bar for all indicators, in parts by how they changed."""
    drawn, start = "", 0
    for name, _, _ in KINDS:
        width = tally[name]
        if width:
            drawn += f'<rect class="{name}" x="{start}" y="0" width="{width}" height="10"/>'
        start += width
    return Markup(f'<svg viewBox="0 0 {total} 10" preserveAspectRatio="none">{drawn}</svg>')


def _legend(site: Content) -> Markup:
    shares = (0.3, None, 0.45, 0.6, 0.75)
    drawn = [
        charts.Bar(year, share, "without a value" if share is None else f"a bar of {share * 100:.0f}%")
        for year, share in zip(site.plan_years, shares, strict=True)
    ]
    return charts.bars(drawn, site.plan_years[-1])


# --- actions ------------------------------------------------------------------------------------------------


def _actions(environment: Environment, site: Content) -> Iterator[tuple[str, str]]:
    by_action: dict[int, list[Indicator]] = defaultdict(list)
    for indicator in site.indicators.values():
        by_action[indicator.row["action"]].append(indicator)
    numbers = [int(action["action"]) for action in site.actions]
    dates = [(year, *site.dates(year)) for year in site.years]
    for place, action in enumerate(site.actions):
        yield (
            f"actions/{action['action']:02d}.html",
            _render(
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
        "bars": bars(site, indicator, large=True),
        "headline": headline,
        "trend": [_trend(site, indicator, year) for year in site.plan_years],
        "breakdowns": _breakdowns(site, indicator),
        "sides": _sides(site, indicator),
        "sides_title": {
            "state": "States on each side",
            "request": "Requests on each side",
            "instrument": "Instruments",
        }.get(_member_kind(indicator), "Members"),
        "revisions": _revisions(site, indicator.revisions, MOST_REVISIONS),
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
            parts.sort(key=_part_order)
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
                name = words.words(words.PARTS, part)
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


def _part_order(part: str) -> tuple[int, str]:
    known = list(words.PARTS)
    return (known.index(part) if part in known else len(known), part)


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
        if state and indicator.row["rule"] in CASE_RULES and member["in_numerator"]:
            for case in state.cases:
                more += f' <cite class="why">{escape(words.clean(case["basis"]))}</cite>'
        link = escape(name)
        if state:
            link = Markup('<a href="../states/{}.html">{}</a>').format(member["iso3"], name)
        lines.append(f"<li>{link}{more}</li>")
    return Markup("\n".join(lines))


def _revisions(site: Content, revisions: Sequence[Row], most: int, *, root: str = "") -> Markup:
    """A line for each value that moved: from what to what, why, and the first rows that caused it."""
    lines = []
    meetings = {str(m["meeting_id"]): words.clean(m["title"]) for m in site.meetings}
    for row in revisions[:most]:
        part = "total"
        if row["breakdown"] != "total":
            vocabulary = {**words.REGIONS, **words.PARTS, **meetings}
            if row["breakdown"] == "un_region":
                vocabulary = words.REGIONS
            part = words.words(vocabulary, row["breakdown_value"])
        old = _side_of(row, "old")
        new = _side_of(row, "new")
        causes = ""
        for cause in row["first_causes"] or ():
            where = _place({**cause, "place": None})
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
            page = f"actions/{int(str(row['indicator_id']).partition('.')[0]):02d}.html"
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


# --- states -------------------------------------------------------------------------------------------------


def _timeliness(state: State) -> dict[int, str]:
    return {report["reporting_year"]: report["timeliness"] for report in state.reports}


def _states(environment: Environment, site: Content) -> str:
    groups = []
    for key, title in words.REGIONS.items():
        members = [s for s in site.states.values() if (s.row["un_region"] or "none") == key]
        if not members:
            continue
        lines = []
        for state in members:
            timely = _timeliness(state)
            cells = Markup("").join(
                Markup("<td>{}</td>").format(
                    Markup('<span class="chip {}" data-y="{}/{}">{}</span>').format(
                        timely[year], state.row["iso3"], year, words.words(words.TIMELINESS, timely[year])
                    )
                    if year in timely
                    else "–"
                )
                for year in site.years
            )
            lines.append(
                {
                    "iso3": state.row["iso3"],
                    "name": state.row["name"],
                    "party": "yes" if state.is_party(site.latest) else "no",
                    "reports": cells,
                }
            )
        groups.append(
            {
                "key": key,
                "title": title,
                "states": lines,
                "parties": sum(s.is_party(site.latest) for s in members),
            }
        )
    script, policy = _script()
    return _render(
        environment,
        "states.html",
        page="states",
        states=list(site.states),
        groups=groups,
        script=script,
        script_policy=Markup(policy),
    )


def _state_pages(environment: Environment, site: Content) -> Iterator[tuple[str, str]]:
    template = environment.get_template("state.html")
    titles = {action["action"]: action for action in site.actions}
    for iso3, state in site.states.items():
        files: dict[str, tuple[int, str]] = {}
        sections = _cells(site, state, titles, files)
        for row in (*state.treaty_actions, *state.obligations, *state.reports, *state.cases):
            if row["file_sha256"]:
                files.setdefault(row["file_sha256"], (len(files) + 1, words.clean(row["file_name"])))
        lanes, scale = _lanes(site, state)
        listed = Markup("").join(
            Markup('<li id="f{}"><strong>{}</strong> <span class="mono hash">{}</span></li>').format(
                number, name, sha256
            )
            for sha256, (number, name) in files.items()
        )
        yield (
            f"states/{iso3}.html",
            template.render(
                root="../",
                state=state.row,
                region="No regional group"
                if state.row["un_region"] is None
                else f"Regional group: {words.words(words.REGIONS, state.row['un_region'])}",
                standing=_standing(site, state),
                treaty_actions=state.treaty_actions,
                obligations=lanes,
                scale=scale,
                cases=state.cases,
                reports=_reports(state),
                sections=sections,
                files=listed,
            ),
        )


def _standing(site: Content, state: State) -> str:
    on = words.day(site.publication["as_of"])
    party = state.is_party(site.latest)
    said = f"{'A State Party' if party else 'Not a State Party'} on {on}."
    others = [
        words.clean(site.populations[name]["title"])
        for name in ("article3", "article4", "article5", "victim_assistance")
        if name in state.populations.get(site.latest, ())
    ]
    if others:
        said += f" Among: {'; '.join(others)}."
    return said


def _lanes(site: Content, state: State) -> tuple[list[Row], charts.Scale | None]:
    """The obligations with their line of time, and the scale that all of them share."""
    as_of = site.publication["as_of"]
    days = [as_of]
    for row in state.obligations:
        days += [row[name] for name in ("starts_on", "ends_on", "deadline") if row[name]]
    if len(days) == 1:
        return [], None
    scale = charts.Scale.over(days)
    lanes = []
    for row in state.obligations:
        said = f"{words.words(words.OBLIGATIONS, row['kind'])}, from {words.day(row['starts_on'])}"
        said += f", ended {words.day(row['ends_on'])}" if row["ends_on"] else ", open"
        said += f", deadline {words.day(row['deadline'])}" if row["deadline"] else ""
        drawn = charts.line(
            scale,
            starts=row["starts_on"],
            ends=row["ends_on"],
            deadline=row["deadline"],
            as_of=as_of,
            said=said,
        )
        lanes.append({**row, "line": drawn})
    return lanes, scale


def _reports(state: State) -> list[dict[str, Any]]:
    years: dict[int, list[Row]] = defaultdict(list)
    for report in state.reports:
        years[report["reporting_year"]].append(report)
    return [
        {
            "year": year,
            "timeliness": found[0]["timeliness"],
            "owed": found[0]["is_owed"],
            "due": found[0]["due_on"],
            "rows": [report for report in found if report["report_id"]],
        }
        for year, found in sorted(years.items(), reverse=True)
    ]


def _cells(
    site: Content, state: State, actions: Mapping[int, Row], files: dict[str, tuple[int, str]]
) -> list[dict[str, Any]]:
    """What each indicator says of a state, year by year, by section; fills ``files`` with what is named."""
    sections: dict[str, dict[str, Any]] = {}
    for indicator_id, indicator in site.indicators.items():
        observations = state.observations.get(indicator_id)
        if not observations:
            continue
        action = actions[indicator.row["action"]]
        section = sections.setdefault(
            str(action["section"]),
            {"title": f"{action['section']} {words.clean(action['section_title'])}", "lines": []},
        )
        lines = "".join(_cell_of(row, state, indicator, files) for row in observations)
        section["lines"].append(
            f'<li><p><a href="../actions/{action["action"]:02d}.html#i{indicator_id}">'
            f'<span class="no">{indicator_id}</span> {_short(indicator)}</a></p>'
            f'<ul data-i="{indicator_id}">{lines}</ul></li>'
        )
    return [
        {"title": section["title"], "lines": Markup("\n".join(section["lines"]))}
        for section in sections.values()
    ]


def _short(indicator: Indicator) -> str:
    return str(escape(words.shortened(words.clean(indicator.row["wording"]))))


def _cell_of(row: Row, state: State, indicator: Indicator, files: dict[str, tuple[int, str]]) -> str:
    """One year of one indicator: the answer, the words of the report, the row that holds it."""
    reason = row["reason"]
    said = []
    if row["member_kind"] != "state":
        said.append(escape(words.clean(row["member_key"])))
    if row["evidence"]:
        said.append(Markup("<q>{}</q>").format(words.clean(row["evidence"])))
    where = ", ".join(words.clean(row[name]) for name in ("location", "report_id") if row[name])
    if where:
        said.append(escape(where))
    if indicator.row["rule"] in CASE_RULES and row["in_numerator"]:
        said += [Markup("<cite>{}</cite>").format(words.clean(case["basis"])) for case in state.cases]
    if row["file_sha256"]:
        number, _ = files.setdefault(row["file_sha256"], (len(files) + 1, words.clean(row["file_name"])))
        more = row["rows_alike"] - 1
        said.append(
            Markup('<a href="#f{}">file {}</a>{}{}').format(
                number, number, _place(row), f" and {more} more" if more else ""
            )
        )
    elif row["role"] == "searched" and reason != "no_report":
        said.append(escape(f"searched {dataset(row['dataset'])}: {words.clean(row['record_key'])}"))
    more_said = " · ".join(map(str, said))
    if row["is_synthetic"]:
        more_said += ' <i class="syn">synthetic</i>'
    return (
        f'<li data-o="{row["reporting_year"]}"><b>{row["reporting_year"]}</b> <i class="{reason}">'
        f"{words.words(words.REASONS, reason)}</i> <span>{more_said}</span></li>"
    )


# --- meetings -----------------------------------------------------------------------------------------------

_MEETING_RULES = ("participant_share", "attended", "condemned_in_meeting", "participant_count")


def _meetings(environment: Environment, site: Content) -> str:
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
                Markup('<td class="num">{}</td>').format(marks.value(row, "r") if row else "–")
                for row in rows
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
    return _render(
        environment,
        "meetings.html",
        page="meetings",
        years=years,
        ahead=[_meeting(m) for m in site.meetings if m["meeting_id"] not in shown],
        see=sorted({i.row["action"] for i in by_rule.values()}),
    )


def _meeting(meeting: Row) -> Row:
    days = words.day(meeting["starts_on"])
    if meeting["ends_on"] and meeting["ends_on"] != meeting["starts_on"]:
        days = f"{days} to {words.day(meeting['ends_on'])}"
    return {**meeting, "days": days, "synthetic": bool(_synthetic(meeting["source_ref"]))}


def _tiles(site: Content, by_rule: Mapping[str, Indicator], year: int) -> list[dict[str, Any]]:
    titles = {
        "participant_share": "Women among participations",
        "attended": "States not party that took part",
        "condemned_in_meeting": "States Parties that condemned violations",
        "participant_count": "Mine victims and survivor organizations",
    }
    tiles = []
    for rule in _MEETING_RULES:
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
            tiles.append({"title": titles[rule], "value": marks.value(row, "h"), "more": more})
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
        for part in sorted(found, key=_part_order)
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


# --- data quality, about ------------------------------------------------------------------------------------

_DIMENSIONS = ("completeness", "validity", "consistency", "uniqueness", "timeliness", "accuracy")
_EVIDENCE = (
    ("evidence/data_docs/index.html", "Great Expectations’ pages"),
    ("evidence/validation.json", "all check results"),
    ("evidence/quarantined_rows.csv", "quarantined rows"),
    ("evidence/changes.json", "what changed"),
    ("evidence/dbt/manifest.json", "dbt’s manifest"),
    ("evidence/dbt/run_results.json", "dbt’s results"),
    ("evidence/openlineage.json", "lineage"),
    ("evidence/verify.py", "verify.py"),
)
_LAST = (("evidence/manifest.json", "manifest"), ("evidence/SHA256SUMS", "SHA256SUMS"))
"""Written after the site, always."""


def _quality(environment: Environment, site: Content, folder: Path) -> str:
    audit = site.audit
    revisions = [row for i in site.indicators.values() for row in i.revisions]
    reasons: dict[str, int] = defaultdict(int)
    for row in revisions:
        reasons[row["reason"]] += 1
    totals = [row for row in revisions if row["breakdown"] == "total"]
    extra = sorted({row["dimension"] for row in audit["checks"]} - set(_DIMENSIONS), key=str)
    dimensions = [*_DIMENSIONS, *extra]
    return _render(
        environment,
        "quality.html",
        page="quality",
        balance=audit["balance"],
        quarantined=audit["quarantined"],
        checks=_checks(audit["checks"], dimensions),
        dimensions=[_label(d) for d in dimensions],
        findings=audit["findings"],
        freshness=audit["freshness"],
        fetches=audit["fetches"],
        acceptances=audit["acceptances"],
        files=audit["files"][:MOST_FILES],
        more_files=max(len(audit["files"]) - MOST_FILES, 0),
        runs=audit["runs"],
        revisions=bool(revisions),
        revised=len(revisions),
        reasons=[(name, reasons[name]) for name in words.REVISIONS if reasons[name]],
        total_revisions=_revisions(site, totals, MOST_REVISIONS, root="index"),
        evidence=[*_LAST, *((path, text) for path, text in _EVIDENCE if (folder / path).is_file())],
        has_docs=(folder / "evidence/data_docs/index.html").is_file(),
        has_quarantined=(folder / "evidence/quarantined_rows.csv").is_file(),
        has_revisions=(folder / "csv/indicator_revisions.csv").is_file(),
    )


def _checks(rows: Sequence[Row], dimensions: Sequence[str]) -> list[dict[str, Any]]:
    by_subject: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in rows:
        by_subject[row["subject"]][row["dimension"]] = row
    lines = []
    for subject in sorted(by_subject, key=lambda s: (dataset(s) == s, dataset(s))):
        cells = Markup("")
        for dimension in dimensions:
            found = by_subject[subject].get(dimension)
            if found is None:
                cells += Markup('<td class="num">–</td>')
                continue
            key = f"checks/{subject}/{dimension}"
            mark = "" if found["passed"] == found["checks"] else ' class="num open"'
            cells += Markup("<td{}>{} of {}</td>").format(
                Markup(mark or ' class="num"'),
                marks.count(f"{key}/passed", found["passed"]),
                marks.count(f"{key}/all", found["checks"]),
            )
        lines.append({"name": dataset(subject), "cells": cells})
    return lines


_DOWNLOADS = (
    ("exports/indicators.xlsx", "Indicators as a workbook (XLSX)", "for Excel and LibreOffice"),
    ("csv/indicators_wide.csv", "Indicators, a column a year (CSV)", "a row for each indicator"),
    ("csv/indicator_values.csv", "All values and breakdowns (CSV)", "a row for each figure"),
    ("parquet/indicator_values.parquet", "All values and breakdowns (Parquet)", "for analysts’ tools"),
    ("indicators.sdmx.csv", "Indicators in SDMX (SDMX-CSV 2.0)", "for statistical systems"),
    ("datapackage.json", "Data package (Data Package v2)", "fields, types, units and keys of every table"),
    ("warehouse.duckdb", "The warehouse (DuckDB)", "every table, for BI tools"),
)


def _about(environment: Environment, site: Content, folder: Path) -> str:
    names: dict[str, list[str]] = defaultdict(list)
    for form in ("csv", "parquet"):
        for path in sorted((folder / form).glob(f"*.{form}")):
            names[path.stem].append(form)
    populations = []
    for name, row in site.populations.items():
        cells = Markup("")
        for year in site.years:
            members = sum(name in state.populations.get(year, ()) for state in site.states.values())
            said: str | Markup = "–"
            if row["member_kind"] == "state":
                said = marks.count(f"population/{name}/{year}", members)
            cells += Markup('<td class="num">{}</td>').format(said)
        populations.append({**row, "cells": cells})
    return _render(
        environment,
        "about.html",
        page="about",
        total=len(site.indicators),
        downloads=[d for d in _DOWNLOADS if (folder / d[0]).is_file()],
        tables=sorted(names.items()),
        populations=populations,
        reasons=[(name, site.reasons[name]) for name in words.REASONS if name in site.reasons],
        statuses=list(words.STATUSES.items()),
    )
