"""Reads the depositary's status table of chapter XXVI-5, as XML and as HTML.

Two layouts, one table: participant, signature, consent. Everything is found by its words, and what is left
over is said: an unknown column, a cell that is no date, a withdrawal whose note tells only half of it. What
the layouts look like is told in ``source.yml``.
"""

from __future__ import annotations

import codecs
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from lxml import etree
from lxml import html as lxml_html

from sources.readers import Finding, Reading, ReadingContext, ReadTable, Unreadable
from sources.treaty_status import is_mine_ban, treaty_actions
from sources.untc_status.notes import Withdrawal, numbered, withdrawal
from sources.untc_status.words import DATE, MONTHS

SOURCE_REF = "United Nations Treaty Collection, chapter XXVI-5, participants"

MODES = {"": "ratification", "A": "acceptance", "AA": "approval", "a": "accession", "d": "succession"}

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
"""Byte order marks, and how a page in UTF-16 without one begins."""

_MAINTENANCE = re.compile(r"urgent maintenance|currently (?:unavailable|under maintenance)", re.I)
_SUPERSCRIPT = re.compile(r"<(superscript|sup)\b[^>]*>(.*?)</\1\s*>", re.I | re.S)
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_TRAILING = re.compile(r"(?P<name>.*?\D)[\s,]+(?P<notes>\d{1,3}(?:\s*,\s*\d{1,3})*)[\s,]*", re.S)
_ACT = (
    rf"(?P<open>\[)?\s*(?P<date>{DATE})(?:\s+(?P<mode>(?!{DATE})[A-Za-z]{{1,2}}))?"
    r"(?P<notes>(?:[\s,]+\d{1,3}(?![\d\s]*[A-Za-zéû]{3}))*)[\s,]*(?P<close>\])?"
)


@dataclass(frozen=True)
class _Page:
    """What both layouts give: titles of columns, cells with their markup, the notes and the text around."""

    titles: list[str]
    rows: list[list[str]]
    notes: dict[str, str]
    text: str


def read(path: Path, ending: str, context: ReadingContext) -> Reading:
    """Rows of ``treaty_actions`` in three tables: signature, consent and withdrawal.

    Raises ``Unreadable`` for a maintenance page, a page without the table, another treaty's table, and a
    table without the three columns.
    """
    data = path.read_bytes()
    text = _decoded(data)
    if _MAINTENANCE.search(text):
        raise Unreadable(
            "UNTC-MAINTENANCE",
            "This is the Treaty Collection's notice of maintenance, not the table. Fetch it again later.",
        )
    page = _xml(data) if ending == "xml" else _html(text)
    if not is_mine_ban(page.text) and "XXVI-5" not in page.text:
        raise Unreadable(
            "UNTC-OTHER-TREATY",
            "The document names neither chapter XXVI-5 nor the Convention on anti-personnel mines. Fetch "
            "the table of chapter XXVI-5.",
        )
    table = _Participants(page)
    frame, corrected = treaty_actions(
        table.acts, received_on=context.received_on.isoformat(), source_ref=SOURCE_REF, letters="UNTC"
    )
    tables = tuple(
        ReadTable("treaty_actions", kind, frame[table.acts["kind"] == kind].reset_index(drop=True))
        for kind in ("signature", "consent", "withdrawal")
        if (table.acts["kind"] == kind).any()
    )
    if not tables:
        raise Unreadable("UNTC-LAYOUT", "The table of participants holds no date. Fetch it again.")
    return Reading(tables, (*table.findings, *corrected))


# --- the two layouts ----------------------------------------------------------------------------------------


def _xml(data: bytes) -> _Page:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError:
        raise Unreadable(
            "UNTC-XML",
            "The file is not whole XML; it may be cut off, or a page of another kind. Fetch it again.",
        ) from None
    groups = root.findall(".//Participants/Table/TGroup")
    if not groups:
        raise _no_table()
    if len(groups) > 1:
        raise Unreadable(
            "UNTC-LAYOUT", f"The document holds {len(groups)} tables of participants, where one was known."
        )
    titles = [_plain(_inner(entry)) for entry in groups[0].findall("./Thead/Row/Entry")]
    rows = [[_inner(entry) for entry in row.findall("./Entry")] for row in groups[0].findall("./Tbody//Row")]
    end = root.findall(".//EndNotes")
    notes = numbered([block for part in end for block in _blocks(part)])
    around = " ".join(
        _inner(node) for node in root.iter("Titlesect", "Title", "Name", "Status", "Labeltext", "Mtdsgno")
    )
    signatories, parties = root.findtext(".//Status/Signatories"), root.findtext(".//Status/Parties")
    if signatories or parties:
        around += f" Signatories : {signatories or '?'}. Parties : {parties or '?'}"
    return _Page(titles, rows, notes, _plain(around))


