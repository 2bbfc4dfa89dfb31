"""What a home does with deliveries over several runs (docs/contract/inputs.md)."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import threading
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from flows import home as homes
from flows.errors import Blocked, Locked, UsageProblem
from flows.files import read_json, write_json
from flows.home import Home, today
from flows.ledger import Ledger
from flows.refresh import SAMPLE, Request, refresh
from flows.runs import Run, all_runs
from sources.contract import datasets
from tests.flows.harness import (
    ANSWERS,
    AS_OF,
    REPORTS,
    deliver,
    snapshot,
    table,
    take_in,
    taking_in,
    write_csv,
)

KEN_REPORT = {**REPORTS[0], "report_id": "R-KEN", "iso3": "KEN"}
KEN_ANSWER = {**ANSWERS[0], "report_id": "R-KEN"}


def test_rows_read_are_loaded_duplicate_or_quarantined(tmp_path: Path) -> None:
    answers = [*ANSWERS, ANSWERS[0], {**ANSWERS[0], "indicator_id": "1.2", "answer": "oui"}]
    result = take_in(tmp_path / "home", deliver(tmp_path / "inbox", article7_answers=answers))
    assert result.exit_code == 1
    line = next(b for b in table(tmp_path / "home", "row_balance") if b["dataset"] == "article7_answers")
    assert (line["rows_read"], line["rows_loaded"], line["rows_duplicate"], line["rows_quarantined"]) == (
        3,
        1,
        1,
        1,
    )


def test_row_that_waited_loads_with_its_first_place_once_its_parent_has_come(tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = take_in(home, deliver(tmp_path / "a", article7_answers=[*ANSWERS, KEN_ANSWER]))
    assert first.exit_code == 1
    waiting = table(home, "quarantined_rows")
    assert [(row["dataset"], row["waiting"]) for row in waiting] == [("article7_answers", True)]

    write_csv(tmp_path / "b" / "article7_reports--more.csv", [KEN_REPORT])
    second = take_in(home, tmp_path / "b")

    assert second.exit_code == 0
    assert table(home, "quarantined_rows") == []
    balance = next(b for b in table(home, "row_balance") if b["dataset"] == "article7_answers")
    assert (balance["rows_read"], balance["rows_loaded"], balance["rows_waiting"]) == (2, 2, 0)
    files = {f["file_name"]: f["outcome"] for f in table(home, "files")}
    assert files["article7_answers.csv"] == "loaded"

    landed = pq.read_table(home / "landing" / "article7_answers" / "000002.parquet").to_pylist()
    assert [row["delivery_seq"] for row in landed] == [waiting[0]["delivery_seq"]]
    reports = pq.read_table(home / "landing" / "article7_reports" / "000002.parquet").to_pylist()
    assert reports[0]["delivery_seq"] > landed[0]["delivery_seq"]


def test_same_bytes_again_change_nothing_whatever_their_name(tmp_path: Path) -> None:
    home = tmp_path / "home"
    inbox = deliver(tmp_path / "a")
    take_in(home, inbox)
    before = snapshot(home / "landing")
    write_csv(tmp_path / "b" / "contributions.csv", [])
    again = tmp_path / "c"
    again.mkdir()
    (again / "states--copy.csv").write_bytes((inbox / "states.csv").read_bytes())
    result = take_in(home, again)
    assert result.record["received"] == {"new": 0, "delivered_before": 1}
    assert snapshot(home / "landing") == before


def test_blocked_run_takes_nothing_in_and_its_files_are_judged_again(tmp_path: Path) -> None:
    home = tmp_path / "home"
    blocked = take_in(home, deliver(tmp_path / "a", meetings=[], meeting_participants=[]))
    assert blocked.exit_code == 2
    assert isinstance(blocked.error, Blocked)
    assert Ledger.read(Home(home)).batches == []
    evidence = home / "runs" / blocked.record["run_id"] / "evidence"
    assert {p.name for p in evidence.iterdir()} >= {"validation.json", "quarantined_rows.csv"}

    inbox = deliver(tmp_path / "b", states=[], treaty_actions=[], obligations=[], article7_reports=[])
    (inbox / "article7_answers.csv").unlink()
    result = take_in(home, inbox)

    assert result.exit_code == 0
    assert {f["dataset"] for f in table(home, "files")} == {
        name for name, dataset in datasets().items() if dataset.required
    }


def test_accepted_check_lets_the_run_pass_and_is_kept(tmp_path: Path) -> None:
    home = tmp_path / "home"
    blocked = take_in(home, deliver(tmp_path / "a", meetings=[], meeting_participants=[]))
    codes = tuple({problem["check_code"] for problem in blocked.record["problems"]})
    result = take_in(home, accept=codes, by="Ines Example", why="No meeting was held yet.")
    assert result.exit_code == 0
    kept = table(home, "acceptances")
    assert {a["check_code"] for a in kept} == set(codes)
    assert {a["accepted_by"] for a in kept} == {"Ines Example"}


def test_withdrawn_file_is_never_judged_again(tmp_path: Path) -> None:
    from flows.archive import read_delivered, withdraw

    home = tmp_path / "home"
    inbox = deliver(tmp_path / "a", meetings=[], meeting_participants=[])
    take_in(home, inbox)
    place = Home(home)
    pending = read_delivered(place).pending(set())
    answers = next(entry for entry in pending if entry.name == "article7_answers.csv")
    withdraw(place, answers.sha256[:12], "Sent by mistake.", set())
    left = read_delivered(place).pending(set())
    assert answers.identity not in {entry.identity for entry in left}
    assert len(left) == len(pending) - 1
    with pytest.raises(UsageProblem):
        withdraw(place, answers.sha256, "Again.", set())


def test_a_large_delivery_is_archived_by_two_threads_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows import archive
    from sources.reading import classify

    inbox = deliver(tmp_path / "a")
    (inbox / "states--again.csv").write_bytes((inbox / "states.csv").read_bytes())
    (inbox / "states--link.csv").symlink_to(inbox / "states.csv")
    names = lambda name: (classify(name).dataset or "unknown", classify(name).format)  # noqa: E731
    threads: set[str] = set()
    whole = archive._archive

    def noted(home: Home, found: archive.Found) -> archive.Found:
        threads.add(threading.current_thread().name.split("_")[0])
        return whole(home, found)

    monkeypatch.setattr(archive, "_archive", noted)
    made = {}
    for way, many in (("one", 10**9), ("two", 1)):
        monkeypatch.setattr(archive, "MANY_BYTES", many)
        home = Home(tmp_path / way)
        home.create("real")
        entries = archive.receive(home, "20260101T000000.000Z", archive.scan([inbox]), [], names)
        kept = {path.name: path.read_bytes() for path in home.restricted.iterdir() if path.is_file()}
        assert all(hashlib.sha256(data).hexdigest() == name for name, data in kept.items())
        made[way] = (entries, kept)
    assert made["one"] == made["two"]
    assert threads == {"MainThread", "archive"}

    def full(home: Home, found: archive.Found) -> archive.Found:
        if found.name == "states.csv":
            raise OSError(errno.ENOSPC, "No space left on device", found.name)
        return whole(home, found)

    monkeypatch.setattr(archive, "_archive", full)
    home = Home(tmp_path / "full")
    home.create("real")
    with pytest.raises(OSError, match="No space left"):
        archive.receive(home, "20260101T000000.000Z", archive.scan([inbox]), [], names)
    assert not list(home.deliveries.glob("*.json"))


def test_links_and_folders_are_listed_and_not_followed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    secret = write_csv(tmp_path / "elsewhere" / "states.csv", [{"iso3": "NOR", "name": "Norway"}])
    inbox = deliver(tmp_path / "a")
    (inbox / "states--link.csv").symlink_to(secret)
    (inbox / "more").mkdir()
    write_csv(inbox / "more" / "states.csv", [{"iso3": "NOR", "name": "Norway"}])
    os.mkfifo(inbox / "states--pipe.csv")
    take_in(home, inbox)
    unknown = [f for f in table(home, "files") if f["outcome"] == "unknown_file"]
    assert sorted(f["file_name"] for f in unknown) == [
        "unknown--folder",
        "unknown--special_file",
        "unknown--symbolic_link",
    ]
    states = next(b for b in table(home, "row_balance") if b["dataset"] == "states")
    assert states["rows_read"] == 2
    assert take_in(home, inbox).record["judged"] is None


def test_unreadable_file_is_quarantined_and_others_load(tmp_path: Path) -> None:
    home = tmp_path / "home"
    inbox = deliver(tmp_path / "a")
    (inbox / "contributions.xlsx").write_bytes(b"PK\x03\x04 cut off")
    (inbox / "contributions.parquet").write_bytes(b"PAR1")
    result = take_in(home, inbox)
    assert result.exit_code == 1
    outcomes = {f["dataset"]: f["outcome"] for f in table(home, "files")}
    assert outcomes["workbook"] == "quarantined"
    assert outcomes["contributions"] == "quarantined"
    assert outcomes["states"] == "loaded"


def test_quarantined_rows_and_files_are_judged_again_when_rules_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    bad = {**ANSWERS[0], "indicator_id": "1.2", "answer": "oui"}
    inbox = deliver(tmp_path / "a", article7_answers=[*ANSWERS, bad])
    (inbox / "contributions.parquet").write_bytes(b"PAR1")
    take_in(home, inbox)
    full = take_in(home, full=True).record
    assert full["judged"] is None
    read = sum(line["rows_read"] for line in table(home, "row_balance"))
    assert full["judged_afresh"] == {
        "batches": 1,
        "files": 8,
        "rows": read,
        "out_of_reach": 0,
        "otherwise": {},
    }

    monkeypatch.setattr("flows.plans.rules_fingerprint", lambda: "another")
    again = take_in(home, full=True)

    assert again.record["judged"]["rows"]["read"] == 1
    assert again.record["judged"]["rows"]["quarantined"] == 1
    assert again.record["judged"]["files"] == {"quarantined": 1}
    answers = next(b for b in table(home, "row_balance") if b["dataset"] == "article7_answers")
    assert (answers["rows_read"], answers["rows_loaded"], answers["rows_quarantined"]) == (2, 1, 1)
    assert len(table(home, "quarantined_rows")) == 1
    assert len([f for f in table(home, "files") if f["dataset"] == "contributions"]) == 1


def test_second_run_at_once_ends_with_exit_code_4_and_names_the_holder(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with home.lock() as held:
        held.name("the-first-run")
        with pytest.raises(Locked, match="the-first-run") as caught:
            take_in(home.root, deliver(tmp_path / "a"))
    assert caught.value.exit_code == 4
    assert take_in(home.root, tmp_path / "a").exit_code == 0


def test_the_ledger_s_tables_hold_the_rows_of_every_batch_in_order(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    take_in(home.root, deliver(tmp_path / "a"))
    write_csv(tmp_path / "b" / "article7_reports.csv", [KEN_REPORT])
    take_in(home.root, tmp_path / "b")
    known = Ledger.read(home)
    results = known.table("validation_results")
    assert list(dict.fromkeys(results["run_id"])) == [batch.run_id for batch in known.batches]
    first = home.ledger / known.batches[0].name / "validation_results.parquet"
    pq.write_table(pq.read_table(first).drop_columns(["sample_rows"]), first)
    again = known.table("validation_results")
    assert again.dtypes.equals(results.dtypes)
    assert again.drop(columns="sample_rows").equals(results.drop(columns="sample_rows"))
    assert again.loc[again["run_id"] == known.batches[0].run_id, "sample_rows"].isna().all()


@pytest.mark.parametrize(
    "name", [None, {"pid": 2**22 + 1, "run_id": "died", "since": "2026-06-01T00:00:00Z"}]
)
def test_who_only_looks_at_the_lock_stops_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: dict[str, Any] | None
) -> None:
    home = Home(tmp_path / "home")
    take_in(home.root, deliver(tmp_path / "a"))
    if name:
        write_json(home.lock_path, name)
    with home.lock_path.open("rb") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        monkeypatch.setattr(homes, "A_MOMENT", 0)
        monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it waits for longer than a moment"))
        with pytest.raises(Locked):
            take_in(home.root)
        monkeypatch.undo()
        monkeypatch.setattr(time, "sleep", lambda _: fcntl.flock(looking, fcntl.LOCK_UN))
        assert take_in(home.root).exit_code == 0


def test_run_that_died_is_marked_abandoned_and_its_leavings_are_cleared(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    take_in(home.root, deliver(tmp_path / "a"))
    died = Run.begin(home, date(2026, 6, 1), {"inboxes": []})
    orphan = home.landing / "states" / "000002.parquet"
    orphan.write_bytes(b"left behind")
    unfinished = home.publications / f".{died.run_id}.tmp"
    unfinished.mkdir()
    write_json(home.lock_path, {"pid": 1, "run_id": died.run_id, "since": "2026-06-01T00:00:00Z"})

    take_in(home.root)

    states = {run["run_id"]: run["state"] for run in all_runs(home)}
    assert states[died.run_id] == "abandoned"
    assert not orphan.exists()
    assert not unfinished.exists()


def test_sample_is_refused_by_a_real_home_under_any_name(tmp_path: Path) -> None:
    home = tmp_path / "home"
    take_in(home, deliver(tmp_path / "a"))
    assert Home(home).kind == "real"
    link = tmp_path / "other name"
    link.symlink_to(SAMPLE)
    for inbox in (SAMPLE, link):
        with pytest.raises(UsageProblem, match="sample") as caught:
            take_in(home, inbox)
        assert caught.value.exit_code == 5


def test_new_home_without_inbox_is_a_sample_home_and_takes_the_sample(tmp_path: Path) -> None:
    seen: list[list[str]] = []

    def look_only(home: Home, run: Run, to_judge: bool) -> None:
        seen.append(run.record["asked"]["inboxes"])
        run.end("failed", 70, "Only looked.")

    refresh(Request(home=tmp_path / "home", as_of=AS_OF), look_only)
    assert Home(tmp_path / "home").kind == "sample"
    assert seen == [[str(SAMPLE)]]


def test_future_as_of_date_is_refused_before_a_home_is_made(tmp_path: Path) -> None:
    ahead = (today() + timedelta(days=2)).isoformat()
    with pytest.raises(UsageProblem, match="future"):
        refresh(Request(home=tmp_path / "home", as_of=ahead), taking_in)
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("text", ["2026-W10-1", "20260309", "2026-3-9", "9 March 2026", "2026-02-30", ""])
def test_an_as_of_date_is_written_in_one_way(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageProblem, match="is not a date"):
        refresh(Request(home=tmp_path / "home", as_of=text), taking_in)
    assert not (tmp_path / "home").exists()


def test_home_of_another_format_version_is_refused(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    take_in(home.root, deliver(tmp_path / "a"))
    write_json(home.settings_path, {**read_json(home.settings_path), "format_version": 99})
    with pytest.raises(UsageProblem, match="99"):
        take_in(home.root)


def test_wrong_lost_and_open_key_of_people_stop_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "home")
    take_in(home.root, deliver(tmp_path / "a"))
    key = home.key_path.read_text(encoding="utf-8").strip()
    assert home.key_path.stat().st_mode & 0o777 == 0o600

    monkeypatch.setenv("SRAAP_PEOPLE_KEY", "another key of good length")
    with pytest.raises(UsageProblem, match="not the one"):
        take_in(home.root)
    monkeypatch.setenv("SRAAP_PEOPLE_KEY", key)
    home.key_path.unlink()
    assert take_in(home.root, full=True).exit_code == 0
    monkeypatch.delenv("SRAAP_PEOPLE_KEY")
    with pytest.raises(UsageProblem, match="lost"):
        take_in(home.root)
    home.key_path.write_text(key, encoding="utf-8")
    home.key_path.chmod(0o644)
    with pytest.raises(UsageProblem, match="others can read"):
        take_in(home.root)


def test_only_files_shown_free_of_people_leave_the_restricted_part(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    inbox = deliver(tmp_path / "a")
    write_csv(inbox / "contributions.csv", [])
    (inbox / "contributions.csv").write_text(
        "contribution_id,iso3,year,kind,amount,dated_on,received_on,contact\n", encoding="utf-8"
    )
    take_in(home.root, inbox)
    assert home.restricted.stat().st_mode & 0o777 == 0o700
    restricted = {f["dataset"] for f in table(home.root, "files") if f["restricted"]}
    assert restricted == {"meeting_participants", "contributions"}
    for file in table(home.root, "files"):
        folder = home.restricted if file["restricted"] else home.open_files
        assert (folder / file["file_sha256"]).exists()


def test_unforeseen_error_says_nothing_of_its_own_words_outside_the_restricted_part(tmp_path: Path) -> None:
    def breaks(home: Home, run: Run, to_judge: bool) -> None:
        raise ValueError("could not convert 'Quilla Canarybird'")

    request = Request(home=tmp_path / "home", inboxes=(deliver(tmp_path / "a"),), as_of=AS_OF)
    result = refresh(request, breaks)
    assert result.exit_code == 70
    assert result.error is not None
    assert "Canarybird" not in str(result.error) + str(result.record)
    kept = tmp_path / "home" / "archive" / "restricted" / "defects" / f"{result.record['run_id']}.txt"
    assert "Canarybird" in kept.read_text(encoding="utf-8")
