"""The steps of a night, in plain Python; ``flows/nightly.py`` puts them in order.

Each step finds what it needs in the home and in the run's folder and leaves its result there, so that nothing
but paths and ids passes through Prefect (semantics.md, People).
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd
import pyarrow as pa

from flows import (
    accepting,
    afresh,
    archive,
    build,
    faults,
    freshness,
    intake,
    ledger,
    parts,
    plans,
    publication,
    retention,
    revisions,
    spark,
    storage,
)
from flows.archive import read_delivered, read_repeated
from flows.changes import changed_totals
from flows.errors import Blocked, Defect, SourceFailed
from flows.fetching import receipts, settings
from flows.files import read_json, write_json
from flows.home import Home, timestamp, today
from flows.ledger import Ledger, Staged, read_staged
from flows.program import PLAN_VERSION, figures_version, program_version
from flows.received import Received, moment, received
from flows.refresh import classify, defect, look, retry
from flows.rereading import Retry, files_again
from flows.runs import Run
from flows.standing import Assessment

if TYPE_CHECKING:
    import duckdb

MOST_SHOWN = 12
"""Lines of a list in a summary; the whole is in the evidence."""


Step = TypeVar("Step")


def take(step: Callable[[Home, Run], Step], home: str, run_id: str) -> Step:
    """Take one step. Raises nothing but ``SraapError``.

    The words of any other error may quote a cell or a file name, and Prefect would keep them.
    """
    place = Home(Path(home))
    try:
        return step(place, Run.load(place, run_id))
    except Exception as error:
        raise storage.shown(place, error) or defect(place, run_id, error) from None


def receive(home: Home, run: Run) -> list[str]:
    """Archive what is new in the inboxes; gives the parts in which many files are to be read (flows.parts).

    Raises ``SourceFailed`` where an inbox fails, ``OSError`` where the archive does.
    """
    inboxes = tuple(Path(path) for path in run.record["asked"]["inboxes"])
    with run.phase("receive"):
        try:
            state = look(home, inboxes)
            entries = archive.receive(home, run.run_id, state.new, state.repeated, classify)
        except OSError as error:
            if storage.within(home, error):
                raise
            raise SourceFailed(
                f"a delivery could not be archived ({error.strerror or type(error).__name__})",
                where=", ".join(run.record["asked"]["inboxes"]),
                next_step="Look at the disk or share of the inbox; then run it again.",
            ) from None
        receipts.clear(home)
        run.record["received"] = {"new": len(entries), "delivered_before": len(state.repeated)}
        known = Ledger.read(home)
        files = received(home, known)
        before = files_again(home, known, retry(home, known, bool(files)))
        if run.record["asked"].get("full"):
            before += afresh.files(home, known)
        shared = parts.share_out(home, [*files, *before])
    if shared:
        run.record["parts"] = len(shared)
        run.save()
    return shared


def judge(home: Home, run: Run) -> None:
    """Read and judge what is new or pending, and stage what passed; if all was asked, first all again.

    Raises ``Blocked`` where a check of severity ``block`` failed and was not accepted, and ``Defect`` where
    what was judged before comes out otherwise (flows.afresh).
    """
    known = Ledger.read(home)
    with run.phase("judge"):
        if run.record["asked"].get("full") and known.batches:
            run.record["judged_afresh"] = afresh.judge_afresh(home, known, partial(_settle, home)).as_dict()
        files = received(home, known)
        again = retry(home, known, bool(files))
        # a run that accepts takes in a batch, be it an empty one, so that what it accepts is kept
        accepts = bool(run.record["asked"]["accept"])
        if not (files or accepts) and (again == "none" or not _anything_to_judge_again(known)):
            run.record["judged"] = None
            parts.clear(home)
            return
        assessment = _assess(home, run, known, files, again)
        run.record["judged"] = {**summary(assessment), "out_of_reach": retention.out_of_reach(home, known)}
        acceptances = _accept(home, run, known, assessment)
        intake.stage(home, run.staged, assessment, acceptances)
        write_json(run.folder / "validations.json", assessment.verdict.validations)
        run.record["batch"] = assessment.batch.number
        del assessment
        parts.clear(home)
        _give_memory_back()


def _give_memory_back() -> None:
    """Return what judging needed to the system, for dbt in its own process needs some next."""
    gc.collect()
    pa.default_memory_pool().release_unused()
    with contextlib.suppress(OSError, AttributeError):  # only the C library of GNU has it
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def _anything_to_judge_again(known: Ledger) -> bool:
    return bool(known.last and known.last.refused) or len(known.table("quarantined_rows")) > 0


def _assess(home: Home, run: Run, known: Ledger, files: Sequence[Received], again: Retry) -> Assessment:
    return intake.assess(
        home,
        known,
        files,
        run_id=run.run_id,
        as_of=run.as_of,
        today=today(),
        people_key=home.people_key(),
        retry=again,
        repeated=read_repeated(home, run.run_id),
        settle=partial(_settle, home),
    )


def _accept(home: Home, run: Run, known: Ledger, assessment: Assessment) -> pd.DataFrame:
    """Acceptances after this run. Raises ``Blocked``, its evidence kept, if a problem was not accepted."""
    codes = accepting.accepted_codes(run)
    problems = assessment.verdict.problems
    left = [problem for problem in problems if problem.check_code.casefold() not in codes]
    if left:
        _keep_evidence(run, assessment)
        run.record["problems"] = [
            {"check_code": p.check_code, "subject": p.dataset, "outcome": p.outcome, "sentence": p.sentence}
            for p in left
        ]
        run.save()
        raise blocked([(p.check_code, p.dataset, p.sentence) for p in left], run)
    frame = accepting.lines(run, [(problem.check_code, problem.dataset) for problem in problems])
    return ledger.typed("acceptances", pd.concat([known.table("acceptances"), frame], ignore_index=True))


def blocked(problems: Sequence[tuple[str, str, str]], run: Run) -> Blocked:
    """The error of a blocked run, with every problem in it."""
    listed = "; ".join(f"{code} ({subject}): {sentence}" for code, subject, sentence in problems)
    return Blocked(
        f"blocked by checks: {listed}",
        where=str(run.folder),
        next_step="Deliver what is missing or mended; the files stay pending and are judged again in the "
        "next run. Or take one back with: sraap withdraw SHA256 --why TEXT. "
        "Or publish in spite of it: sraap refresh --accept CODE --by NAME --why TEXT.",
    )


def _keep_evidence(run: Run, assessment: Assessment) -> None:
    """Keep in the run's folder what a blocked run found."""
    folder = run.folder / "evidence"
    for name, frame in (
        ("files", assessment.judged_files),
        ("row_balance", assessment.judged_balance),
        ("quarantined_rows", assessment.judged_quarantined),
        ("validation_results", assessment.results),
    ):
        ledger.write_table(folder / f"{name}.parquet", name, frame)
    write_json(
        folder / "validation.json",
        {
            "results": publication.records(assessment.results),
            "great_expectations": assessment.verdict.validations,
        },
    )
    publication.write_quarantined(folder / "quarantined_rows.csv", assessment.judged_quarantined)


