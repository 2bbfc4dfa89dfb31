"""The attacker of tests/test_attacker.py with the files of a publication: CSV, workbook, SDMX, pages.

Each file is read by itself, as somebody would who has nothing else, and then all of them together. What is
hidden may stand in none of them, follow from no other figure (the year after tells of the year before), and
be had from no sum of what they say.
"""

from __future__ import annotations

import csv
import random
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pyarrow as pa
import pytest
from lxml import html

from flows import site
from flows.evidence import sdmx, spreadsheet
from flows.plain_text import copy_to_csv
from tests.conftest import Sample
from tests.dbt_harness import CompiledProject, compiled_project
from tests.test_attacker import AS_OF, had, world

PEOPLE = ("3.3", "3.4")
Key = tuple[int, str, str, str]
"""Year, indicator, breakdown, part."""
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
FRACTION = re.compile(r"([\d,]+) of (?:the )?([\d,]+)")
FIGURES = ("numerator", "denominator", "value", "previous_value", "change")


@dataclass
class Said:
    """What files say: figures of each value, sizes of groups (``None``: not shown), and what is hidden."""

    values: dict[Key, dict[str, float | None]] = field(default_factory=dict)
    groups: dict[tuple[int, str, str], int | None] = field(default_factory=dict)
    hidden: set[Key] = field(default_factory=set)

    def value(self, key: Key, status: str, **figures: Any) -> None:
        if key[1] not in PEOPLE:
            return
        if status == "suppressed":
            self.hidden.add(key)
        told = self.values.setdefault(key, dict.fromkeys(FIGURES))
        for name, text in figures.items():
            if text not in (None, ""):
                told[name] = float(text)

    def add(self, other: Said) -> None:
        for key, figures in other.values.items():
            status = "suppressed" if key in other.hidden else ""
            self.value(key, status, **figures)
        for group, size in other.groups.items():
            if self.groups.get(group) is None:
                self.groups[group] = size


def of_csv(folder: Path) -> Said:
    """The tables as CSV: all values, those of the action, and the groups."""
    said = Said()
    for name in ("indicator_values", "action_03"):
        for row in _lines(folder / "csv" / f"{name}.csv"):
            key = (int(row["reporting_year"]), row["indicator_id"], row["breakdown"], row["breakdown_value"])
            said.value(key, row["status"], **{figure: row[figure] for figure in FIGURES})
    for row in _lines(folder / "csv" / "indicator_observations.csv"):
        if row["member_kind"] == "participation_group":
            size = row["member_count"]
            group = (int(row["reporting_year"]), row["indicator_id"], row["member_key"])
            said.groups[group] = int(size) if size else None
    return said


def of_workbook(folder: Path) -> Said:
    said = Said()
    book = openpyxl.load_workbook(folder / spreadsheet.NAME, read_only=True)
    rows = book["Values"].iter_rows(values_only=True)
    names = [str(name) for name in next(rows)]
    for cells in rows:
        row: dict[str, Any] = dict(zip(names, cells, strict=False))
        key = (row["reporting_year"], row["indicator_id"], row["breakdown"], row["breakdown_value"])
        said.value(key, row["status"], **{figure: row.get(figure) for figure in FIGURES})
    return said


def of_sdmx(folder: Path) -> Said:
    said = Said()
    for row in _lines(folder / "indicators.sdmx.csv"):
        part = re.sub(r"\$([0-9A-F]+)\$", lambda found: chr(int(found[1], 16)), row["BREAKDOWN_VALUE"])
        key = (int(row["TIME_PERIOD"]), row["INDICATOR"].replace("_", "."), row["BREAKDOWN"].lower(), part)
        status = "suppressed" if row["OBS_STATUS"] == sdmx.STATUSES["suppressed"] else ""
        figures = {name: row[name.upper()] for name in ("numerator", "denominator")}
        said.value(key, status, value=row["OBS_VALUE"], **figures)
    return said


def of_pages(folder: Path) -> Said:
    """Whatever stands on a page as a figure of people; any number beside what is hidden is one."""
    said = Said()
    for path in sorted((folder / "site").rglob("*.html")):
        page = html.parse(path).getroot()
        for element in page.iterfind(".//*[@data-v]"):
            *parts, form = element.get("data-v").split("/")
            key = (int(parts[0]), parts[1], parts[2], "/".join(parts[3:]))
            text = " ".join(element.itertext())
            numbers = NUMBER.findall(text)
            if fraction := FRACTION.search(text):
                told = [n.replace(",", "") for n in fraction.groups()]
                said.value(key, "", numerator=told[0], denominator=told[1])
            elif numbers and form != "c":
                said.value(key, "", value=numbers[0].replace(",", ""))
            else:
                said.value(key, "", change=numbers[0].replace(",", "") if numbers else None)
            if "not shown" in text.casefold():
                said.value(key, "suppressed")
        for element in page.iterfind(".//*[@data-g]"):
            year, indicator, group = element.get("data-g").split("/", 2)
            numbers = NUMBER.findall(" ".join(element.itertext()))
            said.groups[int(year), indicator, group] = int(numbers[0].replace(",", "")) if numbers else None
    return said


FILES: Mapping[str, Callable[[Path], Said]] = {
    "CSV": of_csv,
    "workbook": of_workbook,
    "SDMX": of_sdmx,
    "pages": of_pages,
}


