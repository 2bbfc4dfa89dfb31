"""The site of a publication: every figure is the tables', every link leads somewhere, nothing gets out or in.

Each page is read back as a browser would read it. What a figure must be is worked out here from the tables
by other code than the site's.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import webbrowser
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote, urlsplit

import duckdb
import pytest
from lxml import html
from typer.testing import CliRunner

from flows import cli, site
from flows.evidence.verify import MANIFEST
from flows.site import charts, pieces, words
from tests.conftest import Sample

MOST_BYTES = 150_000
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)> \"'`\x1b[31m\u202e=1+1"
REGIONS = (
    "African",
    "Asia-Pacific",
    "Eastern European",
    "Latin American and Caribbean",
    "Western European and Other",
    "none",
)
BLANKS = {
    "not_computable": "can’t be computed",
    "not_yet_due": "not yet due",
    "empty_population": "nobody in the population",
    "suppressed": "not shown (few people)",
}
REASONS = {
    "yes": "Yes",
    "no": "No",
    "not_applicable": "Not applicable",
    "unclear": "Unclear",
    "not_answered": "Not answered",
    "no_report": "No report",
    "met": "Counted",
    "not_met": "Not counted",
    "pending": "Not yet due",
}
NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)*")

Values = dict[tuple[int, str, str, str], dict[str, Any]]


@dataclass
class Site:
    """A site on disk, its pages parsed, and the tables it was made from."""

    publication: Path

    @property
    def folder(self) -> Path:
        return self.publication / "site"

    @cached_property
    def pages(self) -> dict[str, html.HtmlElement]:
        return {
            path.relative_to(self.folder).as_posix(): html.fromstring(path.read_bytes().decode("utf-8"))
            for path in sorted(self.folder.rglob("*.html"))
        }

    def marked(self, attribute: str) -> Iterator[tuple[str, str, html.HtmlElement]]:
        """Page, value of the attribute and element, for all elements that have it."""
        for name, page in self.pages.items():
            for element in page.xpath(f"//*[@{attribute}]"):
                yield name, element.get(attribute), element

    def rows(self, sql: str) -> list[dict[str, Any]]:
        with duckdb.connect(str(self.publication / "warehouse.duckdb"), read_only=True) as connection:
            found = connection.execute(sql)
            names = [column[0] for column in found.description]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    @cached_property
    def values(self) -> Values:
        return {
            (r["reporting_year"], r["indicator_id"], r["breakdown"], r["breakdown_value"]): r
            for r in self.rows("select * from marts.indicator_values")
        }

    @cached_property
    def years(self) -> list[int]:
        return sorted({year for year, *_ in self.values})

    @cached_property
    def indicators(self) -> list[str]:
        return [r["indicator_id"] for r in self.rows("select indicator_id from marts.dim_indicator")]

    def since_first(self, indicator: str) -> float | None:
        then, now = (
            self.values[y, indicator, "total", "all"]["value"] for y in (self.years[0], self.years[-1])
        )
        return None if then is None or now is None else now - then


@pytest.fixture(scope="module")
def built(sample: Sample) -> Site:
    return Site(sample.publication)


def copied(publication: Path, target: Path, *statements: str, previous: bool = True) -> Site:
    """The same publication with other rows in its warehouse, and the site made of it."""
    target.mkdir()
    for path in publication.iterdir():
        if path.name not in ("site", "warehouse.duckdb"):
            (target / path.name).symlink_to(path)
    shutil.copyfile(publication / "warehouse.duckdb", target / "warehouse.duckdb")
    with duckdb.connect(str(target / "warehouse.duckdb")) as connection:
        for statement in statements:
            connection.execute(statement)
    before = {"publication_id": "20261101T000000.000Z", "manifest_sha256": "ab" * 32}
    site.write(target, previous=before if previous else None, is_sample=True)
    return Site(target)


def said(element: html.HtmlElement) -> str:
    return " ".join(element.text_content().split())


def spaced(element: html.HtmlElement) -> str:
    """The text with a space between cells, as they stand apart on the page."""
    return " ".join(" ".join(element.itertext()).split())


def whole(value: float) -> str:
    return str(Decimal(repr(value)).quantize(Decimal(1), ROUND_HALF_UP))


def headline(row: dict[str, Any]) -> str:
    if row["value"] is None:
        return BLANKS[row["status"]]
    return f"{whole(row['value'])}%" if row["unit"] == "percent" else f"{row['numerator']:,}"


def fraction(row: dict[str, Any]) -> str:
    if row["value"] is None or row["unit"] != "percent":
        return ""
    return f"{row['numerator']:,} of {row['denominator']:,}"


def in_full(row: dict[str, Any]) -> str:
    return f"{fraction(row)} ({headline(row)})" if fraction(row) else headline(row)


def changed(difference: float | None, unit: str) -> str:
    if difference is None:
        return ""
    sign = "+" if difference > 0 else "−" if difference < 0 else ""
    size = f"{abs(difference):.1f}" if unit == "percent" else f"{abs(difference):g}"
    size = size.removesuffix(".0")
    size = "<0.1" if size == "0" and difference else size
    return f"{sign}{size} points" if unit == "percent" else f"{sign}{size}"


def figures_that_differ(built: Site) -> list[str]:
    """Every value that a page shows and that is not the table's, in words."""
    wrong, seen = [], 0
    forms: dict[str, Callable[[dict[str, Any]], str]] = {
        "h": headline,
        "f": fraction,
        "r": in_full,
        "c": lambda row: changed(row["change"], row["unit"]),
    }
    for page, key, element in built.marked("data-v"):
        year, indicator, breakdown, rest = key.split("/", 3)
        part, _, form = rest.rpartition("/")
        expected = forms[form](built.values[int(year), indicator, breakdown, part])
        seen += 1
        if said(element) != expected:
            wrong.append(f"{page}: {key} says {said(element)}, is {expected}")
    for page, part, element in built.marked("data-u"):
        (row,) = element.xpath("ancestor::tr")
        breakdown = "total" if part in ("h", "f") else "un_region"
        name = "all" if breakdown == "total" else part
        value = built.values[built.years[-1], row.get("id").removeprefix("i"), breakdown, name]
        expected = fraction(value) if part == "f" else headline(value)
        seen += 1
        if said(element).removeprefix("–") != expected:
            wrong.append(f"{page}: {part} of {row.get('id')} says {said(element)}, is {expected}")
    assert seen > len(built.values)
    return wrong


