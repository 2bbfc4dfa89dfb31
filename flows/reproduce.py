"""An earlier publication, made again from the landing alone and compared byte by byte with its manifest.

A publication is fixed by its as-of date, the batches it saw, the plan version and the program version
(semantics.md, Re-making a publication; decision 002). Its ``indicator_revisions`` depend on the publication
before it as well, whose values are computed again too. Received files are not needed, so that it works after
registers of people were deleted. Nothing published is touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from flows import build, plans, quiet, revisions
from flows.build import quoted
from flows.errors import Defect, SraapError, UsageProblem
from flows.evidence import spreadsheet
from flows.files import sha256_of
from flows.home import Home
from flows.ledger import Ledger
from flows.plain_text import shown as escape
from flows.program import figures_version, program_version
from flows.publication import copy_marts, write_files
from flows.revisions import Previous, manifest_of
from flows.runs import Run

NOT_REPRODUCED = "dim_publication"
"""The one table that holds times and ids of runs."""

FORMATS = ("csv", "parquet")
COMPARED = (*FORMATS, "exports")
"""Folders of a publication that hold the same bytes when it is made again."""


@dataclass(frozen=True)
class Reproduction:
    """What came out: names of files that are the same, that differ, and that only one side has."""

    publication_id: str
    folder: Path
    program_version: str
    program_then: str
    identical: list[str]
    different: list[str]
    missing: list[str]
    additional: list[str]

    @property
    def is_same_program(self) -> bool:
        return self.program_version == self.program_then

    @property
    def is_whole(self) -> bool:
        return not (self.different or self.missing or self.additional)

    @property
    def exit_code(self) -> int:
        """0 identical, 5 where another program made it and bytes differ, 2 where they differ without that."""
        if self.is_whole:
            return 0
        return 2 if self.is_same_program else 5

    @property
    def sentence(self) -> str:
        count = len(self.identical)
        if self.is_whole:
            said = f"Publication {self.publication_id} was made again: all {count} files have the same bytes."
        else:
            differing = len(self.different) + len(self.missing) + len(self.additional)
            said = (
                f"Publication {self.publication_id} was made again: {count} files are the same, "
                f"{differing} differ."
            )
        if not self.is_same_program:
            said += (
                f" It was made by program version {self.program_then}; this is {self.program_version}, "
                "whose figures may rightly differ."
            )
        return said

    def as_dict(self) -> dict[str, Any]:
        """The outcome as ``--json`` prints it."""
        return {
            "publication_id": self.publication_id,
            "folder": str(self.folder),
            "whole": self.is_whole,
            "program_version": self.program_version,
            "program_version_then": self.program_then,
            "identical": len(self.identical),
            "different": self.different,
            "missing": self.missing,
            "additional": self.additional,
            "sentence": self.sentence,
            "exit_code": self.exit_code,
        }


def reproduce(home: Home, publication_id: str) -> Reproduction:
    """Make an earlier publication's tables again below ``runs/<run_id>/reproduced/`` and compare them.

    ``publication_id``: an id or ``published``. Raises ``UsageProblem`` for an unknown publication or a
    landing that lacks its batches, ``Locked`` where a run is at work, ``Defect`` where dbt can't build.
    """
    if not home.exists:
        raise UsageProblem(
            "there is no home here", where=str(home.root), next_step="Give its folder with --home."
        )
    with home.lock() as held:
        wanted = revisions.resolve(home, publication_id)
        manifest = manifest_of(home, wanted)
        known = Ledger.read(home)
        _check_batches(known, manifest)
        run = Run.begin(home, date.fromisoformat(manifest["as_of"]), {"reproduce": wanted})
        held.name(run.run_id)
        try:
            with run.phase("reproduce"):
                result = _reproduce(home, run, known, manifest)
        except SraapError as error:
            run.end("failed", error.exit_code, str(error))
            raise
        run.end("reproduced", result.exit_code, result.sentence)
        return result


def _check_batches(known: Ledger, manifest: Mapping[str, Any]) -> None:
    if int(manifest["batch"]) > known.number:
        raise UsageProblem(
            f"the publication saw batch {manifest['batch']}, the landing ends with batch {known.number}",
            where=str(known.home.batches),
            next_step="Restore the landing from a backup.",
        )


def _reproduce(home: Home, run: Run, known: Ledger, manifest: Mapping[str, Any]) -> Reproduction:
    folder = run.folder / "reproduced"
    _build(run, known, manifest, previous=_before(home, manifest), folder=folder)
    spreadsheet.write(folder, is_sample=home.kind == "sample")
    then = {
        output["path"]: output["sha256"]
        for output in manifest["outputs"]
        if output["path"].split("/")[0] in COMPARED and Path(output["path"]).stem != NOT_REPRODUCED
    }
    now = {
        path.relative_to(folder).as_posix(): sha256_of(path)
        for name in COMPARED
        for path in (folder / name).iterdir()
        if path.stem != NOT_REPRODUCED
    }
    both = then.keys() & now.keys()
    return Reproduction(
        publication_id=str(manifest["publication_id"]),
        folder=folder,
        program_version=program_version(),
        program_then=str(manifest["program_version"]),
        identical=sorted(path for path in both if then[path] == now[path]),
        different=sorted(path for path in both if then[path] != now[path]),
        missing=sorted(then.keys() - now.keys()),
        additional=sorted(now.keys() - then.keys()),
    )


def _before(home: Home, manifest: Mapping[str, Any]) -> Previous | None:
    """The publication before it, whose values are computed again; as they stand where another SQL made them.

    Raises ``UsageProblem`` where another SQL made them and its tables are gone.
    """
    named = manifest.get("previous")
    if not named:
        return None
    before = manifest_of(home, named["publication_id"])
    standing = home.publications / named["publication_id"]
    if before.get("figures_version") == figures_version():
        return replace(revisions.previous_of(None, before), plans=plans.those_of(home, before))
    if (standing / "parquet" / "indicator_values.parquet").is_file():
        return revisions.previous_of(standing, before)
    raise UsageProblem(
        f"the publication before it ({standing.name}) was made by another program version and is gone",
        where=str(standing),
        next_step=f"Use program version {before['program_version']}, or restore it from a backup.",
    )


def _build(
    run: Run, known: Ledger, manifest: Mapping[str, Any], *, previous: Previous | None, folder: Path
) -> None:
    """Build the marts of a publication in dbt's working database and write them below a folder."""
    import duckdb

    home = run.home
    quiet.settle()
    batch = int(manifest["batch"])
    settings = build.Settings(
        as_of=date.fromisoformat(manifest["as_of"]),
        plan_version=str(manifest["plan_version"]),
        last_delivery_seq=int(manifest["last_delivery_seq"]),
        batch=batch,
        program_version=program_version(),
        publication_id=str(manifest["publication_id"]),
        run_id=run.run_id,
        created_at=datetime.now(UTC).replace(tzinfo=None),
        plans=plans.those_of(home, manifest),
    )
    knowledge = revisions.Known(
        settings=settings,
        definition=(
            settings.plan_version,
            plans.definition(figures_version(), plans.named(settings.plans)),
        ),
        files=revisions.landing_batches(known, max(batch, previous.batch if previous else 0)),
        headers=sorted(revisions.header_only(known, batch)),
        headers_before=sorted(revisions.header_only(known, previous.batch)) if previous else (),
    )
    compiled = partial(
        revisions.compiled_by, home, home.publications / settings.publication_id, run.folder / "dbt.log"
    )
    build.make_warehouse(
        build.warehouse_path(home),
        knowledge.landing(batch),
        settings,
        knowledge.headers,
        partial(revisions.fill_previous, previous=previous, known=knowledge, compiled=compiled),
    )
    dbt = build.begin(home, run.folder / "dbt.log")
    try:
        dbt.build()
    finally:
        build.end(dbt)
    result = build.read_results(build.target_path(home), run.run_id)
    if result.broken:
        raise Defect(
            f"dbt could not build everything: {'; '.join(result.broken[:3])}",
            where=str(run.folder / "dbt.log"),
            next_step="This is a defect of the program.",
        )
    for name in FORMATS:
        (folder / name).mkdir(parents=True)
    with duckdb.connect(":memory:") as connection:
        connection.execute("set preserve_insertion_order = true")
        connection.execute(f"attach {quoted(str(build.warehouse_path(home)))} as build")
        connection.execute("attach ':memory:' as publication")
        copy_marts(connection)
        write_files(connection, folder)


def show_reproduction(console: Console, result: Reproduction) -> None:
    """Print the outcome for people: the sentence, and the names of what differs."""
    console.print(escape(result.sentence), soft_wrap=True, highlight=False)
    for label, paths in (
        ("differs", result.different),
        ("was not made again", result.missing),
        ("was not there then", result.additional),
    ):
        for path in paths:
            console.print(f"  {label}: {escape(path)}", soft_wrap=True, highlight=False)
    console.print(
        f"The tables made again are in {escape(str(result.folder))}", soft_wrap=True, highlight=False
    )
