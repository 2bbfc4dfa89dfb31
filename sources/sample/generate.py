"""Makes the sample delivery: ``python -m sources.sample.generate --help`` says how.

The same seed and scale give the same bytes on every machine. What is real, what is invented and
what is wrong on purpose: README.md beside this file.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from sources.sample import DELIVERY, REGISTERS, answers, meetings, parties, reports, secretariat
from sources.sample.files import FINDING_COLUMNS, write_csv, write_json, write_parquet, write_workbook
from sources.sample.parties import Parties

SEED = 20241129
"""The day on which the plan was adopted."""
MAX_SCALE = 500
"""Above it, numbers of reports would run into those kept for bad rows."""
PART_ROWS = 200_000
"""Answers of a file above scale 1: who has millions delivers them in parts."""
INDICATORS = Path(__file__).resolve().parents[2] / "dbt_project" / "seeds" / "plan_indicators.csv"
REAL = ("states", "treaty_actions", "obligations")


def generate(out: Path, seed: int = SEED, scale: int = 1, parquet: bool = False) -> pd.DataFrame:
    """Write a delivery into ``out`` and give its expected findings (``FINDING_COLUMNS``).

    ``scale`` 1 is about life: see README.md for what grows with it. ``parquet``: what grows, answers and
    workshops, is written as Parquet; the cells are the same. Raises ``ValueError`` for a scale
    out of range and ``FileExistsError`` where ``out`` holds a file that is no part of the delivery.
    """
    if not 1 <= scale <= MAX_SCALE:
        raise ValueError(f"--scale {scale}: give a whole number from 1 to {MAX_SCALE}")
    present = {p.name for p in out.iterdir()} if out.exists() else set()
    if foreign := sorted(
        name for name in present - _names(scale) if not (scale > 1 and PART.fullmatch(name))
    ):
        raise FileExistsError(
            f"{out} holds files that are no part of the delivery: {', '.join(foreign)}; remove them"
        )
    out.mkdir(parents=True, exist_ok=True)
    for name in REAL:
        (out / f"{name}.csv").write_bytes((REGISTERS / f"{name}.csv").read_bytes())
    known = parties.load()
    found = [
        *_reports_and_answers(known, out, seed, scale, parquet),
        *_meetings(known, out, seed, scale, parquet),
        _workbook(known, out, seed),
        write_json(
            secretariat.contributions(known, seed),
            out / "contributions.jsonl",
            "contributions",
            ("amount", "year"),
        ),
    ]
    findings = pd.concat(found, ignore_index=True)[list(FINDING_COLUMNS)]
    return findings.sort_values(["file", "sheet", "row_number"], kind="stable").reset_index(drop=True)


PART = re.compile(
    r"article7_answers--\d{4}-\d{2}\.(csv|parquet)|meeting_participants--workshops-\d{4}\.parquet"
)


def _names(scale: int) -> set[str]:
    held = {m.meeting_id for m in meetings.known() if m.people}
    workshops = {"workshops-2025", "workshops-2026"} if scale > 1 else set()
    return {
        *(f"{name}.csv" for name in REAL),
        "meetings.json",
        "contributions.jsonl",
        "meeting_statements.csv",
        "secretariat.xlsx",
        *(f"article7_reports--{year}.csv" for year in reports.YEARS),
        *(
            f"article7_answers--{part}.csv"
            for part in ((*reports.YEARS, "corrections") if scale == 1 else ("corrections",))
        ),
        *(f"meeting_participants--{part}.csv" for part in held | workshops),
    }


def reported_indicators() -> pd.DataFrame:
    """The plan's indicators that reports answer: indicator_id, section, population, unit."""
    plan = pd.read_csv(INDICATORS, dtype=str, keep_default_na=False)
    wanted = plan[plan["rule"].isin(["reported", "reported_ever"])]
    return wanted[["indicator_id", "section", "population", "unit"]].reset_index(drop=True)


