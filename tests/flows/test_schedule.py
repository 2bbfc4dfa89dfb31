"""The nightly schedule: a server schedules, a worker executes, and a night like any other comes out."""

from __future__ import annotations

import configparser
import contextlib
import json
import os
import re
import shlex
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import yaml
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from flows import prefect_database, quiet
from flows.program import ROOT
from tests.flows.conftest import sraap
from tests.flows.harness import deliver


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Prefect's own server, as an operator starts it; gives its database. The environment names it."""
    home = tmp_path / "prefect"
    home.mkdir()
    prefect_database.supply(home)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/api"
    settings = {
        **quiet.SETTINGS,
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "1",
    }
    with (tmp_path / "server.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", "server", "start", "--port", str(port)],
            env={**os.environ, **settings},
            stdout=log,
            stderr=log,
        )
    try:
        retrying = Retry(total=200, backoff_factor=0.2, backoff_max=0.2)
        with requests.Session() as session:
            session.mount("http://", HTTPAdapter(max_retries=retrying))
            assert session.get(f"{url}/health", timeout=60).ok
        monkeypatch.setenv("PREFECT_API_URL", url)
        monkeypatch.setenv("PREFECT_HOME", str(home))
        yield home / "prefect.db"
    finally:
        process.terminate()
        process.wait(60)