def test_every_value_on_a_page_is_the_tables(built: Site) -> None:
    assert figures_that_differ(built) == []


def test_a_wrong_figure_would_be_noticed(built: Site, tmp_path: Path) -> None:
    other = copied(built.publication, tmp_path / "publication", previous=False)
    with duckdb.connect(str(other.publication / "warehouse.duckdb")) as connection:
        connection.execute(
            "update marts.indicator_values set numerator = numerator + 1 "
            "where indicator_id = '7.1' and reporting_year = 2025 and breakdown = 'un_region' "
            "and breakdown_value = 'African'"
        )
    assert len(figures_that_differ(other)) == 1


def test_every_value_of_the_tables_is_on_its_actions_page(built: Site) -> None:
    shown = {key.rpartition("/")[0] for page, key, _ in built.marked("data-v") if page.startswith("actions/")}
    assert shown == {"/".join(map(str, key)) for key in built.values}


def test_totals_read_as_in_the_wide_table(built: Site) -> None:
    wide = {r["indicator_id"]: r for r in built.rows("select * from marts.indicators_wide")}
    compared = 0
    for page, key, element in built.marked("data-v"):
        (year, indicator, breakdown), form = key.split("/")[:3], key.rpartition("/")[2]
        if breakdown == "total" and form == "r" and page.startswith("actions/"):
            reading = wide[indicator][f"reading_{year}"].replace("not computable", "can’t be computed")
            assert said(element) == reading
            compared += 1
    assert compared == len(built.indicators) * len(built.years)


def test_changes_since_the_first_year_add_up_to_all_indicators(built: Site) -> None:
    kinds: dict[str, int] = defaultdict(int)
    for indicator in built.indicators:
        difference = built.since_first(indicator)
        kind = "none" if difference is None else "same" if not difference else "higher"
        kinds["lower" if difference is not None and difference < 0 else kind] += 1
    shown: dict[str, int] = {}
    for _, key, element in built.marked("data-n"):
        if key.startswith("change/"):
            shown[key.removeprefix("change/")] = int(said(element))
    assert {name: count for name, count in shown.items() if count} == dict(kinds)
    assert sum(shown.values()) == len(built.indicators) == 87
    widths = built.pages["index.html"].xpath("//div[@class='split']//rect/@width")
    assert sum(map(int, widths)) == 87
    sections = [int(said(e)) for _, key, e in built.marked("data-n") if key.startswith("section/")]
    assert sum(sections) == 87
    units = {key[1]: row["unit"] for key, row in built.values.items()}
    for page, indicator, element in built.marked("data-s"):
        expected = changed(built.since_first(indicator), units[indicator])
        if expected:
            assert said(element) == expected, (page, indicator)
        else:
            assert re.match(r"20\d\d: ", said(element)), (page, indicator)


