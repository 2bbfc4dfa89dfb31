"""Names of states in other languages, gathered once for an environment.

Gathering them from CLDR and iso-codes takes half a second, in each night in which some name is none that the
registers, the aliases or English know. ``make setup`` does so once and keeps the result beside the
interpreter, under a name that says what it was gathered from; where there is none, it is gathered when it is
needed.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

Index = dict[str, set[str]]
"""Normalised name -> the codes it could mean."""


def prepared() -> Path:
    """Where the names stand that the libraries and the code of this environment give, if they were made."""
    code = sha256(Path(__file__).with_name("names.py").read_bytes()).hexdigest()[:16]
    name = f"names-{version('babel')}-{version('pycountry')}-{code}.json"
    return Path(sys.prefix) / "share" / "sraap" / name


def index(gather: Callable[[], Index]) -> Index:
    """The names that were prepared; gathered where none were, or where the file can't be read."""
    try:
        kept = json.loads(prepared().read_bytes())
        return {name: set(codes) for name, codes in kept.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return gather()


def make(gather: Callable[[], Index]) -> None:
    """Gather the names and keep them. Raises ``OSError``."""
    path = prepared()
    path.parent.mkdir(parents=True, exist_ok=True)
    names = {name: sorted(codes) for name, codes in sorted(gather().items())}
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_text(json.dumps(names), encoding="ascii")
    aside.rename(path)


def main() -> None:
    """Keep the names for this environment."""
    from sources import names

    make(names.gather_translated)


if __name__ == "__main__":
    main()