def summary(assessment: Assessment) -> dict[str, Any]:
    """What a person wants to know of a verdict: files, rows, why rows are quarantined."""
    balance = assessment.judged_balance
    files = assessment.judged_files
    quarantined = assessment.judged_quarantined
    rows = {
        name: int(balance[f"rows_{name}"].sum())
        for name in ("read", "loaded", "duplicate", "quarantined", "waiting")
    }
    by_check = (
        quarantined.groupby(["check_code", "dataset"], dropna=False)
        .agg(rows=("row_number", "size"), sentence=("sentence", "first"))
        .reset_index()
        .sort_values(["rows", "check_code"], ascending=[False, True])
    )
    warned = assessment.results[
        (assessment.results["severity"] == "warn") & (assessment.results["outcome"] == "fail")
    ]
    by_dataset = balance.groupby("dataset")[
        ["rows_read", "rows_loaded", "rows_duplicate", "rows_quarantined"]
    ].sum()
    return {
        "files": {str(name): int(count) for name, count in files["outcome"].value_counts().items()},
        "not_loaded": publication.records(
            files[files["outcome"].isin(["quarantined", "unknown_file"])][["file_name", "outcome", "reason"]]
        ),
        "rows": rows,
        "datasets": publication.records(by_dataset.reset_index()),
        "quarantined": publication.records(by_check),
        "warnings": len(warned),
        "quarantines": assessment.quarantines,
        "lost_copies": dict(assessment.verdict.lost),
    }