def test_bars_stand_for_the_values(built: Site) -> None:
    (bars,) = built.pages["index.html"].xpath("//tr[@id='i7.1']//svg")
    values = {year: built.values[year, "7.1", "total", "all"] for year in built.years}
    assert bars.get("aria-label") == "; ".join(f"{y}: {in_full(row)}" for y, row in values.items())
    heights = [float(h) for h in re.findall(r"M[\d.]+ 34v-([\d.]+)", html.tostring(bars, encoding="unicode"))]
    assert heights == [pytest.approx(values[y]["value"] / 100 * 34, abs=0.06) for y in built.years]
    # three years of the plan have not begun
    assert len(re.findall("M", bars.xpath("./path[@class='m']/@d")[0])) == 5 - len(built.years)


def test_counts_are_those_of_the_tables(built: Site) -> None:
    expected = expected_counts(built)
    shown = [(page, key, said(element)) for page, key, element in built.marked("data-n")]
    wrong = [
        (page, key, text, expected.get(key))
        for page, key, text in shown
        if not key.startswith(("change/", "section/")) and text != f"{expected.get(key, 'unknown'):,}"
    ]
    assert wrong == []
    assert len(shown) > 500


def expected_counts(built: Site) -> dict[str, Any]:
    """What each count must be, from the tables."""
    found: dict[str, Any] = {"indicators": 87, "actions": 45}
    publication = built.rows("select batch, last_delivery_seq from marts.dim_publication")[0]
    found |= publication
    states = built.rows("select iso3, coalesce(un_region, 'none') as region from marts.dim_state")
    found["states"] = len(states)
    members: dict[tuple[str, int], set[str]] = defaultdict(set)
    for row in built.rows("select * from marts.population_members where member_kind = 'state'"):
        members[row["population"], row["reporting_year"]].add(row["member_key"])
    for row in built.rows("select population from marts.dim_population where member_kind = 'state'"):
        for year in built.years:
            found[f"population/{row['population']}/{year}"] = len(members[row["population"], year])
    for region in REGIONS:
        inside = {s["iso3"] for s in states if s["region"] == region}
        found[f"region/{region}"] = len(inside)
        found[f"parties/{region}"] = len(inside & members["states_parties", built.years[-1]])
    for row in built.rows(
        "select reporting_year y, indicator_id i, reason, count(*) n from marts.indicator_observations "
        "group by all"
    ):
        found[f"members/{row['y']}/{row['i']}/{row['reason']}"] = row["n"]
    for row in built.rows(
        "select reporting_year y, count(*) n, count(member_count) shown from marts.indicator_observations "
        "where indicator_id = '3.4' group by all"
    ):
        found[f"groups/{row['y']}/all"], found[f"groups/{row['y']}/shown"] = row["n"], row["shown"]
    for row in built.rows("select * from audit.row_balance"):
        for column, value in {**row, "tables": 1}.items():
            key = f"balance/{row['dataset']}/{column}"
            if isinstance(value, int):
                found[key] = found.get(key, 0) + value
    for row in built.rows("select dataset d, check_code c, waiting w from audit.quarantined_rows"):
        for key in (f"quarantined/{row['d']}/{row['c']}", *([f"waiting/{row['d']}/{row['c']}"] * row["w"])):
            found[key] = found.get(key, 0) + 1
    for row in built.rows("select * from audit.validation_results"):
        key = f"checks/{row['subject']}/{row['dimension']}"
        found[f"{key}/all"] = found.get(f"{key}/all", 0) + 1
        found[f"{key}/passed"] = found.get(f"{key}/passed", 0) + (row["outcome"] == "pass")
        if row["outcome"] != "pass":
            key = f"failing/{row['subject']}/{row['check_code']}/{row['severity']}"
            found[f"{key}/tables"] = found.get(f"{key}/tables", 0) + 1
            found[f"{key}/rows"] = found.get(f"{key}/rows", 0) + (row["rows_failing"] or 0)
    revised: dict[str, set[tuple[Any, ...]]] = defaultdict(set)
    for row in built.rows("select * from marts.indicator_revisions"):
        value = tuple(row[c] for c in ("reporting_year", "indicator_id", "breakdown", "breakdown_value"))
        revised["values"].add(value)
        revised[row["reason"]].add(value)
    return found | {f"revisions/{name}": len(keys) for name, keys in revised.items()}


