"""The site of a publication: pages that a person reads, from the tables of that very publication.

Static pages, one style sheet, pictures as inline SVG: it opens from disk, on a phone, on paper, without a
network (docs/contract/outputs.md, The site; docs/decisions/019-the-site.md).
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from flows import faults
from flows.errors import UsageProblem

if TYPE_CHECKING:
    from flows.home import Home

FOLDER = "site"
STYLE = "style.css"


def write(
    folder: Path,
    *,
    previous: Mapping[str, str] | None,
    is_sample: bool,
    coming: frozenset[str] = frozenset(),
) -> Path:
    """Write ``site/`` of the publication in ``folder``, once its tables stand.

    ``previous``: publication_id and manifest_sha256 of the publication before it, ``None`` for the first;
    ``is_sample``: whether its home holds the shipped sample, which every page then says; ``coming``: paths of
    files that will stand in ``folder`` once the publication is whole. The same publication gives the same
    bytes. Returns the index. Raises ``OSError`` and ``duckdb.Error``.
    """
    from flows.site.content import load
    from flows.site.files import Files
    from flows.site.pages import pages
    from flows.site.pieces import TEMPLATES

    target = folder / FOLDER
    for part in (target, target / "actions", target / "states"):
        part.mkdir()
    faults.point("site.before")
    content = load(folder / "warehouse.duckdb", previous, is_sample)
    shutil.copyfile(TEMPLATES / STYLE, target / STYLE)
    for name, text in pages(content, Files(folder, coming)):
        (target / name).write_text(text, encoding="utf-8")
    return target / "index.html"


def published_site(home: Home) -> Path:
    """The index page of the published publication.

    Raises ``UsageProblem`` where nothing is published, or where what is published has no site.
    """
    folder = home.current_publication()
    if folder is None:
        raise UsageProblem(
            "nothing is published here yet",
            where=str(home.root),
            next_step="Make a publication with: sraap refresh, or give another home with --home.",
        )
    page = folder / FOLDER / "index.html"
    if not page.is_file():
        raise UsageProblem(
            "this publication was made before there was a site",
            where=str(folder),
            next_step="Make a new one with: sraap refresh --full",
        )
    return page.resolve()
