"""Files are parsed in a process of their own, so that none of them can harm the run.

The process (``flows/reading_worker.py``) is used for one file after another and is replaced when it breaks a
limit or dies; the file it was at is then quarantined with a code that says why. Limits, each for one file:

- memory: ``SRAAP_READ_MEGABYTES`` (512); ``MEMORY_FACTOR`` times the file's size where that is more, for a
  file that is honestly large must be readable, and a bomb is small;
- time: ``SRAAP_READ_SECONDS`` (10), and a second for each ``BYTES_A_SECOND`` of the file;
- output: ``OUTPUT_BYTES``, and ``OUTPUT_FACTOR`` times the file's size;
- no network, no other program, none of the environment's secrets.

Source: docs/decisions/012-files-are-read-in-a-child.md.
"""

from __future__ import annotations

import atexit
import errno
import json
import os
import select
import shutil
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows import children
from flows.errors import Defect, UsageProblem
from flows.program import ROOT

if TYPE_CHECKING:
    import pyarrow as pa

    from sources.reading import FileContent, FileProblem, Parsed, ParsedTable

SECONDS = "SRAAP_READ_SECONDS"
MEGABYTES = "SRAAP_READ_MEGABYTES"
MEMORY_FACTOR = 12
BYTES_A_SECOND = 4_000_000
OUTPUT_BYTES = 256_000_000
OUTPUT_FACTOR = 10
LONGEST_ANSWER = 50_000_000
"""Bytes of an answer: headers and findings, no rows."""
GROWN_BYTES = 256_000_000
"""A process that holds more than this after a file is not used for another one."""
PATIENCE = 60.0
"""Seconds for the process to start."""
LOOK_EVERY = 0.02
"""Seconds between two looks at the memory of the process."""

