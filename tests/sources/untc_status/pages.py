"""The depositary's table in the two layouts in which it is published, made of given rows and notes."""

from __future__ import annotations

import csv
import html
from collections.abc import Mapping, Sequence
from pathlib import Path

from sources.contract import SOURCES

TITLE = (
    "Convention on the Prohibition of the Use, Stockpiling, Production and Transfer of Anti-Personnel Mines "
    "and on their Destruction"
)
HEAD = (
    "Participant",
    "Signature",
    "Ratification, Acceptance(A), Approval(AA), Accession(a), Succession(d)",
)
REGISTERS = SOURCES / "sample" / "registers"

Rows = Sequence[Sequence[str]]


def participants_2014() -> list[list[str]]:
    """The real copy of January 2014, without its head."""
    with (REGISTERS / "untc_xxvi-5_participants_2014.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]


def tabbed(date: str) -> str:
    """``11 Sep 2002 a`` as the XML writes it: ``11 Sep<tab> 2002 a``."""
    day, month, rest = date.split(" ", 2) if date else ("", "", "")
    return f"{day} {month}\t {rest}" if date else ""


def xml(
    rows: Rows,
    *,
    head: Sequence[str] = HEAD,
    notes: Mapping[str, str] | None = None,
    title: str = TITLE,
    status: tuple[int, int] | None = None,
) -> bytes:
    """The XML of a chapter's treaty, ISO-8859-1; markup in cells is escaped, as published."""

    def row(cells: Sequence[str]) -> str:
        return (
            "<Row>" + "".join(f"<Entry>{html.escape(cell, quote=False)}</Entry>" for cell in cells) + "</Row>"
        )

    counts = (
        f"<Status><Signatories>{status[0]}</Signatories><Parties>{status[1]}</Parties></Status>"
        if status
        else ""
    )
    end = "".join(
        f"<Text>{html.escape(f'<superscript>{number}</superscript> {text}', quote=False)}</Text>"
        for number, text in (notes or {}).items()
    )
    document = (
        '<?xml version="1.0" encoding="ISO-8859-1"?>\n'
        f"<MTDSG><Header><Chapter><Name>Disarmament</Name></Chapter></Header><Treaty><ExternalData>"
        f"<Titlesect>{title}</Titlesect>{counts}</ExternalData>"
        f"<Participants><Table><TGroup><Thead>{row(head)}</Thead><Tbody><Rows>"
        + "\n".join(row(cells) for cells in rows)
        + f"</Rows></Tbody></TGroup></Table></Participants><EndNotes>{end}</EndNotes></Treaty></MTDSG>"
    )
    return document.encode("iso-8859-1")


def page(
    rows: Rows,
    *,
    head: Sequence[str] = HEAD,
    notes: Mapping[str, str] | None = None,
    title: str = TITLE,
    status: tuple[int, int] | None = None,
) -> bytes:
    """The HTML page of a treaty's details; ``<superscript>`` in cells becomes an anchor with ``<sup>``."""

    def cell(text: str, tag: str) -> str:
        kept = html.escape(text, quote=False)
        kept = kept.replace("&lt;superscript&gt;", '<a href="#EndDec"><sup>')
        return f"<{tag}>{kept.replace('&lt;/superscript&gt;', '</sup></a>')}</{tag}>"

    counts = f"<td>Status</td><td>Signatories : {status[0]}. Parties : {status[1]}</td>" if status else ""
    body = "".join("<tr>" + "".join(cell(c, "td") for c in cells) + "</tr>\n" for cells in rows)
    ending = "".join(f"<div><sup>{number}</sup>&nbsp;{text}</div>" for number, text in (notes or {}).items())
    return (
        '<!DOCTYPE html><html><head><meta charset="utf-8"><script>var x = 1;</script></head>'
        "<body><table><tr><td>STATUS AS AT : 23-11-2026 09:15:30 EDT</td></tr>"
        f"<tr><td>CHAPTER XXVI</td><td>{title}</td></tr><tr>{counts}</tr></table>"
        '<table id="ctl00_ctl00_ContentPlaceHolder1_ContentPlaceHolderInnerPage_tblgrid">'
        f"<tr>{''.join(cell(c, 'td') for c in head)}</tr>\n{body}</table>"
        f"<div><strong>End Note</strong></div>{ending}</body></html>"
    ).encode()


def written(folder: Path, content: bytes, ending: str) -> Path:
    """A file with the content."""
    path = folder / f"untc_status.{ending}"
    path.write_bytes(content)
    return path
