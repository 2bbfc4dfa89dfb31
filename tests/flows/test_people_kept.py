"""What is kept of people, for how long, and what erasing one of them leaves."""

from __future__ import annotations

import json
import shutil
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from rich.console import Console

from flows import erasing, pruning, retention
from flows.archive import read_delivered
from flows.audit import audit, show_audit
from flows.erasing import Person
from flows.errors import UsageProblem
from flows.home import Home
from flows.ledger import Ledger
from flows.refresh import Request, refresh
from tests.flows.harness import (
    AS_OF,
    CANARY,
    PARTICIPANTS,
    deliver,
    snapshot,
    table,
    take_in,
    without_prefect,
    write_csv,
)

REGISTER = f"meeting_participants--{CANARY}.csv"
LATER = datetime.now(UTC) + timedelta(days=91)
OTHERS = [
    {**PARTICIPANTS[0], "registration_id": "REG-2", "full_name": CANARY, "iso3": "KEN", "gender": "female"},
    {**PARTICIPANTS[0], "registration_id": "REG-3", "full_name": "Oswin Fernleaf", "email": ""},
    # the same person again, spelt with other letters
    {**PARTICIPANTS[0], "registration_id": "REG-4", "full_name": CANARY.upper(), "email": ""},
]
WAITING = {**PARTICIPANTS[0], "registration_id": "REG-9", "meeting_id": "23MSP", "full_name": "Ilka Moorhen"}


def home_with_people(folder: Path) -> Path:
    inbox = deliver(folder / "inbox", meeting_participants=[*PARTICIPANTS, *OTHERS, WAITING])
    (inbox / "meeting_participants.csv").rename(inbox / REGISTER)
    (inbox / f"{CANARY}.lnk").symlink_to(inbox / "states.csv")
    assert take_in(folder / "home", inbox).exit_code == 1
    return folder / "home"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home and its inbox, made once; tests change copies."""
    folder = tmp_path_factory.mktemp("people")
    home_with_people(folder)
    return folder


@pytest.fixture
def home(template: Path, tmp_path: Path) -> Home:
    shutil.copytree(template, tmp_path, symlinks=True, dirs_exist_ok=True)
    return Home(tmp_path / "home")


def words_of(folder: Path) -> list[str]:
    """Files below a folder that hold the canary's name, in their own name or in their bytes."""
    family, given = CANARY.split()[1].lower(), CANARY.split()[0].lower()
    return [
        name
        for name, content in snapshot(folder).items()
        if any(
            word in (name + (content if isinstance(content, str) else content.decode("latin-1"))).lower()
            for word in (family, given)
        )
    ]


# --- the days of the restricted part ------------------------------------------------------------------------


def test_nothing_goes_before_its_days_are_over(home: Home) -> None:
    before = snapshot(home.root)
    assert not retention.empty(home, datetime.now(UTC) + timedelta(days=89)).anything
    assert snapshot(home.root) == before