def build_marts(home: Home, run: Run) -> None:
    """Build and test the marts on the landing with the staged batch. Raises ``Defect`` if a model fails."""
    with run.phase("build"):
        known = Ledger.read(home)
        staged = read_staged(run.staged)
        settings = _settings(run, known, staged)
        run.record["batch"] = settings.batch
        landing = {name: list(paths) for name, paths in _landing(known, staged).items()}
        faults.point("build.before_database")
        build.make_warehouse(
            build.warehouse_path(home),
            landing,
            settings,
            sorted(_header_only(known, staged)),
            _previous(home, run, known, staged, settings),
        )
        faults.point("build.after_database")
        if run.target != spark.DUCKDB:
            spark.give_input(home, build.warehouse_path(home))
        dbt = build.ready(home)
        dbt.build(meanwhile=partial(publication.prepare, run))
        run.record["tools"] = {**run.record.get("tools", {}), **dbt.tools}
        accepting.build_in_spite(home, run, dbt)
        build.end(dbt)
        if run.target != spark.DUCKDB:
            spark.take_back(home, build.warehouse_path(home), build.target_path(home, run.target))


_begun: dict[Path, revisions.Before] = {}


def _settle(home: Home) -> None:
    """Wait for what was begun beside the first steps, which may be inside DuckDB."""
    if home.root in _begun:
        _begun[home.root].wait()


def begin(home: Home, run: Run) -> None:
    """Begin what this night needs and what rests on earlier nights alone, beside its first steps."""
    known = Ledger.read(home)
    _begun[home.root] = revisions.Before(home, known, _settings(run, known, None), run.folder / "dbt.log")


def _settings(run: Run, known: Ledger, staged: Staged | None) -> build.Settings:
    return build.Settings(
        as_of=run.as_of,
        plan_version=PLAN_VERSION,
        last_delivery_seq=staged.batch.last_seq if staged else known.last_seq,
        batch=staged.batch.number if staged else known.number,
        program_version=program_version(),
        publication_id=run.run_id,
        run_id=run.run_id,
        created_at=moment(run.run_id),
        plans=plans.loaded(run.home),
    )


def _previous(
    home: Home, run: Run, known: Ledger, staged: Staged | None, settings: build.Settings
) -> Callable[[duckdb.DuckDBPyConnection], None]:
    """What the build is told of the publication before (flows.revisions)."""
    before = revisions.current(home)
    files = revisions.landing_batches(known, known.number)
    if staged:
        for name in staged.batch.data:
            files.setdefault(name, []).append((staged.data_path(name), staged.batch.number))
    return partial(
        revisions.fill_previous,
        previous=before,
        known=revisions.Known(
            settings=settings,
            definition=(
                settings.plan_version,
                plans.definition(figures_version(), plans.named(settings.plans)),
            ),
            files=files,
            headers=sorted(_header_only(known, staged)),
            headers_before=sorted(revisions.header_only(known, before.batch if before else 0)),
        ),
        compiled=partial(revisions.compiled_by, home, home.current_publication(), run.folder / "dbt.log"),
        before=_begun.pop(home.root, None),
    )


def _header_only(known: Ledger, staged: Staged | None) -> set[str]:
    return known.header_only() | set(staged.batch.header_only if staged else [])


def _landing(known: Ledger, staged: Staged | None) -> dict[str, list[Path]]:
    from sources.contract import datasets

    landing = {name: known.landing_files(name) for name in datasets()}
    for name in staged.batch.data if staged else ():
        landing[name].append(staged.data_path(name) if staged else Path())
    return landing


def check_marts(home: Home, run: Run) -> None:
    """Read dbt's verdict. Raises ``Blocked`` where a blocking test failed, ``Defect`` where a model did."""
    with run.phase("check"):
        # what Spark tested is not in this database
        database = build.warehouse_path(home) if run.target == spark.DUCKDB else None
        result = build.read_results(build.target_path(home, run.target), run.run_id, database)
        faults.point("check.before_list")
        blocking = accepting.settle(run, result.checks)
        result.checks.extend(_freshness(home, run) + _sources(home, run))
        write_json(run.folder / "dbt_checks.json", result.checks)
        if result.broken:
            raise Defect(
                f"dbt could not build everything: {'; '.join(result.broken[:3])}",
                where=str(run.folder / "dbt.log"),
                next_step="This is a defect of the program; the last publication stands.",
            )
        if blocking:
            accepting.keep_evidence(home, run)
            found = [(c["check_code"], c["subject"], c["sentence"] or "") for c in blocking]
            errors = [
                text for c, (_, _, text) in zip(blocking, found, strict=True) if c["outcome"] == "error"
            ]
            if errors and (full := storage.failure(home, Defect("; ".join(errors)))):
                raise full
            run.record["problems"] = [
                {"check_code": c, "subject": s, "sentence": text, "outcome": "fail"} for c, s, text in found
            ]
            run.save()
            raise blocked(found, run)


