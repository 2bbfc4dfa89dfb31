"""Disks that fail: the n-th call that changes the home gives an error, and a real disk that fills up.

The first is SQLite's way of testing: let the first call fail, then the second, and so on to the end. It
stands between Python and the system, so that no part of the program can forget to take part. What DuckDB and
Arrow write passes it by; for them there is a small tmpfs that another writer fills while a phase runs.
"""

from __future__ import annotations

import builtins
import contextlib
import errno
import gc
import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from flows import runs
from flows.errors import SraapError, StorageFailed
from flows.refresh import Night
from tests.faults.homes import (
    Bench,
    Harm,
    Reference,
    Scenario,
    archive_kept,
    fingerprint,
    lock_free,
    nothing_torn,
    recovered,
)

CODES = (errno.ENOSPC, errno.EIO, errno.EACCES)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class _Handle:
    """A file opened for writing, whose writes count."""

    def __init__(self, disk: FailingDisk, inner: Any, path: str) -> None:
        self._disk = disk
        self._inner = inner
        self._path = path

    def write(self, content: Any) -> int:
        self._disk.call("write", self._path, named=False)
        return int(self._inner.write(content))

    def __enter__(self) -> _Handle:
        return self

    def __exit__(self, *_: object) -> None:
        self._inner.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class FailingDisk:
    """Counts the calls that change files below a folder, and lets the ``failing``-th give ``code``.

    With ``lasting`` every later call fails as well, as on a disk that stays full. ``calls`` is how many
    there were; ``failed`` names the first that failed.
    """

    def __init__(self, root: Path, failing: int = 0, code: int = errno.EIO, lasting: bool = False) -> None:
        self._root = str(root)
        self._failing = failing
        self._code = code
        self._lasting = lasting
        self.calls = 0
        self.failed = ""

    def call(self, kind: str, path: str, *, named: bool = True) -> None:
        """Count one call, and fail if it is its turn. Calls on a descriptor name no file, as in life."""
        if not path.startswith(self._root):
            return
        self.calls += 1
        if self.calls == self._failing or (self._lasting and 0 < self._failing < self.calls):
            self.failed = self.failed or f"{kind} {path.removeprefix(self._root)}"
            error = OSError(self._code, os.strerror(self._code))
            if named:
                error.filename = path
            raise error

    @contextlib.contextmanager
    def mounted(self) -> Iterator[FailingDisk]:
        """Stand between this process and the system."""
        with contextlib.ExitStack() as stack:
            for name in ("replace", "rename", "symlink"):
                stack.enter_context(_replaced(os, name, self._of_path(name, 1)))
            for name in ("mkdir", "ftruncate", "pwrite", "fsync"):
                stack.enter_context(_replaced(os, name, self._of_path(name, 0)))
            stack.enter_context(_replaced(os, "open", self._os_open()))
            stack.enter_context(_replaced(os, "fdopen", self._fdopen()))
            opened = self._open()
            stack.enter_context(_replaced(io, "open", opened))
            stack.enter_context(_replaced(builtins, "open", opened))
            yield self

    def _of_path(self, name: str, place: int) -> Callable[..., Any]:
        real = getattr(os, name)

        def counted(*arguments: Any, **options: Any) -> Any:
            target = arguments[place]
            self.call(name, _path(target), named=not isinstance(target, int))
            return real(*arguments, **options)

        return counted

    def _os_open(self) -> Callable[..., int]:
        real = os.open

        def counted(path: Any, flags: int, *arguments: Any, **options: Any) -> int:
            if flags & _WRITING and options.get("dir_fd") is None:
                self.call("open", _path(path))
            return real(path, flags, *arguments, **options)

        return counted

    def _fdopen(self) -> Callable[..., Any]:
        real = os.fdopen

        def counted(descriptor: int, mode: str = "r", *arguments: Any, **options: Any) -> Any:
            inner = real(descriptor, mode, *arguments, **options)
            return self._wrapped(inner, _path(descriptor), mode)

        return counted

    def _open(self) -> Callable[..., Any]:
        real = io.open

        def counted(file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
            path = _path(file)
            if set(mode) & set("wax+"):
                self.call("open", path)
            return self._wrapped(real(file, mode, *arguments, **options), path, mode)

        return counted

    def _wrapped(self, inner: Any, path: str, mode: str) -> Any:
        counts = path.startswith(self._root) and set(mode) & set("wax") and "lock" not in Path(path).name
        return _Handle(self, inner, path) if counts else inner


@contextlib.contextmanager
def _replaced(module: Any, name: str, function: Callable[..., Any]) -> Iterator[None]:
    real = getattr(module, name)
    setattr(module, name, function)
    try:
        yield
    finally:
        setattr(module, name, real)


def _path(file: Any) -> str:
    try:
        return str(Path(f"/proc/self/fd/{file}").readlink()) if isinstance(file, int) else os.fspath(file)
    except (OSError, TypeError):
        return ""


def count_calls(bench: Bench, scenario: Scenario, night: Night) -> int:
    """How many calls an undisturbed run makes."""
    bench.restore(scenario)
    with FailingDisk(bench.home.root).mounted() as disk:
        bench.run(scenario, night)
    return disk.calls


def fail_call(
    bench: Bench,
    scenario: Scenario,
    number: int,
    code: int,
    *,
    expected: Reference,
    night: Night,
    lasting: bool = False,
) -> str:
    """Let one call of a run fail, and look at what is left; gives the call. Raises ``Harm``.

    A run that could do without the call has to give the reference's bytes itself.
    """
    bench.restore(scenario)
    before = fingerprint(bench.home.current_publication())
    with FailingDisk(bench.home.root, number, code, lasting).mounted() as disk:
        error = _error_of(bench, scenario, night)
    if not disk.failed:
        raise Harm(f"call {number} was never made")
    try:
        _look(bench, before, error, os.strerror(code), failed=disk.failed)
        recovered(bench, scenario, expected, night)
    except Harm as harm:
        raise Harm(f"{disk.failed}, {errno.errorcode[code]}: {harm}") from harm
    return disk.failed


def _error_of(bench: Bench, scenario: Scenario, night: Night) -> BaseException | None:
    try:
        return bench.run(scenario, night).error
    except Exception as error:
        return error


def _look(bench: Bench, before: str, error: BaseException | None, words: str, failed: str = "") -> None:
    """The error says what, where and what next; what was published is as it was, or new and whole."""
    says = isinstance(error, StorageFailed) and words in error.what and error.where and error.next_step
    if error is not None and not says:
        said = f"{error.what} (where: {error.where})" if isinstance(error, SraapError) else repr(error)
        raise Harm(f"the error does not say that the disk failed: {said}")
    home = bench.home
    lock_free(home)
    nothing_torn(home)
    archive_kept(home)
    after = fingerprint(home.current_publication())
    # Once the link has moved, the new publication stands, whatever fails in telling of it.
    moved = home.current_publication() is not None and home.current_publication() == newest(bench)
    if after != before and not (moved or error is None):
        raise Harm(f"another publication is published after {failed}")


def newest(bench: Bench) -> Path | None:
    """The newest publication of the home."""
    return max(bench.home.publications.glob("[!.]*"), default=None)


# --- a disk that is full ------------------------------------------------------------------------------------


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """Mount a tmpfs of that size. Raises ``PermissionError`` where this user may not mount one."""
    folder.mkdir(parents=True, exist_ok=True)
    options = f"size={megabytes}m"
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "sraap-trial", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise PermissionError(f"no tmpfs may be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        gc.collect()  # an error that was kept may hold files open, and a disk in use stays mounted
        if subprocess.run(["umount", str(folder)], check=False, capture_output=True).returncode != 0:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
            raise Harm(f"something still uses {folder}")


def fill_disk(bench: Bench, phase: str, left: int, expected: Reference, night: Night) -> str:
    """Fill the disk up to ``left`` bytes as a phase begins, then make room; gives the error. Raises ``Harm``.

    The bench must stand on a disk of its own.
    """
    bench.restore("next")
    before = fingerprint(bench.home.current_publication())
    ballast = bench.folder / "ballast"

    def fill(begun: str) -> None:
        if begun == phase and not ballast.exists():
            status = os.statvfs(bench.folder)
            with ballast.open("wb") as handle:
                os.posix_fallocate(handle.fileno(), 0, max(1, status.f_bavail * status.f_frsize - left))

    runs.listeners.append(fill)
    try:
        error = _error_of(bench, "next", night)
    finally:
        runs.listeners.remove(fill)
        ballast.unlink(missing_ok=True)
    _look(bench, before, error, os.strerror(errno.ENOSPC))
    recovered(bench, "next", expected, night)
    return str(error)


# --- through the whole command ------------------------------------------------------------------------------

CALL, CODE = "SRAAP_TRIAL_CALL", "SRAAP_TRIAL_CODE"


def main() -> None:
    """The command ``sraap`` on a disk of which one call and all after it fail (see ``fail_command``)."""
    from flows.cli import main as sraap

    home = Path(sys.argv[sys.argv.index("--home") + 1])
    with FailingDisk(home, int(os.environ[CALL]), int(os.environ[CODE])).mounted():
        sraap()


def fail_command(bench: Bench, number: int, code: int, expected: Reference, night: Night) -> None:
    """Let one call of a whole ``sraap refresh`` fail, Prefect and all. Raises ``Harm``.

    What Prefect's and dbt's processes write is not counted.
    """
    bench.restore("next")
    before = fingerprint(bench.home.current_publication())
    process = bench.command("next", "tests.faults.disks", **{CALL: str(number), CODE: str(code)})
    exit_code = process.wait(timeout=300)
    said = bench.said()
    if exit_code not in (0, 5) or "Traceback" in said:
        raise Harm(f"the command ended with {exit_code}: {said[-800:]}")
    if exit_code == 5 and os.strerror(code) not in said:
        raise Harm(f"the command does not say that the disk failed: {said[-800:]}")
    if left := bench.left_running():
        raise Harm(f"processes were left behind: {left}")
    _look(bench, before, None, "")
    recovered(bench, "next", expected, night)


if __name__ == "__main__":
    main()
