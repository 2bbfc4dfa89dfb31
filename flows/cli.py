"""The command ``sraap``: what people type, and what they read afterwards.

Commands, options and exit codes are those of docs/contract/outputs.md, Commands.

Commands import what they need when they run, so that a refresh with nothing new is quick.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import typer.main
from rich.console import Console
from typer.exceptions import TyperException

from flows import streams
from flows.errors import Defect, Interrupted, SraapError, StorageFailed, UsageProblem

if TYPE_CHECKING:
    from flows.home import Home

app = typer.Typer(
    name="sraap",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
    help="The 87 indicators of the Siem Reap-Angkor Action Plan: take in deliveries, judge, build, publish.",
)

HomeOption = Annotated[
    Path,
    typer.Option(
        "--home", metavar="DIR", envvar="SRAAP_HOME", help="Folder that holds everything the pipeline keeps."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
DEFAULT_HOME = Path("data")


class _Output(Console):
    """A console that goes on where its reader has gone, so that the exit code says how the work ended."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        streams.nobody_reads()


def out() -> Console:
    """Where results go; piped, no line is folded, for a program may read it."""
    return _Output(width=None if sys.stdout.isatty() else 100_000)


def err() -> Console:
    """Where progress and errors go."""
    return Console(stderr=True)


@app.command()
def refresh(
    *,
    inbox: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="Folder with a delivery; may be given several times."),
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(metavar="DATE", help="Day of knowledge, YYYY-MM-DD; today if left out.")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    accept: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE", help="Publish in spite of this check; kept in the manifest for ever."),
    ] = None,
    by: Annotated[str, typer.Option(metavar="NAME", help="Who accepts.")] = "",
    why: Annotated[str, typer.Option(metavar="TEXT", help="Why it is accepted.")] = "",
    full: Annotated[
        bool, typer.Option("--full", help="Read, judge and build everything anew, even if nothing is new.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only judge what would be taken in; change nothing.")
    ] = False,
    profile: Annotated[
        bool, typer.Option("--profile", help="Print where the time of the run went, by phase.")
    ] = False,
    target: Annotated[
        str | None,
        typer.Option(
            metavar="TARGET",
            envvar="SRAAP_TARGET",
            help="Where dbt builds: duckdb, spark (a session on this machine) or spark-thrift (a cluster).",
            show_default="duckdb",
        ),
    ] = None,
    reproduce: Annotated[
        str | None,
        typer.Option(
            metavar="PUBLICATION", help="Make this publication again from the landing and compare every byte."
        ),
    ] = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """The main job: take in deliveries, judge them, build the indicators, check them, publish them."""
    from flows.refresh import Request
    from flows.refresh import refresh as run_refresh

    if reproduce is not None:
        if inbox or as_of or accept or full or dry_run:
            raise UsageProblem(
                "--reproduce goes with --home and --json only",
                where="--reproduce",
                next_step="The publication itself says what it was made from; leave the other options out.",
            )
        raise typer.Exit(_reproduce(home, reproduce, as_json))
    request = Request(
        home=home,
        inboxes=tuple(inbox or ()),
        as_of=as_of,
        accept=tuple(accept or ()),
        by=by,
        why=why,
        full=full,
        target=target,
    )
    if dry_run:
        from flows.check import dry_run as judge_only

        with progress(not as_json):
            report = judge_only(request)
        _print_check(report, as_json)
        raise typer.Exit(report.exit_code)
    with progress(not as_json):
        result = run_refresh(request)
    found = None
    if profile:
        from flows import profiling
        from flows.home import Home

        found = profiling.profile(Home(home), result.record)
    if as_json:
        document = {**result.record, "error": result.error.as_dict() if result.error else None}
        _print_json(document if found is None else {**document, "profile": found})
    else:
        from flows import show

        if result.error is not None:
            show.error(err(), result.error)
            if result.record.get("judged"):
                show.verdict(out(), result.record["judged"])
        else:
            show.refreshed(out(), result.record, str(home))
        if found is not None:
            profiling.show(out(), found)
    raise typer.Exit(result.exit_code)


def _reproduce(home: Path, publication: str, as_json: bool) -> int:
    """Make a publication again and say what came out; the exit code."""
    from flows.home import Home
    from flows.reproduce import reproduce, show_reproduction

    with progress(not as_json):
        result = reproduce(Home(home), publication)
    if as_json:
        _print_json(result.as_dict())
    else:
        show_reproduction(out(), result)
    return result.exit_code