def _html(text: str) -> _Page:
    folded = re.sub(r"<script.*?</script|<!--.*?-->", "", text.casefold(), flags=re.DOTALL)
    if folded.rfind("</table") < folded.rfind("<tr"):
        # A parser of HTML takes what came, and nobody would miss the states that did not.
        raise Unreadable("UNTC-CUT", "The page ends inside a table: it is cut off. Fetch it again.")
    parser = lxml_html.HTMLParser(huge_tree=False)
    root = lxml_html.document_fromstring(text, parser=parser)
    if any(one.level == etree.ErrorLevels.FATAL for one in parser.error_log):
        # The parser stops there and gives what came before: the states below it would be missing.
        raise Unreadable(
            "UNTC-LIMIT",
            "The page has elements nested more than 256 deep, or a text of more than 10 MB, and could not "
            "be read to its end. No page of the table is like that: look at it in a browser, fetch it again.",
        )
    etree.strip_elements(root, "script", "style", "noscript", with_tail=False)
    tables = [node for node in root.iter("table") if "tblgrid" in (node.get("id") or "").casefold()]
    if not tables:
        raise _no_table()
    if len(tables) > 1:
        raise Unreadable(
            "UNTC-LAYOUT", f"The page holds {len(tables)} tables of participants, where one was known."
        )
    rows = [[_inner(cell) for cell in row if cell.tag in ("td", "th")] for row in tables[0].iter("tr")]
    rows = [row for row in rows if any(_plain(cell) for cell in row)]
    head = next((place for place, row in enumerate(rows) if _is_head(row)), None)
    if head is None:
        raise _no_columns(["participant", "signature", "consent"])
    titles = [_plain(cell) for cell in rows[head]]
    text = _plain(" ".join(map(str, root.itertext())))
    return _Page(titles, rows[head + 1 :], _notes_of_page(root, tables[0]), text)


