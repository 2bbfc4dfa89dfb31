"""How the CSV reader fares with the kinds of pollution of the Pollock benchmark (HPI, VLDB 2023), as a page.

The benchmark spoils a clean file in one way at a time. Its kinds are made here anew, on a table of a dataset,
and scored as it does: does the file load, and how well do its cells agree with the clean ones (F1). What it
doesn't score is what matters most here: where they don't agree, is it said?
``python -m tests.sources.pollution`` writes docs/csv-pollution.md; a test compares it.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from sources.reading import Table, read

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "csv-pollution.md"

HEADER = ("iso3", "name", "un_region", "received_on")
ROWS = (
    ("KHM", "Cambodia", "Asia-Pacific", "2026-01-15"),
    ("BOL", "Bolivia, Plurinational State of", "Latin American and Caribbean", "2026-01-15"),
    ("CIV", "Côte d'Ivoire", "African", "2026-01-15"),
    ("KOR", 'The "Republic" of Korea', "", "2026-01-15"),
)


def _quoted(cell: str, delimiter: str = ",", quote: str = '"', escape: str = '"') -> str:
    if not any(sign in cell for sign in (delimiter, quote, "\n", '"')):
        return cell
    return quote + cell.replace(quote, escape + quote) + quote


def csv(
    *,
    delimiter: str = ",",
    quote: str = '"',
    escape: str = '"',
    end: str = "\r\n",
    header: bool = True,
    rows: tuple[tuple[str, ...], ...] = ROWS,
) -> str:
    """The clean table, written another way."""
    lines = [HEADER, *rows] if header else rows
    return "".join(delimiter.join(_quoted(c, delimiter, quote, escape) for c in line) + end for line in lines)


def _in_row(number: int, change: tuple[str, str]) -> str:
    lines = csv().split("\r\n")
    assert change[0] in lines[number], lines[number]
    lines[number] = lines[number].replace(*change, 1)
    return "\r\n".join(lines)


CLEAN = csv()

KINDS: dict[str, str | bytes] = {
    "none": CLEAN,
    "file: no bytes": b"",
    "file: no line end at the end": CLEAN.removesuffix("\r\n"),
    "file: two line ends at the end": CLEAN + "\r\n",
    "file: header only": csv(rows=()),
    "file: one row": csv(rows=ROWS[:1]),
    "file: no header": csv(header=False),
    "file: a preamble above the header": "States of the world\r\nas of January\r\n" + CLEAN,
    "file: blank lines above the header": "\r\n\r\n" + CLEAN,
    "file: a header of two rows": "code,name,region,day\r\n" + CLEAN,
    "file: two tables": CLEAN + "\r\n" + "year,amount\r\n2025,7\r\n",
    "file: a footnote below": CLEAN + "Source: the register\r\n",
    "file: UTF-8 with BOM": b"\xef\xbb\xbf" + CLEAN.encode(),
    "file: UTF-16": CLEAN.encode("utf-16"),
    "file: Latin-1": CLEAN.encode("latin-1"),
    "records: ended by LF": csv(end="\n"),
    "records: ended by CR": csv(end="\r"),
    "fields: semicolon": csv(delimiter=";"),
    "fields: tab": csv(delimiter="\t"),
    "fields: blank": csv(delimiter=" "),
    "fields: bar": csv(delimiter="|"),
    "fields: comma and blank": csv(delimiter=", "),
    "quotes: apostrophe": csv(quote="'", escape="'"),
    "quotes: escaped by a backslash": csv(escape="\\"),
    "header: two columns of one name": CLEAN.replace("un_region", "name", 1),
    "header: a name is missing": CLEAN.replace("un_region", "", 1),
    "header: a column more": CLEAN.replace("received_on", "received_on,note", 1),
    "row: a separator less": _in_row(1, (",Asia", "Asia")),
    "row: a separator more": _in_row(1, (",Asia", ",,Asia")),
    "row: other separators": _in_row(1, (",Asia-Pacific,", ";Asia-Pacific;")),
    "row: a quote that is never closed": _in_row(1, ("Cambodia", '"Cambodia')),
    "row: a quote inside a cell": _in_row(1, ("Cambodia", 'Cam"bodia')),
    "row: blanks around a quoted cell": _in_row(2, (',"Bolivia', ', "Bolivia')),
    "row: a line end in a quoted cell": _in_row(2, ("Bolivia, ", "Bolivia,\r\n")),
}


TRUTH: dict[str, tuple[tuple[str, ...], ...]] = {
    "file: header only": (),
    "file: one row": ROWS[:1],
    "row: a quote inside a cell": (("KHM", 'Cam"bodia', *ROWS[0][2:]), *ROWS[1:]),
    "row: a line end in a quoted cell": (
        ROWS[0],
        ("BOL", "Bolivia,\r\nPlurinational State of", *ROWS[1][2:]),
        *ROWS[2:],
    ),
}
"""What a file says where it is something else than the clean one."""


@dataclass(frozen=True)
class Score:
    """``loads``: rows were taken from it. ``f1``: agreement of its cells with the clean ones, 0 to 1.
    ``said``: a code, or the number of rows that the door will quarantine for their shape."""

    loads: bool
    f1: float
    said: str


def _cells(table: Table) -> Counter[tuple[str, str]]:
    return Counter((name, str(cell)) for name in HEADER if name in table.frame for cell in table.frame[name])


def score(data: str | bytes, folder: Path, rows: tuple[tuple[str, ...], ...] = ROWS) -> Score:
    """How the reader fares with a file that says ``rows``."""
    path = folder / "file"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    content = read(path, "states.csv")
    problem = content.problem or content.tables[0].problem
    if problem is not None:
        return Score(False, 0.0, problem.code)
    table = content.tables[0]
    wanted = Counter((name, row[place]) for row in rows for place, name in enumerate(HEADER))
    found = _cells(table)
    right = (wanted & found).total()
    cells = wanted.total() + found.total()
    f1 = 2 * right / cells if cells else 1.0
    odd = int((table.frame["_cells"] != len(table.header)).sum())
    unknown = len(set(table.header) - set(HEADER))
    said = [f"{odd} row{'s' if odd > 1 else ''} of another shape"] if odd else []
    said += [f"{unknown} unknown column{'s' if unknown > 1 else ''}"] if unknown else []
    return Score(True, f1, ", ".join(said))


def page() -> str:
    """The page, as Markdown."""
    with tempfile.TemporaryDirectory() as folder:
        scores = {kind: score(data, Path(folder), TRUTH.get(kind, ROWS)) for kind, data in KINDS.items()}
    loaded = [one for one in scores.values() if one.loads]
    whole = [one for one in loaded if one.f1 == 1]
    silent = [kind for kind, one in scores.items() if one.loads and one.f1 < 1 and not one.said]
    lines = [
        "# CSV pollution",
        "",
        "How the CSV reader fares with the kinds of pollution of the Pollock benchmark (Hasso",
        "Plattner Institute, VLDB 2023), each made anew on a small table: whether the file loads, how well",
        "its cells agree with what it says (F1), and what the reader says where it doesn't load whole. The",
        "reader is made to refuse what it would have to guess: a refusal names its reason and what to do.",
        "Written by `python -m tests.sources.pollution`. The numbers are not the benchmark's own, its",
        "files are not used.",
        "",
        f"{len(scores)} files: {len(loaded)} load, {len(whole)} of them whole (F1 = 1.00); "
        f"{len(scores) - len(loaded)} are refused with a code.",
        f"Loaded, not whole, and nothing said by the reader: {', '.join(silent) or 'none'}.",
        "",
        "| pollution | loads | F1 of cells | said |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        f"| {kind} | {'yes' if one.loads else 'no'} | {one.f1:.2f} | {one.said} |"
        for kind, one in scores.items()
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