def test_a_register_goes_after_its_days_and_leaves_its_hash_alone(home: Home) -> None:
    assert words_of(home.root)
    emptied = retention.empty(home, LATER)
    (deletion,) = [d for d in emptied.deletions if d.dataset == "meeting_participants"]
    assert not (home.restricted / deletion.sha256).exists()
    assert deletion.shown_name == f"meeting_participants--{deletion.sha256[:8]}.csv"
    assert deletion.ground and deletion.received < deletion.deleted and deletion.bytes > 0
    lines = (home.root / "archive" / "deletions.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["sha256"] for line in lines] == [d.sha256 for d in emptied.deletions]
    assert words_of(home.root) == []
    # what may be shown stays
    assert (home.open_files).is_dir() and any(home.open_files.iterdir())


def test_emptying_twice_records_once(home: Home) -> None:
    retention.empty(home, LATER)
    assert retention.empty(home, LATER).deletions == ()
    assert len(retention.read_deletions(home)) == 1


def test_a_crash_between_record_and_deletion_is_mended(home: Home) -> None:
    kept = snapshot(home.restricted)
    retention.empty(home, LATER)
    for name, content in kept.items():
        if isinstance(content, bytes) and not (home.restricted / name).exists():
            (home.restricted / name).write_bytes(content)
    retention.empty(home, LATER)
    assert len(retention.read_deletions(home)) == 1
    assert words_of(home.root) == []


def test_a_deleted_register_delivered_again_changes_nothing(home: Home, tmp_path: Path) -> None:
    retention.empty(home, LATER)
    again = take_in(home.root, tmp_path / "inbox", full=True)
    assert again.record["received"] is not None
    assert not list(home.restricted.glob("?" * 64))
    assert Ledger.read(home).number == 1


def test_rows_of_a_deleted_register_stay_quarantined_and_the_run_says_so(home: Home, tmp_path: Path) -> None:
    retention.empty(home, LATER)
    write_csv(
        tmp_path / "more" / "meetings.csv",
        [
            {
                "meeting_id": "23MSP",
                "title": "Next",
                "kind": "meeting_of_states_parties",
                "starts_on": "2026-11-30",
                "ends_on": "2026-12-04",
            }
        ],
    )
    result = take_in(home.root, tmp_path / "more")
    assert result.exit_code == 0
    assert result.record["judged"]["out_of_reach"] == 1
    (row,) = [r for r in table(home.root, "quarantined_rows") if r["dataset"] == "meeting_participants"]
    assert row["waiting"]
    balance = table(home.root, "row_balance")
    assert all(
        b["rows_read"] == b["rows_loaded"] + b["rows_duplicate"] + b["rows_quarantined"] for b in balance
    )


def test_a_pending_register_stays_however_old_and_is_named(tmp_path: Path) -> None:
    inbox = deliver(tmp_path / "inbox", states=[])  # a required dataset is missing: blocked
    assert take_in(tmp_path / "home", inbox).exit_code == 2
    home = Home(tmp_path / "home")
    emptied = retention.empty(home, LATER)
    assert emptied.deletions == ()
    assert set(emptied.overdue) == {entry.sha256 for entry in read_delivered(home).entries}


def test_a_run_empties_at_its_end(home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(retention.DAYS_VARIABLE, "0")
    result = take_in(home.root, write_csv(tmp_path / "b" / "contributions.csv", []).parent)
    assert "meeting_participants" in {line["dataset"] for line in result.record["emptied"]["files"]}
    assert words_of(home.root) == []


@pytest.mark.parametrize("days", ["-1", "soon", "1.5"])
def test_days_that_are_no_number_stop_the_run(home: Home, monkeypatch: pytest.MonkeyPatch, days: str) -> None:
    monkeypatch.setenv(retention.DAYS_VARIABLE, days)
    with pytest.raises(UsageProblem, match="number of days"):
        take_in(home.root)


# --- erasing a person ---------------------------------------------------------------------------------------


def keys(home: Home) -> dict[str, str]:
    frames = [pq.read_table(p).to_pylist() for p in (home.landing / "meeting_participants").glob("*.parquet")]
    return {row["registration_id"]: row["person_key"] for rows in frames for row in rows}


def test_a_person_is_erased_and_nobody_else(home: Home) -> None:
    before = keys(home)
    erased = erasing.erase(home, Person(f"  {CANARY.lower()} ", "Cambodia"))
    after = keys(home)
    assert erased.registrations == 2
    assert {name for name in before if before[name] != after[name]} == {"REG-1", "REG-4"}
    # the two stay one person; those of another delegation and of another name stay themselves
    assert after["REG-1"] == after["REG-4"] and len(after["REG-1"]) == 64
    assert erased.files == (f"meeting_participants--{erased.files[0][22:30]}.csv",)
    assert [p for p in words_of(home.root) if "deliveries" not in p] == []
    grounds = [deletion.ground for deletion in retention.read_deletions(home)]
    assert grounds == ["erasure of a person", "erasure of a person done"]


def test_a_person_of_an_organization_is_found_under_its_name(tmp_path: Path) -> None:
    person = {
        **PARTICIPANTS[0],
        "delegation_kind": "civil_society",
        "iso3": "",
        "organization": "Open Fields",
    }
    inbox = deliver(tmp_path / "inbox", meeting_participants=[person])
    take_in(tmp_path / "home", inbox)
    assert erasing.erase(Home(tmp_path / "home"), Person(CANARY, "OPEN  fields")).registrations == 1


def test_somebody_unknown_is_a_usage_problem_that_names_nobody(home: Home) -> None:
    before = snapshot(home.root)
    with pytest.raises(UsageProblem) as problem:
        erasing.erase(home, Person("Tamsin Nowhere", "Kenya"))
    assert "Tamsin" not in str(problem.value.as_dict())
    assert snapshot(home.root) == before


def test_an_erasure_that_broke_off_is_finished_by_the_next_run(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(retention, "delete_files", broken)
    with pytest.raises(OSError, match="disk"):
        erasing.erase(home, Person(CANARY, "KHM"))
    half = keys(home)
    assert stat.S_IMODE(erasing.journal_path(home).stat().st_mode) == 0o600
    monkeypatch.undo()
    monkeypatch.delenv("SRAAP_HOME", raising=False)
    take_in(home.root)
    assert not erasing.journal_path(home).exists()
    assert keys(home) == half
    assert [p for p in words_of(home.root) if "deliveries" not in p] == []


def test_a_pending_file_that_holds_the_person_is_withdrawn(tmp_path: Path) -> None:
    inbox = deliver(tmp_path / "inbox", states=[])
    take_in(tmp_path / "home", inbox)
    home = Home(tmp_path / "home")
    erased = erasing.erase(home, Person(CANARY, "KHM"))
    assert len(erased.withdrawn) == 1
    names = {entry.dataset for entry in read_delivered(home).pending(set())}
    assert "meeting_participants" not in names and "meetings" in names


def test_the_index_forgets_the_name(home: Home) -> None:
    erasing.erase(home, Person(CANARY, "KHM"))
    names = [n for p in home.people_names.glob("*.parquet") for n in pq.read_table(p)["name"].to_pylist()]
    assert "quilla canarybird" not in names and "oswin fernleaf" in names


@pytest.mark.parametrize("text", ["", "only a name", "a\nb\nc"])
def test_two_lines_are_needed(text: str) -> None:
    with pytest.raises(UsageProblem, match="two lines"):
        Person.parse(text)


def parquet(publication: Path) -> dict[str, bytes | str]:
    found = snapshot(publication / "parquet")
    return {name: content for name, content in found.items() if name != "dim_publication.parquet"}


def test_a_publication_is_re_made_after_registers_and_a_person_are_gone_and_older_ones_pruned(
    home: Home,
) -> None:
    root = home.root

    def night() -> Path:
        result = refresh(Request(home=root, as_of=AS_OF, full=True), without_prefect)
        assert result.error is None
        return home.publications / str(result.record["publication_id"])

    first = night()
    before = snapshot(first)
    erasing.erase(home, Person(CANARY, "KHM"))
    retention.empty(home, LATER)
    assert snapshot(first) == before
    second = night()
    assert parquet(second) == parquet(first)

    pruned = pruning.prune(home, 1)
    assert pruned.dropped == (first.name,) and pruned.kept == (second.name,)
    assert {p.relative_to(first).as_posix() for p in first.rglob("*") if p.is_file()} == {
        "evidence/manifest.json",
        "pruned.json",
    }
    note = json.loads((first / "pruned.json").read_text("utf-8"))
    assert {line["path"] for line in note["removed"]} == set(before) - {"evidence/manifest.json"}
    assert (first / "evidence" / "manifest.json").read_bytes() == before["evidence/manifest.json"]
    assert home.current_publication() == second and (second / "warehouse.duckdb").exists()
    assert words_of(root) == []
    assert pruning.prune(home, 1).dropped == ()
    evidence = audit(root, first.name)
    assert evidence["manifest"]["publication_id"] == first.name and evidence["files"] == []
    console = Console(record=True, width=200)
    show_audit(console, evidence)
    assert f"sraap refresh --reproduce {first.name}" in console.export_text()


def test_the_published_one_stays_though_it_is_not_among_the_newest(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.create("real")
    for name in ("20260101T000000.000Z", "20260102T000000.000Z", "20260103T000000.000Z"):
        (home.publications / name / "evidence").mkdir(parents=True)
        (home.publications / name / "evidence" / "manifest.json").write_text("{}")
        (home.publications / name / "warehouse.duckdb").write_text("x")
        (home.runs / name).mkdir()
        for part in ("run.json", "dbt.log"):
            (home.runs / name / part).write_text("{}")
    home.published.symlink_to("publications/20260102T000000.000Z")
    pruned = pruning.prune(home, 1)
    assert pruned.dropped == ("20260101T000000.000Z",)
    assert pruned.runs == ("20260101T000000.000Z",)
    assert [p.name for p in (home.runs / "20260101T000000.000Z").iterdir()] == ["run.json"]
    assert len(list((home.runs / "20260102T000000.000Z").iterdir())) == 2
    with pytest.raises(UsageProblem):
        pruning.prune(home, 0)
