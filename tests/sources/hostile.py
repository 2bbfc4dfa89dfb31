"""Files that are broken, careless or made to do harm, each made by code, with what must become of it.

``outcome`` is a code of the reader (the file, or its only table, is refused with it), or cells by column (the
file loads, and these stand in it, as text). What the door then says of the cells is another matter.
"""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter

Outcome = str | Mapping[str, list[str]]

HEAD = "iso3,name,received_on\n"
DAY = "2026-01-15"


@dataclass(frozen=True)
class Hostile:
    """A file: what it is called, its bytes, and what must become of it."""

    name: str
    file: str
    make: Callable[[], bytes] = field(repr=False)
    outcome: Outcome


FIXTURES: list[Hostile] = []


def add(name: str, file: str, data: bytes | str | Callable[[], bytes], outcome: Outcome) -> None:
    """List a file; text is UTF-8."""
    if callable(data):
        FIXTURES.append(Hostile(name, file, data, outcome))
    else:
        raw = data.encode() if isinstance(data, str) else data
        FIXTURES.append(Hostile(name, file, lambda: raw, outcome))


# --- workbooks ----------------------------------------------------------------------------------------------

COLUMNS = ["iso3", "name", "received_on"]


def sheet(rows: list[list[Any]], name: str = "states", **options: Any) -> bytes:
    """A workbook with one sheet, written by XlsxWriter; ``options`` are the workbook's."""
    data = io.BytesIO()
    with xlsxwriter.Workbook(
        data, {"in_memory": True, "default_date_format": "yyyy-mm-dd", **options}
    ) as book:
        page = book.add_worksheet(name)
        for number, row in enumerate(rows):
            page.write_row(number, 0, row)
    return data.getvalue()


def edited(change: Callable[[Any, Any], None]) -> bytes:
    """A workbook of one row, changed by openpyxl before it is saved: ``change(book, sheet)``."""
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.title = "states"
    page.append(COLUMNS)
    page.append(["KHM", "Cambodia", DAY])
    change(book, page)
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


