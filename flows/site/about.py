"""The page about all others: method, words, downloads."""

from __future__ import annotations

from collections import defaultdict

from jinja2 import Environment
from markupsafe import Markup

from flows.site import marks, pieces, words
from flows.site.content import Content
from flows.site.files import Files

_DOWNLOADS = (
    ("exports/indicators.xlsx", "Indicators as a workbook (XLSX)", "for Excel and LibreOffice"),
    ("csv/indicators_wide.csv", "Indicators, a column a year (CSV)", "a row for each indicator"),
    ("csv/indicator_values.csv", "All values and breakdowns (CSV)", "a row for each figure"),
    ("parquet/indicator_values.parquet", "All values and breakdowns (Parquet)", "for analysts’ tools"),
    ("indicators.sdmx.csv", "Indicators in SDMX (SDMX-CSV 2.0)", "for statistical systems"),
    ("datapackage.json", "Data package (Data Package v2)", "fields, types, units and keys of every table"),
    ("warehouse.duckdb", "The warehouse (DuckDB)", "every table, for BI tools"),
)


def page(environment: Environment, site: Content, files: Files) -> str:
    """The page about method and downloads, as HTML. ``files``: of the publication."""
    names: dict[str, list[str]] = defaultdict(list)
    for form in ("csv", "parquet"):
        for path in sorted((files.folder / form).glob(f"*.{form}")):
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
    return pieces.render(
        environment,
        "about.html",
        page="about",
        total=len(site.indicators),
        downloads=[d for d in _DOWNLOADS if files.has(d[0])],
        tables=sorted(names.items()),
        populations=populations,
        reasons=[(name, site.reasons[name]) for name in words.REASONS if name in site.reasons],
        statuses=list(words.STATUSES.items()),
    )