def prefect(*arguments: str, **environment: str) -> str:
    """Run Prefect's own command against the server."""
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", *arguments],
        cwd=ROOT,
        env={**os.environ, "DO_NOT_TRACK": "1", "COLUMNS": "300", **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.usefixtures("usual_signals")
def test_a_worker_executes_what_the_server_scheduled(server: Path, tmp_path: Path) -> None:
    home, inbox = tmp_path / "home", deliver(tmp_path / "inbox")
    paths = {"SRAAP_HOME": str(home), "SRAAP_PROJECT": str(ROOT)}
    prefect("work-pool", "create", "sraap", "--type", "process")
    prefect(
        *("deploy", "--name", "nightly", "--interval", "2"),
        *("--param", f"inbox={json.dumps([str(inbox)])}", "--param", "as_of=2026-06-01"),
        **paths,
    )
    prefect("worker", "start", "--pool", "sraap", "--run-once", "--limit", "1", **paths)
    with sqlite3.connect(server) as connection:
        (schedule,) = connection.execute("select concurrency_limit, tags from deployment").fetchall()
        runs = connection.execute(
            "select f.name, r.auto_scheduled, r.state_name, s.message from flow_run r "
            "join flow f on f.id = r.flow_id left join flow_run_state s on s.id = r.state_id "
            # nights that came due while the first one ran are cancelled, as the limit has it
            "where r.state_type not in ('SCHEDULED', 'CANCELLED') order by r.start_time"
        ).fetchall()
        artifacts = {key for (key,) in connection.execute("select key from artifact where key is not null")}
    assert schedule[0] == 1
    assert set(json.loads(schedule[1])) == {"sraap", "nightly"}
    published = (home / "published").resolve().name
    assert runs[:2] == [
        ("refresh", 1, "Completed", f"Published {published}."),
        ("nightly", 0, "Completed", None),
    ]
    others = {("refresh", 1, "Cancelled", "Deployment concurrency limit reached.")}
    assert set(runs[2:]) <= others, "one at a time"
    assert artifacts == {"indicator-values", "checks", "row-balance", "publication"}
    registers_until_stopped(server, home, inbox)


def registers_until_stopped(server: Path, home: Path, inbox: Path) -> None:
    """``sraap serve`` on the same server: what it says with --json is what stands there; Ctrl-C pauses it."""
    options = ["--home", str(home), "--inbox", str(inbox), "--cron", "0 3 1 1 *", "--timezone", "Asia/Kabul"]
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "serve", *options, "--json"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    document = ""
    for line in process.stdout:
        document += line
        if line == "}\n":
            break
    assert json.loads(document) == {
        "deployment": "refresh/nightly",
        "cron": "0 3 1 1 *",
        "timezone": "Asia/Kabul",
        "home": str(home.resolve()),
        "inbox": [str(inbox.resolve())],
    }
    with sqlite3.connect(server) as connection:
        schedules = connection.execute("select schedule from deployment_schedule").fetchall()
    assert [json.loads(schedule)["cron"] for (schedule,) in schedules] == ["0 3 1 1 *"]
    process.send_signal(signal.SIGINT)
    said, errors = process.communicate(timeout=120)
    assert (process.returncode, said) == (0, "")
    assert "Stopped; the schedule is paused" in errors
    with sqlite3.connect(server) as connection:
        assert connection.execute("select paused from deployment").fetchall() == [(1,)]


def test_a_blocked_night_is_a_failed_run_with_the_line_that_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows import schedule
    from flows.errors import Blocked, SourceFailed

    error = Blocked("blocked by checks: ME-1", where="runs/x", next_step="Deliver it.")

    def refuse(*_: Any) -> dict[str, Any]:
        raise error

    monkeypatch.setattr(schedule, "refresh_once", refuse)
    state = schedule.scheduled.fn(str(tmp_path))
    assert (state.type.value, state.name) == ("FAILED", "Blocked")
    assert state.message == "blocked by checks: ME-1 (runs/x) Deliver it."

    class Ended:
        def __init__(self, problem: Exception) -> None:
            self.problem = problem

        def result(self, raise_on_failure: bool) -> Exception:
            return self.problem

    again: Any = schedule._may_pass
    assert again(None, None, Ended(SourceFailed("away")))
    assert not again(None, None, Ended(error)), "a blocked night is not tried again"


@pytest.mark.parametrize(
    ("options", "where"),
    [
        (["--timezone", "Mars/Olympus"], "--timezone"),
        (["--inbox", "/nowhere/at/all"], "/nowhere/at/all"),
        (["--cron", "at night"], "--cron"),
        (["--json"], "PREFECT_API_URL=http://127.0.0.1:9/api"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_said_at_once(
    tmp_path: Path, options: list[str], where: str
) -> None:
    done = sraap("serve", "--home", tmp_path / "home", *options, PREFECT_API_URL="http://127.0.0.1:9/api")
    assert done.returncode == 5
    assert f"where: {where}" in done.stderr
    assert "Registered" not in done.stderr
    assert not done.stdout or json.loads(done.stdout)["error"]["exit_code"] == 5
    assert "Traceback" not in done.stderr


def test_prefect_yaml_names_what_exists() -> None:
    document = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    (nightly,) = document["deployments"]
    path, name = nightly["entrypoint"].split(":")
    assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8")
    from flows.schedule import scheduled

    assert set(nightly["parameters"]) == set(scheduled.parameters.properties)
    locked = re.search(r"^prefect==(\S+)", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.M)
    assert locked is not None
    assert document["prefect-version"] == locked[1]


def test_units_and_crontab_call_commands_that_exist() -> None:
    folder = ROOT / "docs" / "systemd"
    called = []
    for unit in sorted(folder.glob("*.service")):
        settings = configparser.ConfigParser(strict=False, interpolation=None)
        settings.optionxform = str  # type: ignore[assignment,method-assign]
        settings.read(unit)
        called.append(settings["Service"]["ExecStart"])
        assert settings["Service"]["SuccessExitStatus"] == "1"
        timer = configparser.ConfigParser(interpolation=None)
        timer.read(unit.with_suffix(".timer"))
        assert timer["Timer"]["Persistent"] == "true"
    called += re.findall(r"\.venv/bin/sraap [^>]+", (folder / "crontab").read_text(encoding="utf-8"))
    assert len(called) == 4
    for line in called:
        _, command, *options = shlex.split(line)
        said = sraap(command, "--help", COLUMNS="200").stdout
        for option in options:
            if option.startswith("--"):
                assert option in said, line


def test_an_interrupt_as_it_is_said_to_be_registered_pauses_the_schedule(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever reads that it stands may stop it at that moment."""
    from flows import schedule

    told: list[bool] = []
    nightly: Any = SimpleNamespace(paused=False)
    monkeypatch.setattr(schedule, "register", lambda one: told.append(one.paused))
    monkeypatch.setattr(schedule, "_Runner", lambda **_: pytest.fail("served after the interrupt"))

    def interrupted() -> None:
        raise KeyboardInterrupt

    schedule.serve_nightly(nightly, interrupted)
    assert told == [False, True]


def _last_asked(server: Path) -> str | None:
    """When the server was last asked for runs of the nightly deployment."""
    with contextlib.closing(sqlite3.connect(server)) as database:
        found = database.execute("select last_polled from deployment").fetchone()
    return found[0] if found else None


def _until_it_asks_again(server: Path, before: str | None) -> None:
    end = time.monotonic() + 120
    while _last_asked(server) == before:
        assert time.monotonic() < end, "nobody asked for work"
        time.sleep(0.05)


def test_a_schedule_that_is_stopped_is_paused_and_says_so(
    server: Path, tmp_path: Path, usual_signals: None
) -> None:
    """As systemd, a closing shell or a terminal stops it, at once or when it has asked for work."""
    program = [sys.executable, "-m", "flows.cli", "serve", "--home", str(tmp_path / "home")]
    for number, asking in ((signal.SIGTERM, True), (signal.SIGHUP, True), (signal.SIGINT, False)):
        asked = _last_asked(server)
        with subprocess.Popen(program, stderr=subprocess.PIPE, text=True) as process:
            try:
                assert process.stderr is not None
                assert process.stderr.readline().startswith("Registered: refresh/nightly")
                if asking:
                    _until_it_asks_again(server, asked)
                process.send_signal(number)
                _, said = process.communicate(timeout=120)
            finally:
                process.kill()
        assert said == "Stopped; the schedule is paused until the next start.\n", number
        assert process.returncode == 0
        with contextlib.closing(sqlite3.connect(server)) as database:
            assert database.execute("select name, paused from deployment").fetchall() == [("nightly", 1)]
