"""One home over three nights: its publications are made again byte by byte, compared, and explained.

The nights hold a late report, a correction, a retraction and an as-of date that moves; between publishing and
re-making, everything restricted is taken out of the archive.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest

from flows.cli import _exit_code
from flows.diff import diff
from flows.evidence.check import verify_home
from flows.explain import explain
from flows.home import Home
from flows.refresh import Request, refresh
from flows.reproduce import reproduce
from tests.flows.harness import ANSWERS, REPORTS, deliver, snapshot, without_prefect, write_csv

KENYA = {**REPORTS[0], "report_id": "R-KEN", "iso3": "KEN"}


@dataclass(frozen=True)
class Nights:
    """A home with three publications, oldest first."""

    home: Home
    publications: list[str]

    def revisions(self, number: int) -> list[dict[str, Any]]:
        path = self.home.publications / self.publications[number] / "parquet" / "indicator_revisions.parquet"
        with duckdb.connect() as connection:
            rows = connection.execute("select * from read_parquet(?)", [str(path)])
            names = [column[0] for column in rows.description]
            return [dict(zip(names, row, strict=True)) for row in rows.fetchall()]

    def reasons(self, number: int, indicator: str) -> set[str]:
        return {
            row["reason"]
            for row in self.revisions(number)
            if row["indicator_id"] == indicator and row["breakdown"] == "total"
        }


def night(home: Path, inbox: Path, as_of: str) -> str:
    result = refresh(Request(home=home, inboxes=(inbox,), as_of=as_of), without_prefect)
    assert result.record["state"] == "published", result.error
    return str(result.record["run_id"])


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    folder = tmp_path_factory.mktemp("nights")
    home = folder / "home"
    with pytest.MonkeyPatch.context() as patch:
        for name in ("SRAAP_HOME", "SRAAP_TZ", "SRAAP_PEOPLE_KEY"):
            patch.delenv(name, raising=False)
        ids = [night(home, deliver(folder / "first"), "2026-05-01")]
        second = folder / "second"
        write_csv(second / "article7_answers.csv", [{**ANSWERS[0], "answer": "no"}], "2026-05-10")
        write_csv(second / "article7_reports.csv", [KENYA], "2026-04-10")
        ids.append(night(home, second, "2026-05-12"))
        third = folder / "third"
        write_csv(third / "article7_reports.csv", [{**KENYA, "record_status": "retracted"}], "2026-05-13")
        ids.append(night(home, third, "2026-05-13"))
        for path in (home / "archive" / "restricted").iterdir():
            if path.is_file():
                path.unlink()
        yield Nights(Home(home), ids)
    shutil.rmtree(folder)


def test_a_first_publication_revises_nothing(nights: Nights) -> None:
    assert nights.revisions(0) == []


def test_why_a_value_moved_is_published_with_its_rows(nights: Nights) -> None:
    assert nights.reasons(1, "1.1") == {"correction"}
    assert nights.reasons(1, "7.1") == {"late"}
    assert nights.reasons(2, "7.1") == {"retraction"}
    row = next(r for r in nights.revisions(1) if r["indicator_id"] == "7.1" and r["breakdown"] == "total")
    assert (row["old_numerator"], row["new_numerator"]) == (1, 2)
    assert (row["dataset"], row["record_key"], row["row_number"]) == ("article7_reports", "R-KEN", 2)


def test_a_publication_is_made_again_byte_by_byte_without_the_registers(nights: Nights) -> None:
    before = snapshot(nights.home.publications)
    for publication in nights.publications[1:]:
        made = reproduce(nights.home, publication)
        assert made.is_whole, made.as_dict()
        assert made.exit_code == 0
        assert len(made.identical) > 100
        assert "exports/indicators.xlsx" in made.identical
    assert snapshot(nights.home.publications) == before
    assert nights.home.published.readlink().name == nights.publications[-1]


def test_each_of_1000_bits_that_change_in_a_real_chain_is_found_and_named(
    nights: Nights, tmp_path: Path
) -> None:
    """Site, workbook, evidence and all; 50 files at a time. Then each file is deleted or cut short once."""
    home = Home(shutil.copytree(nights.home.root, tmp_path / "home", symlinks=True))
    files = [
        path.relative_to(home.publications)
        for publication in nights.publications
        for path in sorted((home.publications / publication).rglob("*"))
        # a hash that two altered lists disagree on is nobody's: tests/flows/test_verify.py alters these alone
        if path.is_file() and path.name not in ("SHA256SUMS", "manifest.json")
    ]
    draw = Random(1)

    def flipped(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        path.write_bytes(content)

    def unnamed(chosen: list[Path], alter: Callable[[Path], None]) -> set[str]:
        before = {path: (home.publications / path).read_bytes() for path in chosen}
        for path in chosen:
            alter(home.publications / path)
        report = verify_home(home.root)
        for path, content in before.items():
            (home.publications / path).write_bytes(content)
        named = {f"{finding.publication}/{finding.path}" for finding in report.findings}
        return {path.as_posix() for path in chosen} - named

    filled = [path for path in files if (home.publications / path).stat().st_size]
    assert {"site", "exports", "evidence", "parquet"} <= {path.parts[1] for path in filled}
    for _ in range(20):
        assert unnamed(draw.sample(filled, 50), flipped) == set()
    assert unnamed(filled[::2], Path.unlink) == set()
    assert unnamed(filled[1::2], lambda path: os.truncate(path, path.stat().st_size // 2)) == set()
    assert verify_home(home.root).whole


def test_what_was_altered_is_named(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = nights.home.publications / nights.publications[0] / "evidence"
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    output = next(o for o in manifest["outputs"] if o["path"] == "csv/indicator_values.csv")
    output["sha256"] = "0" * 64
    monkeypatch.setattr("flows.reproduce.manifest_of", lambda home, publication: manifest)
    made = reproduce(nights.home, nights.publications[0])
    assert (made.different, made.missing, made.additional) == (["csv/indicator_values.csv"], [], [])
    assert made.exit_code == 2
    assert replace(made, program_then="another").exit_code == 5


def test_an_unknown_publication_is_a_usage_problem(nights: Nights) -> None:
    home = str(nights.home.root)
    assert _exit_code(["refresh", "--home", home, "--reproduce", "20010101T000000.000Z", "--json"]) == 5
    assert _exit_code(["refresh", "--home", home, "--reproduce", "../x", "--json"]) == 5
    assert _exit_code(["refresh", "--home", home, "--reproduce", "published", "--full", "--json"]) == 5


def test_a_diff_of_neighbours_gives_what_was_published(nights: Nights) -> None:
    for number in (1, 2):
        found = diff(nights.home, nights.publications[number - 1], nights.publications[number])
        rows = [
            (
                value["indicator_id"],
                value["breakdown"],
                value["breakdown_value"],
                value["reason"],
                row["record_key"],
            )
            for value in found["values"]
            for row in value["rows"]
        ]
        published = [
            (row["indicator_id"], row["breakdown"], row["breakdown_value"], row["reason"], row["record_key"])
            for row in nights.revisions(number)
            if row["dataset"]
        ]
        assert rows
        assert sorted(rows) == sorted(published)


def test_a_diff_backwards_turns_every_value_round(nights: Nights) -> None:
    first, last = nights.publications[0], "published"
    forth, back = diff(nights.home, first, last)["values"], diff(nights.home, last, first)["values"]
    assert [(v["old"], v["new"]) for v in forth] == [(v["new"], v["old"]) for v in back]
    assert not any(row["is_known"] for value in back for row in value["rows"])
    assert diff(nights.home, first, first)["values"] == []


def test_a_figure_leads_to_every_version_of_its_row(nights: Nights) -> None:
    found = explain(nights.home.root, "1.1", 2025, "KHM")
    assert found["total"]["in_words"] == "0 of the 1 (0%)"
    sources = found["state"]["observations"][0]["sources"]
    answer = next(s for s in sources if s["dataset"] == "article7_answers" and s["role"] == "decides")
    assert [(v["cells"]["answer"], v["counts"]) for v in answer["versions"]] == [("no", True), ("yes", False)]
    assert answer["versions"][1]["why"].startswith("superseded by the row received on 2026-05-10")
    assert answer["checks"]["passed"] > 0


def test_a_state_without_a_report_says_what_was_searched(nights: Nights) -> None:
    found = explain(nights.home.root, "7.1", 2025, "Kenya")
    observation = found["state"]["observations"][0]
    assert observation["reason"] == "not_met"
    assert observation["searched"] == [
        "All known rows of article7_reports were searched: none of Kenya counts in 2025."
    ]
