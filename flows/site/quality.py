"""The page for auditors: what was received, what was checked, what was left out and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from flows.site import marks, pieces, words
from flows.site.content import Content, Row
from flows.site.files import Files

MOST_FILES = 150
"""Files that the page of data quality lists; older ones are in ``audit.files``."""

_DIMENSIONS = ("completeness", "validity", "consistency", "uniqueness", "timeliness", "accuracy")

_EVIDENCE = (
    ("evidence/data_docs/index.html", "Great Expectations’ pages"),
    ("evidence/validation.json", "what this run checked"),
    ("evidence/quarantined_rows.csv", "quarantined rows"),
    ("evidence/changes.json", "what changed"),
    ("evidence/dbt/manifest.json", "dbt’s manifest"),
    ("evidence/dbt/run_results.json", "dbt’s results"),
    ("evidence/openlineage.json", "lineage"),
    ("evidence/verify.py", "verify.py"),
)

_LAST = (("evidence/manifest.json", "manifest"), ("evidence/SHA256SUMS", "SHA256SUMS"))
"""Written last, always."""


def page(environment: Environment, site: Content, files: Files) -> str:
    """The page of data quality, as HTML. ``files``: of the publication."""
    audit = site.audit
    revisions = [row for i in site.indicators.values() for row in i.revisions]
    reasons: dict[str, int] = defaultdict(int)
    for row in revisions:
        reasons[row["reason"]] += 1
    totals = [row for row in revisions if row["breakdown"] == "total"]
    extra = sorted({row["dimension"] for row in audit["checks"]} - set(_DIMENSIONS), key=str)
    dimensions = [*_DIMENSIONS, *extra]
    return pieces.render(
        environment,
        "quality.html",
        page="quality",
        balance=audit["balance"],
        quarantined=audit["quarantined"],
        checks=_checks(audit["checks"], dimensions),
        dimensions=[pieces.label(d) for d in dimensions],
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
        total_revisions=pieces.revised(site, totals, pieces.MOST_REVISIONS, root="index"),
        evidence=[*_LAST, *((path, text) for path, text in _EVIDENCE if files.has(path))],
        has_docs=files.has("evidence/data_docs/index.html"),
        has_quarantined=files.has("evidence/quarantined_rows.csv"),
        has_revisions=files.has("csv/indicator_revisions.csv"),
    )


def _checks(rows: Sequence[Row], dimensions: Sequence[str]) -> list[dict[str, Any]]:
    by_subject: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in rows:
        by_subject[row["subject"]][row["dimension"]] = row
    lines = []
    for subject in sorted(by_subject, key=lambda s: (pieces.dataset(s) == s, pieces.dataset(s))):
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
        lines.append({"name": pieces.dataset(subject), "cells": cells})
    return lines
