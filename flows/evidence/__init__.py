"""What lets a stranger check a publication: exports that describe it, pages that show how it was judged, and
the hashes over all of it (docs/contract/outputs.md, A publication)."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows import site
from flows.changes import changed_totals
from flows.evidence import datapackage, docs, lineage, manifest, sdmx, spreadsheet, verify
from flows.files import json_bytes, read_json
from flows.home import Home, timestamp

if TYPE_CHECKING:
    from flows.runs import Run

previous_of = manifest.previous_of

DOCS = "data_docs"
"""Folder of Great Expectations' pages, in a publication's evidence and, before, in the run's own folder."""

EXPORTS = frozenset(
    {
        "indicators.sdmx.csv",
        "exports/indicators.xlsx",
        "datapackage.json",
        "evidence/openlineage.json",
        "evidence/changes.json",
        f"evidence/{DOCS}/index.html",
        "evidence/verify.py",
    }
)
"""Files that ``write_exports`` always writes, with the first page of ``data_docs/`` for all of them."""


def write_exports(
    home: Home,
    run: Run,
    folder: Path,
    *,
    settings: Mapping[str, Any],
    files: Sequence[Mapping[str, Any]],
    validations: Sequence[Mapping[str, Any]],
) -> list[manifest.Output]:
    """Write what describes the tables of a publication, once they and dbt's manifest stand in ``folder``.

    ``indicators.sdmx.csv``, ``exports/indicators.xlsx``, ``datapackage.json``, and below
    ``evidence/``: ``openlineage.json``, ``changes.json`` (totals that differ from the publication
    before), ``data_docs/`` and ``verify.py``.
    ``settings``: as in the manifest; ``files``: as in ``audit.files``; ``validations``: Great Expectations'
    own results. The site may be written meanwhile. Returns what is hashed by now, for ``write_manifest``.
    Raises ``OSError`` and ``duckdb.Error``.
    """
    evidence = folder / "evidence"
    sdmx.write(folder)
    spreadsheet.write(folder, is_sample=home.kind == "sample")
    tables = manifest.tables_of(folder)
    outputs = manifest.describe(folder, tables, but=site.FOLDER)
    nodes = read_json(evidence / "dbt" / "manifest.json")["nodes"]
    datapackage.write(folder, nodes, tables, outputs)
    lineage.write(
        folder,
        run.run_id,
        started_at=str(run.record["started_at"]),
        ended_at=timestamp(),
        settings=settings,
        inputs=files,
        tables=tables,
        outputs=outputs,
    )
    _write_changes(home, folder)
    prepared = run.folder / DOCS
    if prepared.is_dir():
        prepared.rename(evidence / DOCS)
    else:
        write_docs(run, evidence / DOCS, validations)
    shutil.copyfile(Path(verify.__file__), evidence / "verify.py")
    return list(outputs.values())


def write_docs(run: Run, folder: Path, validations: Sequence[Mapping[str, Any]]) -> None:
    """Write Great Expectations' Data Docs, which need nothing but its results. Raises ``OSError``."""
    docs.write(folder, validations, run.run_id, str(run.record["started_at"]))


def write_manifest(
    home: Home,
    run: Run,
    folder: Path,
    known: Sequence[manifest.Output],
    **said: Any,
) -> None:
    """Hash what is not in ``known`` yet and write the manifest, last of all; ``said`` as there.

    Raises ``OSError`` and ``UsageProblem``.
    """
    outputs = manifest.describe(folder, {}, known)
    manifest.write(home, folder, run.run_id, outputs.values(), **said)


def _write_changes(home: Home, folder: Path) -> None:
    """What changed at a glance; every value, with its reason and rows, is in ``indicator_revisions``."""
    before = home.current_publication()
    document = {
        "before": before.name if before else None,
        "totals": changed_totals(before, folder) if before else [],
    }
    (folder / "evidence" / "changes.json").write_bytes(json_bytes(document))
