"""What can go wrong, as one family of exceptions.

Every error that a person may see says what happened, where, and what to do next, and carries the exit code of
docs/contract/outputs.md. Whatever is not of this family is a defect (exit code 70).
"""

from __future__ import annotations


class SraapError(Exception):
    """An error with an exit code: ``what`` happened, ``where``, and what to do ``next``."""

    exit_code = 70

    def __init__(self, what: str, *, where: str = "", next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.next_step = next_step

    def as_dict(self) -> dict[str, object]:
        """The error as ``--json`` shows it."""
        return {
            "what": self.what,
            "where": self.where or None,
            "next": self.next_step or None,
            "exit_code": self.exit_code,
        }


class UsageProblem(SraapError):
    """Bad configuration or usage."""

    exit_code = 5


class StorageFailed(SraapError):
    """The disk under the home is full, failed or may not be written: part of the configuration, not of us."""

    exit_code = 5


class ServerFailed(SraapError):
    """A server that was named can't be reached or refuses: part of the configuration, not of us."""

    exit_code = 5


class Locked(SraapError):
    """Another run holds the home's lock."""

    exit_code = 4


class SourceFailed(SraapError):
    """A source failed and there was no earlier copy of it."""

    exit_code = 3


class Blocked(SraapError):
    """Checks of severity ``block`` failed: nothing is published, nothing is taken in."""

    exit_code = 2


class Interrupted(SraapError):
    """Somebody pressed Ctrl-C, or a signal asked the command to end; the code is the shell's for it."""

    exit_code = 130

    def __init__(self, what: str, *, where: str = "", next_step: str = "", number: int = 2) -> None:
        super().__init__(what, where=where, next_step=next_step)
        self.exit_code = 128 + number


class Defect(SraapError):
    """The program itself is wrong, or what it stands on broke."""

    exit_code = 70
