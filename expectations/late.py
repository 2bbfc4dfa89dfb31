"""Great Expectations, imported without what it imports for expectations that no suite here uses.

It imports scipy's statistics and a library of charts, a quarter of its time, for three expectations about
distributions. They are imported after all as soon as something of theirs is asked for.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

LATE = ("altair", "scipy.stats")


class _Late(ModuleType):
    """Stands for a module until something of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(import_module(self.__name__), name)


@contextlib.contextmanager
def _standing_in(names: tuple[str, ...]) -> Iterator[None]:
    """Let modules that import ``names`` meanwhile have something that imports them when it is used."""
    standing = {name: _Late(name) for name in names if name not in sys.modules}
    sys.modules.update(standing)
    for name, module in standing.items():
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(import_module(parent), child, module)
    try:
        yield
    finally:
        for name in standing:
            sys.modules.pop(name)
            parent, _, child = name.rpartition(".")
            if parent:
                delattr(import_module(parent), child)


def import_great_expectations() -> None:
    """Import Great Expectations; without effect where it is imported already."""
    if "great_expectations" not in sys.modules:
        with _standing_in(LATE):
            import_module("great_expectations")
