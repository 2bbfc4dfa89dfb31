"""What the doctor says, of a home that is well and of one that is not; how old data may be."""

from __future__ import annotations

import fcntl
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from flows import doctor, freshness, retention
from flows.home import Home
from flows.runs import Run
from sources.contract import Freshness, datasets
from tests.flows.harness import AS_OF, deliver, take_in
from tests.flows.test_people_kept import home_with_people


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(home_with_people(tmp_path_factory.mktemp("doctor")))


def said(home: Home, what: str, now: datetime | None = None) -> tuple[str, str]:
    (finding,) = [f for f in doctor.examine(home, now).findings if f.what == what]
    return finding.state, finding.sentence


def test_no_home_is_broken(tmp_path: Path) -> None:
    diagnosis = doctor.examine(Home(tmp_path / "nowhere"))
    assert diagnosis.exit_code == 5
    assert not (tmp_path / "nowhere").exists()


def test_the_age_of_the_last_success_is_said_after_26_hours(home: Home) -> None:
    now = datetime.now(UTC)
    assert said(home, "last success", now)[0] == "well"
    state, sentence = said(home, "last success", now + timedelta(hours=26, minutes=5))
    assert state == "look" and "26.1 hours" in sentence
    assert doctor.examine(home, now + timedelta(hours=27)).exit_code == 1


def test_permissions_of_people_s_data_are_looked_at(home: Home) -> None:
    assert said(home, "permissions")[0] == "well"
    home.restricted.chmod(0o755)
    try:
        state, sentence = said(home, "permissions")
        assert state == "look" and f"chmod 700 {home.restricted}" in sentence
    finally:
        home.restricted.chmod(0o700)


def test_a_key_that_others_can_read_is_broken(home: Home) -> None:
    home.key_path.chmod(0o644)
    try:
        assert said(home, "key of people's hashes")[0] == "broken"
        assert doctor.examine(home).exit_code == 5
    finally:
        home.key_path.chmod(0o600)


def test_the_lock_is_asked_for_without_taking_it(home: Home) -> None:
    assert said(home, "lock")[0] == "well"
    with home.lock() as held:
        held.name("20260101T000000.000Z")
        assert "A run is at it" in said(home, "lock")[1]
    with home.lock_path.open("rb") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_run_that_died_is_named(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.create("real")
    run = Run.begin(home, date(2026, 6, 1), {})
    state, sentence = said(home, "lock")
    assert state == "look" and run.run_id in sentence
    run.end("abandoned", 70, "")
    assert said(home, "last run")[0] == "look"


def test_pending_files_are_named(tmp_path: Path) -> None:
    take_in(tmp_path / "home", deliver(tmp_path / "inbox", states=[]))
    state, sentence = said(Home(tmp_path / "home"), "pending files")
    assert state == "look" and sentence.startswith("6 wait")
    with Home(tmp_path / "home").lock():
        state, sentence = said(Home(tmp_path / "home"), "pending files")
    assert state == "well" and sentence.startswith("6 wait for the run that is at it")


def test_a_setting_that_is_wrong_is_broken(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(retention.DAYS_VARIABLE, "a while")
    assert doctor.examine(home).exit_code == 5


# --- freshness ----------------------------------------------------------------------------------------------


def outcomes(age: int) -> dict[str, str]:
    as_of = date.fromisoformat(AS_OF)
    checks = freshness.judge({"article7_reports": as_of - timedelta(days=age)}, as_of, "run")
    assert {check["severity"] for check in checks} == {"warn"}
    assert {check["dimension"] for check in checks} == {"timeliness"}
    return {check["check_code"]: check["outcome"] for check in checks}


def test_each_limit_is_the_last_day_that_is_fresh() -> None:
    limits = datasets()["article7_reports"].freshness
    assert limits is not None
    assert outcomes(limits.warn_days) == {"FRESH-WARN": "pass", "FRESH-ERROR": "pass"}
    assert outcomes(limits.warn_days + 1) == {"FRESH-WARN": "fail", "FRESH-ERROR": "pass"}
    assert outcomes(limits.error_days + 1) == {"FRESH-WARN": "fail", "FRESH-ERROR": "fail"}


def test_every_dataset_has_limits_that_rise() -> None:
    assert all(dataset.freshness for dataset in datasets().values())
    with pytest.raises(ValueError, match="warn_days"):
        Freshness(warn_days=5, error_days=5)


def test_what_is_not_known_yet_makes_nothing_fresh(home: Home) -> None:
    from flows.ledger import Ledger

    paths = {"states": Ledger.read(home).landing_files("states"), "contributions": []}
    assert freshness.newest(paths, date(2025, 6, 1)) == {"states": date(2025, 6, 1)}
    assert freshness.newest(paths, date(2025, 5, 31)) == {}


def test_people_are_told_the_stronger_sentence_once() -> None:
    as_of = date(2026, 6, 1)
    checks = freshness.judge({"states": date(2010, 1, 1), "meetings": as_of}, as_of, "run")
    (sentence,) = freshness.stale_sentences(checks)
    assert "no longer hold" in sentence


def test_the_ageing_sample_is_never_stale(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.create("sample")
    assert said(home, "freshness")[0] == "well"
