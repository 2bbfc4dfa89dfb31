"""A refresh, from the question whether there is anything to do to its end.

What comes before the flow stands here, with nothing imported but the standard library, so that a refresh with
nothing new ends before Prefect, dbt and Great Expectations start. The night itself is ``flows/nightly.py``.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from flows import (
    archive,
    damage,
    faults,
    ledger,
    notifying,
    parts,
    plans,
    publication,
    quiet,
    retention,
    spark,
    storage,
    streams,
    task_runners,
)
from flows.archive import Found
from flows.errors import Blocked, Defect, SraapError, UsageProblem
from flows.evidence import manifest as evidence_manifest
from flows.fetching import receipts, settings
from flows.fetching.settings import Source
from flows.home import Home, as_of_date
from flows.ledger import Ledger
from flows.program import PLAN_VERSION, ROOT, program_version
from flows.runs import Run, abandon, unended

if TYPE_CHECKING:
    from flows.build import Dbt
    from flows.conductor import Conductor

AHEAD = ("receive", "judge", "build_marts")
"""Steps of the flow that need not wait for Prefect to start: all before what decides on the publication."""

SAMPLE = ROOT / "sources" / "sample" / "delivery"


@dataclass(frozen=True)
class Request:
    """What was asked of a refresh. ``accept``: check codes to publish in spite of, by whom and why."""

    home: Path
    inboxes: tuple[Path, ...] = ()
    as_of: str | None = None
    accept: tuple[str, ...] = ()
    by: str = ""
    why: str = ""
    full: bool = False
    target: str | None = None
    """Where dbt builds, one of ``spark.TARGETS``; what the environment names if not given."""


@dataclass(frozen=True)
class Result:
    """How a refresh ended: run.json as a dict, and the error that ended it, if one did."""

    record: dict[str, Any]
    error: SraapError | None = None

    @property
    def exit_code(self) -> int:
        return int(self.record["exit_code"])


Night = Callable[[Home, Run, bool], None]
"""Takes a run from its inboxes to its publication; told whether files wait to be judged."""


def refresh(request: Request, night: Night | None = None) -> Result:
    """Run one refresh; its record tells how it ended.

    ``night``: how the steps are run; as a Prefect flow unless given.
    Raises ``SraapError`` where no run could begin (usage, lock).
    ``KeyboardInterrupt`` is recorded in the run and raised again.
    """
    channels = notifying.Channels.configured()
    as_of = as_of_date(request.as_of)
    _check_acceptance(request)
    request = replace(request, target=spark.chosen(request.target))
    home = Home(request.home)
    try:
        result = _refresh(home, request, as_of, night or in_prefect)
    except SraapError as error:
        _tell(home, error, None, channels)
        raise
    except OSError as error:
        problem = storage.failure(home, error)
        if problem is None:
            raise
        _tell(home, problem, None, channels)
        raise problem from error
    failed = result.error or receipts.missing(result.record)
    if failed is not None:
        unsent = _tell(home, failed, result.record["run_id"], channels)
        if unsent:
            result.record["not_notified"] = unsent
            with contextlib.suppress(OSError):
                Run(home, result.record).save()
    return result


def _tell(home: Home, error: SraapError, run_id: str | None, channels: notifying.Channels) -> list[str]:
    """Tell people of a run that ended badly; what could not be sent is said on standard error as well."""
    unsent = notifying.tell_of_run(home, error, run_id, channels)
    for sentence in unsent:
        sys.stderr.write(f"{sentence}\n")
    return unsent


def _refresh(home: Home, request: Request, as_of: date, night: Night) -> Result:
    """Hold the home, see what there is to do, and do it. Raises ``SraapError`` and ``OSError``."""
    retention.restricted_days()
    task_runners.configured()
    folders(request.inboxes)  # a name that is mistyped leaves no home behind
    with home.lock() as held:
        sources = settings.configured(home)
        inboxes = settle_home(home, request.inboxes, has_sources=bool(sources))
        home.people_key()
        evidence_manifest.signing_key()  # one that can't serve is said now, not when all is built
        clear_up(home)
        damage.check_head(home)
        state = look(home, inboxes)
        run = Run.begin(home, as_of, _asked(request, inboxes))
        faults.point("run.begun")
        held.name(run.run_id)

        def steps() -> None:
            known = _fetch(home, run, sources, state, request.full)
            if not request.full and not known.anything_new and _already_published(home, known.ledger, as_of):
                _nothing_new(home, run)
            else:
                storage.check_room(home, (entry.bytes for entry in known.new if not entry.notice))
                night(home, run, known.anything_new or (request.full and bool(known.ledger.batches)))

        return _emptied(home, _run(home, run, steps))


def _emptied(home: Home, result: Result) -> Result:
    """Empty the restricted part of what it has kept for its days; how the run ended stays as it is."""
    try:
        emptied = retention.empty(home)
    except (OSError, SraapError) as error:
        said = f"the restricted part of the archive could not be emptied ({type(error).__name__})"
        result.record["emptied"] = {"problem": f"{said}; the next run tries again."}
    else:
        if emptied.anything:
            result.record["emptied"] = emptied.as_dict()
    if "emptied" in result.record:
        with contextlib.suppress(OSError):
            Run(home, result.record).save()
    return result


def _asked(request: Request, inboxes: tuple[Path, ...]) -> dict[str, Any]:
    return {
        "inboxes": [str(path) for path in inboxes],
        "accept": list(request.accept),
        "by": request.by,
        "why": request.why,
        "full": request.full,
        "target": request.target,
    }


def _check_acceptance(request: Request) -> None:
    if request.accept and not (request.by.strip() and request.why.strip()):
        raise UsageProblem(
            "--accept needs to know who accepts and why",
            where="--accept",
            next_step='Add --by "NAME" --why "TEXT"; both are kept in the manifest for ever.',
        )
    if not request.accept and (request.by or request.why):
        raise UsageProblem(
            "--by and --why belong to --accept",
            where="--by",
            next_step="Add --accept CODE, or leave them out.",
        )


def settle_home(home: Home, inboxes: tuple[Path, ...], *, has_sources: bool = False) -> tuple[Path, ...]:
    """Make a new home, mark it, and say which inboxes this run has. The lock is held.

    A new home without inbox or configured sources takes the shipped sample; the sample never enters a real
    home (inputs.md, Deliveries). Raises ``UsageProblem``.
    """
    given = folders(inboxes)
    sample = [path for path in given if is_sample(path)]
    if not home.exists:
        if sample and (len(sample) < len(given) or has_sources):
            raise _sample_refused(sample[0])
        home.create("real" if (given and not sample) or has_sources else "sample")
    home.migrate()
    if sample and home.kind == "real":
        raise _sample_refused(sample[0])
    if not given and not has_sources and home.kind == "sample" and not Ledger.read(home).batches:
        return (SAMPLE,)
    return given


def folders(inboxes: tuple[Path, ...]) -> tuple[Path, ...]:
    """Inboxes with whole paths. Raises ``UsageProblem`` where one is no folder."""
    given = tuple(Path(os.path.abspath(path)) for path in inboxes)  # noqa: PTH100 - links given on purpose stay
    for inbox in given:
        if not inbox.is_dir():
            raise UsageProblem(
                "the inbox is no folder",
                where=str(inbox),
                next_step="Give a folder that exists with --inbox.",
            )
    return given


def is_sample(path: Path) -> bool:
    """Whether the folder is the shipped sample delivery, by whatever name."""
    try:
        return path.resolve() == SAMPLE.resolve() or path.samefile(SAMPLE)
    except OSError:
        return False


def _sample_refused(path: Path) -> UsageProblem:
    return UsageProblem(
        "the shipped sample is only ever loaded into a sample home",
        where=str(path),
        next_step="Give a new folder with --home to try the sample; leave this home to real deliveries.",
    )


def clear_up(home: Home) -> None:
    """Clear what a run that died, or failed together with its disk, left; mark the dead abandoned.

    The lock is held, so that whatever is unfinished is nobody's.
    """
    for run_id in unended(home):
        abandon(home, run_id)
    _clear(home)
    home.clear_asides()
    known = Ledger.read(home)
    if known.last:
        ledger.open_up(home, known.last)
    if (home.restricted / retention.ERASING).exists():
        from flows import erasing

        erasing.finish(home)


@dataclass(frozen=True)
class State:
    """What there is to do: new entries of the inboxes, and whether files are pending."""

    ledger: Ledger
    new: list[Found]
    repeated: list[Found]
    pending: bool

    @property
    def anything_new(self) -> bool:
        return bool(self.new) or self.pending


def look(home: Home, inboxes: tuple[Path, ...]) -> State:
    """Compare the inboxes, and what was fetched, with what was ever delivered; changes nothing.

    Raises ``UsageProblem``.
    """
    known = Ledger.read(home)
    delivered = archive.read_delivered(home)
    found = [*archive.scan(inboxes), *receipts.waiting(home)]
    new = archive.only_new(found, delivered, None)
    if any(not entry.notice for entry in new):
        new = archive.only_new(found, delivered, classify)
    names = {(entry.inbox, entry.name) for entry in new}
    repeated = [entry for entry in found if (entry.inbox, entry.name) not in names]
    return State(known, new, repeated, bool(delivered.pending(known.taken_in())))


def classify(name: str) -> tuple[str, str]:
    """Dataset and format of a file name, as the reader has it."""
    from sources.reading import classify as by_name

    identity = by_name(name)
    return identity.dataset, identity.format


def _already_published(home: Home, known: Ledger, as_of: date) -> bool:
    """Whether the current publication is what this run would make: same date, rows, program and plan."""
    manifest = home.manifest()
    wanted = {
        "as_of": as_of.isoformat(),
        "batch": known.number,
        "plan_version": PLAN_VERSION,
        "program_version": program_version(),
        "plans": plans.named(plans.loaded(home)),
    }
    return manifest is not None and all(manifest.get(name) == value for name, value in wanted.items())


def retry(home: Home, home_ledger: Ledger, anything_new: bool) -> Literal["none", "waiting", "all"]:
    """Which rows of earlier batches to judge again (inputs.md, What a bad input gets).

    All quarantined ones if the rules changed, those that wait for a parent if something new came.
    """
    if home_ledger.last and home_ledger.last.rules_fingerprint != plans.fingerprint(home):
        return "all"
    return "waiting" if anything_new else "none"


# --- the run ------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _tools(home: Home, run: Run, warm_up: bool) -> Iterator[Conductor]:
    """Start what is slow to start, beside what this process imports meanwhile; end it afterwards."""
    quiet.settle()
    from flows import build, reading
    from flows.conductor import Conductor
    from flows.site import beside

    conductor = Conductor(home, run)
    try:
        dbt: Dbt = build.begin(home, run.folder / "dbt.log", run.target, anew=run.record["asked"]["full"])
        if warm_up:
            reading.start()
        try:
            with run.phase("start tools"):
                began = time.monotonic()
                with quiet.importing():
                    import flows.night  # noqa: F401

                    if warm_up:
                        _warm_up_the_door()
                run.record["tools"] = {
                    "import Great Expectations" if warm_up else "import the steps": time.monotonic() - began
                }
            yield conductor
            _told_by_prefect(home, run.run_id, conductor.imported)
        finally:
            build.end(dbt)
    finally:
        conductor.stop()
        reading.stop()
        beside.end(run)


def _told_by_prefect(home: Home, run_id: str, imported: float) -> None:
    """Write down how long Prefect took to start, which is known once it asked for a step."""
    run = Run.load(home, run_id)
    run.record["tools"] = {**run.record["tools"], "import Prefect and start its server": imported}
    run.save()


def _warm_up_the_door() -> None:
    """Import what judges, for it takes seconds and something waits to be judged."""
    from expectations.late import import_the_door

    import_the_door()


def in_prefect(home: Home, run: Run, to_judge: bool) -> None:
    """Run the night as a Prefect flow. Raises ``SraapError``."""
    with _tools(home, run, to_judge) as conductor:
        from flows import night, reading

        def take(step: str) -> Any:
            try:
                return night.take(getattr(night, step), str(home.root), run.run_id)
            finally:
                if step == "judge":
                    reading.stop()  # no later step reads a file, and dbt needs the memory

        def reading_in_parts() -> contextlib.AbstractContextManager[None]:
            return Run.load(home, run.run_id).phase("read")

        night.begin(home, run)
        conductor.conduct(take, ahead=AHEAD, away=reading_in_parts)


def _fetch(home: Home, run: Run, sources: Sequence[Source], state: State, everything: bool) -> State:
    """Ask the configured sources, and add what they bring to what there is to do.

    Raises ``SourceFailed`` where they bring nothing to a home that has nothing, and ``OSError``.
    """
    if not sources:
        return state
    from flows.fetching import fetch  # imports requests

    with run.phase("fetch"):
        found = fetch.fetch(
            home,
            tuple(sources),
            everything=everything,
            defective=lambda error: defect(home, run.run_id, error).where,
        )
        run.record["sources"] = [asdict(receipt) for receipt in found]
        receipts.write(run.folder, found)
        faults.point("fetch.after_receipts")
    new = archive.only_new(receipts.waiting(home), archive.read_delivered(home), classify)
    known = replace(state, new=state.new + [one for one in new if one not in state.new])
    missing = receipts.missing(run.record)
    if missing is not None and not known.anything_new and not known.ledger.batches:
        raise missing
    return known


def _nothing_new(home: Home, run: Run) -> None:
    receipts.clear(home)
    run.record["publication_id"] = (home.manifest() or {}).get("publication_id")
    code = receipts.exit_code(run.record, 0)
    run.end("nothing_new", code, "Nothing new: the publication stands as it is.")


def _run(home: Home, run: Run, steps: Callable[[], None]) -> Result:
    """Take the steps; whatever happens, run.json says how it ended."""
    try:
        steps()
    except KeyboardInterrupt:
        _failed(home, run, streams.interrupted())
        raise
    except Exception as error:
        return _failed(home, run, storage.shown(home, error) or defect(home, run.run_id, error))
    return Result(Run.load(home, run.run_id).record)


def _failed(home: Home, run: Run, error: SraapError) -> Result:
    """Record how the run ended.

    Room is made first, so that there is some to write it down. A disk that takes not even that leaves the run
    to be marked abandoned by the next one, which clears up as well.
    """
    with contextlib.suppress(OSError):
        _clear(home)
    with contextlib.suppress(OSError, ValueError):
        run = Run.load(home, run.run_id)
    with contextlib.suppress(OSError):
        run.end("blocked" if isinstance(error, Blocked) else "failed", error.exit_code, str(error))
    return Result(run.record, error)


def _clear(home: Home) -> None:
    """Remove what the run wrote aside; its evidence stays in its folder."""
    publication.clear_unfinished(home)
    parts.clear(home)
    ledger.clear_orphans(home, Ledger.read(home))


def defect(home: Home, run_id: str, error: BaseException) -> Defect:
    """Turn an unforeseen error into one that may be shown.

    Its own words may hold people's data; they go to the restricted part of the archive only.
    """
    folder = home.restricted / "defects"
    path = folder / f"{run_id}.txt"
    try:
        folder.mkdir(exist_ok=True, mode=0o700)
        with path.open("a", encoding="utf-8", errors="backslashreplace") as handle:
            handle.write("".join(traceback.format_exception(error)))
    except OSError as unwritten:
        return Defect(
            f"the program failed ({type(error).__name__}), and its words could not be kept "
            f"({unwritten.strerror or type(unwritten).__name__})",
            where=str(folder),
            next_step="Look at that disk, and run it again.",
        )
    return Defect(
        f"the program failed ({type(error).__name__})",
        where=str(path),
        next_step="That file says where; it may hold people's data, so look before you send it to anyone.",
    )