def _freshness(home: Home, run: Run) -> list[dict[str, Any]]:
    """How old each dataset is, as check results; the ageing sample is never stale."""
    if home.kind == "sample":
        return []
    landing = _landing(Ledger.read(home), read_staged(run.staged))
    checks = freshness.judge(freshness.newest(landing, run.as_of), run.as_of, run.run_id)
    run.record["stale"] = freshness.stale_sentences(checks)
    return checks


def _sources(home: Home, run: Run) -> list[dict[str, Any]]:
    """Whether each configured source answered, and how old its last good answer is, as check results."""
    found = receipts.freshness(home, settings.configured(home), run.run_id, time.time())
    stale = receipts.stale_sentences(found)
    if stale:
        run.record["stale"] = [*(run.record.get("stale") or ()), *stale]
    return [*receipts.checks(run.run_id, run.record), *found]


def publish(home: Home, run: Run) -> None:
    """Write the publication aside, take the batch in, put the publication in place: in this order."""
    with run.phase("publish"):
        known = Ledger.read(home)
        staged = read_staged(run.staged)
        settings = _settings(run, known, staged)
        judged: Mapping[str, Any] | None = run.record["judged"]
        run.record["exit_code"] = receipts.exit_code(run.record, 1 if judged and judged["quarantines"] else 0)
        before = home.current_publication()
        content = publication.Content(
            tables=publication.ledger_tables(known, staged, read_json(run.folder / "dbt_checks.json")),
            validations=publication.validations_of(run),
            settings={
                "as_of": run.record["as_of"],
                "batch": settings.batch,
                "last_delivery_seq": settings.last_delivery_seq,
                "plan_version": settings.plan_version,
                "program_version": settings.program_version,
                "figures_version": figures_version(),
                "target": run.target,
                "plans": plans.named(settings.plans),
            },
            withdrawals=sorted(read_delivered(home).withdrawn.values(), key=lambda w: str(w["withdrawn_at"])),
        )
        folder = publication.write_aside(home, run, content)
        if staged:
            ledger.commit(home, staged)
        final = publication.put_in_place(home, folder, run.run_id)
        run.record["publication_id"] = run.run_id
        run.record["published_at"] = timestamp()
        changed = changed_totals(before, final) if before else []
        run.record["changed"] = {
            "before": before.name if before else None,
            "count": len(changed),
            "first": changed[:MOST_SHOWN],
        }
    faults.point("publish.before_end")
    run.end("published", run.record["exit_code"], "Published.")


def _receipts(run: Run) -> list[dict[str, Any]]:
    """What came of asking each configured source in this run."""
    shown = ("source", "outcome", "address", "seconds", "status", "bytes", "sentence")
    return [{name: line[name] for name in shown} for line in receipts.of_run(run.folder)]


def shown_to_people(home: Home, run: Run) -> dict[str, Any]:
    """What Prefect shows: the totals of all indicators by year, the checks by subject, the row balance, and
    what the sources answered.

    ``tables``: key of the artifact, title, rows, for each; ``link``: address of the publication.
    """
    import duckdb

    folder = home.publications / run.run_id
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as connection:
        values = connection.execute(
            """
            select indicator_id as indicator, reporting_year as year, unit,
                numerator, denominator, round(value, 1) as value, status
            from marts.indicator_values
            where breakdown = 'total'
            order by action, indicator_id, year
            """
        ).df()
        checks = connection.execute(
            """
            select engine, subject, check_code as code, severity, guards,
                count(*) filter (outcome = 'pass') as passed,
                count(*) filter (outcome = 'fail') as failed,
                count(*) filter (outcome = 'error') as errors
            from audit.validation_results
            where run_id = ?
            group by all
            order by errors desc, failed desc, engine, subject, code
            """,
            [run.run_id],
        ).df()
        balance = connection.execute(
            """
            select dataset, cast(sum(rows_read) as bigint) as read,
                cast(sum(rows_loaded) as bigint) as loaded,
                cast(sum(rows_duplicate) as bigint) as duplicate,
                cast(sum(rows_quarantined) as bigint) as quarantined,
                cast(sum(rows_waiting) as bigint) as waiting
            from audit.row_balance
            group by dataset
            order by dataset
            """
        ).df()
    return {
        "tables": [
            ("indicator-values", "The 87 indicators", publication.records(values)),
            ("checks", "Checks by subject", publication.records(checks)),
            ("row-balance", "Rows by dataset", publication.records(balance)),
            *([("fetches", "Receipts of sources", fetched)] if (fetched := _receipts(run)) else ()),
        ],
        "link": _front_page(folder).as_uri(),
    }


def _front_page(folder: Path) -> Path:
    """The site of a publication, or the publication where it has none."""
    site = folder / "site" / "index.html"
    return site if site.exists() else folder
