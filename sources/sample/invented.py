"""The words of the synthetic rows, from ``invented.yml``."""

from __future__ import annotations

from functools import cache
from typing import TypedDict

import yaml

from sources.sample import SAMPLE


class Words(TypedDict):
    """Syllables, organizations by delegation kind, and phrases of evidence."""

    given_starts: list[str]
    given_ends: list[str]
    family_starts: list[str]
    family_ends: list[str]
    organizations: dict[str, list[str]]
    leads: list[str]
    subjects: dict[str, list[str]]
    tails: list[str]
    negative: list[str]
    unclear: list[str]
    sections: list[str]
    hostile: list[str]


@cache
def words() -> Words:
    """All of them."""
    loaded: Words = yaml.safe_load((SAMPLE / "invented.yml").read_text(encoding="utf-8"))
    return loaded
