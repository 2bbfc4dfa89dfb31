"""The shipped sample: made by its generator, as large as life, marked, and wrong only where it says so."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from datetime import date
from functools import cache
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from expectations.door import Context, DeliveredTable, judge
from sources.contract import datasets
from sources.names import Names
from sources.reading import read
from sources.sample import DELIVERY, EXPECTED_FINDINGS, REGISTERS, parties
from sources.sample.generate import INDICATORS, REAL, generate, main, reported_indicators
from sources.sample.spellings import NO_STATE, SPELLINGS
from tests.oracle.rows import read_deliveries

Place = tuple[str, str, int]
"""File, sheet, row number: what a finding points at."""

REAL_MEETINGS = {"5RC", "IM2025", "22MSP"}
PEOPLE = "meeting_participants"


def _csv(path: Path) -> list[dict[str, str]]:
    text = path.read_bytes().decode("utf-8-sig")
    separator = next(s for s in ";\t," if s in text.splitlines()[0])
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=separator))


@cache
def delivered() -> dict[str, dict[Place, dict[str, str]]]:
    """Every row of the delivery by dataset and place, read without any code of the pipeline."""
    rows: dict[str, dict[Place, dict[str, str]]] = {}

    def add(dataset: str, file: str, sheet: str, first: int, found: list[dict[str, str]]) -> None:
        rows.setdefault(dataset, {}).update({(file, sheet, first + n): row for n, row in enumerate(found)})

    def text(value: object) -> str:
        return "" if value is None else str(value)

    for path in sorted(DELIVERY.iterdir()):
        dataset = path.name.split(".")[0].split("--")[0]
        if path.suffix == ".csv":
            add(dataset, path.name, "", 2, _csv(path))
        elif path.suffix in {".json", ".jsonl"}:
            content = path.read_text(encoding="utf-8")
            found = (
                json.loads(content) if path.suffix == ".json" else list(map(json.loads, content.splitlines()))
            )
            names = [column.name for column in datasets()[dataset].columns]
            add(dataset, path.name, "", 1, [{name: text(o.get(name)) for name in names} for o in found])
        else:
            for sheet in openpyxl.load_workbook(path).worksheets:
                header, *lines = sheet.iter_rows(values_only=True)
                if sheet.title in datasets():
                    names = [str(name) for name in header]
                    cells = [dict(zip(names, map(text, line), strict=True)) for line in lines]
                    add(sheet.title, path.name, sheet.title, 2, cells)
    return rows


@cache
def findings() -> pd.DataFrame:
    return pd.read_csv(EXPECTED_FINDINGS, dtype={"row_number": int}, keep_default_na=False)


def place_of(finding: pd.Series) -> Place:
    return str(finding["file"]), str(finding["sheet"]), int(finding["row_number"])


def places(outcome: str) -> set[Place]:
    chosen = findings()[findings()["outcome"] == outcome]
    return {place_of(finding) for _, finding in chosen.iterrows()}


def sound(dataset: str) -> list[dict[str, str]]:
    """Rows without an expected finding."""
    noted = {place_of(finding) for _, finding in findings().iterrows()}
    return [row for place, row in delivered()[dataset].items() if place not in noted]


def test_the_shipped_delivery_is_what_the_generator_makes(tmp_path: Path) -> None:
    out = tmp_path / "delivery"
    assert main(["--out", str(out)]) == 0
    assert {p.name for p in out.iterdir()} == {p.name for p in DELIVERY.iterdir()}
    for path in sorted(DELIVERY.iterdir()):
        assert (out / path.name).read_bytes() == path.read_bytes(), path.name
    assert (tmp_path / "expected_findings.csv").read_bytes() == EXPECTED_FINDINGS.read_bytes()


def test_another_seed_makes_other_rows_of_the_same_files(tmp_path: Path) -> None:
    out = tmp_path / "delivery"
    generate(out, seed=7)
    assert {p.name for p in out.iterdir()} == {p.name for p in DELIVERY.iterdir()}
    reports = "article7_reports--2025.csv"
    assert (out / reports).read_bytes() != (DELIVERY / reports).read_bytes()


def test_a_larger_scale_grows_reports_answers_and_participations(tmp_path: Path) -> None:
    generate(tmp_path / "delivery", scale=2)
    rows: Counter[str] = Counter()
    for path in (tmp_path / "delivery").glob("*.csv"):
        rows[path.name.split(".")[0].split("--")[0]] += len(_csv(path))
    assert rows["article7_reports"] > 1.5 * len(delivered()["article7_reports"])
    assert rows["article7_answers"] > 2.5 * len(delivered()["article7_answers"])
    assert rows[PEOPLE] == pytest.approx(2 * 3_500, rel=0.1)


def test_the_generator_keeps_off_a_folder_with_other_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "delivery").mkdir()
    (tmp_path / "delivery" / "letter.pdf").write_bytes(b"%PDF")
    assert main(["--out", str(tmp_path / "delivery")]) == 5
    assert "letter.pdf" in capsys.readouterr().err
    assert [p.name for p in (tmp_path / "delivery").iterdir()] == ["letter.pdf"]


@pytest.mark.parametrize("scale", [0, -1, 1_000])
def test_a_scale_out_of_range_is_refused(tmp_path: Path, scale: int) -> None:
    with pytest.raises(ValueError, match="--scale"):
        generate(tmp_path / "delivery", scale=scale)
    assert not (tmp_path / "delivery").exists()


@pytest.mark.parametrize("name", REAL)
def test_the_registers_are_delivered_unchanged(name: str) -> None:
    assert (DELIVERY / f"{name}.csv").read_bytes() == (REGISTERS / f"{name}.csv").read_bytes()


def test_the_delivery_holds_all_thirteen_datasets_and_is_small() -> None:
    assert set(delivered()) == set(datasets())
    assert sum(p.stat().st_size for p in DELIVERY.iterdir()) < 6_000_000


def test_every_synthetic_row_is_marked() -> None:
    for dataset in set(delivered()) - set(REAL):
        for place, row in delivered()[dataset].items():
            if dataset == PEOPLE:
                assert row["source_ref"] == "synthetic sample", place
            elif dataset != "meetings" or row["meeting_id"] not in REAL_MEETINGS:
                assert row["source_ref"].startswith("synthetic sample"), place


def test_the_sample_is_about_as_large_as_life() -> None:
    answers = Counter(row["report_id"][:4] for row in sound("article7_answers"))
    assert 12_000 < answers["2025"] < 18_000
    assert 9_000 < answers["2026"] < 15_000
    held = {row["meeting_id"]: row["starts_on"][:4] for row in sound("meetings") if row["starts_on"]}
    came = Counter(held[row["meeting_id"]] for row in sound(PEOPLE) if row["attended"] == "yes")
    assert 500 < came["2025"] < 750
    assert 450 < came["2026"] < 750


def test_about_half_of_the_parties_report_each_year_and_many_late() -> None:
    known = parties.load()
    codes = {form.strip(): code for code, forms in SPELLINGS.items() for form in forms}
    for year, day in (("2025", "2025-12-31"), ("2026", "2026-11-20")):
        of_year = [r for r in sound("article7_reports") if r["reporting_year"] == year]
        states = {codes.get(r["iso3"], r["iso3"]) for r in of_year}
        members = set(known.parties_on(day))
        assert 0.45 < len(states & members) / len(members) < 0.66
        assert len(states - members) >= 5  # voluntary reports, and those who left
        on_time = [r for r in of_year if r["submitted_on"] <= f"{year}-04-30"]
        assert 0.25 < len(on_time) / len(of_year) < 0.6
    assert any(
        r["reporting_year"] == "2025" and r["submitted_on"] > "2025-12-31" for r in sound("article7_reports")
    )


def test_two_reports_of_one_state_came_on_one_day() -> None:
    days = Counter(
        (r["report_id"][:8], r["submitted_on"]) for r in sound("article7_reports") if r["submitted_on"]
    )
    versions = Counter((r["report_id"], r["submitted_on"]) for r in sound("article7_reports"))
    same = [key for key in days if len({r for r, d in versions if (r[:8], d) == key}) > 1]
    assert same


def test_reports_stand_on_both_sides_of_the_days_on_which_the_rules_turn() -> None:
    days = {r["submitted_on"] for r in sound("article7_reports") if r["reporting_year"] == "2025"}
    assert {"2024-12-18", "2025-04-30", "2025-05-01", "2025-12-31", "2026-06-29", "2026-06-30"} <= days


def test_some_state_is_unclear_about_article_9_after_a_yes() -> None:
    said: dict[str, list[tuple[str, str]]] = {}
    for row in sound("article7_answers"):
        if row["indicator_id"] == "45.1" and not row["record_status"]:
            said.setdefault(row["report_id"][5:8], []).append((row["report_id"], row["answer"].lower()))
    assert any(
        (earlier[1], last) == ("yes", "unclear")
        for answers in map(sorted, said.values())
        for (report, last), earlier in zip(answers[1:], answers, strict=False)
        if report != earlier[0]
    )


def test_every_spelling_of_a_state_resolves() -> None:
    known = parties.load()
    names = Names(dict(zip(known.names, known.iso3, strict=True)))
    meant = {form.strip(): code for code, forms in SPELLINGS.items() for form in forms}
    assert names.resolve(meant) == meant
    assert set(names.resolve(NO_STATE).values()) == {None}


def test_answers_are_given_by_members_of_the_population_and_a_few_others() -> None:
    asked = set(reported_indicators()["indicator_id"])
    assert len(asked) == 68
    assert {row["indicator_id"] for row in sound("article7_answers")} == asked
    words = Counter(row["answer"].lower() for row in sound("article7_answers") if not row["record_status"])
    assert set(words) == {"yes", "no", "unclear", "not_applicable"}
    assert min(words.values()) > 300


def test_nothing_was_received_after_the_sample_was_made() -> None:
    days = [row["received_on"] for dataset in delivered() for row in sound(dataset)]
    assert max(days)[:10] <= "2026-11-20"
    assert min(days)[:10] >= "2024-11-29"


def test_there_are_corrections_retractions_and_corrections_after_a_retraction() -> None:
    for dataset in ("article7_reports", "article7_answers", "contributions"):
        key = datasets()[dataset].key
        history: dict[tuple[str, ...], list[tuple[str, bool]]] = {}
        for row in sound(dataset):
            version = (row["received_on"], row["record_status"].lower() == "retracted")
            history.setdefault(tuple(row[k] for k in key), []).append(version)
        ends = [sorted(versions) for versions in history.values() if len(versions) > 1]
        assert any(not any(gone for _, gone in versions) for versions in ends)
        assert any(versions[-1][1] for versions in ends)
        assert any(gone and versions[-1] > (day, gone) for versions in ends for day, gone in versions[:-1])


def test_all_kinds_of_delegation_came_and_some_people_are_registered_twice() -> None:
    rows = [row for row in sound(PEOPLE) if not row["record_status"]]
    kinds = set(datasets()[PEOPLE].column("delegation_kind").words)
    assert {row["delegation_kind"] for row in rows} == kinds
    known = Counter(row["gender"].lower() for row in rows)
    assert 0.40 < known["female"] / (known.total() - known["unknown"]) < 0.55
    assert known["unknown"] > 20
    plain = Counter(
        (row["meeting_id"], "".join(c for c in row["full_name"].casefold() if c.isascii() and c.isalpha()))
        for row in rows
    )
    assert sum(n > 1 for n in plain.values()) >= 10
    meetings_of: dict[str, set[str]] = {}
    for row in rows:
        meetings_of.setdefault(row["full_name"], set()).add(row["meeting_id"])
    assert sum(len(m) > 1 for m in meetings_of.values()) > 50


def test_mine_victims_are_few_at_some_meetings_and_many_at_others() -> None:
    here = [row for row in sound(PEOPLE) if row["is_mine_victim"] == "yes" and row["attended"] == "yes"]
    victims = {
        m: len({r["full_name"].casefold() for r in here if r["meeting_id"] == m})
        for m in ("22MSP", "22MSP-PM1", "22MSP-PM2")
    }
    assert victims["22MSP"] >= 12
    assert 1 <= victims["22MSP-PM1"] < 10
    assert 1 <= victims["22MSP-PM2"] < 10


def test_no_invented_person_is_named_outside_the_registers_of_people() -> None:
    people = {part for row in delivered()[PEOPLE].values() for part in row["full_name"].casefold().split()}
    for dataset in set(delivered()) - {PEOPLE}:
        written = " ".join(cell for row in delivered()[dataset].values() for cell in row.values()).casefold()
        assert not people & set(written.split()), dataset


def test_addresses_of_people_lead_nowhere() -> None:
    addresses = [row["email"] for row in delivered()[PEOPLE].values() if row["email"]]
    assert len(addresses) > 500
    assert all(address.endswith("@example.org") for address in addresses)


def test_cases_say_that_there_is_no_document() -> None:
    obliged = {row["iso3"] for row in delivered()["obligations"].values()}
    for row in delivered()["compliance_cases"].values():
        assert row["basis"].startswith("Synthetic sample: no real document")
        assert row["iso3"] not in obliged


def test_evidence_holds_text_that_looks_like_an_attack() -> None:
    evidence = [row["evidence"] for row in sound("article7_answers")]
    for piece in ("=HYPERLINK", "<script>", '"', "\n", "DROP TABLE"):
        assert any(piece in text for text in evidence), piece


def test_each_expected_finding_points_at_a_row_that_shows_the_fault() -> None:
    everything = {place: row for rows in delivered().values() for place, row in rows.items()}
    assert len(findings()) > 150
    for _, finding in findings().iterrows():
        row = everything[place_of(finding)]
        cell = row.get(str(finding["column"]), "")
        kind = finding["kind"]
        if kind == "unknown_state":
            assert cell in NO_STATE, finding.to_dict()
        assert (cell == "") == (kind in {"missing_cell", "exact_duplicate"}), finding.to_dict()


def test_an_independent_reading_of_the_contract_finds_the_same_faults() -> None:
    plan = frozenset(reported_indicators()["indicator_id"])
    spellings = {form: code for code, forms in SPELLINGS.items() for form in forms}
    accepted = read_deliveries([DELIVERY], spellings, {"": plan, "draft-2024-08-16": plan})
    assert accepted.unknown_files == []
    for outcome, waits in (("quarantined", False), ("waiting", True)):
        found = {(q.file, q.row_number) for q in accepted.quarantined if q.waiting is waits}
        assert found == {(file, row) for file, _, row in places(outcome)}
    assert accepted.duplicates == len(places("duplicate"))


def test_the_door_quarantines_these_rows_for_these_columns_and_no_others() -> None:
    plan = pd.read_csv(INDICATORS, dtype=str, keep_default_na=False)
    asked = plan[["plan_version", "indicator_id", "rule"]].itertuples(index=False, name=None)
    tables = [
        DeliveredTable(table, path.name, path.name, first_seq=1 + 100_000 * number)
        for number, path in enumerate(sorted(DELIVERY.iterdir()))
        for table in read(path, path.name).tables
    ]
    context = Context(date(2026, 11, 23), "draft-2024-08-16", list(asked), people_key=b"k" * 32)
    verdict = judge(tables, context)
    assert verdict.problems == ()
    columns = ["file_name", "row_number", "column_name", "waiting"]
    found = set(verdict.quarantined[columns].itertuples(index=False, name=None))
    listed = findings()[findings()["outcome"].isin(["quarantined", "waiting"])]
    waits = listed["outcome"] == "waiting"
    assert found == set(zip(listed["file"], listed["row_number"], listed["column"], waits, strict=True))
    assert verdict.balance["rows_duplicate"].sum() == len(places("duplicate"))


def test_rows_that_wait_name_a_parent_that_never_loads() -> None:
    refused = places("quarantined")
    reports = {r["report_id"] for p, r in delivered()["article7_reports"].items() if p not in refused}
    meetings = {row["meeting_id"] for row in sound("meetings")}
    cases = {row["case_id"] for row in sound("compliance_cases")}
    everything = {place: row for rows in delivered().values() for place, row in rows.items()}
    waiting = findings()[findings()["outcome"] == "waiting"]
    assert len(waiting) > 20
    for _, finding in waiting.iterrows():
        assert everything[place_of(finding)][str(finding["column"])] not in reports | meetings | cases
    assert {row["report_id"] for row in sound("article7_answers")} <= reports
    assert {row["meeting_id"] for row in sound(PEOPLE) if row["meeting_id"]} <= meetings


def test_keys_repeat_in_a_file_only_as_versions_or_as_noted() -> None:
    noted = places("quarantined") | places("duplicate")
    for dataset, rows in delivered().items():
        seen: set[tuple[str, ...]] = set()
        for (file, sheet, number), row in rows.items():
            if (file, sheet, number) in noted:
                continue
            version = (file, sheet, *(row[k] for k in datasets()[dataset].key), row["received_on"])
            assert version not in seen, version
            seen.add(version)


def test_a_duplicate_has_its_twin_above_it_in_the_file() -> None:
    for dataset, rows in delivered().items():
        key = datasets()[dataset].key
        for place in places("duplicate") & set(rows):
            twins = [
                p
                for p, r in rows.items()
                if p[:2] == place[:2] and p < place and all(r[k] == rows[place][k] for k in key)
            ]
            assert twins, place


@pytest.mark.parametrize("dataset", sorted(datasets()))
def test_less_than_a_twentieth_of_a_dataset_is_quarantined(dataset: str) -> None:
    bad = places("quarantined") & set(delivered()[dataset])
    assert len(bad) < 0.05 * len(delivered()[dataset])
