"""JSON documents of other systems, read strictly and taken apart by name.

An interface's reply is nested, so that it is no dataset's own JSON; but the same things are wrong in it: a
key twice, NaN, a document that is cut off. ``Fields`` takes values out by name, and remembers what nobody
asked for, so that a new field of an interface is noticed the first time it comes. Used by the readers of
interfaces; nothing here knows a dataset.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sources.frames import Unreadable


class _Twice(ValueError):
    pass


class _NotANumber(ValueError):
    pass


def load(path: Path) -> Any:
    """The document in a file. Raises ``Unreadable``."""
    try:
        return json.loads(
            path.read_bytes().decode("utf-8-sig"),
            object_pairs_hook=_once,
            parse_constant=_refuse,
            parse_int=str,
            parse_float=str,
        )
    except UnicodeDecodeError:
        raise Unreadable("FILE-ENCODING", "The document is not UTF-8. Fetch it again.") from None
    except json.JSONDecodeError as error:
        raise Unreadable(
            "FILE-JSON", f"The document is no valid JSON from line {error.lineno} on. Fetch it again."
        ) from None
    except _Twice:
        raise Unreadable("FILE-JSON-DUPLICATE", "An object has one key twice. Keep one of them.") from None
    except _NotANumber:
        raise Unreadable(
            "FILE-JSON-NAN", "NaN and Infinity are no JSON. Write null for what is missing."
        ) from None
    except RecursionError:
        raise Unreadable("FILE-JSON-NESTED", "The document is nested too deeply. Fetch it again.") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Twice
    return found


def _refuse(name: str) -> Any:
    raise _NotANumber(name)


class Fields:
    """The fields of one object, taken out by name. Numbers are text, as they stood.

    ``left`` (of a whole reading) collects the paths of what nobody took.
    """

    def __init__(self, values: Any, path: str = "") -> None:
        self.whole = values if isinstance(values, dict) else {}
        self.is_object = isinstance(values, dict)
        self._path = path
        self._open = dict(self.whole)

    def take(self, name: str) -> Any:
        """The value, ``None`` where there is none."""
        return self._open.pop(name, None)

    def text(self, name: str) -> str:
        """The value as trimmed text; ``""`` for null or nothing, and for what is no single value."""
        return plain(self.take(name))

    def fields(self, name: str) -> Fields:
        """The object of that name; an empty one where there is none."""
        return Fields(self.take(name), f"{self._path}{name}.")

    def each(self, name: str) -> Iterator[Fields]:
        """The objects of the array of that name."""
        found = self.take(name)
        for one in found if isinstance(found, list) else ():
            yield Fields(one, f"{self._path}{name}[].")

    def ignore(self, *names: str) -> None:
        """Fields that are known and not needed."""
        for name in names:
            self._open.pop(name, None)

    @property
    def left(self) -> list[str]:
        """Paths of the fields that nobody took; GraphQL's own are nobody's."""
        return [self._path + name for name in self._open if not name.startswith("__")]


def plain(value: Any) -> str:
    """A single value as trimmed text; true and false as yes and no."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value.strip() if isinstance(value, str) else ""
