"""The depositary's table as somebody would write it who means harm, read in the process that reads.

No entity is expanded, no file or address is asked, and each file is refused with a code or read right.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from lxml import etree

from flows import reading
from sources.readers import ReadingContext, Unreadable, readers
from tests.sources.untc_status.pages import page, xml

SECRET = "aardvark-in-a-file-of-this-machine"
CHAD = ["Chad", "6 Jul 1998", "6 May 1999"]
PERU = ["Peru", "6 Jul 1998", "6 May 1999"]
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


@pytest.fixture(scope="module", autouse=True)
def one_process() -> Iterator[None]:
    reading.start()
    yield
    reading.stop()


@dataclass(frozen=True)
class Place:
    """What a hostile file may point at: a file with a secret, and a port that nobody may knock at."""

    secret: Path
    port: int


def declared(document: bytes, subset: str, name: str = "MTDSG") -> bytes:
    """The document with a document type of its own after its first line, and ``&e;`` in its first cell."""
    first, rest = document.split(b"\n", 1) if document.startswith(b"<?xml") else (b"", document)
    typed = f"<!DOCTYPE {name} [{subset}]>\n".encode()
    return first + b"\n" + typed + rest.replace(b"Chad", b"Chad&e;", 1)


def nested(document: bytes, depth: int) -> bytes:
    return document.replace(b"Chad", b"<b>" * depth + b"Chad" + b"</b>" * depth, 1)


def reads(iso3: str) -> str:
    """The outcome of a file whose first participant loads under this name, which the door then judges."""
    return f"reads {iso3}"


Make = Callable[[Place], bytes]
FILES: dict[str, tuple[str, Make, str]] = {
    "a few laughs, XML": (
        # Not enough of them for the parser's own guard: only that entities are left alone stops them.
        "xml",
        lambda _: declared(xml([CHAD]), '<!ENTITY l0 "ha">' + LAUGHS + '<!ENTITY e "&l3;">'),
        reads("TCD"),
    ),
    "laughs, XML": (
        "xml",
        lambda _: declared(xml([CHAD]), '<!ENTITY l0 "ha">' + LAUGHS + '<!ENTITY e "&l9;">'),
        "UNTC-XML",
    ),
    "laughs, HTML": (
        "html",
        lambda _: declared(page([CHAD]), '<!ENTITY l0 "ha">' + LAUGHS, "html"),
        reads("Chad&e;"),
    ),
    "a file, XML": (
        "xml",
        lambda p: declared(xml([CHAD]), f'<!ENTITY e SYSTEM "file://{p.secret}">'),
        reads("TCD"),
    ),
    "a file, HTML": (
        "html",
        lambda p: declared(page([CHAD]), f'<!ENTITY e SYSTEM "file://{p.secret}">', "html"),
        reads("Chad&e;"),
    ),
    "an address, XML": (
        "xml",
        lambda p: declared(xml([CHAD]), f'<!ENTITY e SYSTEM "http://127.0.0.1:{p.port}/x">'),
        reads("TCD"),
    ),
    "a DTD elsewhere": (
        "xml",
        lambda p: xml([CHAD]).replace(
            b"<MTDSG>", f'<!DOCTYPE MTDSG SYSTEM "http://127.0.0.1:{p.port}/x"><MTDSG>'.encode()
        ),
        reads("TCD"),
    ),
    "entities of parameters": (
        "xml",
        lambda p: declared(xml([CHAD]), f'<!ENTITY % d SYSTEM "file://{p.secret}"> %d;').replace(b"&e;", b""),
        reads("TCD"),
    ),
    "an inclusion": (
        "xml",
        lambda p: (
            xml([CHAD])
            .replace(b"<MTDSG>", b'<MTDSG xmlns:xi="http://www.w3.org/2001/XInclude">')
            .replace(b"Chad", f'Chad<xi:include href="file://{p.secret}" parse="text"/>'.encode(), 1)
        ),
        reads("Chad<{http://www.w3.org/2001/XInclude}include></{http://www.w3.org/2001/XInclude}include>"),
    ),
    "nested deeply, XML": ("xml", lambda _: nested(xml([CHAD]), 100_000), "UNTC-XML"),
    "nested 200, XML": ("xml", lambda _: nested(xml([CHAD]), 200), reads("TCD")),
    "nested deeply, HTML": ("html", lambda _: nested(page([CHAD]), 100_000), "UNTC-LIMIT"),
    "nested deeply below what can be read, HTML": (
        "html",
        lambda _: page([CHAD, ["<deep>", "", ""], PERU]).replace(b"&lt;deep&gt;", b"<b>" * 300, 1),
        "UNTC-LIMIT",
    ),
    "nested 200, HTML": ("html", lambda _: nested(page([CHAD]), 200), reads("TCD")),
    "one cell of 30 MB, XML": ("xml", lambda _: xml([CHAD, ["x" * 30_000_000, "", ""]]), "UNTC-XML"),
    "one cell of 30 MB, HTML": ("html", lambda _: page([CHAD, ["x" * 30_000_000, "", ""]]), "UNTC-LIMIT"),
    "30 MB of a date, HTML": (
        "html",
        lambda _: page([CHAD, ["Peru", "1 Jan 1998 " * 2_700_000, ""]]),
        "UNTC-LIMIT",
    ),
    "NUL, XML": ("xml", lambda _: xml([CHAD]).replace(b"Chad", b"Ch\0ad"), "UNTC-XML"),
    "NUL, HTML": ("html", lambda _: page([CHAD]).replace(b"Chad", b"Ch\0ad"), reads("Ch\ufffdad")),
    "cut off, XML": ("xml", lambda _: xml([CHAD])[:-40], "UNTC-XML"),
    "cut off, HTML": (
        "html",
        lambda _: page([CHAD, ["Peru", "1 Jan 1998", "2 Jan 1998"]]).split(b"<div>")[0][:-25],
        "UNTC-CUT",
    ),
    "UTF-16 undeclared, XML": (
        "xml",
        lambda _: xml([CHAD]).split(b"\n", 1)[1].decode("latin-1").encode("utf-16-le"),
        "UNTC-XML",
    ),
    "UTF-16 with BOM, XML": (
        "xml",
        lambda _: xml([CHAD]).split(b"\n", 1)[1].decode("latin-1").encode("utf-16"),
        reads("TCD"),
    ),
    "UTF-16 that says Latin, XML": (
        "xml",
        lambda _: xml([CHAD]).decode("latin-1").encode("utf-16-le"),
        reads("TCD"),
    ),
    "UTF-16, HTML": ("html", lambda _: page([CHAD]).decode().encode("utf-16-le"), reads("TCD")),
    "UTF-16 the other way, HTML": ("html", lambda _: page([CHAD]).decode().encode("utf-16-be"), reads("TCD")),
    "UTF-16 with BOM, HTML": ("html", lambda _: page([CHAD]).decode().encode("utf-16"), reads("TCD")),
    "Latin that says UTF-16, HTML": (
        "html",
        lambda _: page([CHAD]).replace(b"utf-8", b"utf-16"),
        reads("TCD"),
    ),
    "UTF-8 with BOM, HTML": ("html", lambda _: b"\xef\xbb\xbf" + page([CHAD]), reads("TCD")),
    "maintenance in UTF-16, HTML": (
        "html",
        lambda _: "<html><body>Urgent maintenance</body></html>".encode("utf-16"),
        "UNTC-MAINTENANCE",
    ),
    "a script that writes rows, HTML": (
        "html",
        lambda _: page([CHAD]).replace(b"</body>", b"<script>x = '<tr><td>';</script><!-- <tr> --></body>"),
        reads("TCD"),
    ),
    "empty, XML": ("xml", lambda _: b"", "FILE-EMPTY"),
    "empty, HTML": ("html", lambda _: b"", "FILE-EMPTY"),
}


@pytest.mark.parametrize("name", FILES)
def test_ends_as_it_must(name: str, tmp_path: Path) -> None:
    ending, make, outcome = FILES[name]
    secret = tmp_path / "secret"
    secret.write_text(SECRET, encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        path = tmp_path / "file"
        path.write_bytes(make(Place(secret, listener.getsockname()[1])))
        content = reading.read(path, f"untc_status.{ending}")
        with pytest.raises(BlockingIOError):
            listener.accept()
    if content.problem is not None:
        assert content.problem.code == outcome
        return
    for table in content.tables:
        assert outcome == reads(str(table.frame["iso3"].iloc[0]))
        assert not table.frame.astype(str).apply(lambda cells: cells.str.contains(SECRET)).any(axis=None)
    days = [str(table.frame["deposited_on"].iloc[0]) for table in content.tables]
    assert days == ["1998-07-06", "1999-05-06"]


UNSAFE = ("a few laughs, XML", "a file, XML", "entities of parameters", "a DTD elsewhere", "an address, XML")


@pytest.mark.parametrize("name", UNSAFE)
def test_a_parser_that_trusts_would_do_harm(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files are bait: read with a parser that resolves what they name, and without the process that has
    no network, each is found out."""
    _, make, _ = FILES[name]
    asked: list[str] = []

    class Trusting(etree.Resolver):
        def resolve(self, system_url: str, public_id: str, context: object) -> object:  # type: ignore[override]
            asked.append(system_url)
            return self.resolve_string("harm", context)  # type: ignore[call-arg]

    def trusting(**_: object) -> etree.XMLParser:
        parser = made(resolve_entities=True, no_network=False, load_dtd=True, huge_tree=True)
        parser.resolvers.add(Trusting())
        return parser

    made = etree.XMLParser
    path = tmp_path / "untc_status.xml"
    path.write_bytes(make(Place(tmp_path / "secret", 9)))
    context = ReadingContext(date(2026, 11, 24), path.name)

    def outcome() -> str:
        try:
            return str(readers()["untc_status"].read(path, "xml", context).tables[0].frame["iso3"].iloc[0])
        except Unreadable as error:
            return error.problem.code

    assert (outcome(), asked) == ("TCD", [])
    monkeypatch.setattr(etree, "XMLParser", trusting)
    assert outcome() != "TCD" or asked