def test_states_stand_on_the_side_that_the_observations_say(built: Site) -> None:
    names = {r["iso3"]: r["name"] for r in built.rows("select * from marts.dim_state")}
    expected: dict[str, list[str]] = defaultdict(list)
    for row in built.rows("select * from marts.indicator_observations where iso3 is not null"):
        more = "" if row["member_kind"] == "state" else f" {row['member_key']}"
        key = f"{row['reporting_year']}/{row['indicator_id']}/{row['reason']}"
        expected[key].append(f"{row['iso3']}: {names[row['iso3']]}{more}")
    shown: dict[str, list[str]] = defaultdict(list)
    for page, key, element in built.marked("data-o"):
        if page.startswith("actions/"):
            for line in element.xpath("./li"):
                (link,) = line.xpath("./a/@href")
                text = re.sub(r" Synthetic sample: .*", "", said(line))
                shown[key].append(f"{link[-8:-5]}: {text}")
    assert {key: sorted(lines) for key, lines in shown.items()} == {k: sorted(v) for k, v in expected.items()}


def test_a_states_page_says_what_the_observations_say(built: Site) -> None:
    shown: dict[str, dict[tuple[int, str], list[str]]] = defaultdict(lambda: defaultdict(list))
    for page, year, element in built.marked("data-o"):
        if page.startswith("states/"):
            indicator = element.getparent().get("data-i")
            shown[page[7:10]][int(year), indicator].append(said(element))
    rows = built.rows(
        """
        select o.*,
            list({'dataset': s.dataset, 'row': s.row_number, 'role': s.role, 'ref': s.source_ref}) as sources
        from marts.indicator_observations o
        left join marts.observation_sources s
            using (reporting_year, plan_version, indicator_id, member_kind, member_key)
        where o.iso3 is not null
        group by all
        """
    )
    assert sum(len(lines) for state in shown.values() for lines in state.values()) == len(rows)
    for row in rows:
        lines = shown[row["iso3"]][row["reporting_year"], row["indicator_id"]]
        (line,) = [x for x in lines if row["member_kind"] == "state" or row["member_key"] in x]
        assert f"{line} ".startswith(f"{row['reporting_year']} {REASONS[row['reason']]} "), line
        for column in ("evidence", "location", "report_id"):
            text = " ".join((row[column] or "").split())
            text = re.sub("[\u202a-\u202e]", lambda m: f"\\u{ord(m.group()):x}", text)
            assert text in line, (column, line)
        # the meeting that sets a limit is named after what was paid, or searched for
        answers = [s for s in row["sources"] if s["dataset"] != "meetings"]
        decides = [s for s in answers if s["role"] == "decides"]
        place = re.search(r"row (\d+)", line)
        if place:
            assert int(place[1]) in {s["row"] for s in answers}
        else:
            assert not decides or not all(s["row"] for s in decides), line
        rests_on = [s["ref"] or "" for s in row["sources"] if s["role"] in ("decides", "searched")]
        people = "meeting_participants" in {s["dataset"] for s in row["sources"]}
        synthetic = people or any("synthetic" in ref for ref in rests_on)
        assert line.endswith("synthetic") == synthetic, line


def test_files_on_a_states_page_are_named_by_their_hash(built: Site) -> None:
    files = {r["file_sha256"] for r in built.rows("select distinct file_sha256 from audit.files")}
    for name, page in built.pages.items():
        listed = page.xpath("//ol[@class='files']/li/span/text()")
        assert set(listed) <= files, name
        for number in page.xpath("//ul[@data-i]//a[starts-with(@href, '#')]/@href"):
            assert page.xpath(f"//li[@id='{number[1:]}']"), (name, number)


def spoken(value: Any) -> set[str]:
    """The ways in which a cell of a table may be written, as the numbers in it."""
    if isinstance(value, date):
        return {str(value.day), str(value.year), f"{value:%H}", f"{value:%M}"}
    if isinstance(value, int | Decimal):
        return {f"{value:,}", str(value), f"{value:,.2f}".rstrip("0").rstrip(".")}
    return set(NUMBER.findall(str(value))) | {str(value)[:12]}


def test_rows_of_tables_are_shown_as_they_are(built: Site) -> None:
    keys = {
        "state_treaty_actions": ("action_id",),
        "state_obligations": ("obligation_id",),
        "state_reports": ("reporting_year", "iso3", "report_number"),
        "state_cases": ("case_id",),
        "dim_meeting": ("meeting_id",),
    }
    tables = {
        f"{name}/{'/'.join(str(row[c]) for c in key)}": row
        for name, key in keys.items()
        for row in built.rows(f"select * from marts.{name}")
    }
    shown = set()
    for page, key, element in built.marked("data-r"):
        row = tables[key]
        allowed = set().union(*(spoken(value) for value in row.values())) | {"3", "4", "5", "256"}
        left = [n for n in NUMBER.findall(spaced(element)) if n not in allowed]
        # the beginning of a hash holds digits too
        left = [n for n in left if n not in str(row.get("file_sha256"))]
        assert not left, (page, key, spaced(element), left)
        for column in ("starts_on", "deadline", "deposited_on", "submitted_on", "opened_on"):
            day = row.get(column)
            if day and element.tag in ("tr", "li") and not key.startswith("dim_meeting"):
                assert f"{day.day} {day:%b} {day.year}" in spaced(element), (page, key, column)
        shown.add(key)
    missing = {key for key in tables if key not in shown and not key.endswith("/0")}
    assert missing == set()


