"""Publishing in spite of a failed test of the house: what was accepted, by whom and why, is kept for ever.

dbt skips whatever stands behind a test that fails. Where that test was accepted, the marts are built once
more without it, and its failure stays in the results (docs/contract/inputs.md, a blocked run).
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from flows import build, ledger
from flows.errors import Defect
from flows.files import read_json, write_json
from flows.home import Home
from flows.ledger import read_staged
from flows.runs import Run

_ACCEPTED = "accepted_checks.json"
_KEPT = ("files", "row_balance", "quarantined_rows", "validation_results")


def accepted_codes(run: Run) -> set[str]:
    """Check codes that this run was told to accept, case-folded."""
    return {code.casefold() for code in run.record["asked"]["accept"]}


def build_in_spite(home: Home, run: Run, dbt: build.Dbt) -> None:
    """Build again without the failed tests that were accepted, if there are any. Raises ``Defect``."""
    codes = accepted_codes(run)
    if not codes:
        return
    failed = [
        check
        for check in build.read_results(build.target_path(home, run.target), run.run_id).blocking
        if check["outcome"] == "fail" and check["check_code"].casefold() in codes
    ]
    if failed:
        write_json(run.folder / _ACCEPTED, failed)
        dbt.build(
            exclude=_names(build.target_path(home, run.target), {check["check_code"] for check in failed})
        )


def _names(target: Path, codes: set[str]) -> list[str]:
    """Names of the tests that have one of the codes. Raises ``Defect`` if dbt's manifest can't be read."""
    try:
        nodes = read_json(target / "manifest.json")["nodes"].values()
    except (OSError, ValueError, KeyError) as error:
        raise Defect("dbt's results can't be read", where=str(target)) from error
    tests = [node for node in nodes if node["resource_type"] == "test"]
    return sorted(node["name"] for node in tests if build.check_code(node) in codes)


def settle(run: Run, checks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put accepted failures in the place of tests that were left out; returns the checks that still block.

    ``checks`` (columns of ``validation_results``) is changed in place. What was accepted joins the staged
    batch's acceptances. Raises ``OSError``.
    """
    path = run.folder / _ACCEPTED
    accepted: list[dict[str, Any]] = read_json(path) if path.exists() else []
    known = {(check["check_code"], check["subject"]): check for check in accepted}
    checks[:] = [known.get((check["check_code"], check["subject"]), check) for check in checks]
    if accepted:
        _add_acceptances(run, accepted)
    return [
        check
        for check in checks
        if check["severity"] == "block"
        and check["outcome"] != "pass"
        and (check["check_code"], check["subject"]) not in known
    ]


def lines(run: Run, problems: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Lines of ``audit.acceptances`` for (check code, subject) that this run accepts."""
    asked = run.record["asked"]
    now = [
        {
            "check_code": code,
            "subject": subject,
            "accepted_by": asked["by"],
            "why": asked["why"],
            "accepted_at": datetime.now(UTC).replace(tzinfo=None),
            "run_id": run.run_id,
        }
        for code, subject in problems
    ]
    return pd.DataFrame(now, columns=list(ledger.COLUMNS["acceptances"]))


def _add_acceptances(run: Run, accepted: Sequence[dict[str, Any]]) -> None:
    staged = read_staged(run.staged)
    if staged is None:  # a run that accepts always stages a batch, so that what it accepts is kept
        raise Defect("there is no batch to keep an acceptance in", where=str(run.folder))
    path = staged.ledger_path("acceptances")
    before = ledger.read_table("acceptances", path)
    new = lines(run, [(check["check_code"], check["subject"]) for check in accepted])
    ledger.write_table(path, "acceptances", pd.concat([before, new], ignore_index=True))


def keep_evidence(home: Home, run: Run) -> None:
    """Keep what dbt and the door found in the folder of a run that dbt's tests blocked.

    Raises ``OSError``.
    """
    folder = run.folder / "evidence"
    folder.mkdir(exist_ok=True)
    staged = read_staged(run.staged)
    for table in _KEPT if staged else ():
        assert staged is not None
        shutil.copyfile(staged.ledger_path(table), folder / f"{table}.parquet")
    shutil.copyfile(build.target_path(home, run.target) / "run_results.json", folder / "run_results.json")
