"""Whether what came can be what was asked for, by its stated type, its first bytes and its last.

A log-in page with status 200 is not data, and neither is a file that was cut off. This looks no further than
it takes to tell those apart; whether a file can be read, its reader says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

HEAD = 4096
"""How many bytes from the beginning are looked at."""

TAIL = 1024
"""How many bytes from the end are looked at."""

_ANY = ("application/octet-stream", "binary/octet-stream", "application/download", "application/x-download")
_PASSWORD = re.compile(rb"""<input[^>]{0,400}type\s*=\s*["']?password""", re.IGNORECASE)
_HTML = re.compile(rb"<!doctype\s+html|<html[\s>]|<head[\s>]|<body[\s>]", re.IGNORECASE)
_SPACE = b" \t\r\n"
_NEVER_CSV = (b"PK\x03\x04", b"%PDF", b"<?xml", b"\x1f\x8b", b"\xd0\xcf\x11\xe0")
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class Format:
    """A format by its ending: the types under which servers send it, how it begins and how it ends."""

    said: str
    types: tuple[str, ...]
    begins: tuple[bytes, ...] = ()
    ends: tuple[bytes, ...] = ()
    is_text: bool = True


_PLAIN = ("text/plain",)
FORMATS = {
    "csv": Format(
        "CSV",
        (
            "text/csv",
            "application/csv",
            "text/tab-separated-values",
            "application/vnd.ms-excel",
            *_PLAIN,
            *_ANY,
        ),
    ),
    "json": Format("JSON", ("application/json", "text/json", *_PLAIN, *_ANY), (b"{", b"["), (b"}", b"]")),
    "jsonl": Format(
        "JSON lines",
        (
            "application/x-ndjson",
            "application/jsonl",
            "application/x-jsonlines",
            "application/json",
            *_PLAIN,
            *_ANY,
        ),
        (b"{",),
        (b"}",),
    ),
    "xml": Format("XML", ("application/xml", "text/xml", *_PLAIN, *_ANY), (b"<",), (b">",)),
    "html": Format("HTML", ("text/html", "application/xhtml+xml", *_PLAIN, *_ANY), (b"<",)),
    "xlsx": Format(
        "an Excel workbook",
        ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "application/zip", *_ANY),
        (b"PK\x03\x04",),
        is_text=False,
    ),
    "parquet": Format(
        "Parquet",
        ("application/vnd.apache.parquet", "application/parquet", *_ANY),
        (b"PAR1",),
        (b"PAR1",),
        False,
    ),
}
FORMATS["htm"] = FORMATS["html"]


@dataclass(frozen=True)
class Doubt:
    """Why the bytes are not what was asked for. ``cut_off``: they seem to be only the beginning of it."""

    what: str
    next_step: str
    cut_off: bool = False


def of_type(ending: str, stated: str, allowed: tuple[str, ...] = ()) -> Doubt | None:
    """Judge the stated content type. ``allowed``: configured types instead of the usual ones."""
    kind = stated.partition(";")[0].strip().casefold()
    expected = FORMATS.get(ending)
    if not kind or expected is None or kind in (allowed or expected.types):
        return None
    if not allowed and kind.endswith(f"+{ending}"):
        return None
    if kind in ("text/html", "application/xhtml+xml"):
        return _page(expected)
    return Doubt(
        f"{expected.said} was expected, and {_brief(kind)} came",
        "Check address and ending. If the server just calls it so, add that type to content_types.",
    )


def of_bytes(ending: str, head: bytes, tail: bytes, *, framed: bool) -> Doubt | None:
    """Judge the first and the last bytes. ``framed``: the transfer itself said where the body ends."""
    expected = FORMATS.get(ending)
    if not head.strip(_SPACE):
        return Doubt(
            "the reply has status 200 and no content",
            "Look at the address in a browser; the next run asks again.",
        )
    if expected is None:
        return None
    first = _plain(head) if expected.is_text else head
    return (
        _page_instead(ending, first, expected)
        or _beginning(ending, first, expected)
        or _end(ending, tail, expected, framed)
    )


def _page_instead(ending: str, first: bytes, expected: Format) -> Doubt | None:
    is_page = _PASSWORD.search(first) if expected is FORMATS["html"] else _HTML.search(first[:1024])
    return _page(expected) if is_page and expected.is_text else None


def _beginning(ending: str, first: bytes, expected: Format) -> Doubt | None:
    wrong = bool(expected.begins) and not first.startswith(expected.begins)
    if wrong or (ending == "csv" and first.startswith(_NEVER_CSV)):
        return Doubt(f"what came does not begin like {expected.said}", "Check address and ending.")
    return None


def _end(ending: str, tail: bytes, expected: Format, framed: bool) -> Doubt | None:
    """Of a text whose length nobody stated, the last line must be whole."""
    last = tail.replace(b"\0", b"").rstrip(_SPACE) if expected.is_text else tail
    if expected.ends and not last.endswith(expected.ends):
        return _cut_off(expected)
    if framed or expected.ends or not expected.is_text:
        return None
    whole = (
        last.endswith(b">") if expected is FORMATS["html"] else tail.rstrip(b"\0").endswith((b"\n", b"\r"))
    )
    return None if whole else _cut_off(expected)


def _plain(head: bytes) -> bytes:
    """The beginning of a text without its byte order mark, the zeros of UTF-16, and blanks."""
    for mark in _MARKS:
        head = head.removeprefix(mark)
    return head.replace(b"\0", b"").lstrip(_SPACE)


def _page(expected: Format) -> Doubt:
    return Doubt(
        f"a web page came with status 200 in the place of {expected.said}: a log-in or maintenance page",
        "Open the address in a browser. If it wants a log-in, set or renew the credentials.",
    )


def _cut_off(expected: Format) -> Doubt:
    return Doubt(
        f"what came is cut off: it does not end like {expected.said}",
        "The next run asks again.",
        cut_off=True,
    )


def _brief(kind: str) -> str:
    """A type as the server states it, made harmless and short."""
    return "".join(c for c in kind if c.isalnum() or c in "/+.-")[:60] or "an unnamed type"
