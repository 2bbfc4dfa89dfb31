"""One whole night, as a user runs it, and what it leaves (docs/contract/outputs.md, A publication)."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from flows.errors import Blocked
from flows.refresh import Request, refresh
from tests.flows.conftest import Refreshed, sraap
from tests.flows.harness import AS_OF, CANARY, snapshot, table, without_prefect


def test_refresh_publishes_and_says_so_in_one_json_document(refreshed: Refreshed) -> None:
    assert refreshed.exit_code == 1, refreshed.stderr
    assert refreshed.record["state"] == "published"
    assert refreshed.published.name == refreshed.record["publication_id"]
    assert refreshed.record["judged"]["rows"]["quarantined"] == 1
    assert [phase["name"] for phase in refreshed.record["phases"]] == [
        "start tools",
        "receive",
        "judge",
        "build",
        "check",
        "publish",
    ]


def test_profile_says_where_the_time_went_and_nothing_else_is_said(refreshed: Refreshed) -> None:
    profile = refreshed.record["profile"]
    names = [phase["name"] for phase in profile["phases"]]
    assert names == [phase["name"] for phase in refreshed.record["phases"]] + ["outside the phases"]
    for kind in ("seconds", "cpu"):
        assert all(phase[kind] >= 0 for phase in profile["phases"])
        assert sum(phase[kind] for phase in profile["phases"]) == pytest.approx(profile["whole"][kind])
    assert set(profile["tools"]) == {
        "import Great Expectations",
        "import Prefect and start its server",
        "import dbt",
        "parse the dbt project",
    }
    slowest = [node["seconds"] for node in profile["dbt_nodes"]]
    assert slowest == sorted(slowest, reverse=True)
    assert len(slowest) == 8
    assert refreshed.stderr == ""


def test_warehouse_holds_marts_and_audit_alone_and_as_tables(refreshed: Refreshed) -> None:
    with duckdb.connect(str(refreshed.published / "warehouse.duckdb"), read_only=True) as connection:
        found = connection.execute(
            "select table_schema, table_name, table_type from information_schema.tables"
        ).fetchall()
        version = connection.execute(
            "select tags['storage_version'] from duckdb_databases() where not internal"
        ).fetchone()
        values = connection.execute("select count(*) from marts.indicator_values").fetchone()
        actions = connection.execute(
            "select count(*) from information_schema.tables where table_name similar to 'action_[0-9]{2}'"
        ).fetchone()
        runs = connection.execute("select run_id, outcome, exit_code from audit.runs").fetchall()
    assert {schema for schema, _, _ in found} == {"marts", "audit"}
    assert {kind for _, _, kind in found} == {"BASE TABLE"}
    assert {name for schema, name, _ in found if schema == "audit"} == {
        "runs",
        "files",
        "row_balance",
        "quarantined_rows",
        "validation_results",
        "acceptances",
        "fetches",
    }
    assert version is not None
    assert "v1.2.0" in version[0]
    assert values is not None
    assert values[0] > 87
    assert actions == (45,)
    assert runs == [(refreshed.record["run_id"], "published", 1)]


def test_every_mart_is_there_as_parquet_and_csv_of_the_same_rows(refreshed: Refreshed) -> None:
    with duckdb.connect(str(refreshed.published / "warehouse.duckdb"), read_only=True) as connection:
        names = [
            name
            for (name,) in connection.execute(
                "select table_name from information_schema.tables where table_schema = 'marts'"
            ).fetchall()
        ]
        for ending in ("parquet", "csv"):
            folder = refreshed.published / ending
            assert {path.stem for path in folder.iterdir()} == set(names)
        for name in names:
            path = str(refreshed.published / "parquet" / f"{name}.parquet")
            differing = connection.execute(
                f'(select * from marts."{name}" except all select * from read_parquet(?)) limit 1', [path]
            ).fetchall()
            assert differing == []


def test_manifest_and_sums_cover_every_file(refreshed: Refreshed) -> None:
    files = {
        path.relative_to(refreshed.published).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in refreshed.published.rglob("*")
        if path.is_file()
    }
    lines = (refreshed.published / "evidence" / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    sums = {line.split("  ", 1)[1]: line.split("  ", 1)[0] for line in lines}
    assert sums == {path: digest for path, digest in files.items() if path != "evidence/SHA256SUMS"}
    manifest = json.loads((refreshed.published / "evidence" / "manifest.json").read_text(encoding="utf-8"))
    assert {output["path"] for output in manifest["outputs"]} == set(files) - {
        "evidence/SHA256SUMS",
        "evidence/manifest.json",
    }
    assert manifest["as_of"] == AS_OF
    assert manifest["previous"] is None
    inbox = {hashlib.sha256(path.read_bytes()).hexdigest() for path in refreshed.inbox.iterdir()}
    assert {entry["file_sha256"] for entry in manifest["inputs"]} == inbox


def test_checks_of_great_expectations_and_dbt_stand_in_one_table(refreshed: Refreshed) -> None:
    with duckdb.connect(str(refreshed.published / "warehouse.duckdb"), read_only=True) as connection:
        engines = dict(
            connection.execute(
                "select engine, count(*) from audit.validation_results group by engine"
            ).fetchall()
        )
        unfit = connection.execute(
            "select * from audit.validation_results where outcome not in ('pass', 'fail', 'error') "
            "or severity not in ('block', 'quarantine', 'warn') or dimension is null or guards is null"
        ).fetchall()
    assert engines["great_expectations"] > 50
    assert engines["dbt"] > 10
    assert unfit == []


def test_flow_run_is_readable_in_prefects_database(refreshed: Refreshed) -> None:
    with sqlite3.connect(refreshed.home / "prefect" / "prefect.db") as connection:
        flows = connection.execute("select name, state_type from flow_run").fetchall()
        tasks = connection.execute(
            "select name, state_type from task_run order by expected_start_time"
        ).fetchall()
        artifacts = {key for (key,) in connection.execute("select key from artifact where key is not null")}
    assert flows == [(f"nightly {refreshed.record['run_id']}", "COMPLETED")]
    assert [name for name, _ in tasks] == [
        "receive what is new",
        "judge at the door",
        "build the marts",
        "read dbt's verdict",
        "publish",
        "show in Prefect",
    ]
    assert {state for _, state in tasks} == {"COMPLETED"}
    assert artifacts == {"indicator-values", "checks", "row-balance", "publication"}


def test_no_persons_name_is_outside_the_restricted_part(refreshed: Refreshed) -> None:
    words = [word.casefold().encode() for word in (*CANARY.split(), "canarybird@example.org")]
    restricted = refreshed.home / "archive" / "restricted"
    held = [path for path in restricted.rglob("*") if path.is_file()]
    assert any(words[0] in path.read_bytes().lower() for path in held)
    for path in refreshed.home.rglob("*"):
        if restricted in path.parents or path == restricted or not path.is_file():
            continue
        said = str(path.relative_to(refreshed.home)).casefold().encode() + path.read_bytes().lower()
        assert not any(word in said for word in words), path
    said = (refreshed.stdout + refreshed.stderr).casefold().encode()
    assert not any(word in said for word in words)


def test_no_process_is_left_behind(refreshed: Refreshed) -> None:
    home = str(refreshed.made).encode()
    left = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if home in entry.read_bytes() and int(entry.parent.name) != os.getpid():
                left.append(entry.parent.name)
        except OSError:
            continue
    assert left == []


def test_nothing_new_is_decided_before_heavy_tools_are_imported(refreshed: Refreshed) -> None:
    before = refreshed.published
    program = (
        "import sys\n"
        "from flows.cli import main\n"
        "try:\n"
        "    main(sys.argv[1:])\n"
        "finally:\n"
        "    heavy = {'prefect', 'dbt', 'great_expectations', 'pandas', 'pyarrow', 'duckdb'}\n"
        "    print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    arguments = ["refresh", "--home", str(refreshed.home), "--inbox", str(refreshed.inbox), "--as-of", AS_OF]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments, "--json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["state"] == "nothing_new"
    assert done.stderr.strip().splitlines()[-1] == "[]"
    assert refreshed.published == before


def test_same_inputs_and_date_give_the_same_bytes(refreshed: Refreshed) -> None:
    before = refreshed.published
    result = refresh(Request(home=refreshed.home, as_of=AS_OF, full=True), without_prefect)
    assert result.record["state"] == "published", result.error
    assert result.record["changed"] == {"before": before.name, "count": 0, "first": []}
    for ending in ("parquet", "csv"):
        old, new = snapshot(before / ending), snapshot(refreshed.published / ending)
        changed = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
        assert changed <= {f"dim_publication.{ending}"}
    for name in ("indicators.sdmx.csv", "datapackage.json"):
        assert (before / name).read_bytes() == (refreshed.published / name).read_bytes()
    changes = json.loads((refreshed.published / "evidence" / "changes.json").read_text(encoding="utf-8"))
    assert changes == {"before": before.name, "totals": []}
    manifest = json.loads((refreshed.published / "evidence" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["previous"] == {
        "publication_id": before.name,
        "manifest_sha256": hashlib.sha256((before / "evidence" / "manifest.json").read_bytes()).hexdigest(),
    }


def test_blocked_run_leaves_the_last_publication_and_the_landing(
    refreshed: Refreshed, tmp_path: Path
) -> None:
    before = refreshed.published
    whole, landing = snapshot(before), snapshot(refreshed.home / "landing")
    rows = "".join(f"X-{i},KHM,never,2025-01-01,2025-01-01,2025-06-01\n" for i in range(8))
    (tmp_path / "treaty_actions--bad.csv").write_text(
        f"action_id,iso3,action,deposited_on,effective_on,received_on\n{rows}", encoding="utf-8"
    )
    request = Request(home=refreshed.home, inboxes=(tmp_path,), as_of=AS_OF)
    result = refresh(request, without_prefect)
    try:
        assert result.exit_code == 2
        assert isinstance(result.error, Blocked)
        assert refreshed.published == before
        assert snapshot(before) == whole
        assert snapshot(refreshed.home / "landing") == landing
        evidence = sraap("audit", result.record["run_id"], "--home", refreshed.home, "--json")
        assert json.loads(evidence.stdout)["run"]["state"] == "blocked"
        assert len(json.loads(evidence.stdout)["quarantined_rows"]) == 8
    finally:
        sha = hashlib.sha256((tmp_path / "treaty_actions--bad.csv").read_bytes()).hexdigest()
        sraap("withdraw", sha, "--why", "A test.", "--home", refreshed.home)


@pytest.mark.parametrize(("indicator", "state"), [("7.1", None), ("1.1", "KHM"), ("1.1", "cambodia")])
def test_explain_leads_from_the_figure_to_the_row(
    refreshed: Refreshed, indicator: str, state: str | None
) -> None:
    asked = ["explain", indicator, "--year", "2025", "--home", str(refreshed.home), "--json"]
    done = sraap(*asked, *(["--state", state] if state else []))
    assert done.returncode == 0, done.stderr
    explained = json.loads(done.stdout)
    assert (
        explained["total"]["in_words"] == {"7.1": "1 of the 2 (50%)", "1.1": "1 of the 1 (100%)"}[indicator]
    )
    if state:
        (observation,) = explained["state"]["observations"]
        assert observation["evidence"] == "Page 3"
        decides = [s for s in observation["sources"] if s["role"] == "decides"]
        answers = hashlib.sha256((refreshed.inbox / "article7_answers.csv").read_bytes()).hexdigest()
        assert {"file_name": "article7_answers.csv", "row_number": 2, "file_sha256": answers}.items() <= next(
            s for s in decides if s["dataset"] == "article7_answers"
        ).items()


def test_audit_of_the_publication_holds_balance_checks_and_versions(refreshed: Refreshed) -> None:
    done = sraap("audit", refreshed.record["run_id"], "--home", refreshed.home, "--json")
    audited = json.loads(done.stdout)
    assert done.returncode == 0
    assert audited["manifest"]["tools"]["duckdb"] == "2.0.0"
    assert {line["dataset"] for line in audited["row_balance"]} >= {"states", "meeting_participants"}
    assert [row["check_code"] for row in audited["quarantined_rows"]]
    for line in audited["row_balance"]:
        assert line["rows_read"] == line["rows_loaded"] + line["rows_duplicate"] + line["rows_quarantined"]
    assert table(refreshed.home, "row_balance") == audited["row_balance"]
