"""People's names and addresses never pass the door, wherever they turn up.

A delivery full of one invented name and address, in every place where someone could write it, goes through a
whole refresh. Afterwards everything that the run left behind is searched; only the restricted part of the
archive may hold them (semantics.md, People).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import openpyxl
import pyarrow.parquet as pq
import pytest

from flows import task_runners
from sources.contract import datasets

SRAAP = str(Path(sys.executable).parent / "sraap")
NAME = "Zyxwina Qanaryprobst"
EMAIL = "zyxwina.qanaryprobst@example.org"
CANARY = re.compile(rb"zyxwina|qanaryprobst", re.IGNORECASE)
REGISTER = (
    "registration_id,meeting_id,delegation_kind,iso3,organization,full_name,email,gender,is_mine_victim,"
    "attended,received_on,source_ref,{extra}\n"
)
GOOD = "{id},MSP,state,KHM,,{name},{email},female,no,yes,2026-01-10,,{extra}\n"


def _register(extra: str, *lines: str) -> str:
    return REGISTER.format(extra=extra) + "".join(lines)


def _plain(folder: Path) -> None:
    """The required datasets, with the canary in free text, in a column too many and in an id."""
    files = {
        "states.csv": (
            f"iso3,name,un_region,received_on,contact\nKHM,Cambodia,Asia-Pacific,2025-01-01,{NAME}\n"
        ),
        "treaty_actions.csv": (
            "action_id,iso3,action,deposited_on,effective_on,received_on\n"
            "KHM-c,KHM,ratification,1999-07-28,2000-01-01,2025-01-01\n"
        ),
        "obligations.csv": (
            "obligation_id,iso3,kind,starts_on,ends_on,end_reason,deadline,received_on,source_ref\n"
            f"KHM-5,KHM,article_5,2000-01-01,,,2030-01-01,2025-01-01,told by {NAME}\n"
        ),
        "article7_reports.csv": (
            "report_id,iso3,reporting_year,submitted_on,uses_guide,has_implementation_update,received_on,document_url\n"
            f"R1,KHM,2025,2025-04-01,yes,yes,2025-04-02,https://example.org/{EMAIL}\n"
            f"{NAME},KHM,2025,2025-04-01,yes,yes,2025-04-02,\n"
            f"R2,{NAME},2025,2025-04-01,yes,yes,2025-04-02,\n"
        ),
        "article7_answers.csv": (
            "report_id,indicator_id,answer,evidence,location,received_on\n"
            f'R1,1.1,yes,"as {NAME.upper()} ({EMAIL}) writes",p. 3 {NAME},2025-04-02\n'
            f"R1,1.2,yes,see <mailto:{EMAIL}>,,2025-04-02\n"
        ),
        "meetings.csv": (
            "meeting_id,title,kind,starts_on,ends_on,received_on\n"
            f"MSP,Meeting opened by {NAME},meeting_of_states_parties,2025-12-01,2025-12-05,2025-12-06\n"
        ),
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def _registers(folder: Path) -> None:
    """Registers with the canary in the right and in every wrong column, in names of files and of columns."""
    rows = [GOOD.format(id=f"G{i}", name=f"Person Number{i}", email="", extra="") for i in range(40)]
    rows += [
        GOOD.format(id="C1", name=NAME, email=EMAIL, extra=NAME),
        f"C2,MSP,civil_society,,{NAME},Someone Else,,female,no,yes,2026-01-10,{NAME},\n",
        f"{NAME},MSP,state,KHM,,Third Person,,female,no,yes,2026-01-10,,\n",
        f"{EMAIL},MSP,state,KHM,,Fourth Person,,female,no,yes,2026-01-10,,\n",
        f"C5,{NAME},state,KHM,,Fifth Person,,female,no,yes,2026-01-10,,\n",
        f"C6,MSP,{NAME},KHM,,Sixth Person,,female,no,yes,2026-01-10,,\n",
        f"C7,MSP,state,{NAME},,Seventh Person,,female,no,yes,2026-01-10,,\n",
        f"C8,MSP,state,KHM,,Eighth Person,,{NAME},no,yes,2026-01-10,,\n",
        f"C9,MSP,state,KHM,,Ninth Person,,female,{EMAIL},yes,2026-01-10,,\n",
        f"C10,MSP,state,KHM,,Tenth Person,,female,no,{NAME},2026-01-10,,\n",
        f"C11,MSP,state,KHM,,Eleventh Person,,female,no,yes,{NAME},,\n",
        f"C12,MSP,state,KHM,,Twelfth Person,,female,no,yes,2026-01-10,,,{NAME}\n",
    ]
    (folder / f"meeting_participants--{NAME}.csv").write_text(_register(NAME, *rows), encoding="utf-8")
    (folder / "meeting_participants--broken.csv").write_text(f'full_name,email\n"{NAME},{EMAIL}\n', "utf-8")
    (folder / "meeting_participants--columns.csv").write_text(f"{NAME},email\nx,{EMAIL}\n", "utf-8")
    (folder / "meeting_participants--more.json").write_text(
        json.dumps([{"registration_id": "J1", NAME: EMAIL, "full_name": NAME}]), encoding="utf-8"
    )
    (folder / f"{NAME}.txt").write_text(f"{NAME} {EMAIL}", encoding="utf-8")
    (folder / f"{NAME} folder").mkdir()


def _workbook(folder: Path) -> None:
    """A workbook with the canary in its name, its properties, a sheet's name and a register's sheet."""
    workbook = openpyxl.Workbook()
    workbook.properties.creator = NAME
    workbook.properties.lastModifiedBy = EMAIL
    sheet = workbook.active
    assert sheet is not None
    sheet.title = NAME
    sheet.append([NAME, EMAIL])
    register = workbook.create_sheet("meeting_participants")
    columns = [c.name for c in datasets()["meeting_participants"].columns]
    register.append(columns)
    cells = {"registration_id": "W1", "meeting_id": "MSP", "delegation_kind": "state", "iso3": "Kambodscha"}
    cells |= {
        "full_name": NAME,
        "email": EMAIL,
        "gender": "female",
        "attended": "yes",
        "received_on": "2026-01-10",
    }
    register.append([cells.get(name, "") for name in columns])
    workbook.save(folder / f"{NAME}.xlsx")


@pytest.fixture(scope="module")
def left_behind(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The home after a refresh, a check and an audit, and everything that they said."""
    folder = tmp_path_factory.mktemp("canaries")
    inbox, home = folder / "inbox", folder / "home"
    inbox.mkdir()
    _plain(inbox)
    _registers(inbox)
    _workbook(inbox)
    common = ["--home", str(home)]
    environment = {**os.environ, task_runners.RUNNER: "threads", task_runners.WORKERS: "2"}
    said = ""
    for command, expected in (
        (["check", str(inbox)], (1,)),
        (["refresh", "--inbox", str(inbox), "--as-of", "2026-02-01"], (1,)),
        (["refresh", "--inbox", str(inbox), "--as-of", "2026-02-01", "--json", "--debug"], (0,)),
        (["audit"], (0,)),
        (["audit", "--json"], (0,)),
    ):
        done = subprocess.run([SRAAP, *command, *common], capture_output=True, check=False, env=environment)
        said += (done.stdout + done.stderr).decode("utf-8")
        assert done.returncode in expected, said[-3000:]
    return home, said