def test_what_auditors_read_is_in_the_audit_tables(built: Site) -> None:
    numbers: dict[str, set[str]] = {}
    tables = built.rows("select table_name as t from duckdb_tables() where schema_name = 'audit'")
    for table in (row["t"] for row in tables):
        found = numbers[table] = set()
        for row in built.rows(f"select * from audit.{table}"):
            found |= set().union(*(spoken(value) for value in row.values()))
    for _, table, element in built.marked("data-a"):
        left = set(NUMBER.findall(spaced(element))) - numbers[table]
        left -= {said(e) for e in element.xpath(".//*[@data-n]")}
        assert left == set(), (table, spaced(element))


def test_reports_by_year_are_on_time_late_or_missing(built: Site) -> None:
    timely = {
        f"{r['iso3']}/{r['reporting_year']}": r["timeliness"].replace("_", " ")
        for r in built.rows("select distinct iso3, reporting_year, timeliness from marts.state_reports")
    }
    assert {key: said(element) for _, key, element in built.marked("data-y")} == timely
    for year in built.years:
        late = [
            r
            for r in built.rows(
                "select distinct iso3, reporting_year, timeliness, is_owed from marts.state_reports"
            )
            if r["reporting_year"] == year and r["timeliness"] == "late" and r["is_owed"]
        ]
        assert len(late) == built.values[year, "7.1", "timeliness", "late"]["numerator"]


def test_no_number_stands_on_a_page_that_is_not_accounted_for(built: Site) -> None:
    """Digits stand in what is compared with the tables, or in the words that are fixed in the templates."""
    fixed = re.compile(
        r"\b(?:Action|Articles?|actions?) \d+(?:\.\d+)?(?:, \d+)*(?: and \d+)?"
        r"|30 April|180 days|1 January|31 December|Data Package v2|SDMX-CSV 2\.0|License 2\.0"
        r"|[Aa]ccession of 2026|2025–2029|figures of 2005 to 2010, for 20 of about 69"
        r"|SHA-256|SHA256SUMS|sha256sum|m²"
    )
    marks = ("v", "u", "s", "n", "o", "g", "y", "r", "t", "a", "x", "f")
    beside = "|".join(f"ancestor-or-self::*[@data-{mark}]" for mark in marks)
    known = {str(y) for y in range(2025, 2030)} | set(built.indicators)
    publication = built.rows("select * from marts.dim_publication")[0]
    known |= {n for value in publication.values() for n in spoken(value)}
    known |= {n for year in built.years for n in spoken(date(year, 12, 31)) | spoken(date(year + 1, 6, 29))}
    left = set()
    for name, page in built.pages.items():
        for text in page.xpath("//main//text()[not(ancestor::svg or ancestor::script)]"):
            if not re.search(r"\d", text):
                continue
            parent = text.getparent()
            holder = parent.getparent() if text.is_tail else parent
            if holder.xpath(beside):
                continue
            numbers = set(NUMBER.findall(fixed.sub("", text))) - known
            inside = holder.xpath(
                "string(ancestor-or-self::*[contains(@class, 'hash') or contains(@class, 'axis') or "
                "contains(@class, 'years') or contains(@class, 'mono') or self::pre][1])"
            )
            if numbers and not inside:
                left.add((re.sub(r"[A-Z]{3}|\d\d", "*", name), " ".join(text.split())))
    assert left == set()


def test_suppressed_counts_are_shown_as_not_shown(built: Site) -> None:
    hidden = [key for key, row in built.values.items() if row["status"] == "suppressed"]
    assert hidden
    keys = {"/".join(map(str, key)) for key in hidden}
    for page, key, element in built.marked("data-v"):
        if key.rpartition("/")[0] in keys:
            assert not NUMBER.search(said(element)), page
    groups = {
        f"{r['reporting_year']}/3.4/{r['member_key']}": r["member_count"]
        for r in built.rows("select * from marts.indicator_observations where indicator_id = '3.4'")
    }
    for _, key, element in built.marked("data-g"):
        assert said(element) == ("not shown" if groups[key] is None else f"{groups[key]:,}")


