"""The pages of the site: each a template and what it is given.

Lists with thousands of lines are put together here, the rest in the templates, which escape whatever they
are given. Addresses are relative, so that the site works wherever its folder lies.
"""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import BytecodeCache, Environment, FileSystemLoader, StrictUndefined
from jinja2.bccache import Bucket

from flows.site import about, actions, marks, meetings, overview, pieces, quality, states, words
from flows.site.content import Content
from flows.site.files import Files


def pages(site: Content, files: Files) -> Iterator[tuple[str, str]]:
    """Names (relative to the site's folder) and texts of all pages. ``files``: of the publication."""
    environment = _environment(site)
    yield "index.html", overview.page(environment, site)
    yield from actions.pages(environment, site)
    yield "states.html", states.index(environment, site)
    yield from states.pages(environment, site)
    yield "meetings.html", meetings.page(environment, site)
    yield "quality.html", quality.page(environment, site, files)
    yield "about.html", about.page(environment, site, files)


class _Compiled(BytecodeCache):
    """What templates were compiled to in this process."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._kept:
            bucket.bytecode_from_string(self._kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


_compiled = _Compiled()


def prepare() -> None:
    """Compile the templates before there is anything to show."""
    environment = _plain_environment()
    for path in pieces.TEMPLATES.glob("*.html"):
        environment.get_template(path.name)


def _plain_environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(pieces.TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        bytecode_cache=_compiled,
    )
    environment.filters |= {
        "day": words.day,
        "moment": words.moment,
        "number": words.number,
        "quantity": words.quantity,
        "clean": words.clean,
        "dataset": pieces.dataset,
        "label": pieces.label,
        "cell": pieces.cell,
        "source": pieces.source,
        "word": lambda value, vocabulary: words.words(getattr(words, vocabulary), value),
    }
    return environment


def _environment(site: Content) -> Environment:
    environment = _plain_environment()
    environment.globals |= {
        "site": site,
        "publication": site.publication,
        "n": marks.count,
        "root": "",
        "script": "",
        "script_policy": "",
        "page": "",
    }
    return environment