@app.command()
def check(
    delivery: Annotated[Path, typer.Argument(metavar="DIR", help="Folder with the files to judge.")],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Judge a delivery: what would load, what would be quarantined and why. Changes nothing."""
    from flows.check import check as judge_only

    with progress(not as_json):
        report = judge_only(home, (delivery,))
    _print_check(report, as_json)
    raise typer.Exit(report.exit_code)


@app.command()
def template(
    target: Annotated[Path, typer.Argument(metavar="OUT.xlsx", help="The workbook to write.")],
    *,
    year: Annotated[
        int | None,
        typer.Option(metavar="YEAR", help="Reporting year of the coding sheet; this year if left out."),
    ] = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Write a workbook to fill in; filled in, wholly or in part, it is a delivery."""
    from flows import template as making
    from flows.home import today

    reporting_year = today().year if year is None else year
    written = making.write(target, reporting_year)
    if as_json:
        _print_json({"workbook": str(written), "reporting_year": reporting_year})
        return
    out().print(
        f"Written: {written}. Fill it in, put it into a folder, and try it with: sraap check FOLDER",
        soft_wrap=True,
        highlight=False,
        markup=False,
    )


def _print_check(report: Any, as_json: bool) -> None:
    if as_json:
        _print_json(report.as_dict())
        return
    from flows import show

    console = out()
    show.table(
        console,
        "Files",
        report.files,
        {
            "file_name": "file",
            "outcome": "would be",
            "rows_read": "rows",
            "rows_loaded": "would load",
            "rows_duplicate": "duplicates",
            "rows_quarantined": "quarantined",
            "reason": "why",
        },
    )
    show.table(
        console,
        "Rows that would be quarantined",
        report.quarantined,
        {
            "file_name": "file",
            "sheet": "sheet",
            "row_number": "row",
            "place": "place",
            "column_name": "column",
            "check_code": "check",
            "value": "value",
            "sentence": "what to do",
        },
    )
    show.table(
        console,
        "Warnings",
        report.warnings,
        {
            "file_name": "file",
            "subject": "dataset",
            "check_code": "check",
            "rows_failing": "rows",
            "sentence": "what",
        },
    )
    show.table(
        console,
        "This would block the run",
        report.problems,
        {"check_code": "check", "subject": "dataset", "sentence": "why"},
    )
    console.print(report.sentence, soft_wrap=True, highlight=False)


@app.command()
def explain(
    indicator: Annotated[
        str, typer.Argument(metavar="INDICATOR", help="Number of an indicator, such as 7.1.")
    ],
    *,
    year: Annotated[int, typer.Option(metavar="YEAR", help="Reporting year.")],
    state: Annotated[
        str | None, typer.Option(metavar="ISO3", help="A state by its ISO 3166-1 alpha-3 code, such as KHM.")
    ] = None,
    plan: Annotated[
        str | None,
        typer.Option(metavar="VERSION", help="A loaded plan version to which the indicator belongs."),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """From a figure to its definition, the states on each side, and the rows behind a state."""
    from flows import explain as explaining

    explanation = explaining.explain(home, indicator, year, state, plan)
    if as_json:
        _print_json(explanation)
    else:
        explaining.show_explanation(out(), explanation)


@app.command()
def diff(
    first: Annotated[str, typer.Argument(metavar="A", help="A publication: its id, or published.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Which values differ between two publications, and for each the rows that made it differ."""
    from flows import diff as comparing
    from flows.home import Home

    place = Home(home)
    if not place.exists:
        raise no_home(home)
    found = comparing.diff(place, first, second)
    if as_json:
        _print_json(found)
    else:
        comparing.show_diff(out(), found)


@app.command()
def audit(
    run: Annotated[
        str | None,
        typer.Argument(metavar="RUN", help="Id of a run or publication; the published one if left out."),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """The evidence of a run: inputs and hashes, row balance, check results, what changed, versions."""
    from flows import audit as auditing

    evidence = auditing.audit(home, run)
    if as_json:
        _print_json(evidence)
    else:
        auditing.show_audit(out(), evidence)


@app.command()
def verify(
    publication: Annotated[
        str | None,
        typer.Argument(metavar="PUBLICATION", help="Id of a publication; the published one if left out."),
    ] = None,
    *,
    anchor: Annotated[
        bool, typer.Option("--anchor", help="Print the head, if all is whole, to be kept elsewhere.")
    ] = False,
    against: Annotated[
        str | None,
        typer.Option(metavar="ANCHOR", help="An anchor that was kept: ID:SHA256, or a file that holds it."),
    ] = None,
    public_key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="PEM file of the Ed25519 key that signed the manifests."),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Recompute every hash of a publication and of those before it; name each byte that was altered."""
    from flows.evidence import check as evidence_check
    from flows.evidence.verify import sentences

    report = evidence_check.verify_home(home, publication, against=against, public_key=public_key)
    if as_json:
        _print_json(report.as_dict())
    elif anchor and report.whole:
        out().print(report.anchor, soft_wrap=True, highlight=False, markup=False)
    else:
        out().print("\n".join(sentences(report)), soft_wrap=True, highlight=False, markup=False)
    raise typer.Exit(report.exit_code)


@app.command()
def publish(
    *,
    to: Annotated[
        str,
        typer.Option(
            metavar="SERVICE", help="Section of ~/.pg_service.conf, or of the file of PGSERVICEFILE."
        ),
    ],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Copy the published marts to PostgreSQL, in one transaction; readers never see a mix."""
    from flows import serving

    place = existing_home(home)
    with contextlib.ExitStack() as stack:
        say = _status(stack) if not as_json else lambda _: None
        copied = serving.copy_to(place, to, say)
    if as_json:
        _print_json(copied.as_dict())
    else:
        out().print(copied.sentence, soft_wrap=True, highlight=False, markup=False)


def _status(stack: contextlib.ExitStack) -> Callable[[str], None]:
    """A line on a terminal's standard error that says what is being done; nothing where it is piped."""
    console = err()
    if not console.is_terminal:
        return lambda _: None
    status = stack.enter_context(console.status("starting"))
    return status.update


@app.command()
def withdraw(
    sha256: Annotated[
        str,
        typer.Argument(metavar="SHA256", help="SHA-256 of a pending file; the first 8 characters will do."),
    ],
    why: Annotated[str, typer.Option(metavar="TEXT", help="Why it is taken back.")],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Take a pending file back: it stays in the archive and is never judged again."""
    from flows import archive
    from flows.home import Home
    from flows.ledger import Ledger

    place = Home(home)
    if not place.exists:
        raise no_home(home)
    if not why.strip():
        raise UsageProblem("a withdrawal needs a reason", where="--why", next_step='Add --why "TEXT".')
    with place.lock():
        place.settings()
        withdrawn = archive.withdraw(place, sha256, why, Ledger.read(place).taken_in())
    if as_json:
        _print_json({"withdrawn": withdrawn[0].sha256, "why": why})
    else:
        out().print(f"Withdrawn: {withdrawn[0].sha256}", soft_wrap=True, highlight=False)


@app.command()
def erase(
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="Two lines: full name, then state or organization; - for standard input. Else it is asked.",
        ),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Remove one person: unlink the registrations, delete the received files that hold the name."""
    from flows import erasing, show

    text = _asked_for_person() if source is None else _read_text(source)
    person = erasing.Person.parse(text)
    place = existing_home(home)
    with place.lock():
        place.settings()
        erased = erasing.erase(place, person)
    if as_json:
        _print_json(erased.as_dict())
    else:
        show.erased(out(), erased.as_dict())


def _asked_for_person() -> str:
    name = typer.prompt("Full name", err=True)
    delegation = typer.prompt("State or organization", err=True)
    return f"{name}\n{delegation}"


def _read_text(source: str) -> str:
    try:
        return sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise UsageProblem(
            f"the file can't be read ({reason})",
            where="--from",
            next_step="Give a text file that you may read.",
        ) from None


@app.command()
def prune(
    *,
    keep: Annotated[
        int | None,
        typer.Option(metavar="N", help="How many publications to keep whole; the published one always is."),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Drop old publications but for their manifests; empty the restricted part of what is past its days."""
    from flows import pruning, retention, show

    place = existing_home(home)
    with place.lock():
        place.settings()
        pruned = pruning.prune(place, keep) if keep is not None else pruning.Pruned()
        emptied = retention.empty(place)
    document = {"pruned": pruned.as_dict(), "emptied": emptied.as_dict()}
    if as_json:
        _print_json(document)
    else:
        show.pruned(out(), document)


@app.command()
def doctor(
    *,
    notify: Annotated[
        bool,
        typer.Option(
            "--notify", help="Tell the channels of SRAAP_NOTIFY_… of a missed night and of what is broken."
        ),
    ] = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Look at configuration, versions, disk, permissions, runs and freshness; for a timer of its own.

    Changes nothing. Exit code 0: all is well; 1: something to look at; 5: a refresh can't work.
    """
    from datetime import UTC, datetime

    from flows import notifying, show
    from flows.doctor import examine
    from flows.home import Home

    diagnosis = examine(Home(home))
    if notify:
        now = datetime.now(UTC)
        for sentence in notifying.tell_of_diagnosis(Home(home), diagnosis.as_dict(), now):
            err().print(sentence, soft_wrap=True, highlight=False, markup=False)
    if as_json:
        _print_json(diagnosis.as_dict())
    else:
        show.diagnosis(out(), diagnosis.as_dict())
    raise typer.Exit(diagnosis.exit_code)


@app.command()
def serve(
    *,
    cron: Annotated[
        str, typer.Option(metavar="CRON", help="When, as a cron line: minute hour day month weekday.")
    ] = ("15 2 * * *"),
    timezone: Annotated[
        str | None,
        typer.Option(metavar="ZONE", help="Time zone of the cron line; SRAAP_TZ, or Europe/Zurich."),
    ] = None,
    inbox: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="Folder that is looked into each night; several times."),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Register the nightly deployment with a Prefect server and run it, until stopped with Ctrl-C.

    The server is that of PREFECT_API_URL; without one, a server of its own runs for as long as this does.
    With --json the document says what was registered, as soon as it is.
    """
    from flows.serving_nights import serve_nights

    def registered(nightly: dict[str, Any]) -> None:
        if as_json:
            _print_json(nightly)

    serve_nights(
        home,
        tuple(inbox or ()),
        cron,
        timezone,
        say=lambda text: err().print(text, soft_wrap=True, highlight=False, markup=False),
        registered=registered,
    )


@app.command("open")
def open_site(
    home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False, debug: DebugOption = False
) -> None:
    """Open the site of the published publication in the browser, and print where it is.

    Where no browser can be opened, that is said and the path serves as well. With --json none is opened.
    """
    from flows.site import published_site

    page = published_site(existing_home(home))
    if as_json:
        _print_json({"publication": page.parent.parent.name, "path": str(page), "address": page.as_uri()})
        return
    out().print(str(page), soft_wrap=True, highlight=False, markup=False)
    import webbrowser

    if not webbrowser.open(page.as_uri()):
        err().print("No browser could be opened here; open that file in one.", highlight=False)


plan_commands = typer.Typer(no_args_is_help=True, help="Plan versions besides the one that is shipped.")
app.add_typer(plan_commands, name="plan")


@plan_commands.command("load")
def plan_load(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder with actions.csv, indicators.csv and crosswalk.csv.")
    ],
    *,
    version: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the version; the folder's name unless given.")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Load another version of the plan; the next refresh computes it beside the configured one."""
    from flows import plans

    place = existing_home(home)
    with place.lock():
        place.settings()
        found = plans.load(place, folder, version)
    if as_json:
        _print_json(found)
        return
    again = " (it was loaded before)" if found["already_loaded"] else ""
    out().print(
        f"Plan {found['plan_version']}: {found['actions']} actions, {found['indicators']} indicators{again}. "
        "Compute it with: sraap refresh",
        soft_wrap=True,
        highlight=False,
        markup=False,
    )


@plan_commands.command("list")
def plan_list(
    home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False, debug: DebugOption = False
) -> None:
    """The plan versions that a home computes."""
    from flows import plans, show
    from flows.program import PLAN_VERSION

    lines = [{"plan_version": PLAN_VERSION, "sha256": None, "configured": True}]
    lines += [
        {"plan_version": name, "sha256": sha256, "configured": False}
        for name, sha256 in plans.named(plans.loaded(existing_home(home))).items()
    ]
    if as_json:
        _print_json(lines)
    else:
        show.table(
            out(),
            "Plan versions",
            lines,
            {"plan_version": "version", "configured": "configured", "sha256": "SHA-256 of its files"},
        )


def existing_home(home: Path) -> Home:
    """The home of a command that needs one. Raises ``UsageProblem`` where none is."""
    from flows.home import Home

    place = Home(home)
    if not place.exists:
        raise no_home(home)
    return place


def no_home(home: Path) -> UsageProblem:
    """The error of a command that needs a home where none is."""
    return UsageProblem(
        "there is no home here",
        where=str(home),
        next_step="Give its folder with --home, or make one with: sraap refresh",
    )


# --- around the commands ------------------------------------------------------------------------------------


@contextlib.contextmanager
def progress(shown: bool) -> Iterator[None]:
    """Say on standard error what is being done, phase by phase."""
    from flows import runs

    if not shown:
        yield
        return
    console = err()
    began = time.monotonic()
    if console.is_terminal:
        with console.status("looking at what is new") as status:
            listener: Callable[[str], None] = status.update
            runs.listeners.append(listener)
            try:
                yield
            finally:
                runs.listeners.remove(listener)
        return

    def listener_of_lines(phase: str) -> None:
        console.print(f"{time.monotonic() - began:6.1f} s  {phase}", highlight=False)

    runs.listeners.append(listener_of_lines)
    try:
        yield
    finally:
        runs.listeners.remove(listener_of_lines)


def _print_json(document: Any) -> None:
    try:
        sys.stdout.write(json.dumps(document, indent=1, ensure_ascii=True, default=str) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        streams.nobody_reads()


def script() -> None:
    """Entry of the console script: ``main``, and then the process is gone, with what it has in memory."""
    with streams.farewell():
        main()


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit with a code of outputs.md. Raises ``SystemExit``."""
    given = sys.argv[1:] if arguments is None else arguments
    with streams.settled():
        sys.exit(_exit_code(given))


def command() -> Any:
    """``sraap`` as it is run: ``app``, its help without types of Python, which say nothing to people."""
    group = typer.main.get_command(app)
    commands: list[Any] = [group]
    while commands:
        found = commands.pop()
        commands += getattr(found, "commands", {}).values()
        for parameter in found.get_params(typer.Context(found)):
            if getattr(parameter, "is_flag", False) or parameter.param_type_name == "argument":
                parameter.display_type_rich = lambda ctx: None
    return group


def _exit_code(given: list[str]) -> int:
    code: object = 0
    try:
        code = command()(args=given, standalone_mode=False, prog_name="sraap")
        if code == Interrupted.exit_code:  # Typer turns Ctrl-C into this, and says nothing
            code = _explain_error(streams.interrupted(), given)
    except StorageFailed as error:
        lost = error.where == "standard output"  # then there is no document to print either
        code = _explain_error(error, [word for word in given if not lost or word != "--json"])
    except SraapError as error:
        code = _explain_error(error, given)
    except TyperException as error:
        # without a message it is a group of commands that was asked for nothing and has shown its help
        code = _explain_error(_usage(error), given) if _message(error) else UsageProblem.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = _explain_error(streams.interrupted(), given)
    except BrokenPipeError:
        streams.nobody_reads()
    except Exception as error:  # the last line of defence: no traceback reaches a user
        code = _explain_error(_damage(given) or _unforeseen(error), given)
    return code if isinstance(code, int) else 0


def _damage(given: list[str]) -> SraapError | None:
    """What is spoiled in the home that a command was about, if that is why it failed."""
    from flows import damage
    from flows.home import Home

    named = [word for flag, word in itertools.pairwise(given) if flag == "--home"]
    named += [word.removeprefix("--home=") for word in given if word.startswith("--home=")]
    try:
        return damage.found(
            Home(Path([os.environ.get("SRAAP_HOME") or DEFAULT_HOME, *named][-1])), words=given
        )
    except (OSError, SraapError):
        return None  # the first error says more


def _usage(error: TyperException) -> UsageProblem:
    """What was wrong with the command line."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "sraap"
    return UsageProblem(_message(error), where=command, next_step=f"See: {command} --help")


def _message(error: TyperException) -> str:
    return str(error.format_message() if hasattr(error, "format_message") else error)


def _unforeseen(error: Exception) -> SraapError:
    """An error that nobody foresaw, without its own words, unless they are the system's about a file."""
    next_step = "Run it again with --debug to see where it happened."
    if isinstance(error, OSError) and error.strerror:
        return Defect(error.strerror, where=str(error.filename or ""), next_step=next_step)
    return Defect(f"the program failed ({type(error).__name__})", next_step=next_step)


def _explain_error(error: SraapError, given: list[str]) -> int:
    from flows import show

    if "--debug" in given:
        err().print_exception(show_locals=False)
    if "--json" in given:
        _print_json({"error": error.as_dict()})
    show.error(err(), error)
    return error.exit_code


if __name__ == "__main__":
    script()
