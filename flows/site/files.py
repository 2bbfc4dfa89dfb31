"""Which files a publication has, for pages that link to them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Files:
    """The files of the publication in ``folder``: those that stand there, and those that are ``coming``.

    Exports are written beside the pages, and whether one stands already is a matter of chance.
    """

    folder: Path
    coming: frozenset[str] = frozenset()

    def has(self, name: str) -> bool:
        """Whether the whole publication has the file, by its path below ``folder``."""
        return name in self.coming or (self.folder / name).is_file()
