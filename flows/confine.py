"""What a process that parses files of strangers gives up: the network, other programs, memory, time, room.

The kernel refuses sockets and other programs (seccomp, x86-64 and arm64 Linux); an audit hook of Python
refuses them everywhere, with a name that a log can show. The process itself can take neither back.
Only the standard library is imported, so that it can be done before anything else is.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import resource
import struct
import sys
from typing import Any

SPARE_BYTES = 96_000_000
"""What of the memory of a process is code and not data, which alone ``limit_memory`` can limit."""

_AUDIT = {
    "X86_64": (0xC000003E, {"socket": 41, "connect": 42, "socketpair": 53, "execve": 59, "execveat": 322}),
    "AARCH64": (
        0xC00000B7,
        {"socket": 198, "socketpair": 199, "connect": 203, "execve": 221, "execveat": 281},
    ),
}
"""Machine -> its name for the kernel, and the numbers of the system calls that are refused."""

_FORBIDDEN = ("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "pty.spawn")


def forbid_network_and_programs() -> bool:
    """Refuse sockets and programs from here on; tells whether the kernel refuses them too."""

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event.startswith(_FORBIDDEN):
            raise PermissionError(errno.EACCES, f"{event} is not allowed where files are read")

    sys.addaudithook(refuse)
    return _filter_calls()


def _filter_calls() -> bool:
    known = _AUDIT.get(platform.machine().upper())
    if known is None or not sys.platform.startswith("linux"):
        return False
    machine, calls = known
    # A program of the kernel's packet filter: (code, jump if so, jump if not, value). The machine stands 4
    # bytes into what it looks at, the number of the call at its start.
    load, is_equal, is_above, answer = 0x20, 0x15, 0x35, 0x06
    allow, refuse = 0x7FFF0000, 0x00050000 | errno.EACCES
    numbers = sorted(calls.values())
    steps = [
        (load, 0, 0, 4),
        (is_equal, 0, len(numbers) + 3, machine),
        (load, 0, 0, 0),
        (is_above, len(numbers) + 1, 0, 0x40000000),  # calls of a second, older kind on x86-64
        *((is_equal, len(numbers) - place, 0, number) for place, number in enumerate(numbers)),
        (answer, 0, 0, allow),
        (answer, 0, 0, refuse),
    ]
    code = b"".join(struct.pack("HBBI", *step) for step in steps)
    buffer = ctypes.create_string_buffer(code, len(code))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    program = Program(len(steps), ctypes.cast(buffer, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    no_new_privileges, set_filter, by_filter = 38, 22, 2
    if libc.prctl(no_new_privileges, 1, 0, 0, 0) != 0:
        return False
    return bool(libc.prctl(set_filter, by_filter, ctypes.byref(program), 0, 0) == 0)


def limit_memory(limit: int) -> None:
    """Let the process hold no more than ``limit`` bytes; more raises ``MemoryError``, or ends it."""
    _lower(resource.RLIMIT_DATA, max(limit - SPARE_BYTES, SPARE_BYTES))


def limit_output(limit: int) -> None:
    """Let no file that the process writes grow over ``limit`` bytes; more raises ``OSError`` (EFBIG)."""
    _lower(resource.RLIMIT_FSIZE, limit)


def limit_processor(seconds: int) -> None:
    """End the process when it has computed for so many seconds more, should nobody be there to end it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _lower(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + seconds + 1)


def no_core_dumps() -> None:
    """Leave no picture of the memory behind, which would hold what was read."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _lower(which: int, soft: int) -> None:
    hard = resource.getrlimit(which)[1]
    resource.setrlimit(which, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))
