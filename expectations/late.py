"""Great Expectations, imported without what it imports for expectations that no suite here uses.

It imports scipy's statistics and a library of charts, a quarter of its time, for three expectations about
distributions. They are imported after all as soon as something of theirs is asked for.

And it makes four hundred classes of pydantic 1, each of which copies the fields of those above it with all
that they refer to, half a million objects in all and a third of what is left. What a class changes of a field
that it was given is the field itself, its ``field_info`` and its ``class_validators``; so only these are
copied here.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from copy import copy, deepcopy
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


def _copied(field: Any, memo: dict[int, Any]) -> Any:
    """A field of pydantic 1 for another class: nothing that pydantic changes in place is in both."""
    made = object.__new__(type(field))
    for name in type(field).__slots__:
        setattr(made, name, getattr(field, name))
    made.field_info = copy(field.field_info)
    made.field_info.extra = dict(field.field_info.extra)
    made.class_validators = dict(field.class_validators)
    for name in ("sub_fields", "sub_fields_mapping", "key_field"):
        setattr(made, name, deepcopy(getattr(field, name), memo))
    return made


@contextlib.contextmanager
def _copying_fields_alone() -> Iterator[None]:
    """Let classes that are made meanwhile copy fields as ``_copied`` does."""
    from pydantic.v1.fields import ModelField

    ModelField.__deepcopy__ = _copied  # type: ignore[attr-defined]
    try:
        yield
    finally:
        del ModelField.__deepcopy__  # type: ignore[attr-defined]


def import_the_door() -> None:
    """Import what judges, Great Expectations with it; without effect where it is imported already."""
    if "expectations.bench" not in sys.modules:
        with _standing_in(LATE), _copying_fields_alone():
            import_module("expectations.bench")