def _reports_and_answers(
    known: Parties, out: Path, seed: int, scale: int, parquet: bool
) -> list[pd.DataFrame]:
    indicators = reported_indicators()
    made = reports.make(known, seed, scale)
    found = []
    unloaded: list[str] = []
    for year, rows in reports.rows(known, made, seed).items():
        path = out / f"article7_reports--{year}.csv"
        found.append(write_csv(rows, path, separator=";", line_end="\r\n", bom=True))
        bad = rows[(rows["_outcome"] == "quarantined") & (rows["_column"] != "uses_guide")]
        unloaded += sorted(set(bad["report_id"]))[:2]
    first_blocks = []
    for year in reports.YEARS:
        # Reports of years before the plan go with its first year.
        years = made["reporting_year"].clip(lower=reports.YEARS[0])
        of_year = made[years == year].reset_index(drop=True)
        files = iter(range(1, 100))
        for place, sound in enumerate(answers.blocks(known, of_year, indicators, seed, scale=scale)):
            block = sound if place else answers.mess(sound, year, seed)
            if not place:
                first_blocks.append(block)
            if scale == 1:
                found.append(write_csv(block, out / f"article7_answers--{year}.csv"))
                continue
            for part in _parts(block):
                path = out / f"article7_answers--{year}-{next(files):02}.csv"
                found.append(_write(part, path, parquet))
    refused = np.array(unloaded, dtype=object)
    corrected = answers.corrections(pd.concat(first_blocks), made, refused, seed)
    found.append(write_csv(corrected, out / "article7_answers--corrections.csv"))
    return found


def _parts(rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Rows of at most ``PART_ROWS``, one after the other."""
    for start in range(0, len(rows), PART_ROWS):
        yield rows.iloc[start : start + PART_ROWS].reset_index(drop=True)


def _write(rows: pd.DataFrame, path: Path, parquet: bool) -> pd.DataFrame:
    return write_parquet(rows, path.with_suffix(".parquet")) if parquet else write_csv(rows, path)


def _meetings(known: Parties, out: Path, seed: int, scale: int, parquet: bool) -> list[pd.DataFrame]:
    found = [write_json(meetings.rows(scale, seed), out / "meetings.json", "meetings")]
    everybody = meetings.people(known, seed, scale)
    for name, rows in meetings.participants(known, everybody, seed, scale).items():
        if name == "IM2026":
            # A column that the contract does not know: kept in the archive, told as a warning.
            table = (pd.RangeIndex(len(rows)) % 24 + 1).astype(str)
            rows.insert(len(rows.columns), "table_number", table)
        grows = parquet and name.startswith("workshops-")
        found.append(_write(rows, out / f"meeting_participants--{name}.csv", grows))
    cases = secretariat.compliance_cases(known, seed)
    said = meetings.statements(known, cases, seed, scale)
    found.append(write_csv(said, out / "meeting_statements.csv", separator="\t"))
    return found


def _workbook(known: Parties, out: Path, seed: int) -> pd.DataFrame:
    sheets = {
        "extension_requests": secretariat.extension_requests(known, seed),
        "completion_declarations": secretariat.completion_declarations(known, seed),
        "stockpile_discoveries": secretariat.stockpile_discoveries(known, seed),
        "compliance_cases": secretariat.compliance_cases(known, seed),
    }
    remarks = (
        "Synthetic sample. Every row of this workbook is invented.",
        "The sheet compliance_cases accuses nobody: its states were drawn at random.",
    )
    return write_workbook(sheets, remarks, out / "secretariat.xlsx")


def main(arguments: list[str] | None = None) -> int:
    """Run the generator; findings go beside the delivery, as ``expected_findings.csv``."""
    parser = argparse.ArgumentParser(prog="python -m sources.sample.generate", description=__doc__)
    parser.add_argument(
        "--out", type=Path, default=DELIVERY, help="folder of the delivery (default: the shipped one)"
    )
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--scale", type=int, default=1, help="1 is about life; 100 is 4 million answers")
    parser.add_argument("--parquet", action="store_true", help="what grows as Parquet (from scale 2 on)")
    given = parser.parse_args(arguments)
    try:
        findings = generate(given.out, given.seed, given.scale, given.parquet and given.scale > 1)
    except (ValueError, FileExistsError) as error:
        sys.stderr.write(f"{error}\n")
        return 5
    findings.to_csv(given.out.parent / "expected_findings.csv", index=False, lineterminator="\n")
    size = sum(p.stat().st_size for p in given.out.iterdir())
    sys.stdout.write(f"{given.out}: {size / 1e6:.1f} MB, {len(findings)} expected findings\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
