"""Great Expectations' Data Docs of a run, as pages that open from disk.

Great Expectations' own renderer makes the pages' content. Its page template is left aside, because it fetches
styles and scripts from seven hosts: an auditor's machine may have no network, and evidence must not depend on
what a host serves tomorrow. Pages run no script and load nothing; a policy in each page says so to the
browser. They show checks and counts; values of rows are not in the results they are made from
(``expectations/judging.py``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

POLICY = "default-src 'none'; style-src 'unsafe-inline'"

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; }
body { margin: 1.5rem auto; max-width: 75rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h5, h6 { font-size: 1rem; margin: .8rem 0 .2rem; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; }
td, th { border: 1px solid #ccc; padding: .3rem .5rem; text-align: left; vertical-align: top; }
thead[hidden] { display: none; }
.alert { background: #f2f2f2; padding: .5rem; margin-top: 1rem; }
.badge { border: 1px solid #888; border-radius: .3rem; padding: 0 .3rem; }
.fa-check-circle::before { content: "\\2713"; } .fa-times::before { content: "\\2717"; }
.fa-exclamation-triangle::before { content: "!"; }
a[data-toggle] { display: none; }
"""


def write(folder: Path, validations: Sequence[Mapping[str, Any]], run_id: str, made_at: str) -> Path:
    """Write ``index.html`` and a page for each suite and stage that judged, below ``folder``.

    ``validations``: dicts with dataset, suite and result (Great Expectations' own, without values);
    ``made_at``: UTC, ISO 8601. Returns the index. Raises ``OSError``.
    """
    pages = folder / "validations"
    folder.mkdir()
    if validations:
        pages.mkdir()
    lines = []
    for validation in validations:
        title = f"{validation['dataset']}.{validation['suite']}"
        name = f"{_file_name(title)}.html"
        body = _rendered(validation["result"], run_id, made_at)
        back = '<p><a href="../index.html">All suites</a></p>\n'
        (pages / name).write_text(_page(title, back + body), encoding="utf-8")
        lines.append(_index_line(title, f"validations/{name}", validation["result"]))
    index = folder / "index.html"
    index.write_text(_page("Data Docs", _index(lines, run_id)), encoding="utf-8")
    return index


def _file_name(title: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", title)


def _page(title: str, body: str) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<h1>{escape(title)}</h1>\n{body}\n</body>\n</html>\n"
    )


def _index(lines: Sequence[str], run_id: str) -> str:
    if not lines:
        return f"<p>Run {escape(run_id)} judged nothing: no file was new, and no row waited.</p>"
    return (
        f"<p>What Great Expectations found in run {escape(run_id)}: a page for each suite and stage.</p>\n"
        '<table><thead><tr><th scope="col">suite</th><th scope="col">outcome</th><th scope="col">checks</th>'
        '<th scope="col">not met</th></tr></thead>\n<tbody>\n' + "\n".join(lines) + "\n</tbody></table>"
    )


def _index_line(title: str, link: str, result: Mapping[str, Any]) -> str:
    if "results" not in result:
        outcome, checks, failed = "error", "", ""
    else:
        outcome = "met" if result["success"] else "not met"
        checks = str(len(result["results"]))
        failed = str(sum(1 for single in result["results"] if not single["success"]))
    cells = "".join(f"<td>{escape(cell)}</td>" for cell in (outcome, checks, failed))
    return f'<tr><td><a href="{escape(link)}">{escape(title)}</a></td>{cells}</tr>'


_LINK_TO_SUITE = re.compile(r'<a href="[^"]*"\s*>([^<]*)</a>')
"""Great Expectations links to pages of suites, which are not made: each page lists its checks anyway."""


def _rendered(result: Mapping[str, Any], run_id: str, made_at: str) -> str:
    """The content of a page, by Great Expectations' own renderer and views."""
    if "results" not in result:
        return "<p>Great Expectations could not judge this stage; each of its checks counts as an error.</p>"
    from great_expectations.render.renderer import ValidationResultsPageRenderer

    import expectations.rules  # noqa: F401 - Great Expectations knows our expectations once they are imported

    document = ValidationResultsPageRenderer().render(_as_result(result, run_id, made_at))
    view = _view()
    sections = [
        view.render({"section": section.to_json_dict(), "section_loop": {"index": place}})
        for place, section in enumerate(document.sections, start=1)
    ]
    return _LINK_TO_SUITE.sub(r"\1", "\n".join(sections))


@cache
def _view() -> Any:
    """One view for all pages: each would compile Great Expectations' templates anew."""
    from great_expectations.render.view.view import DefaultJinjaSectionView

    return DefaultJinjaSectionView()


def _as_result(result: Mapping[str, Any], run_id: str, made_at: str) -> Any:
    """Great Expectations' object for what its ``to_json_dict`` gave."""
    from great_expectations.core.expectation_validation_result import (
        ExpectationSuiteValidationResult,
        ExpectationValidationResult,
    )
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    version = result["meta"]["great_expectations_version"]
    singles = []
    for single in result["results"]:
        config = single["expectation_config"]
        meta = config["meta"]
        configured = ExpectationConfiguration(
            type=config["type"],
            kwargs=config["kwargs"],
            meta=meta,
            description=f"{meta['code']} ({meta['severity']}): {meta['reason']}".replace("$", "$$"),
        )
        singles.append(
            ExpectationValidationResult(
                success=single["success"],
                expectation_config=configured,
                result=single["result"],
                meta=single["meta"],
                exception_info=single["exception_info"],
            )
        )
    return ExpectationSuiteValidationResult(
        success=result["success"],
        results=singles,
        suite_name=result["suite_name"],
        suite_parameters={},
        statistics=result["statistics"],
        meta={"great_expectations_version": version, "run_id": {"run_name": run_id, "run_time": made_at}},
    )
