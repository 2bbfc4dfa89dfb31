"""The depositary's table as somebody would write it who means harm, read in the process that reads.

No entity is expanded, no file or address is asked, and each file is refused with a code or read right.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from flows import reading
from tests.sources.untc_status.pages import page, xml

SECRET = "aardvark-in-a-file-of-this-machine"
CHAD = ["Chad", "6 Jul 1998", "6 May 1999"]
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
    "nested deeply, HTML": ("html", lambda _: nested(page([CHAD]), 100_000), "UNTC-LAYOUT"),
    "nested 200, HTML": ("html", lambda _: nested(page([CHAD]), 200), reads("TCD")),
    "one cell of 30 MB, XML": ("xml", lambda _: xml([CHAD, ["x" * 30_000_000, "", ""]]), "UNTC-XML"),
    "one cell of 30 MB, HTML": ("html", lambda _: page([CHAD, ["x" * 30_000_000, "", ""]]), reads("TCD")),
    "30 MB of a date, HTML": (
        "html",
        lambda _: page([CHAD, ["Peru", "1 Jan 1998 " * 2_700_000, ""]]),
        reads("TCD"),
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
    "UTF-16, HTML": ("html", lambda _: page([CHAD]).decode().encode("utf-16-le"), "UNTC-NO-TABLE"),
    "UTF-16 BOM, HTML": ("html", lambda _: page([CHAD]).decode().encode("utf-16"), "UNTC-NO-TABLE"),
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