def contents(path: Path) -> Iterator[bytes]:
    """What a file says: its bytes, and what a reader of its format would see."""
    yield path.read_bytes()
    if path.suffix == ".parquet":
        yield str(pq.read_table(path).to_pylist()).encode()
    if path.suffix == ".duckdb":
        with duckdb.connect(str(path), read_only=True) as connection:
            for schema, table in connection.execute(
                "select schema_name, table_name from duckdb_tables() where not internal"
            ).fetchall():
                yield str(connection.execute(f'from "{schema}"."{table}"').fetchall()).encode()


def test_nothing_outside_the_restricted_archive_names_the_person(left_behind: tuple[Path, str]) -> None:
    home, _ = left_behind
    restricted = home / "archive" / "restricted"
    searched = 0
    for path in sorted(home.rglob("*")):
        assert not CANARY.search(str(path.relative_to(home)).encode()) or restricted in path.parents, path
        if path.is_file() and restricted not in path.parents:
            searched += 1
            for content in contents(path):
                found = CANARY.search(content)
                assert found is None, f"{path}: {content[max(0, found.start() - 80) : found.end() + 80]!r}"
    assert searched > 200
    records = [json.loads(path.read_bytes()) for path in (home / "runs").glob("*/run.json")]
    assert {record["state"]: record.get("parts") for record in records} == {
        "published": 2,
        "nothing_new": None,
    }, "files were read in parts"
    (published,) = (record for record in records if record["state"] == "published")
    phases = [phase["name"] for phase in published["phases"]]
    assert phases[:4] == ["start tools", "receive", "read", "judge"], "which is a phase of its own"


def test_nothing_that_was_said_names_the_person(left_behind: tuple[Path, str]) -> None:
    """A folder is named by its owner, so that the inbox's own path is not searched; files in it are."""
    assert not CANARY.search(left_behind[1].encode())


def test_the_restricted_archive_holds_the_bytes_as_received(left_behind: tuple[Path, str]) -> None:
    restricted = left_behind[0] / "archive" / "restricted"
    assert restricted.stat().st_mode & 0o777 == 0o700
    assert any(CANARY.search(path.read_bytes()) for path in restricted.rglob("*") if path.is_file())


def test_the_person_is_still_counted(left_behind: tuple[Path, str]) -> None:
    """Rows with the name in its own column load: the same person in two registers is one participation."""
    with duckdb.connect(str(left_behind[0] / "published" / "warehouse.duckdb"), read_only=True) as connection:
        counted = connection.execute(
            "select denominator from marts.indicator_values "
            "where indicator_id = '3.4' and breakdown = 'total' and reporting_year = 2025"
        ).fetchone()
        evidence = connection.execute(
            "select evidence from marts.indicator_observations where indicator_id = '1.1' and reason = 'yes'"
        ).fetchone()
    assert counted is not None and counted[0] == 42
    assert evidence is not None and "[name removed]" in evidence[0]