_KEPT = ("PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
_KEPT_PREFIXES = ("LC_", "PYTHON", "COVERAGE")
_SPARING = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "ARROW_IO_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": "1048576",
    "MALLOC_TRIM_THRESHOLD_": "1048576",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
"""Memory is given back at once and no thread holds any in reserve, so that what is measured is the file's."""


@dataclass(frozen=True)
class Limits:
    """What reading one file may take: bytes of memory, seconds, bytes written."""

    memory: int
    seconds: float
    output: int

    @classmethod
    def of(cls, size: int) -> Limits:
        """The limits of a file of that size. Raises ``UsageProblem`` where one is configured wrongly."""
        return cls(
            memory=max(_setting(MEGABYTES, 512, 256) * 1_000_000, MEMORY_FACTOR * size),
            seconds=_setting(SECONDS, 10, 1) + size / BYTES_A_SECOND,
            output=OUTPUT_BYTES + OUTPUT_FACTOR * size,
        )


def _setting(name: str, default: int, least: int) -> int:
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or int(text) < least:
        raise UsageProblem(
            f"{text!r} is no limit for reading",
            where=name,
            next_step=f"Give a whole number of {least} or more, or leave it out for {default}.",
        )
    return int(text)


class _Broke(Exception):
    """The process can't be used any more: why, as the problem of the file it was at."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(code)
        self.code = code
        self.sentence = sentence


class Worker:
    """A process that reads files. It is ready when the first answer has come."""

    def __init__(self, readers: tuple[Path, ...], within: Path | None = None) -> None:
        """``within``: where its folder is made, if not among the system's temporary ones."""
        self.readers = readers
        self.peak = 0
        """The most bytes of memory that it was seen to hold."""
        self.folder = Path(tempfile.mkdtemp(prefix="sraap-read-", dir=within))  # mode 0700
        self._ready = False
        kept = {n: v for n, v in os.environ.items() if n in _KEPT or n.startswith(_KEPT_PREFIXES)}
        self._process = children.start(
            "flows.reading_worker",
            *map(str, readers),
            log=self.folder / "log",
            environment={**kept, **_SPARING},
            inherit=False,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def parse(self, path: Path, name: str, received_on: date | None, max_bytes: int) -> Parsed:
        """What the file holds. Raises ``_Broke``, ``OSError`` and ``Defect``."""
        target = Path(tempfile.mkdtemp(dir=self.folder))
        try:
            told = self.ask(path, name, received_on, max_bytes, target)
            return _parsed(told, target, Limits.of(path.stat().st_size))
        finally:
            shutil.rmtree(target, ignore_errors=True)

    def ask(
        self, path: Path, name: str, received_on: date | None, max_bytes: int, target: Path
    ) -> dict[str, Any]:
        """What the process says of the file; its tables are in ``target`` then. Nothing of it was looked at.

        Raises ``_Broke``, ``OSError`` and ``Defect``.
        """
        self._wait_until_ready()
        limits = Limits.of(path.stat().st_size)
        self._send(
            {
                "path": os.path.abspath(path),  # noqa: PTH100 - resolve() would follow a link
                "name": name,
                "received_on": received_on.isoformat() if received_on else None,
                "max_bytes": max_bytes,
                "folder": str(target),
                "memory": limits.memory,
                "output": limits.output,
                "seconds": int(limits.seconds) + 1,
            }
        )
        told = self._answer(limits)
        if "broke" in told:
            raise _broken(told, path)
        return told

    def _wait_until_ready(self) -> None:
        if self._ready:
            return
        try:
            told = self._answer(Limits(2**62, PATIENCE, 0))
        except _Broke as error:
            raise Defect(
                "the process that reads files does not start",
                where=(self.folder / "log").read_text(encoding="utf-8", errors="replace")[-2000:],
                next_step="Install again with: make setup",
            ) from error
        self._ready = told["ready"] is True

    def _send(self, asked: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(asked).encode("ascii") + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._died() from None

    def _answer(self, limits: Limits) -> dict[str, Any]:
        """The next answer. Raises ``_Broke`` where a limit is broken or the process dies."""
        assert self._process.stdout is not None
        source = self._process.stdout.fileno()
        until = time.monotonic() + limits.seconds
        line = bytearray()
        while not line.endswith(b"\n"):
            self._look_at_memory(limits)
            if time.monotonic() > until:
                raise _Broke(
                    "FILE-TIME",
                    f"Reading the file took more than {limits.seconds:.0f} seconds. Deliver it in parts, or "
                    f"as CSV; {SECONDS} sets the limit.",
                )
            if not select.select([source], [], [], LOOK_EVERY)[0]:
                continue
            chunk = os.read(source, 1 << 20)
            if not chunk:
                raise self._died()
            line += chunk
            if len(line) > LONGEST_ANSWER:
                raise _bomb()
        self._look_at_memory(limits)
        try:
            told: dict[str, Any] = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise _senseless(error) from None
        return told

    def _look_at_memory(self, limits: Limits) -> None:
        held = _resident(self._process.pid)
        self.peak = max(self.peak, held)
        if held > limits.memory:
            raise _too_much_memory()

    def _died(self) -> _Broke:
        code = self._process.wait()
        return _Broke(
            "FILE-CRASH",
            f"Reading the file ended the process that reads ({'signal' if code < 0 else 'exit code'} "
            f"{abs(code)}): it is damaged, or made to do harm. Save it again from the program that made it.",
        )

    def stop(self) -> None:
        """End the process and remove what it wrote."""
        if self._process.poll() is None:
            self._process.kill()  # it has nothing to write down
        children.stop(self._process)
        shutil.rmtree(self.folder, ignore_errors=True)


def _resident(pid: int) -> int:
    """Bytes of memory that a process holds; 0 where the system doesn't tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _too_much_memory() -> _Broke:
    return _Broke(
        "FILE-MEMORY",
        "Reading the file takes more memory than a file of its size may. Deliver it in parts, or as CSV; "
        f"{MEGABYTES} sets the limit.",
    )


def _bomb() -> _Broke:
    return _Broke("FILE-BOMB", "Unpacked, the file is far larger than any delivery. Deliver it in parts.")


def _senseless(error: Exception) -> _Broke:
    return _Broke(
        "FILE-CRASH",
        f"What was read from the file makes no sense ({type(error).__name__}): it is damaged, or made to do "
        "harm. Save it again from the program that made it.",
    )


_OF_THE_SYSTEM = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ESTALE}
"""Errors that say nothing of the file: the disk on which it lies, or the one for what is read, fails."""


def _broken(told: dict[str, Any], path: Path) -> _Broke | OSError:
    if told["broke"] == "memory":
        return _too_much_memory()
    code = told.get("errno")
    if code == errno.EFBIG:
        return _bomb()
    if code and (told["of_file"] or code in _OF_THE_SYSTEM):
        return OSError(int(code), os.strerror(int(code)), str(path))
    return _Broke(
        "FILE-CRASH",
        f"Reading the file broke ({told['kind']}): it is damaged, or has a form that nobody thought of. Save "
        "it again from the program that made it; the file is kept and is read again by the next version.",
    )


def _parsed(told: dict[str, Any], folder: Path, limits: Limits) -> Parsed:
    """An answer as what it stands for. Raises ``_Broke`` where it is not what it must be.

    Who parsed a hostile file may say anything, so that only what has the right shape is taken from it.
    """
    from sources.readers import Finding
    from sources.reading import Parsed
    from sources.template_mark import Mark

    try:
        findings = tuple(
            (
                _text(found["sheet"]),
                Finding(
                    str(found["code"]),
                    {"warn": "warn", "quarantine": "quarantine", "block": "block"}[found["severity"]],  # type: ignore[arg-type]
                    str(found["sentence"]),
                    _text(found["place"]),
                ),
            )
            for found in told["findings"]
        )
        return Parsed(
            format=str(told["format"]),
            tables=tuple(
                _table(table, folder / f"{n}.arrow", limits) for n, table in enumerate(told["tables"])
            ),
            ignored_sheets=int(told["ignored_sheets"]),
            problem=_problem(told["problem"]),
            personal_properties=bool(told["personal_properties"]),
            findings=findings,
            holds_people=bool(told["holds_people"]),
            template=None if told["template"] is None else Mark.of(str(told["template"])),
        )
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise _senseless(error) from None


def _give_back() -> None:
    """Give memory back to the system that Arrow keeps in reserve: what was read is held otherwise now."""
    import pyarrow as pa

    pa.default_memory_pool().release_unused()


def _table(told: dict[str, Any], path: Path, limits: Limits) -> ParsedTable:
    """A table from its file. Raises ``KeyError``, ``TypeError``, ``ValueError`` and ``OSError``."""
    import pyarrow as pa

    from sources.contract import datasets
    from sources.frames import PACKED, PACKED_ROWS
    from sources.reading import ParsedTable

    dataset = datasets()[told["dataset"]].name
    header = tuple(str(name) for name in told["header"])
    problem = _problem(told["problem"])
    if told["file"] is None:
        if problem is None:
            raise ValueError("a table without rows or problem")
        return ParsedTable(dataset, _text(told["sheet"]), None, header, problem)
    if path.stat().st_size > limits.output:
        raise _bomb()
    # Not mapped: what was looked at must not change afterwards.
    table = pa.ipc.open_file(pa.py_buffer(path.read_bytes())).read_all()
    table.validate(full=True)
    numbers = ("_row", "_cells")
    text = PACKED if table.num_rows > PACKED_ROWS else pa.large_string()
    for name in table.column_names:
        if table.schema.field(name).type != (pa.int64() if name in numbers else text):
            raise TypeError(name)
    if text is PACKED:
        table = _with_texts_once(table)
    if not {"_row", "_cells"} <= set(table.column_names) or len(set(table.column_names)) < table.num_columns:
        raise ValueError("columns")
    letters = {str(name): str(letter) for name, letter in dict(told["letters"]).items()}
    return ParsedTable(dataset, _text(told["sheet"]), table, header, problem, letters)


def _with_texts_once(table: pa.Table) -> pa.Table:
    """A packed table whose columns have one dictionary each. Raises ``ValueError`` where a text stands in it
    twice, or one that stands for no text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        table = table.unify_dictionaries()
    except pa.ArrowException:  # it unifies none with nulls in it
        raise ValueError("texts") from None
    for column in table.columns:
        if pa.types.is_dictionary(column.type):
            texts = column.chunk(0).dictionary
            once = not texts.null_count and pc.count_distinct(texts).as_py() == len(texts)
            if not once or pc.index(texts, "").as_py() >= 0:
                raise ValueError("texts")
    return table


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _problem(told: Any) -> FileProblem | None:
    from sources.frames import FileProblem

    return None if told is None else FileProblem(str(told[0]), str(told[1]))


# --- the process of this process ----------------------------------------------------------------------------


class _Held:
    """The one process that reads for this one, and the lock under which it is asked."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.worker: Worker | None = None


_held = _Held()


def start() -> None:
    """Start the process that reads, if there is none; it gets ready beside whatever comes next."""
    _worker()


def _worker() -> Worker:
    """The process, started anew where there are other readers now, or where it has grown."""
    with _held.lock:
        held = _held.worker
        if held is not None and (held.readers != folders_of_readers() or _resident(held.pid) > GROWN_BYTES):
            stop()
        if _held.worker is None:
            _held.worker = Worker(folders_of_readers())
        return _held.worker


def folders_of_readers() -> tuple[Path, ...]:
    """Where readers are looked for, asked without importing what knows it: that takes as long as to start."""
    module = sys.modules.get("sources.readers")
    return module.FOLDERS if module else (ROOT / "sources",)


def stop() -> None:
    """End the process that reads, if there is one."""
    with _held.lock:
        if _held.worker is not None:
            worker, _held.worker = _held.worker, None
            worker.stop()


atexit.register(stop)


def read(path: Path, name: str, received_on: date | None = None, max_bytes: int | None = None) -> FileContent:
    """As ``sources.reading.read``, in a process with limits.

    A file that breaks one has a problem for content: FILE-MEMORY, FILE-TIME, FILE-BOMB or FILE-CRASH.
    Raises ``OSError`` where the archive can't be read, ``UsageProblem`` for a limit that is none, and
    ``Defect`` where no process can be started.
    """
    from sources.reading import MAX_FILE_BYTES, FileContent, FileProblem, classify

    identity = classify(name)
    if identity.format == "unknown":
        return FileContent("unknown")
    with _held.lock:
        worker = _worker()
        try:
            content = worker.parse(path, name, received_on, max_bytes or MAX_FILE_BYTES).as_content()
            _give_back()
            return content
        except _Broke as broke:
            stop()
            return FileContent(identity.format, problem=FileProblem(broke.code, broke.sentence))
        except BaseException:
            stop()  # an answer may still be on its way
            raise


# --- files read aside, to be looked at later ----------------------------------------------------------------


class Aside:
    """Reads files one after another, and leaves of each what the process said of it in a folder.

    Ends its process, and removes what that wrote, at the end of the ``with``.
    """

    def __init__(self, readers: tuple[Path, ...], within: Path) -> None:
        self._readers = readers
        self._within = within
        self._worker: Worker | None = None

    def __enter__(self) -> Aside:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def read(self, path: Path, name: str, received_on: date, target: Path) -> None:
        """Read a file, of a name that a reader or dataset knows, into ``target``. Raises as ``read``.

        What stands there already was left whole by another worker, of this part too, and is the same.
        """
        from sources.reading import MAX_FILE_BYTES

        made = Path(tempfile.mkdtemp(dir=self._within))
        try:
            told = self._ask(path, name, received_on, MAX_FILE_BYTES, made)
            (made / TOLD).write_text(json.dumps(told), encoding="ascii")
            made.rename(target)
        except OSError:
            if not target.exists():
                raise
        finally:
            shutil.rmtree(made, ignore_errors=True)

    def _ask(self, path: Path, name: str, received_on: date, max_bytes: int, target: Path) -> dict[str, Any]:
        worker = self._worker
        if worker is not None and _resident(worker.pid) > GROWN_BYTES:
            self._end()
        if self._worker is None:
            self._worker = Worker(self._readers, self._within)
        try:
            return self._worker.ask(path, name, received_on, max_bytes, target)
        except _Broke as broke:
            self._end()
            return {"ended": [broke.code, broke.sentence]}

    def _end(self) -> None:
        if self._worker is not None:
            self._worker.stop()
            self._worker = None


TOLD = "told.json"


def read_back(target: Path, name: str, limits: Limits) -> FileContent:
    """What ``Aside.read`` left of a file, looked at as what ``read`` is told.

    Raises ``OSError`` where it can't be read.
    """
    from sources.reading import FileContent, FileProblem, classify

    told = json.loads((target / TOLD).read_text(encoding="ascii"))
    if "ended" in told:
        return FileContent(classify(name).format, problem=_problem(told["ended"]))
    try:
        return _parsed(told, target, limits).as_content()
    except _Broke as broke:
        return FileContent(classify(name).format, problem=FileProblem(broke.code, broke.sentence))