def rezipped(data: bytes, change: Callable[[dict[str, bytes]], None]) -> bytes:
    """The archive with its parts changed."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    change(parts)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return target.getvalue()


GOOD = [COLUMNS, ["KHM", "Cambodia", DAY]]
LOADS: dict[str, list[str]] = {"iso3": ["KHM"], "name": ["Cambodia"], "received_on": [DAY]}
SHEET = "xl/worksheets/sheet1.xml"


def _bomb_by_ratio(parts: dict[str, bytes]) -> None:
    parts[SHEET] = parts[SHEET].replace(b"</worksheet>", b" " * 60_000_000 + b"</worksheet>")


def _bomb_nested(parts: dict[str, bytes]) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0", b"\0" * 20_000_000)
    parts["xl/media/nested.zip"] = inner.getvalue()


def _merged(book: Any, page: Any) -> None:
    page.append(["KEN", "Kenya", DAY])
    page.merge_cells("C2:C3")


def _hidden(book: Any, page: Any) -> None:
    page.sheet_state = "hidden"
    book.create_sheet("front")


def _protected(book: Any, page: Any) -> None:
    page.protection.sheet = True


def _formula(book: Any, page: Any) -> None:
    page["B2"] = "=1+1"


def _far_cell(book: Any, page: Any) -> None:
    page["XFD1048576"] = "x"


def _no_list(parts: dict[str, bytes]) -> None:
    del parts["xl/workbook.xml"]


def _lying_size() -> bytes:
    data = bytearray(sheet(GOOD))
    place = data.rindex(b"PK\x01\x02")
    data[place + 24 : place + 28] = (1).to_bytes(4, "little")
    return bytes(data)


def _locked() -> bytes:
    data = bytearray(sheet(GOOD))
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.find(mark)
        while place != -1:
            data[place + flags] |= 1
            place = data.find(mark, place + 4)
    return bytes(data)


def _entity(parts: dict[str, bytes]) -> None:
    laughs = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "' + b"&a;" * 1000 + b'">]>'
    parts[SHEET] = parts[SHEET].replace(b"<worksheet", laughs + b"<worksheet", 1)


def _external(parts: dict[str, bytes]) -> None:
    ask = b'<!DOCTYPE x [<!ENTITY e SYSTEM "http://127.0.0.1:9/x">]>'
    parts[SHEET] = parts[SHEET].replace(b"<worksheet", ask + b"<worksheet", 1)


SERIAL = date(2026, 1, 15)

add("a good workbook", "book.xlsx", lambda: sheet(GOOD), LOADS)
add("zip bomb by its ratio", "book.xlsx", lambda: rezipped(sheet(GOOD), _bomb_by_ratio), "FILE-BOMB")
add("a zip in the zip is not opened", "book.xlsx", lambda: rezipped(sheet(GOOD), _bomb_nested), LOADS)
add("a part whose size lies", "book.xlsx", _lying_size, "FILE-XLSX")
add(
    "../ in names of parts",
    "book.xlsx",
    lambda: rezipped(sheet(GOOD), lambda p: p.update({"../../evil": b"x"})),
    LOADS,
)
add(
    "macros under the name of a workbook without",
    "book.xlsx",
    lambda: rezipped(sheet(GOOD), lambda p: p.update({"xl/vbaProject.bin": b"\xd0\xcf"})),
    LOADS,
)
add("encrypted workbook", "book.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 4096, "FILE-ENCRYPTED")
add("zip with a password", "book.xlsx", _locked, "FILE-ENCRYPTED")
add("truncated workbook", "book.xlsx", lambda: sheet(GOOD)[:2000], "FILE-XLSX")
add(
    "a workbook without its list of sheets",
    "book.xlsx",
    lambda: rezipped(sheet(GOOD), _no_list),
    "FILE-XLSX",
)
add("a picture called workbook", "book.xlsx", b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "FILE-XLSX")
add("formula without a result", "book.xlsx", lambda: edited(_formula), {"name": ["#UNCOMPUTED!"]})
add(
    "formula with its result",
    "book.xlsx",
    lambda: sheet([COLUMNS, ["KHM", '="Cam"&"bodia"', DAY]]),
    {"iso3": ["KHM"], "name": ["0"]},
)
add(
    "merged cells: the first has the value",
    "book.xlsx",
    lambda: edited(_merged),
    {"received_on": [DAY, "#MERGED!"]},
)
add("hidden sheet: read as any other", "book.xlsx", lambda: edited(_hidden), LOADS)
add("protected sheet", "book.xlsx", lambda: edited(_protected), LOADS)
add("a cell in the last row and column", "book.xlsx", lambda: edited(_far_cell), "FILE-BOMB")
add(
    "16,384 columns",
    "book.xlsx",
    lambda: sheet([[*COLUMNS, *(f"c{n}" for n in range(16_381))], ["KHM", "Cambodia", DAY]]),
    "FILE-COLUMNS-MANY",
)
add(
    "16,384 columns of which three are in use",
    "book.xlsx",
    lambda: sheet([[*COLUMNS, *[""] * 16_380, " "], ["KHM", "Cambodia", DAY]]),
    LOADS,
)
add("entities in a sheet", "book.xlsx", lambda: rezipped(sheet(GOOD), _entity), LOADS)
add("an external entity in a sheet", "book.xlsx", lambda: rezipped(sheet(GOOD), _external), LOADS)
add("dates as serials from 1900", "book.xlsx", lambda: sheet([COLUMNS, ["KHM", "Cambodia", SERIAL]]), LOADS)
add(
    "dates as serials from 1904",
    "book.xlsx",
    lambda: sheet([COLUMNS, ["KHM", "Cambodia", SERIAL]], date_1904=True),
    LOADS,
)
add(
    "a number without a date's format is no date",
    "book.xlsx",
    lambda: sheet([COLUMNS, ["KHM", "Cambodia", 46037]]),
    {"received_on": ["46037"]},
)
add(
    "a moment is no date",
    "book.xlsx",
    lambda: sheet([COLUMNS, ["KHM", "x", datetime(2026, 1, 15, 3, 4, tzinfo=UTC).replace(tzinfo=None)]]),
    {"received_on": ["2026-01-15 03:04:00"]},
)
add("SQL in the name of a sheet", "book.xlsx", lambda: sheet(GOOD, "x'; drop table x; --"), "FILE-SHEETS")
add(
    "duplicate headers in a sheet",
    "book.xlsx",
    lambda: sheet([[*COLUMNS, "Name"], ["KHM", "a", DAY, "b"]]),
    "FILE-HEADER-DUPLICATE",
)
add("an empty sheet", "book.xlsx", lambda: sheet([]), "FILE-EMPTY")
add(
    "text that looks like a number stays text",
    "book.xlsx",
    lambda: sheet([COLUMNS, ["KHM", "007", DAY]], strings_to_numbers=False),
    {"name": ["007"]},
)

# --- CSV ----------------------------------------------------------------------------------------------------

add("NUL bytes", "states.csv", HEAD + f"KHM,Cam\0bodia,{DAY}\n", "FILE-NUL")
add("no bytes", "states.csv", b"", "FILE-EMPTY")
add("only blank lines", "states.csv", b"\n\n \n", "FILE-EMPTY")
add("BOM of UTF-8", "states.csv", b"\xef\xbb\xbf" + (HEAD + f"KHM,Cambodia,{DAY}\n").encode(), LOADS)
add("BOM and UTF-16, little end", "states.csv", (HEAD + f"KHM,x,{DAY}\n").encode("utf-16"), "FILE-ENCODING")
add("BOM and UTF-16, big end", "states.csv", b"\xfe\xff" + HEAD.encode("utf-16-be"), "FILE-ENCODING")
add("BOM and UTF-32", "states.csv", HEAD.encode("utf-32"), "FILE-ENCODING")
add("UTF-16 without a BOM", "states.csv", HEAD.encode("utf-16-le"), "FILE-NUL")
add("cp1252", "states.csv", (HEAD + f"CIV,Côte d'Ivoire,{DAY}\n").encode("cp1252"), "FILE-ENCODING")
add("cp1251", "states.csv", (HEAD + f"KHM,Камбоджа,{DAY}\n").encode("cp1251"), "FILE-ENCODING")
add("cp1256", "states.csv", (HEAD + f"KHM,كمبوديا,{DAY}\n").encode("cp1256"), "FILE-ENCODING")
add(
    "mixed line ends",
    "states.csv",
    f"iso3,name,received_on\r\nKHM,Cambodia,{DAY}\nKEN,Kenya,{DAY}\r\n",
    {"iso3": ["KHM", "KEN"]},
)
add("line ends of old Macs", "states.csv", f"iso3,name,received_on\rKHM,Cambodia,{DAY}\r", LOADS)
add(
    "duplicate headers",
    "states.csv",
    f"iso3,name,NAME ,received_on\nKHM,a,b,{DAY}\n",
    "FILE-HEADER-DUPLICATE",
)
add(
    "an empty header over cells is a column of its own",
    "states.csv",
    f"iso3,name,,received_on\nKHM,Cambodia,x,{DAY}\n",
    {"column 3": ["x"], **LOADS},
)
add(
    "an empty header over nothing is none",
    "states.csv",
    f"iso3,name,received_on,\nKHM,Cambodia,{DAY},\n",
    LOADS,
)
add(
    "columns with the names of our own",
    "states.csv",
    f"iso3,name,received_on,_row,_cells,_place\nKHM,Cambodia,{DAY},9,9,x\n",
    LOADS,
)
add("no header", "states.csv", f"KHM,Cambodia,{DAY}\n", "FILE-HEADER")
add("a required column is missing", "states.csv", "iso3,name\nKHM,Cambodia\n", "FILE-COLUMNS")
add("a quote that is never closed", "states.csv", HEAD + f'KHM,"Cambodia,{DAY}\n', "FILE-QUOTE")
add("a cell of 1 MB", "states.csv", HEAD + f"KHM,{'x' * 1_000_000},{DAY}\n", {"name": ["x" * 1_000_000]})
add(
    "16,384 columns of CSV",
    "states.csv",
    "iso3,name,received_on,"
    + ",".join(f"c{n}" for n in range(16_381))
    + f"\nKHM,Cambodia,{DAY}"
    + "," * 16_381
    + "\n",
    "FILE-COLUMNS-MANY",
)
add("a million separators", "states.csv", HEAD + "," * 1_000_000 + "\n", {"iso3": []})
add("a row that is too long", "states.csv", HEAD + f"KHM,Cambodia,{DAY},x\n", {"iso3": [""]})
add("semicolons", "states.csv", f"iso3;name;received_on\nKHM;Cambodia;{DAY}\n", LOADS)
add("tabs", "states.csv", f"iso3\tname\treceived_on\nKHM\tCambodia\t{DAY}\n", LOADS)
add(
    "a number of the continent stays as it stood",
    "contributions.csv",
    "contribution_id;iso3;year;kind;amount;dated_on;received_on\nC;KHM;2025;assessment;1.234,5;2025-02-01;2026-01-15\n",
    {"amount": ["1.234,5"]},
)
add(
    "digits of Arabic stay as they stood",
    "contributions.csv",
    "contribution_id,iso3,year,kind,amount,dated_on,received_on\nC,KHM,٢٠٢٥,assessment,١٠٠,2025-02-01,2026-01-15\n",
    {"year": ["٢٠٢٥"], "amount": ["١٠٠"]},
)
add(
    "day before month stays as it stood",
    "states.csv",
    HEAD + "KHM,Cambodia,15/01/2026\n",
    {"received_on": ["15/01/2026"]},
)
add(
    "month before day stays as it stood",
    "states.csv",
    HEAD + "KHM,Cambodia,01/15/2026\n",
    {"received_on": ["01/15/2026"]},
)
add(
    "marks that turn the direction",
    "states.csv",
    HEAD + f"KHM,\u202eaidobmaC,{DAY}\n",
    {"name": ["\u202eaidobmaC"]},
)
add("a homoglyph in a name", "states.csv", HEAD + f"KHM,\u0421ambodia,{DAY}\n", {"name": ["\u0421ambodia"]})
add("the state NA", "states.csv", HEAD + f"NA,null,{DAY}\n", {"iso3": ["NA"], "name": ["null"]})
add(
    "SQL in a cell and in a column",
    "states.csv",
    f'iso3,name,received_on,"x""); drop table states; --"\nKHM,\'; drop table states; --,{DAY},1\n',
    {"name": ["'; drop table states; --"]},
)
add("SQL in the name of the file", "states--'; drop table x; --.csv", HEAD + f"KHM,Cambodia,{DAY}\n", LOADS)
add("a formula of a spreadsheet is text", "states.csv", HEAD + f"KHM,=1+1,{DAY}\n", {"name": ["=1+1"]})
add(
    "five ways to say nothing are five",
    "states.csv",
    HEAD + f"A,,{DAY}\nB,nil,{DAY}\nC,N/A,{DAY}\nD,unchanged,{DAY}\nE,0,{DAY}\n",
    {"name": ["", "nil", "N/A", "unchanged", "0"]},
)
add(
    "five ways to say nothing, in a workbook",
    "book.xlsx",
    lambda: sheet(
        [COLUMNS, *([c, v, DAY] for c, v in zip("ABCDE", ["", "nil", "N/A", "unchanged", 0], strict=True))]
    ),
    {"name": ["", "nil", "N/A", "unchanged", "0"]},
)
add(
    "a web page called CSV",
    "states.csv",
    "<!DOCTYPE html><html><body>maintenance</body></html>",
    "FILE-HEADER",
)
add("gzip called CSV", "states.csv", lambda: gzip.compress(HEAD.encode(), mtime=0), "FILE-FORMAT")

# --- JSON ---------------------------------------------------------------------------------------------------


def record(**changes: Any) -> dict[str, Any]:
    return {"iso3": "KHM", "name": "Cambodia", "received_on": DAY, **changes}


add("JSON nested deeply", "states.json", "[" * 100_000 + "]" * 100_000, "FILE-JSON-NESTED")
add("objects nested deeply", "states.json", '[{"a":' * 50_000 + "1" + "}]" * 50_000, "FILE-JSON-NESTED")
add("a key twice", "states.json", '[{"iso3": "KHM", "iso3": "KEN"}]', "FILE-JSON-DUPLICATE")
add("NaN", "states.json", '[{"iso3": "KHM", "name": NaN}]', "FILE-JSON-NAN")
add(
    "a huge integer keeps its digits",
    "states.json",
    '[{"iso3": "KHM", "received_on": "2026-01-15", "name": ' + "9" * 5000 + "}]",
    {"name": ["9" * 5000]},
)
add(
    "1e999 stays as it stood",
    "states.json",
    '[{"iso3": "KHM", "name": 1e999, "received_on": "2026-01-15"}]',
    {"name": ["1e999"]},
)
add("half a character in a cell", "states.json", '[{"iso3": "\\ud800"}]', "FILE-ENCODING")
add("half a character in a key", "states.json", '[{"iso3": "KHM", "\\ud800": 1}]', "FILE-ENCODING")
add(
    "an escaped NUL",
    "states.json",
    '[{"iso3": "KHM", "name": "a\\u0000b", "received_on": "2026-01-15"}]',
    "FILE-NUL",
)
add("a list for a cell", "states.json", lambda: json.dumps([record(name=["a"])]).encode(), {"name": [""]})
add(
    "an object for an array",
    "states.json",
    lambda: json.dumps({"rows": [record()]}).encode(),
    "FILE-JSON",
)
add("truncated JSON", "states.json", lambda: json.dumps([record()]).encode()[:-4], "FILE-JSON")
add(
    "null, empty, nil, 0 and false are what they are",
    "states.json",
    lambda: json.dumps([record(name=v) for v in (None, "", "nil", 0, False)]).encode(),
    {"name": ["", "", "nil", "0", "false"]},
)
add("two objects in a line", "states.jsonl", '{"iso3":"KHM"} {"iso3":"KEN"}\n', "FILE-JSON")
add("truncated JSONL", "states.jsonl", '{"iso3":"KHM"}\n{"iso3":', "FILE-JSON")

# --- Parquet ------------------------------------------------------------------------------------------------


def parquet(**columns: Any) -> bytes:
    target = io.BytesIO()
    pq.write_table(pa.table(columns), target, compression="zstd")
    return target.getvalue()


def _parquet_good() -> bytes:
    return parquet(iso3=["KHM"], name=["Cambodia"], received_on=[SERIAL])


def _parquet_bomb() -> bytes:
    target = io.BytesIO()
    pq.write_table(pa.table({"iso3": pa.nulls(60_000_000, pa.string())}), target)
    return target.getvalue()


add("good Parquet", "states.parquet", _parquet_good, LOADS)
add("truncated Parquet", "states.parquet", lambda: _parquet_good()[:-20], "FILE-PARQUET")
add(
    "Parquet cut in the middle",
    "states.parquet",
    lambda: _parquet_good()[:40] + _parquet_good()[60:],
    "FILE-PARQUET",
)
add("CSV called Parquet", "states.parquet", HEAD, "FILE-PARQUET")
add("a Parquet bomb", "states.parquet", _parquet_bomb, "FILE-BOMB")
add(
    "lists in Parquet",
    "states.parquet",
    lambda: parquet(iso3=[["KHM"]], received_on=[DAY]),
    "FILE-PARQUET-TYPE",
)
add(
    "bytes in Parquet",
    "states.parquet",
    lambda: parquet(iso3=[b"\xff"], received_on=[DAY]),
    "FILE-PARQUET-TYPE",
)
