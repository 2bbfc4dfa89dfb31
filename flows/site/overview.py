"""The page one comes to: what changed, and all indicators at a glance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from flows.site import charts, marks, pieces, words
from flows.site.content import Content, Indicator


def page(environment: Environment, site: Content) -> str:
    """The overview, as HTML."""
    tally = {key: 0 for key, _, _ in pieces.KINDS}
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
                "tally": {key: 0 for key, _, _ in pieces.KINDS},
            },
        )
        section["tally"][which] += 1
        section["indicators"].append(_overview_row(site, indicator, difference))
    for name, section in sections.items():
        section["said"] = Markup(", ").join(
            Markup("{} {}").format(marks.count(f"section/{name}/{key}", section["tally"][key]), text)
            for key, _, text in pieces.KINDS
            if section["tally"][key]
        )
    total = len(site.indicators)
    if sum(tally.values()) != total:
        raise ArithmeticError("the parts of the overview don't add up to the indicators")
    script, policy = pieces.script()
    return pieces.render(
        environment,
        "index.html",
        page="index",
        total=total,
        tally=tally,
        kinds=pieces.KINDS,
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
        "bars": pieces.bars(site, indicator),
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
    for name, _, _ in pieces.KINDS:
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