def test_groups_that_may_be_shown_are(built: Site, tmp_path: Path) -> None:
    one = "'22MSP|state'"
    shown = copied(
        built.publication,
        tmp_path / "publication",
        "update marts.indicator_observations set member_count = 117, reason = 'met' "
        f"where indicator_id = '3.4' and member_key = {one}",
    )
    cells = {key: said(element) for _, key, element in shown.marked("data-g")}
    assert cells["2025/3.4/22MSP|state"] == "117"
    assert set(cells.values()) == {"117", "not shown"}


def test_every_link_leads_somewhere_and_none_leads_out(built: Site) -> None:
    ids = {name: set(page.xpath("//@id")) for name, page in built.pages.items()}
    later = {MANIFEST, "evidence/SHA256SUMS"}
    for name, page in built.pages.items():
        assert len(page.xpath("//@id")) == len(ids[name]), name
        for link in page.xpath("//@href | //@src | //@srcset | //@action | //@data"):
            parts = urlsplit(link)
            assert not parts.scheme and not parts.netloc, (name, link)
            target = Path(os.path.normpath(built.folder / Path(name).parent / unquote(parts.path)))
            if not parts.path:
                assert parts.fragment in ids[name], (name, link)
                continue
            assert target.is_file() or target.relative_to(built.publication).as_posix() in later, (name, link)
            if parts.fragment:
                page_name = target.relative_to(built.folder).as_posix()
                assert parts.fragment in ids[page_name], (name, link)
    style = (built.folder / "style.css").read_text(encoding="utf-8")
    assert "url(" not in style and "@import" not in style


def test_all_pages_can_be_reached(built: Site) -> None:
    reached, waiting = set(), ["index.html"]
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        reached.add(name)
        for link in built.pages[name].xpath("//main//a/@href | //header//a/@href"):
            path = urlsplit(link).path
            target = os.path.normpath(Path(name).parent / path) if path else name
            if target in built.pages:
                waiting.append(target)
    assert reached == set(built.pages)
    assert len(built.pages) == 5 + 45 + 197


def test_pages_are_small_and_name_their_publication(built: Site) -> None:
    publication = built.publication.name
    for path in built.folder.rglob("*.html"):
        assert path.stat().st_size < MOST_BYTES, path.name
        text = path.read_text(encoding="utf-8")
        assert publication in text
        assert "default-src 'none'" in text
        assert "Synthetic sample." in text


def test_only_the_finding_of_rows_needs_a_script(built: Site) -> None:
    with_script = {name for name, page in built.pages.items() if page.xpath("//script")}
    assert with_script == {"index.html", "states.html"}
    for name in with_script:
        assert built.pages[name].xpath("//div[@id='find']/@hidden"), name
    assert not any(page.xpath("//@style | //@onclick | //style") for page in built.pages.values())


def test_a_rebuild_gives_the_same_bytes(built: Site, tmp_path: Path) -> None:
    again = copied(built.publication, tmp_path / "publication", previous=False)
    for path in sorted(p for p in built.folder.rglob("*") if p.is_file()):
        assert path.read_bytes() == (again.folder / path.relative_to(built.folder)).read_bytes(), path.name


