"""The site in a process of its own, so that its pages are written while other evidence is.

Pages need the tables and the names of the other files, nothing else of a publication. The process starts
while dbt builds, imports what it needs and compiles the templates, and waits; told of a publication it writes
the site and says how that ended. It speaks lines of JSON: one request on standard input, one answer on
standard output, and it ends with its parent (docs/decisions/021-four-processes.md).
"""

from __future__ import annotations

import json
import os
import subprocess
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows import children, quiet, site
from flows.errors import Defect

if TYPE_CHECKING:
    from flows.runs import Run

# --- the parent's side --------------------------------------------------------------------------------------


class Unwritten(Exception):
    """The site could not be written for a reason that nobody foresaw: its words are the other process's
    traceback, and may hold people's data."""


class Writer:
    """The process that writes the site of one publication."""

    def __init__(self, run: Run) -> None:
        self._log = run.folder / "site.log"
        self._process: subprocess.Popen[bytes] = children.start(
            "flows.site.beside", log=self._log, environment={}
        )

    def begin(
        self, folder: Path, *, previous: Mapping[str, str] | None, is_sample: bool, coming: frozenset[str]
    ) -> None:
        """Let the site of the publication in ``folder`` be written from now on; arguments as those of
        ``site.write``. Raises ``Defect`` where the process has ended."""
        asked = {
            "folder": str(folder),
            "previous": None if previous is None else dict(previous),
            "is_sample": is_sample,
            "coming": sorted(coming),
        }
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(asked).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None

    def wait(self) -> None:
        """Return when the site is written.

        Raises what kept it from being written: ``OSError``, ``duckdb.Error``, ``Unwritten``; ``Defect``
        where the process ended before it was done.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self._ended()
        error = json.loads(line)["error"]
        if error is not None:
            raise _error(error)

    def _ended(self) -> Defect:
        return Defect(
            "the process that writes the site ended by itself",
            where=str(self._log),
            next_step="Read the end of that log; then run it again.",
        )

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        children.stop(self._process)


def _error(told: Mapping[str, Any]) -> Exception:
    if told["kind"] == "OSError":
        return OSError(told["errno"], told["words"], told["filename"])
    if told["kind"] == "duckdb":
        import duckdb

        known: type[Exception] = getattr(duckdb, told["name"], duckdb.Error)
        return known(told["words"])
    return Unwritten(told["words"])


_started: dict[str, Writer] = {}


def start(run: Run) -> Writer:
    """Start the process for this run, so that ``of`` finds it ready."""
    _started[run.run_id] = Writer(run)
    return _started[run.run_id]


def of(run: Run) -> Writer:
    """The process that ``start`` started for this run; a new one where none was."""
    return _started.get(run.run_id) or start(run)


def end(run: Run) -> None:
    """End the process of this run, if there is one."""
    writer = _started.pop(run.run_id, None)
    if writer is not None:
        writer.stop()


# --- the child's side ---------------------------------------------------------------------------------------


def _written(asked: Mapping[str, Any]) -> dict[str, Any] | None:
    """Write the site; the error as JSON where it could not be written."""
    import duckdb

    try:
        site.write(
            Path(asked["folder"]),
            previous=asked["previous"],
            is_sample=asked["is_sample"],
            coming=frozenset(asked["coming"]),
        )
    except OSError as error:
        return {
            "kind": "OSError",
            "errno": error.errno,
            "words": error.strerror,
            "filename": error.filename,
        }
    except duckdb.Error as error:
        return {"kind": "duckdb", "name": type(error).__name__, "words": str(error)}
    except Exception:
        return {"kind": "defect", "words": traceback.format_exc()}
    return None


def main() -> None:
    """Write the one site that is asked for."""
    children.ignore_interrupts()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    requests = children.requests()
    with quiet.importing():
        import duckdb  # noqa: F401 - before it is needed

        from flows.site import pages

        pages.prepare()
    answers.write(json.dumps({"error": _written(requests.get())}) + "\n")
    answers.flush()
    os._exit(0)  # nothing is left to be done, and taking Python down takes its time


if __name__ == "__main__":
    main()
