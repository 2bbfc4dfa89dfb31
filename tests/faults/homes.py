"""Homes to do harm to, and what must hold of them afterwards.

A trial begins with a copy of a prepared home at one fixed path for each worker, because dbt's partial parse
is good for one path only.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from flows import build, night
from flows.archive import read_delivered
from flows.files import read_json, sha256_of
from flows.home import Home
from flows.program import ROOT
from flows.refresh import Night, Request, Result, refresh
from flows.runs import Run, all_runs
from flows.site import beside
from tests.flows.fetching.server import Server, csv
from tests.flows.harness import ANSWERS, AS_OF, PARTICIPANTS, REPORTS, deliver, without_prefect, write_csv

Scenario = Literal["first", "next", "fetched"]
"""A new home and its first delivery; a home that has published and takes one more delivery; or the same,
which besides asks a source for a table."""

KEY = "a key for homes that are thrown away"
STATEMENTS = b"statement_id,meeting_id,iso3,topic,received_on\nST-1,22MSP,KHM,condemnation,2025-12-20\n"
"""What the source of the scenario ``fetched`` brings."""

MARK = "SRAAP_TRIAL"


class Harm(AssertionError):
    """A promise that did not hold after a fault."""


@dataclass(frozen=True)
class Reference:
    """What an undisturbed run gives: SHA-256 by file, and how long the whole command took, in seconds."""

    outputs: Mapping[str, str]
    seconds: float


class Bench:
    """A folder of one worker: inboxes, the home under trial, and the prepared home with its build."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = Home(folder / "home")
        self._prepared = folder / "prepared"
        self.inboxes: dict[Scenario, Path] = {
            "first": folder / "first",
            "next": folder / "next",
            "fetched": folder / "next",
        }
        self._server: Server | None = None

    def prepare(self) -> None:
        """Write the deliveries and publish the first of them."""
        self.folder.mkdir(parents=True, exist_ok=True)
        deliver(self.inboxes["first"])
        more = {"report_id": "R-KEN", "iso3": "KEN"}
        write_csv(self.inboxes["next"] / "article7_reports--more.csv", [{**REPORTS[0], **more}])
        write_csv(self.inboxes["next"] / "article7_answers--more.csv", [{**ANSWERS[0], "report_id": "R-KEN"}])
        guest = {"registration_id": "REG-2", "iso3": "KEN", "full_name": "Orsolya Testwright", "email": ""}
        write_csv(self.inboxes["next"] / "meeting_participants--more.csv", [{**PARTICIPANTS[0], **guest}])
        settled(self.run("first"))
        shutil.copytree(self.home.root, self._prepared, symlinks=True)

    def restore(self, scenario: Scenario) -> None:
        """Put the home back to where the scenario begins."""
        shutil.rmtree(self.home.root, ignore_errors=True)
        if scenario != "first":
            shutil.copytree(self._prepared, self.home.root, symlinks=True)
        if scenario == "fetched":
            (self.home.root / "sources.yml").write_text(
                "sources:\n  coded:\n    kind: meeting_statements\n    ending: csv\n    allow_private: true\n"
                f"    address: {self._address()}\n",
                encoding="utf-8",
            )

    def _address(self) -> str:
        """Where the source is asked, by a server of this process that answers as long as it lives."""
        if self._server is None:
            self._server = Server()
            self._server.start()
            self._server.on("/statements", csv(STATEMENTS))
        return self._server.at("/statements")

    def request(self, scenario: Scenario) -> Request:
        return Request(home=self.home.root, inboxes=(self.inboxes[scenario],), as_of=AS_OF)

    def run(self, scenario: Scenario, night: Night = without_prefect) -> Result:
        """Refresh below Prefect, in this process."""
        os.environ["SRAAP_PEOPLE_KEY"] = KEY
        return refresh(self.request(scenario), night)

    def command(self, scenario: Scenario, *program: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start the whole command, as a user would, in a process group of its own."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SRAAP_", "PREFECT_"))}
        request = self.request(scenario)
        given = ["--home", str(request.home), "--inbox", str(request.inboxes[0]), "--as-of", AS_OF, "--json"]
        with (self.folder / "command.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", *(program or ("flows.cli",)), "refresh", *given],
                cwd=ROOT,
                env={**kept, "SRAAP_PEOPLE_KEY": KEY, MARK: str(self.folder), **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def said(self) -> str:
        """What the last command printed."""
        return (self.folder / "command.log").read_text(errors="replace")

    def left_running(self, patience: float = 10.0) -> list[int]:
        """Processes that the last command left, after some seconds to end in."""
        mark = f"{MARK}={self.folder}\0".encode()
        end = time.monotonic() + patience
        while (left := _marked(mark)) and time.monotonic() < end:
            time.sleep(0.05)
        return left

    def build_of(self, scenario: Scenario) -> Path:
        """Where the build of a scenario is kept, once it was kept."""
        return self.folder / f"build-{scenario}"

    def keep_build(self, scenario: Scenario) -> None:
        """Keep what dbt made in the home as it stands, for nights that only go through the motions of dbt."""
        kept = self.build_of(scenario)
        shutil.copytree(build.target_path(self.home), kept / "target")
        shutil.copyfile(build.warehouse_path(self.home), kept / "warehouse.duckdb")


def _marked(mark: bytes) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark in entry.read_bytes() + b"\0":
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return found


class StoredBuild(build.Dbt):
    """Gives what dbt made of the same landing before, at once, with this run's id."""

    def __init__(self, home: Home, stored: Path) -> None:
        self._home = home
        self._stored = stored
        self.tools = {}

    def build(self, exclude: Sequence[str] = (), meanwhile: Callable[[], None] | None = None) -> None:
        import duckdb

        # By another process, as dbt is: what it writes is not of this process's calls.
        subprocess.run(["cp", "-a", f"{self._stored}/.", str(self._home.build)], check=True)
        if meanwhile is not None:
            meanwhile()
        newest = all_runs(self._home)[-1]["run_id"]
        with duckdb.connect(str(build.warehouse_path(self._home))) as connection:
            connection.execute("update marts.dim_publication set publication_id = ?", [newest])

    def stop(self) -> None:
        """Nothing runs."""


def with_stored_build(stored: Path) -> Night:
    """A whole night in this process, dbt's part taken from a build kept before."""
    return night_with(lambda home: StoredBuild(home, stored))


def night_with(dbt: Callable[[Home], build.Dbt]) -> Night:
    """A whole night in this process with something else in the place of dbt."""

    def run_night(home: Home, run: Run, to_judge: bool) -> None:
        build._started[home.root] = dbt(home)
        try:
            for step in (night.receive, night.judge, night.build_marts, night.check_marts, night.publish):
                night.take(step, str(home.root), run.run_id)
        finally:
            build._started.pop(home.root, None)
            beside.end(run)

    return run_night


def settled(result: Result) -> Result:
    """A result that must be a success. Raises ``Harm``."""
    if result.record["state"] not in ("published", "nothing_new") or result.exit_code != 0:
        raise Harm(f"the run did not succeed: {result.record['state']}, {result.error}")
    return result


def reference(bench: Bench, scenario: Scenario) -> Reference:
    """Run the whole command undisturbed and keep what it published, and the build for later nights."""
    bench.restore(scenario)
    began = time.monotonic()
    code = bench.command(scenario).wait(timeout=300)
    seconds = time.monotonic() - began
    if code != 0:
        raise Harm(f"the undisturbed run ended with {code}: {bench.said()[-2000:]}")
    if not bench.build_of(scenario).exists():
        bench.keep_build(scenario)
    return Reference(outputs(bench.home), seconds)


def outputs(home: Home) -> dict[str, str]:
    """SHA-256 of every published Parquet and CSV file, but ``dim_publication``, which may hold times."""
    published = home.current_publication()
    if published is None:
        raise Harm("nothing is published")
    return {
        f"{path.parent.name}/{path.name}": sha256_of(path)
        for ending in ("parquet", "csv")
        for path in sorted((published / ending).iterdir())
        if path.stem != "dim_publication"
    }


# --- what must hold -----------------------------------------------------------------------------------------


def whole(publication: Path) -> None:
    """Raises ``Harm`` unless the publication holds exactly what its SHA256SUMS says."""
    sums = publication / "evidence" / "SHA256SUMS"
    if not sums.exists():
        raise Harm(f"{publication} has no SHA256SUMS")
    stated = {line[66:]: line[:64] for line in sums.read_text(encoding="utf-8").splitlines()}
    found = {
        path.relative_to(publication).as_posix(): sha256_of(path)
        for path in publication.rglob("*")
        if path.is_file() and path != sums
    }
    if stated != found:
        differing = sorted(n for n in stated.keys() | found.keys() if stated.get(n) != found.get(n))
        raise Harm(f"{publication} is torn: {differing[:5]}")


def nothing_torn(home: Home) -> None:
    """Every publication that has its name is whole, and ``published`` names one of them, or is absent."""
    for folder in home.publications.glob("[!.]*"):
        whole(folder)
    if home.published.is_symlink() and home.current_publication() is None:
        raise Harm("published names no publication")
    if home.published.exists() and not home.published.is_symlink():
        raise Harm("published is no link")


def archive_kept(home: Home) -> None:
    """Whatever has its name in the archive has its bytes, and whatever is listed as delivered is there."""
    for folder in (home.open_files, home.restricted):
        for path in folder.glob("*") if folder.is_dir() else ():
            if path.is_file() and not path.name.startswith(".") and sha256_of(path) != path.name:
                raise Harm(f"{path} is not what it was")
    for entry in read_delivered(home).entries:
        if not any((folder / entry.sha256).exists() for folder in (home.open_files, home.restricted)):
            raise Harm(f"{entry.sha256} was listed and is lost")


def lock_free(home: Home) -> None:
    """Raises ``Harm`` if anybody holds the lock."""
    if home.lock_path.exists():
        with home.lock_path.open("rb") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Harm("the lock is held by nobody who lives") from None


def recovered(bench: Bench, scenario: Scenario, expected: Reference, night: Night) -> None:
    """The next run succeeds, publishes the reference's bytes and leaves nothing of what died."""
    home = bench.home
    settled(bench.run(scenario, night))
    published = outputs(home)
    if published != expected.outputs:
        names = sorted(
            n
            for n in published.keys() | expected.outputs.keys()
            if published.get(n) != expected.outputs.get(n)
        )
        raise Harm(f"other bytes than the reference's: {names[:5]}")
    nothing_torn(home)
    archive_kept(home)
    taken = {entry.sha256 for entry in read_delivered(home).entries}
    lost = {path.name for path in bench.inboxes[scenario].iterdir() if sha256_of(path) not in taken}
    if scenario == "fetched" and hashlib.sha256(STATEMENTS).hexdigest() not in taken:
        lost.add("what the source brought")
    if lost:
        raise Harm(f"never taken in: {sorted(lost)}")
    open_runs = [record["run_id"] for record in all_runs(home) if record["state"] == "running"]
    if open_runs:
        raise Harm(f"runs that nobody marked abandoned: {open_runs}")
    kept = (home.root, home.publications, home.restricted, home.deliveries, home.batches, home.fetching)
    for folder in kept:
        if left := [path.name for path in folder.glob(".*.tmp")]:
            raise Harm(f"half-written in {folder}: {left}")


def state_of(home: Home, run_id: str) -> str:
    """How run.json says the run ended; ``none`` where it died before it had one."""
    try:
        return str(read_json(home.runs / run_id / "run.json")["state"])
    except OSError:
        return "none"


def fingerprint(folder: Path | None) -> str:
    """What a publication is known by: its sums."""
    if folder is None:
        return "none"
    return hashlib.sha256((folder / "evidence" / "SHA256SUMS").read_bytes()).hexdigest()