def test_the_site_is_in_the_manifest(built: Site) -> None:
    manifest = json.loads((built.publication / MANIFEST).read_text(encoding="utf-8"))
    listed = {output["path"] for output in manifest["outputs"]}
    on_disk = {p.relative_to(built.publication).as_posix() for p in built.folder.rglob("*") if p.is_file()}
    assert on_disk <= listed
    assert manifest["previous"] is None
    assert "no manifest comes before it" in built.folder.joinpath("index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def odd(built: Site, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A publication with hostile texts, revisions, fetched sources, and a stale dataset."""
    text = HOSTILE.replace("'", "''")
    return copied(
        built.publication,
        tmp_path_factory.mktemp("odd") / "publication",
        f"update marts.indicator_observations set evidence = '{text}', location = '{text}' "
        "where report_id is not null",
        f"update marts.dim_state set name = '{text}' where iso3 = 'KEN'",
        f"update marts.state_cases set basis = '{text}'",
        f"update marts.state_obligations set source_ref = '{text}'",
        f"update marts.dim_meeting set title = '{text}' where meeting_id = '22MSP'",
        f"update marts.state_reports set document_url = 'javascript:{text}' where report_id is not null",
        f"update audit.files set file_name = '{text}'",
        f"update audit.quarantined_rows set sentence = '{text}'",
        "insert into audit.fetches (source, outcome, started_at, status, sentence, stale_since) values "
        f"('depositary', 'failed', timestamp '2026-11-20 02:15:00', 503, '{text}', "
        "timestamp '2026-11-01 02:15:00')",
        "insert into audit.validation_results (run_id, check_code, engine, subject, dimension, severity, "
        "outcome, guards, sentence) values ('x', 'FRESH-WARN', 'flow', 'states', 'timeliness', 'warn', "
        "'fail', 'The newest row is young.', 'The newest row is 900 days old.')",
        "insert into marts.indicator_revisions (reporting_year, plan_version, indicator_id, breakdown, "
        "breakdown_value, old_numerator, new_numerator, old_denominator, new_denominator, old_value, "
        "new_value, old_status, new_status, reason, cause_number, change, is_known, dataset, record_key, "
        "file_sha256, file_name, row_number) select 2025, plan_version, '7.1', 'total', 'all', 90, 96, 161, "
        "161, 100.0 * 90 / 161, 100.0 * 96 / 161, 'provisional', 'final', 'late', unnest(range(1, 6)), "
        f"'late', true, 'article7_reports', '{text}', repeat('c', 64), 'reports.csv', 7 "
        "from marts.dim_publication",
    )


def test_texts_of_others_stay_text(odd: Site) -> None:
    for name, page in odd.pages.items():
        scripts = page.xpath("//script")
        assert len(scripts) == (1 if name in ("index.html", "states.html") else 0), name
        assert not page.xpath("//img | //@onerror | //@*[starts-with(., 'javascript:')]"), name
        raw = (odd.folder / name).read_text(encoding="utf-8")
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", raw), name
    assert "<script>alert(1)</script>" in odd.pages["states/AGO.html"].text_content()
    assert "\\x1b[31m\\u202e=1+1" in odd.pages["states/AGO.html"].text_content()
    assert odd.pages["states/KEN.html"].xpath("//h1")[0].text_content().startswith("<script>")


def test_revisions_are_shown_with_their_reason_and_rows(odd: Site) -> None:
    lines = [
        (page, said(element)) for page, key, element in odd.marked("data-x") if key == "2025/7.1/total/all"
    ]
    assert {page for page, _ in lines} == {"actions/07.html", "quality.html"}
    for _, line in lines:
        assert (
            "90 of 161 (56%) → 96 of 161 (60%) because a row came late: it had been received before" in line
        )
        assert "reports.csv, row 7" in line and line.endswith("and 2 more")
    assert "1 value moved" in said(odd.pages["index.html"].xpath("//main")[0])
    quality = said(odd.pages["quality.html"].xpath("//main")[0])
    assert "20261101T000000.000Z" in quality and "ab" * 32 in quality


def test_stale_data_and_fetched_sources_are_said(odd: Site) -> None:
    freshness = said(odd.pages["quality.html"].xpath("//section[@aria-labelledby='freshness']")[0])
    assert "stale" in freshness and "900 days old" in freshness
    assert "depositary" in freshness and "1 Nov 2026, 02:15 UTC" in freshness


def test_states_in_cases_are_named_with_the_document_only(built: Site) -> None:
    cases = {r["iso3"]: r["basis"] for r in built.rows("select iso3, basis from marts.state_cases")}
    assert cases
    counted = built.pages["actions/43.html"].xpath("//ul[contains(@data-o, '/met')]/li")
    assert counted
    for line in counted:
        iso3 = line.xpath("./a/@href")[0][-8:-5]
        assert line.xpath("./cite/text()") == [cases[iso3]]
        assert cases[iso3] in said(built.pages[f"states/{iso3}.html"])


def test_one_year_alone_is_compared_with_nothing(built: Site, tmp_path: Path) -> None:
    tables = (
        "indicator_values",
        "indicator_observations",
        "observation_sources",
        "population_members",
        "state_reports",
    )
    first = copied(
        built.publication,
        tmp_path / "publication",
        *(f"delete from marts.{table} where reporting_year > 2025" for table in tables),
        "update marts.dim_publication set as_of = date '2025-06-30'",
        previous=False,
    )
    text = said(first.pages["index.html"].xpath("//main")[0])
    assert "87 indicators in 2025, the first year" in text
    assert "87 without a comparison" in text
    assert "provisional: its reports count until 29 Jun 2026" in text
    assert figures_that_differ(first) == []


def test_before_the_first_year_there_is_nothing_to_show(built: Site, tmp_path: Path) -> None:
    tables = ("indicator_values", "indicator_observations", "observation_sources", "population_members")
    early = copied(
        built.publication,
        tmp_path / "publication",
        *(f"delete from marts.{table}" for table in (*tables, "indicator_revisions", "state_reports")),
        "update marts.dim_publication set as_of = date '2024-12-31'",
        previous=False,
    )
    assert "87 without a comparison" in said(early.pages["index.html"].xpath("//main")[0])


def test_open_says_where_the_site_is(sample: Sample, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened: list[str] = []

    def noted(address: str) -> bool:
        opened.append(address)
        return True

    monkeypatch.setattr(webbrowser, "open", noted)
    runner = CliRunner()
    done = runner.invoke(cli.app, ["open", "--home", str(sample.home)])
    page = (sample.home / "published").resolve() / "site" / "index.html"
    assert done.output.strip() == str(page)
    assert opened == [page.as_uri()]
    said_json = json.loads(runner.invoke(cli.app, ["open", "--home", str(sample.home), "--json"]).output)
    assert said_json["path"] == str(page)
    assert len(opened) == 1
    assert cli._exit_code(["open", "--home", str(tmp_path / "nowhere")]) == 5


def test_blanks_of_a_state_say_why(built: Site) -> None:
    """A state that is not party, has signed nothing and owes nothing reads so, not as dashes."""
    outside = built.rows(
        "select iso3 from marts.dim_state where iso3 not in (select iso3 from marts.state_treaty_actions) "
        "and iso3 not in (select iso3 from marts.state_reports) order by iso3"
    )
    assert outside
    for iso3 in (row["iso3"] for row in outside):
        page = said(built.pages[f"states/{iso3}.html"].xpath("//main")[0])
        assert "The register holds no signature, consent or withdrawal of this state." in page
        assert "No report is owed and none has come." in page
        (row,) = built.pages["states.html"].xpath(f"//tr[.//a[@href='states/{iso3}.html']]")
        assert [said(cell) for cell in row.xpath("./td")] == ["no"] + ["not owed"] * len(built.years)


def test_what_is_said_of_dates_fits_the_source(built: Site) -> None:
    """Late reports are mentioned only where reports or their answers decide."""
    sources = {r["indicator_id"]: r["source"] for r in built.rows("select * from marts.dim_indicator")}
    for action in range(1, 46):
        for section in built.pages[f"actions/{action:02d}.html"].xpath("//section[@class='indicator']"):
            indicator = section.get("aria-labelledby").removeprefix("i")
            by_reports = sources[indicator] in ("article7_answers", "article7_reports")
            assert ("reports of the year count until" in said(section)) is by_reports, indicator


def test_parts_have_the_words_of_their_breakdown(built: Site) -> None:
    def names(page: str, title: str) -> list[str]:
        found = built.pages[page].xpath(f"//table[caption[contains(., '{title}')]]/tbody/tr/th")
        return [said(name) for name in found]

    assert names("actions/07.html", "When the first report came") == [
        "on time, by 30 April",
        "late",
        "no report",
    ]
    paid = names("actions/09.html", "When the contribution was paid")
    assert paid == ["in full, in time", "in full, late", "in part", "nothing paid"]


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (date(2026, 6, 16), date(2026, 6, 19), "16 to 19 Jun 2026"),
        (date(2026, 11, 30), date(2026, 12, 4), "30 Nov to 4 Dec 2026"),
        (date(2026, 12, 30), date(2027, 1, 2), "30 Dec 2026 to 2 Jan 2027"),
        (date(2026, 6, 22), date(2026, 6, 22), "22 Jun 2026"),
        (date(2026, 6, 22), None, "22 Jun 2026"),
    ],
)
def test_days_of_a_meeting_read_as_people_write_them(first: date, last: date | None, expected: str) -> None:
    assert words.days(first, last) == expected


