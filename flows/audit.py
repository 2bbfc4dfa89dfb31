"""The evidence of a run, read from what the run left: its publication, or its own folder if it made none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console

from flows import pruning, show
from flows.errors import UsageProblem
from flows.fetching import receipts
from flows.files import read_json
from flows.home import Home
from flows.plain_text import shown as escape
from flows.runs import all_runs, read_record

_TABLES = ("files", "row_balance", "quarantined_rows", "validation_results", "acceptances")


def audit(home_path: Path, run_id: str | None) -> dict[str, Any]:
    """The evidence of a run or publication; of the published one if none is named.

    Gives a JSON-able dict: run (run.json), manifest (without its outputs; ``None`` if nothing was published),
    and the tables files, row_balance, quarantined_rows, validation_results (those of this run), acceptances,
    and fetches (receipts of this run's sources). The tables of a pruned publication are gone: they are empty,
    and ``pruned_at`` says since when.
    Raises ``UsageProblem`` for a home without runs or an unknown run.
    """
    home = Home(home_path)
    if run_id is None:
        current = home.current_publication()
        runs = all_runs(home)
        if current is None and not runs:
            raise UsageProblem(
                "this home has no run yet", where=str(home_path), next_step="Make one with: sraap refresh"
            )
        run_id = current.name if current else str(runs[-1]["run_id"])
    record = read_record(home.runs / run_id) if _is_id(run_id) else None
    if record is None:
        known = ", ".join(str(run["run_id"]) for run in all_runs(home)[-5:]) or "none"
        raise UsageProblem(
            f"there is no run {run_id!r}", where=str(home_path), next_step=f"The latest are: {known}"
        )
    publication = home.publications / run_id
    if record.get("state") == "nothing_new" and record.get("publication_id"):
        publication = home.publications / str(record["publication_id"])
    evidence: dict[str, Any] = {
        "run": record,
        "manifest": None,
        "fetches": receipts.of_run(home.runs / run_id),
    }
    if (publication / "evidence" / "manifest.json").exists():
        manifest = read_json(publication / "evidence" / "manifest.json")
        manifest["outputs"] = len(manifest["outputs"])
        manifest.pop("inputs")
        evidence["manifest"] = manifest
        if pruning.is_pruned(publication):
            evidence["pruned_at"] = read_json(publication / pruning.NOTE)["pruned_at"]
            return evidence | {name: [] for name in _TABLES}
        return evidence | _from_warehouse(publication / "warehouse.duckdb", publication.name)
    return evidence | _from_folder(home.runs / run_id)


def _is_id(text: str) -> bool:
    return text not in (".", "..") and "/" not in text and "\0" not in text


def _from_warehouse(warehouse: Path, run_id: str) -> dict[str, Any]:
    import duckdb

    tables: dict[str, Any] = {}
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        for name in _TABLES:
            of_run = " where run_id = ?" if name == "validation_results" else ""
            result = connection.execute(f"select * from audit.{name}{of_run}", [run_id] if of_run else [])
            columns = [column[0] for column in result.description]
            tables[name] = [dict(zip(columns, row, strict=True)) for row in result.fetchall()]
    return tables


def _from_folder(folder: Path) -> dict[str, Any]:
    import duckdb

    tables: dict[str, Any] = {}
    for name in _TABLES:
        path = folder / "evidence" / f"{name}.parquet"
        if not path.exists():
            tables[name] = []
            continue
        result = duckdb.execute("select * from read_parquet(?)", [str(path)])
        columns = [column[0] for column in result.description or []]
        tables[name] = [dict(zip(columns, row, strict=True)) for row in result.fetchall()]
    checks = folder / "dbt_checks.json"
    if checks.exists():
        tables["validation_results"] += read_json(checks)
    return tables


def show_audit(console: Console, evidence: dict[str, Any]) -> None:
    """Print the evidence of a run for people."""
    run, manifest = evidence["run"], evidence["manifest"]
    console.print(
        f"[bold]Run {run['run_id']}[/]: {run['state'].replace('_', ' ')}, exit code {run['exit_code']}, "
        f"as of {run['as_of']}",
        highlight=False,
    )
    if run["message"]:
        console.print(escape(run["message"]), highlight=False)
    seconds = ", ".join(f"{phase['name']} {phase['seconds']:.1f} s" for phase in run["phases"])
    console.print(f"Phases: {seconds or 'none'}\n", highlight=False)
    if manifest:
        program = manifest["program"]
        tree = {True: "clean tree", False: "changed tree", None: "not from git"}[program["clean"]]
        previous = manifest["previous"]
        tools = ", ".join(f"{name} {version}" for name, version in manifest["tools"].items())
        loaded = ", ".join(f"{v} (SHA-256 {sha256})" for v, sha256 in manifest.get("plans", {}).items())
        before = (
            f"{previous['publication_id']}, manifest SHA-256 {previous['manifest_sha256']}"
            if previous
            else "none"
        )
        for line in (
            f"Publication {manifest['publication_id']} ({manifest['home']}), batch {manifest['batch']}, "
            f"plan {manifest['plan_version']}",
            f"Plans loaded besides: {loaded or 'none'}",
            f"Program {program['version']}, commit {program['commit'] or 'unknown'}, {tree}",
            f"Tools: {tools}",
            f"Before it: {before}",
        ):
            show.paragraph(console, line)
        console.print()
    if "pruned_at" in evidence:
        show.paragraph(
            console,
            f"Pruned at {evidence['pruned_at']}: its tables are gone, its manifest stays. "
            f"Make them again with: sraap refresh --reproduce {run['run_id']}",
        )
        console.print()
    show.sources(console, evidence["fetches"])
    show.table(
        console,
        "Inputs",
        evidence["files"],
        {
            "file_name": "file",
            "source": "source",
            "file_sha256": "SHA-256",
            "bytes": "bytes",
            "outcome": "outcome",
            "reason": "reason",
        },
    )
    show.table(
        console,
        "Rows: read = loaded + duplicate + quarantined",
        evidence["row_balance"],
        {
            "file_name": "file",
            "sheet": "sheet",
            "dataset": "dataset",
            "rows_read": "read",
            "rows_loaded": "loaded",
            "rows_duplicate": "duplicate",
            "rows_quarantined": "quarantined",
            "rows_waiting": "waiting",
        },
    )
    _show_checks(console, evidence["validation_results"])
    show.table(
        console,
        "Accepted in spite of checks",
        [{**a, "accepted_at": str(a["accepted_at"])} for a in evidence["acceptances"]],
        {"check_code": "check", "subject": "subject", "accepted_by": "by", "accepted_at": "at", "why": "why"},
    )
    show.changes(console, run.get("changed"))


def _show_checks(console: Console, results: list[dict[str, Any]]) -> None:
    outcomes = ("pass", "fail", "error")
    counts = {outcome: sum(1 for r in results if r["outcome"] == outcome) for outcome in outcomes}
    console.print(
        f"[bold]Checks:[/] {len(results):,} = {counts['pass']:,} passed + {counts['fail']:,} failed + "
        f"{counts['error']:,} in error\n",
        highlight=False,
    )
    show.table(
        console,
        "Checks that did not pass",
        [result for result in results if result["outcome"] != "pass"],
        {
            "check_code": "check",
            "severity": "severity",
            "outcome": "outcome",
            "subject": "subject",
            "file_name": "file",
            "rows_failing": "rows",
            "sentence": "sentence",
        },
    )