def _decoded(data: bytes) -> str:
    """Text of a page: by its byte order mark, by zero bytes that only UTF-16 has, or as it declares."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace").removeprefix("\ufeff")
    declared = re.search(rb"charset\s*=\s*[\"']?([\w-]+)", data[:4096], re.I)
    named = declared[1].decode("ascii") if declared else "utf-8"
    # What can be read as far as this word is not in UTF-16, whatever the word says.
    for encoding in ("utf-8" if named.casefold().startswith("utf-16") else named, "utf-8", "cp1252"):
        try:
            return data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    return data.decode("iso-8859-1")


def _is_head(row: list[str]) -> bool:
    return any(_plain(cell).casefold() == "participant" for cell in row)


def _notes_of_page(root: Any, table: Any) -> dict[str, str]:
    """Notes after the table, from a heading or an element that is named after them."""
    blocks: list[str] = []
    seen_table = begun = False
    for node in root.iter():
        if node is table:
            seen_table = True
        if not seen_table or not isinstance(node.tag, str) or node is table or table in node.iterancestors():
            continue
        named = " ".join(filter(None, (node.get("id"), node.get("class"), node.get("name"))))
        if not begun and re.search(r"end-?notes?|footnotes?", named, re.I):
            return numbered(list(_blocks(node))) or _later_notes(node)
        own = _plain(node.text or "")
        if not begun and re.fullmatch(r"(?:end\s*notes?|footnotes?|notes?(?: finales)?)\s*[.:]?", own, re.I):
            begun = True
            continue
        if begun and node.tag not in _INLINE and all(child.tag in _INLINE for child in node):
            blocks.append(_inner(node))
    return numbered(blocks)


def _later_notes(node: Any) -> dict[str, str]:
    """Notes of which the named element is only the heading."""
    return numbered([block for sibling in node.itersiblings() for block in _blocks(sibling)])


_INLINE = frozenset({"a", "b", "br", "em", "font", "i", "span", "strong", "sup", "superscript", "u"})


def _blocks(node: Any) -> Iterator[str]:
    """Texts with their markup of the innermost blocks below a node, in order."""
    inner = [child for child in node if isinstance(child.tag, str) and child.tag.casefold() not in _INLINE]
    if not inner:
        yield from _inner(node).split("\n\n")
        return
    yield node.text or ""
    for child in node:
        if not isinstance(child.tag, str):
            continue
        if child.tag.casefold() in _INLINE:
            yield _inner(child)
        else:
            yield from _blocks(child)
        yield child.tail or ""


def _inner(node: Any) -> str:
    """Text of an element; what it marks up keeps its tags, as the text that escapes its markup has them."""
    parts = [node.text or ""]
    for child in node:
        if isinstance(child.tag, str):
            parts.append(f"<{child.tag}>{_inner(child)}</{child.tag}>")
        parts.append(child.tail or "")
    return "".join(parts)


def _plain(marked: str) -> str:
    """Text without markup, blanks collapsed."""
    text = html.unescape(_TAG.sub(" ", html.unescape(marked)))
    return " ".join(text.split())


def _no_table() -> Unreadable:
    return Unreadable(
        "UNTC-NO-TABLE",
        "The document holds no table of participants: a page of another kind, or a new layout. Look at it; "
        "report it if the table is there.",
    )


def _no_columns(missing: list[str]) -> Unreadable:
    return Unreadable(
        "UNTC-LAYOUT",
        f"The table has no single column for: {', '.join(missing)}. Its layout has changed; report it.",
    )


# --- the table ----------------------------------------------------------------------------------------------


def _meaning(title: str) -> str:
    """What a column holds, by the words of its title, in English or French."""
    words = title.casefold()
    if re.search(r"provisional|provisoire", words):
        return "provisional"
    if "participant" in words:
        return "participant"
    if re.search(r"ratification|accept|approba|approval|accession|adhésion|succession", words):
        return "consent"
    return "signature" if "signature" in words else ""


class _Participants:
    """The table's acts, one line each, and what was found on the way."""

    def __init__(self, page: _Page) -> None:
        self.findings: list[Finding] = []
        self._page = page
        places = self._columns()
        cells = self._whole_rows()
        self._names = self._participants(cells[places["participant"]])
        acts = [self._acts(cells[places[kind]], kind) for kind in ("signature", "consent")]
        together = pd.concat([*acts, self._withdrawals(acts)], ignore_index=True)
        self.acts = together.fillna("").astype({"_row": "int64"})
        self._compare_counts(acts)

    def _say(self, code: str, severity: Any, sentence: str, place: str | None = None) -> None:
        self.findings.append(Finding(f"UNTC-{code}", severity, sentence, place))

    def _columns(self) -> dict[str, int]:
        """Meaning -> place of the columns that are read. Raises ``Unreadable`` where one is not there."""
        meanings = [_meaning(title) for title in self._page.titles]
        wanted = ("participant", "signature", "consent")
        if missing := [name for name in wanted if meanings.count(name) != 1]:
            raise _no_columns(missing)
        for place, (title, meaning) in enumerate(zip(self._page.titles, meanings, strict=True)):
            filled = sum(1 for row in self._page.rows if place < len(row) and _plain(row[place]))
            if meaning in wanted or (meaning == "provisional" and not filled):
                continue
            code = "PROVISIONAL" if meaning else "COLUMN"
            self._say(
                code,
                "warn",
                f"The column '{title[:80]}' ({filled} filled cells) is not read. If it says who is bound, "
                "the reader has to learn it.",
                f"column {place + 1}",
            )
        return {name: meanings.index(name) for name in wanted}

    def _whole_rows(self) -> pd.DataFrame:
        """Cells of the rows that have as many as the head, indexed by their number from 1."""
        width = len(self._page.titles)
        whole = {n: row for n, row in enumerate(self._page.rows, start=1) if len(row) == width}
        for number in sorted(set(range(1, len(self._page.rows) + 1)) - set(whole)):
            self._say(
                "ROW",
                "quarantine",
                f"The row has {len(self._page.rows[number - 1])} cells, the head {width}: nobody knows which "
                "is which. Nothing of it was read.",
                f"row {number}",
            )
        if not whole:
            raise Unreadable("UNTC-LAYOUT", "The table of participants has no row. Fetch it again.")
        return pd.DataFrame.from_dict(whole, orient="index", columns=range(width)).astype("str")

    def _participants(self, cells: pd.Series) -> pd.DataFrame:
        """state, bracketed, notes (text) of each row."""
        texts = _without_notes(cells)
        bare = texts["text"].str.strip("[] ")
        trailing = bare.str.extract(f"^{_TRAILING.pattern}$", flags=re.S)
        numbered_too = trailing["name"].notna()
        notes = texts["notes"] + " " + trailing["notes"].fillna("")
        return pd.DataFrame(
            {
                "state": bare.mask(numbered_too, trailing["name"]).str.strip(" ,[]"),
                "bracketed": texts["text"].str.contains("[", regex=False),
                "notes": notes.str.findall(r"\d{1,3}").str.join(" "),
            }
        )

    def _acts(self, cells: pd.Series, kind: str) -> pd.DataFrame:
        """One line for each date of a column; a cell that is none stays as it stood."""
        texts = _without_notes(cells)
        filled = texts[texts["text"] != ""]
        found = filled["text"].str.extractall(_ACT)
        rest = filled["text"].str.replace(_ACT, "", regex=True).str.strip(" ,;[]")
        odd = filled.index[(rest != "")]
        found = found[~found.index.get_level_values(0).isin(odd)].reset_index(names=["row", "match"])
        mode = found["mode"].fillna("")
        lines = pd.DataFrame(
            {
                "row": found["row"],
                "match": found["match"],
                "action": mode.map(MODES).fillna(mode) if kind == "consent" else "signature",
                "deposited_on": _iso(found["date"]),
                "bracketed": found["open"].notna() | found["close"].notna(),
                "notes": found["notes"].fillna("") + " " + found["row"].map(texts["notes"]),
            }
        )
        if kind == "signature":
            lines["action"] = ("signature " + mode).str.strip()
        left = pd.DataFrame(
            {
                "row": odd,
                "match": 0,
                "action": "signature" if kind == "signature" else "ratification",
                "deposited_on": filled.loc[odd, "text"].to_numpy(),
                "bracketed": False,
                "notes": "",
            }
        )
        self._say_odd(lines, odd, kind)
        every = pd.concat([lines, left], ignore_index=True)
        return self._placed(every, kind)

    def _say_odd(self, lines: pd.DataFrame, odd: pd.Index, kind: str) -> None:
        for row in odd:
            self._say(
                "CELL",
                "warn",
                "The cell is no date with a letter as the table writes them. Its row is in quarantine.",
                f"row {row}, {kind}",
            )
        known = (*MODES.values(), "signature")
        for row in lines.loc[~lines["action"].isin(known), "row"]:
            self._say(
                "MODE",
                "warn",
                "An unknown letter follows the date. Its row is in quarantine until the reader knows it.",
                f"row {row}, {kind}",
            )

    def _placed(self, lines: pd.DataFrame, kind: str) -> pd.DataFrame:
        """The lines with state, place and number; further dates of a cell are numbered apart."""
        row = lines["row"].astype("int64")
        return lines.assign(
            kind=kind,
            state=row.map(self._names["state"]),
            effective_on="",
            _row=row + 10_000 * lines["match"].astype("int64"),
            _place="row " + row.astype("str") + f", {kind}",
        )

    def _withdrawals(self, acts: list[pd.DataFrame]) -> pd.DataFrame:
        """A line for each state in brackets, or whose notes tell of a withdrawal."""
        both = pd.concat(acts)
        of_acts = both.groupby("row").agg(bracketed=("bracketed", "any"), notes=("notes", " ".join))
        told = of_acts.reindex(self._names.index)
        bracketed = self._names["bracketed"] | told["bracketed"].eq(True)
        numbers = (self._names["notes"] + " " + told["notes"].fillna("")).str.findall(r"\d{1,3}")
        consents = set(acts[1]["row"])
        lines = []
        for row, marks, left in zip(numbers.index.tolist(), numbers, bracketed, strict=True):
            found = self._told(row, marks, left) if marks or left else None
            if found is not None and (left or row in consents):
                lines.append(
                    {
                        "row": row,
                        "match": 0,
                        "action": "withdrawal",
                        "deposited_on": found.deposited_on,
                        "effective_on": found.effective_on,
                    }
                )
        frame = pd.DataFrame(lines, columns=["row", "match", "action", "deposited_on", "effective_on"])
        return self._placed(frame, "withdrawal").assign(effective_on=frame["effective_on"])

    def _told(self, row: int, marks: list[str], bracketed: bool) -> Withdrawal | None:
        """The withdrawal that a state's notes tell of; what is missing or doubtful is said."""
        place = f"row {row}, notes {', '.join(sorted(set(marks), key=int))}" if marks else f"row {row}"
        missing = [mark for mark in dict.fromkeys(marks) if mark not in self._page.notes]
        if missing:
            self._say(
                "NOTE",
                "warn",
                f"No note {', '.join(missing)} was found in the document, so that what it says of this "
                "state is not known.",
                place,
            )
        told = [withdrawal(self._page.notes[mark]) for mark in dict.fromkeys(marks) if mark not in missing]
        found = [one for one in told if one is not None]
        if not found:
            if not bracketed:
                return None
            self._say(
                "WITHDRAWAL",
                "warn",
                "The dates stand in brackets, which means a withdrawal, and no note tells its dates. Add "
                "them to sources/treaty_actions/corrections.csv, or deliver the row.",
                place,
            )
            return Withdrawal("", "")
        if found[0].doubt:
            self._say("WITHDRAWAL", "warn", found[0].doubt, place)
            return found[0] if bracketed or found[0].deposited_on else None
        if len(found) > 1:
            self._say(
                "WITHDRAWAL",
                "warn" if bracketed else "quarantine",
                "Several notes tell of a withdrawal. None was believed; deliver the row.",
                place,
            )
            return Withdrawal("", "") if bracketed else None
        return found[0]

    def _compare_counts(self, acts: list[pd.DataFrame]) -> None:
        """The document's own totals against what was read."""
        said = re.search(r"Signatories\s*:\s*(\d+)\W+Parties\s*:\s*(\d+)", self._page.text)
        if said is None:
            return
        consent = acts[1]
        outside = set(self._names.index[self._names["bracketed"]]) | set(
            consent.loc[consent["bracketed"], "row"]
        )
        again = set(consent.loc[~consent["bracketed"], "row"])
        parties = len(again - set(self._names.index[self._names["bracketed"]]))
        signed = acts[0]["row"].nunique()
        if (signed, parties) != (int(said[1]), int(said[2])):
            self._say(
                "COUNT",
                "warn",
                f"The document counts {said[1]} signatories and {said[2]} parties; its table has {signed} "
                f"and {parties} ({len(outside)} in brackets). One of them is behind, or a row was misread.",
            )


def _without_notes(cells: pd.Series) -> pd.DataFrame:
    """text without markup and notes (numbers in superscript) of each cell, and the notes."""
    marked = cells.map(html.unescape).astype("str")
    notes = marked.str.findall(_SUPERSCRIPT).map(lambda found: " ".join(text for _, text in found))
    return pd.DataFrame(
        {
            "text": marked.str.replace(_SUPERSCRIPT, " ", regex=True).map(_plain).astype("str"),
            "notes": notes.astype("str").str.findall(r"\d{1,3}").str.join(" "),
        }
    )


def _iso(dates: pd.Series) -> pd.Series:
    """``11 Sep 2002`` as ``2002-09-11``; what is no real date stays as it stood."""
    parts = dates.str.extract(r"(\d{1,2})\s*(?:er)?\s+([A-Za-zéèûô]+)\.?\s+(\d{4})")
    month = parts[1].str.casefold().map(MONTHS)
    written = parts[2] + "-" + month + "-" + parts[0].str.zfill(2)
    real = pd.to_datetime(written, format="%Y-%m-%d", errors="coerce").notna()
    return written.where(real, dates)