def test_what_moved_in_its_status_alone_says_so() -> None:
    """``90 of 161 (56%) → 90 of 161 (56%)`` would seem to say nothing."""
    value = {"numerator": 90, "denominator": 161, "value": 100.0 * 90 / 161}
    row = {"reporting_year": 2025, "indicator_id": "7.1", "breakdown": "total", "breakdown_value": "all"}
    row |= {f"{side}_{name}": number for side in ("old", "new") for name, number in value.items()}
    row |= {"old_status": "provisional", "new_status": "final", "unit": "percent", "reason": "time"}
    row |= {"first_causes": [], "causes": 0}
    made = pieces.revised(SimpleNamespace(meetings=[]), [row], 5)  # type: ignore[arg-type]
    line = said(html.fromstring(f"<ul>{made}</ul>"))
    assert "90 of 161 (56%), provisional → 90 of 161 (56%), final" in line


def test_a_day_that_means_never_stands_at_the_edge_of_a_line_of_time() -> None:
    scale = charts.Scale.over([date(1, 1, 1), date(2026, 3, 1), date.max])
    assert (scale.first, scale.last) == (1995, 2100)
    assert (scale.place(date(1, 1, 1)), scale.place(date.max)) == (0.0, 1000.0)
    assert charts.Scale.over([date(2020, 3, 1), date(2026, 3, 1)]).labels == [2020, 2025, 2030]
