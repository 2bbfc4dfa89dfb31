"""A page for each state, and the page that lists them all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from jinja2 import Environment
from markupsafe import Markup, escape

from flows.site import charts, pieces, words
from flows.site.content import Content, Indicator, Row, State


def _timeliness(state: State) -> dict[int, str]:
    return {report["reporting_year"]: report["timeliness"] for report in state.reports}


def index(environment: Environment, site: Content) -> str:
    """The list of all states, as HTML."""
    groups = []
    for key, title in words.REGIONS.items():
        members = [s for s in site.states.values() if (s.row["un_region"] or "none") == key]
        if not members:
            continue
        lines = []
        for state in members:
            timely = _timeliness(state)
            cells = Markup("").join(
                Markup('<td role="cell" data-h="{}">{}</td>').format(
                    year,
                    Markup('<span class="chip {}" data-y="{}/{}">{}</span>').format(
                        timely[year], state.row["iso3"], year, words.words(words.TIMELINESS, timely[year])
                    )
                    if year in timely
                    else Markup('<span class="why">not owed</span>'),
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
    script, policy = pieces.script()
    return pieces.render(
        environment,
        "states.html",
        page="states",
        states=list(site.states),
        groups=groups,
        script=script,
        script_policy=Markup(policy),
    )


def pages(environment: Environment, site: Content) -> Iterator[tuple[str, str]]:
    """Name and HTML of the page of each state."""
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
    said: list[str] = []
    if row["member_kind"] != "state":
        said.append(escape(words.clean(row["member_key"])))
    if row["evidence"]:
        said.append(f"<q>{escape(words.clean(row['evidence']))}</q>")
    where = ", ".join(words.clean(row[name]) for name in ("location", "report_id") if row[name])
    if where:
        said.append(escape(where))
    if indicator.row["rule"] in pieces.CASE_RULES and row["in_numerator"]:
        said += [f"<cite>{escape(words.clean(case['basis']))}</cite>" for case in state.cases]
    if row["file_sha256"]:
        number, _ = files.setdefault(row["file_sha256"], (len(files) + 1, words.clean(row["file_name"])))
        more = row["rows_alike"] - 1
        others = f" and {more} more" if more else ""
        said.append(f'<a href="#f{number}">file {number}</a>{escape(pieces.place(row))}{others}')
    elif row["role"] == "searched" and reason != "no_report":
        said.append(escape(f"searched {pieces.dataset(row['dataset'])}: {words.clean(row['record_key'])}"))
    more_said = " · ".join(said)
    if row["is_synthetic"]:
        more_said += ' <i class="syn">synthetic</i>'
    return (
        f'<li data-o="{row["reporting_year"]}"><b>{row["reporting_year"]}</b> <i class="{reason}">'
        f"{words.words(words.REASONS, reason)}</i> <span>{more_said}</span></li>"
    )