def _lines(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        yield from csv.DictReader(handle)


def told(said: Said, hidden: set[Key]) -> list[str]:
    """What the attacker gets of the hidden values: said outright, or by the year after."""
    found = []
    for key in sorted(hidden):
        of_it = said.values.get(key, {})
        found += [f"{key}: {name}" for name, figure in of_it.items() if figure is not None]
        after = said.values.get((key[0] + 1, *key[1:]), {})
        by_it = [name for name in ("previous_value", "change") if after.get(name) is not None]
        found += [f"{key}: {name} of the year after" for name in by_it]
    return found


def solved(said: Said) -> set[str]:
    """Hidden groups whose size follows from the sums of what is said."""
    values = [
        dict(zip(("reporting_year", "indicator_id", "breakdown", "breakdown_value"), key, strict=True))
        | {name: None if told is None else int(told) for name, told in figures.items()}
        for key, figures in said.values.items()
    ]
    for value in values:  # of a number the pages say the value alone
        value["numerator"] = value["value"] if value["numerator"] is None else value["numerator"]
    cells = [
        {"reporting_year": year, "indicator_id": indicator, "member_key": group, "member_count": size}
        for (year, indicator, group), size in said.groups.items()
    ]
    published: dict[str, list[dict[str, Any]]] = {
        "indicator_values": values,
        "indicator_observations": cells,
    }
    return {f"{indicator} {group}" for indicator in PEOPLE for group in had(published, indicator)}


def attack(folder: Path) -> tuple[list[str], Said]:
    """What the files of a publication give away, each alone and all together; and all that they say."""
    read = {name: of(folder) for name, of in FILES.items()}
    together = Said()
    for said in read.values():
        together.add(said)
    found = [
        f"{name}: {leak}"
        for name, said in {**read, "together": together}.items()
        for leak in told(said, together.hidden) or sorted(solved(said))
    ]
    return found, together


def made(sample: Sample, folder: Path, seed: int, project: CompiledProject | None = None) -> Path:
    """The files of a publication of a small drawn world, with meetings in two years."""
    rows = {name: [dict(row) for row in lines] for name, lines in world(random.Random(seed)).items()}
    for meeting in rows["meetings"][1::2]:
        for name in ("starts_on", "ends_on"):
            meeting[name] = meeting[name].replace(year=2026)
    shutil.copy(sample.publication / "warehouse.duckdb", folder)
    project = project or compiled_project()
    names = [m.name for m in project.models if m.relation.split(".")[1].strip('"') == "marts"]
    tables = project.run(rows, AS_OF, tables=names)
    for part in ("parquet", "csv"):
        (folder / part).mkdir()
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        for name in names:
            relation = f'marts."{name}"'
            if name != "dim_publication":
                schema = connection.table(relation).to_arrow_table().schema
                connection.execute(f"delete from {relation}")
                connection.register("rows", pa.Table.from_pylist(tables[name], schema=schema))
                connection.execute(f"insert into {relation} select * from rows")
                connection.unregister("rows")
            connection.execute(f"copy {relation} to '{folder / 'parquet' / f'{name}.parquet'}'")
            copy_to_csv(connection, relation, folder / "csv" / f"{name}.csv")
    written(folder)
    return folder


def written(folder: Path) -> None:
    """Write what is made of the tables."""
    spreadsheet.write(folder, is_sample=True)
    sdmx.write(folder)
    site.write(folder, previous=None, is_sample=True)


def test_the_files_of_the_sample_give_nothing_away(sample: Sample) -> None:
    found, said = attack(sample.publication)
    assert found == []
    assert said.hidden and any(size is None for size in said.groups.values())


@pytest.mark.parametrize("seed", [1, 2])
def test_the_files_of_a_drawn_world_give_nothing_away(sample: Sample, tmp_path: Path, seed: int) -> None:
    found, said = attack(made(sample, tmp_path, seed))
    assert found == []
    assert said.hidden and {None} < set(said.groups.values())


def test_groups_that_could_be_had_would_be_noticed(sample: Sample, tmp_path: Path) -> None:
    """Without the groups that are hidden for company, sums of tables and of pages give some away."""
    project = compiled_project()
    (model,) = [m for m in project.models if m.name == "int_participation_parts"]
    weaker = project.with_sql(model.name, model.sql.replace(" or company.breakdown_value is not null", ""))
    found, _ = attack(made(sample, tmp_path, 5, weaker))
    assert {leak.partition(":")[0] for leak in found} == {"CSV", "pages", "together"}


def test_each_file_that_gave_something_away_would_be_noticed(sample: Sample, tmp_path: Path) -> None:
    """Values are shown of what is hidden, and the year after says what it was."""
    folder = made(sample, tmp_path, 1)
    shown = "numerator = 3, denominator = 9, value = 33.3"
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute(f"update marts.indicator_values set {shown} where status = 'suppressed'")
        path = folder / "parquet" / "indicator_values.parquet"
        connection.execute(f"copy marts.indicator_values to '{path}'")
        copy_to_csv(connection, "marts.indicator_values", folder / "csv" / "indicator_values.csv")
    shutil.rmtree(folder / "site")
    written(folder)
    found, _ = attack(folder)
    assert {leak.partition(":")[0] for leak in found} == {*FILES, "together"}
