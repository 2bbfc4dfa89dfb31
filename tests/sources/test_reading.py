"""Files of every format become the same frame of text, and what can't be read says why."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter
from hypothesis import example, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from sources import frames, tabular, workbooks
from sources.reading import MAX_FILE_BYTES, FileContent, Table, classify, masked_name, read

HEADER = "iso3,name,un_region,received_on"
MIDNIGHT = datetime.fromisoformat("2025-01-02")
AFTER_THREE = datetime.fromisoformat("2025-01-02T03:04")


def _read(
    tmp_path: Path, data: bytes | str, name: str = "states.csv", max_bytes: int = MAX_FILE_BYTES
) -> FileContent:
    path = tmp_path / "0123"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return read(path, name, max_bytes=max_bytes)


def _table(content: FileContent) -> Table:
    assert content.problem is None
    (table,) = content.tables
    assert table.problem is None
    return table


def _cells(table: Table) -> list[list[str]]:
    return table.frame[[*table.header]].values.tolist()


def _code(content: FileContent) -> str:
    """The code of the file's problem, or of its only table's."""
    problem = content.problem or content.tables[0].problem
    assert problem is not None and problem.sentence.endswith(".")
    return problem.code


# --- names of files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "dataset", "form"),
    [
        ("states.csv", "states", "csv"),
        ("States.CSV", "states", "csv"),
        ("meeting_participants--22MSP final.json", "meeting_participants", "json"),
        ("article7_answers--a--b.jsonl", "article7_answers", "jsonl"),
        ("inbox/sub/meetings.parquet", "meetings", "parquet"),
        ("any book.XLSX", "workbook", "xlsx"),
        ("states.txt", "unknown", "unknown"),
        ("states-2025.csv", "unknown", "unknown"),
        ("nothing.csv", "unknown", "unknown"),
        ("states", "unknown", "unknown"),
        (".csv", "unknown", "unknown"),
        ("states.csv.bak", "unknown", "unknown"),
        ("", "unknown", "unknown"),
    ],
)
def test_a_file_is_what_its_name_says(name: str, dataset: str, form: str) -> None:
    identity = classify(name)
    assert (identity.dataset, identity.format) == (dataset, form)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Meeting_Participants--Olga Sample.CSV", "meeting_participants--1a2b3c4d.csv"),
        ("meeting_participants.csv", "meeting_participants.csv"),
        ("Meeting_participants.csv", "meeting_participants--1a2b3c4d.csv"),
        ("olga/meeting_participants.csv", "meeting_participants--1a2b3c4d.csv"),
        ("Olga Sample.xlsx", "workbook--1a2b3c4d.xlsx"),
        ("Olga Sample.pdf", "unknown--1a2b3c4d.pdf"),
        ("mail to.Olga", "unknown--1a2b3c4d"),
        ("Olga", "unknown--1a2b3c4d"),
    ],
)
def test_a_masked_name_tells_nothing_of_the_name(name: str, shown: str) -> None:
    assert masked_name(name, "1a2b3c4d" + "0" * 56) == shown


def test_a_file_of_no_known_name_has_nothing_to_say(tmp_path: Path) -> None:
    content = _read(tmp_path, "a,b\n1,2\n", "other.csv")
    assert (content.format, content.tables, content.problem) == ("unknown", (), None)


# --- CSV --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_csv_in_every_shape(tmp_path: Path, delimiter: str, start: str, end: str) -> None:
    lines = [HEADER, "NAM,  Namibia ,African,2025-01-02", '"CIV","Côte, ""d""; Ivoire",,2025-01-02']
    if delimiter != ",":
        lines[:2] = [line.replace(",", delimiter) for line in lines[:2]]
        lines[2] = delimiter.join(['"CIV"', '"Côte, ""d""; Ivoire"', "", "2025-01-02"])
    table = _table(_read(tmp_path, start + end.join(lines) + end))
    assert table.header == ("iso3", "name", "un_region", "received_on")
    assert _cells(table) == [
        ["NAM", "Namibia", "African", "2025-01-02"],
        ["CIV", 'Côte, "d"; Ivoire', "", "2025-01-02"],
    ]
    assert table.frame["_row"].tolist() == [2, 3] and table.frame["_cells"].tolist() == [4, 4]
    assert {str(t) for t in table.frame.dtypes} == {"str", "int64"}


def test_the_text_na_is_namibia_and_nothing_is_guessed(tmp_path: Path) -> None:
    table = _table(_read(tmp_path, f"{HEADER}\nNA,null,NaN,007\n"))
    assert _cells(table) == [["NA", "null", "NaN", "007"]]


def test_header_names_are_trimmed_and_case_folded(tmp_path: Path) -> None:
    table = _table(_read(tmp_path, " ISO3 ,Name,UN_Region,Received_On,Ünknown\nNA,x,,2025-01-01,y\n"))
    assert table.header == ("iso3", "name", "un_region", "received_on", "ünknown")


def test_row_numbers_are_those_of_a_spreadsheet_blank_lines_counted(tmp_path: Path) -> None:
    text = f'\n{HEADER}\n\nA,"two\nlines",,\n,,,\n\n   \nB,b,,\n'
    table = _table(_read(tmp_path, text))
    assert table.frame["_row"].tolist() == [4, 8]
    assert table.frame["name"].tolist() == ["two\nlines", "b"]


def test_rows_with_a_wrong_number_of_cells_stay_in_their_places_without_cells(tmp_path: Path) -> None:
    table = _table(_read(tmp_path, f"{HEADER}\nA,a,,\nB,b\nC,c,,\nD,d,,,x,y\nE,e,,\n"))
    assert table.frame["_row"].tolist() == [2, 3, 4, 5, 6]
    assert table.frame["_cells"].tolist() == [4, 2, 4, 6, 4]
    assert table.frame["name"].tolist() == ["a", "", "c", "", "e"]


def test_a_column_without_a_name_and_cells_is_no_column_and_one_with_cells_is_an_unknown_one(
    tmp_path: Path,
) -> None:
    assert _table(_read(tmp_path, f"{HEADER},,\nA,a,,,,\n")).header == tuple(HEADER.split(","))
    assert _table(_read(tmp_path, f"{HEADER},\nA,a,,,x\n")).header[-1] == "column 5"


def test_a_header_alone_is_a_table_without_rows(tmp_path: Path) -> None:
    for text in (HEADER, HEADER + "\n", HEADER.replace(",", ";") + "\r\n\r\n"):
        table = _table(_read(tmp_path, text))
        assert table.header_only and table.frame.empty


def test_a_stray_quote_inside_a_cell_is_text(tmp_path: Path) -> None:
    assert _cells(_table(_read(tmp_path, f'{HEADER}\nA,5" pipe,,\n')))[0][1] == '5" pipe'


STEPS = st.sampled_from([1, 3, 1_000_000])
"""Bytes that are looked at together."""


def _pair(data: bytes, delimiter: str, step: int) -> bool:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tabular, "_STEP", step)
        return tabular._quotes_pair(data, delimiter)


@given(
    st.lists(st.sampled_from(['"', '"', ",", "\n", "\r\n", " ", "a", ";"]), max_size=14),
    st.sampled_from(",;"),
    STEPS,
)
@settings(max_examples=1000)
@example(list('"a""",""'), ",", 1)
@example(list('"a"" ,"b"'), ",", 1)
@example(list('"a'), ",", 1)
def test_marks_that_pair_are_marks_of_which_none_is_wrong(text: list[str], delimiter: str, step: int) -> None:
    """Where the quick look finds nothing, looking at each cell finds nothing either."""
    data = ("".join(text) + "\n").encode()
    if _pair(data, delimiter, step):
        assert data.count(b'"') % 2 == 0
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tabular, "_quotes_pair", lambda *_: False)
            assert tabular._with_wrong_quotes_marked(data, delimiter) == data


@given(
    st.lists(st.lists(st.text('",\n a', max_size=6), min_size=2, max_size=3), min_size=1, max_size=4), STEPS
)
def test_marks_of_what_a_program_writes_pair(rows: list[list[str]], step: int) -> None:
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL).writerows(rows)
    assert _pair(written.getvalue().encode(), ",", step)


@pytest.mark.parametrize(
    ("cell", "read"),
    [
        ('"Eng"lish', None),
        ('"x"""y', None),
        ('""x', None),
        (' "x"', None),
        ('"a \\"b\\" c"', None),
        ('"a\nB,b,,\nC,"c', None),
        ('"a, ""b""\n;"', 'a, "b"\n;'),
        ('"x" ', "x"),
        ('""', ""),
        ('a""b"', 'a""b"'),
    ],
)
@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_text_around_quotation_marks_makes_its_row_wrong_and_no_other(
    tmp_path: Path, cell: str, read: str | None, delimiter: str
) -> None:
    lines = [HEADER, f"A,{cell},,", 'D,"d",,']
    table = _table(_read(tmp_path, "\n".join(line.replace(",", delimiter) for line in lines)))
    good = [["A", read.replace(",", delimiter), "", ""]] if read is not None else [["", "", "", ""]]
    assert _cells(table) == [*good, ["D", "d", "", ""]]
    assert table.frame["_cells"].tolist() == [4 if read is not None else -1, 4]
    assert table.frame["_row"].tolist() == [2, 3]


@pytest.mark.parametrize("size", range(90, 120))
def test_a_file_is_the_same_in_blocks_of_any_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    lines = [f'{n},"a\r\n\r\n{n}",,' if n % 3 else f"{n},b,,x,y" for n in range(40)]
    text = "\r\n".join([HEADER, *lines[:20], 'L,"' + "\r\n" * 150 + 'x",,', *lines[20:]])
    whole = _table(_read(tmp_path, text)).frame
    monkeypatch.setattr(tabular, "BLOCK_BYTES", size)
    assert _table(_read(tmp_path, text)).frame.equals(whole)
    short = text.replace("\r\n" * 150, "")
    table = _table(_read(tmp_path, short))
    assert table.frame["name"].tolist() == [
        "x" if n == "L" else f"a\r\n\r\n{n}" if n else "" for n in table.frame["iso3"]
    ]
    assert table.frame["_cells"].tolist().count(5) == 14


def test_a_row_as_long_as_the_names_in_the_header_is_not_one_as_long_as_the_header(tmp_path: Path) -> None:
    table = _table(_read(tmp_path, f"{HEADER},,\nA,a,,,,\nB,b,,\n"))
    assert table.header == tuple(HEADER.split(","))
    assert table.frame["_cells"].tolist() == [4, 0]


def test_columns_of_one_name_that_no_dataset_has_stand_by_their_places(tmp_path: Path) -> None:
    table = _table(_read(tmp_path, f"{HEADER},notes,Notes\nA,a,,,x,y\n"))
    assert table.header == (*HEADER.split(","), "column 5", "column 6")
    assert _cells(table) == [["A", "a", "", "", "x", "y"]]


@pytest.mark.parametrize("header", ["\ufeff\ufeffiso3,name,received_on", "iso3,name,received_\u200bon"])
def test_of_a_name_with_characters_that_are_not_seen_it_is_said(tmp_path: Path, header: str) -> None:
    problem = _read(tmp_path, header + "\nA,a,\n").tables[0].problem
    assert problem is not None and problem.code == "FILE-COLUMNS"
    assert problem.sentence.endswith("holds characters that are not seen: type it anew.")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "FILE-EMPTY"),
        (b"  \n\n", "FILE-EMPTY"),
        (b"\xef\xbb\xbf", "FILE-EMPTY"),
        (HEADER.encode("utf-16"), "FILE-ENCODING"),
        (f"{HEADER}\nCIV,Côte,,\n".encode("latin-1"), "FILE-ENCODING"),
        (f"{HEADER}\nCIV,C\0te,,\n".encode(), "FILE-NUL"),
        (f'{HEADER}\nCIV,"Cote,,\nX,x,,\n'.encode(), "FILE-QUOTE"),
        (f'{HEADER}\nA,5" pipe,,\nC,"c,,\n'.encode(), "FILE-QUOTE"),
        (b"iso3,name,Name ,received_on\nA,a,b,\n", "FILE-HEADER-DUPLICATE"),
        (b"AFG,Afghanistan,,2025-01-01\n", "FILE-HEADER"),
        (b"iso3,name,un_region\nA,a,\n", "FILE-COLUMNS"),
        (b"PK\x03\x04 not a table", "FILE-FORMAT"),
    ],
)
def test_csv_that_can_t_be_read_says_why(tmp_path: Path, data: bytes, code: str) -> None:
    assert _code(_read(tmp_path, data)) == code


@pytest.mark.parametrize(
    ("records", "loads"),
    [
        ([{"iso3": "A", "received_on": "x", "record_status": "Retracted "}] * 2, True),
        ([{"iso3": "A", "received_on": "x", "record_status": s} for s in ("retracted", "active")], False),
        ([{"iso3": "A", "record_status": "retracted"}], False),
        ([{"name": "A", "received_on": "x", "record_status": "retracted"}], False),
    ],
)
def test_a_table_that_only_takes_back_needs_only_what_a_retraction_needs(
    tmp_path: Path, records: list[dict[str, str]], loads: bool
) -> None:
    (table,) = _read(tmp_path, json.dumps(records), "states.json").tables
    assert (table.problem is None) is loads


def test_missing_columns_are_named_and_those_that_are_there_never(tmp_path: Path) -> None:
    content = _read(tmp_path, "meeting_id,Olga Sample\nA,b\n", "meeting_participants.csv")
    problem = content.tables[0].problem
    assert problem is not None and problem.code == "FILE-COLUMNS"
    assert "registration_id" in problem.sentence and "received_on" in problem.sentence
    assert "olga" not in problem.sentence.lower() and "olga" not in repr(content).lower()


def test_a_file_over_the_limit_is_not_read(tmp_path: Path) -> None:
    assert _code(_read(tmp_path, HEADER, max_bytes=10)) == "FILE-TOO-LARGE"
    assert _table(_read(tmp_path, HEADER, max_bytes=len(HEADER))).header_only


# --- JSON -------------------------------------------------------------------------------------------------


def test_json_numbers_keep_their_digits_and_missing_keys_are_empty(tmp_path: Path) -> None:
    text = """[{"iso3": "NA", "name": 1.50, "received_on": null, "Extra ": true},
               {"received_on": "2025-01-01", "name": 12345678901234567890, "iso3": false}, {}]"""
    table = _table(_read(tmp_path, text, "states.json"))
    assert table.header == ("iso3", "name", "received_on", "extra")
    assert _cells(table) == [["NA", "1.50", "", "true"], ["false", "12345678901234567890", "2025-01-01", ""]]
    assert table.frame["_row"].tolist() == [1, 2]


def test_jsonl_row_numbers_are_lines(tmp_path: Path) -> None:
    one = json.dumps({"iso3": "NA", "name": "a", "received_on": "x\u2028y"}, ensure_ascii=False)
    table = _table(_read(tmp_path, f"\ufeff{one}\r\n\n  \n{one}", "states--x.jsonl"))
    assert table.frame["_row"].tolist() == [1, 4]
    assert table.frame["received_on"].tolist() == ["x\u2028y"] * 2


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"iso3": "A"}', "FILE-JSON"),
        ('[{"iso3": "A"}, 1]', "FILE-JSON"),
        ('[{"iso3": "A"}', "FILE-JSON"),
        ('{"rows": [{"iso3": "A"}]}', "FILE-JSON"),
        ('[[{"iso3": "A"}]]', "FILE-JSON"),
        ("[" * 100_000, "FILE-JSON-NESTED"),
        ('[{"iso3": "A", "iso3": "B"}]', "FILE-JSON-DUPLICATE"),
        ('[{"iso3": "A", "ISO3 ": "B"}]', "FILE-JSON-DUPLICATE"),
        ('[{"iso3": NaN}]', "FILE-JSON-NAN"),
        ('[{"iso3": -Infinity}]', "FILE-JSON-NAN"),
        ('[{"iso3": "\\ud800"}]', "FILE-ENCODING"),
        ('[{"iso3": "\\u0000", "name": "", "received_on": ""}]', "FILE-NUL"),
        ("[]", "FILE-EMPTY"),
        ('[{"name": "x"}]', "FILE-COLUMNS"),
    ],
)
def test_json_that_can_t_be_read_says_why(tmp_path: Path, text: str, code: str) -> None:
    assert _code(_read(tmp_path, text, "states.json")) == code


@pytest.mark.parametrize("value", [["A"], {"a": "A"}, {"a": {"b": []}}, []])
def test_a_json_value_that_is_no_cell_makes_its_row_wrong_and_no_other(tmp_path: Path, value: object) -> None:
    whole = {"iso3": "AGO", "name": "\0an object or an array"[1:], "received_on": "2025-01-01"}
    text = json.dumps([whole, {**whole, "name": value}, {**whole, "rows": value}])
    table = _table(_read(tmp_path, text, "states.json"))
    assert table.header == ("iso3", "name", "received_on", "rows")
    assert table.frame["_cells"].tolist() == [4, 0, 4]
    assert table.frame["name"].tolist() == [whole["name"], "", whole["name"]]
    assert table.frame["rows"].tolist() == ["", "", ""]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2025.0", "2025"),
        ("2025", "2025"),
        ("1.50", "1.50"),
        ("-0.0", "-0"),
        ("1e3", "1e3"),
        ("1.0e3", "1.0e3"),
    ],
)
def test_a_json_number_is_read_as_written_but_for_a_fraction_of_zeros(
    tmp_path: Path, written: str, read: str
) -> None:
    text = f'[{{"iso3": "AGO", "name": {written}, "received_on": "2025-01-01"}}]'
    assert _table(_read(tmp_path, text, "states.json")).frame["name"].tolist() == [read]


@pytest.mark.parametrize("text", ['{"a": 1}, {"a": 2}', '{"a":\n1}', "[1]", '[{"a": 1}]', '{"a": 1}\nx'])
def test_jsonl_holds_one_object_a_line(tmp_path: Path, text: str) -> None:
    assert _code(_read(tmp_path, text, "states.jsonl")) == "FILE-JSON"


def test_json_names_the_line_where_it_breaks(tmp_path: Path) -> None:
    content = _read(tmp_path, '{"iso3": "A"}\n\n{"iso3": "Olga"\n', "states.jsonl")
    assert content.problem is not None
    assert "line 3" in content.problem.sentence and "Olga" not in repr(content)


# --- Parquet ----------------------------------------------------------------------------------------------


def _parquet(columns: dict[str, pa.Array]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def test_a_number_of_parquet_is_the_shortest_text_of_its_own_kind_and_none_is_said(tmp_path: Path) -> None:
    kinds = {
        "single": pa.array([1.1, None, 0.1], pa.float32()),
        "half": pa.array([1.5, None, float("nan")], pa.float16()),
        "double": pa.array([float("inf"), 999999999999999.0, 1234567890123456.0]),
    }
    names = {name: pa.array(["A"] * 3) for name in ("iso3", "name", "received_on")}
    frame = _table(_read(tmp_path, _parquet({**names, **kinds}), "states.parquet")).frame
    assert frame["single"].tolist() == ["1.1", "", "0.1"]
    assert frame["half"].tolist() == ["1.5", "", "#NUM!"]
    assert frame["double"].tolist() == ["#NUM!", "999999999999999", "1.234567890123456E+15"]


def test_parquet_values_become_the_text_that_a_csv_would_hold(tmp_path: Path) -> None:
    data = _parquet(
        {
            "iso3": pa.array(["NA", None]).dictionary_encode(),
            "name": pa.array([2025.0, 0.1]),
            "un_region": pa.array([True, False]),
            "Received_On": pa.array([date(2025, 1, 2), None]),
            "stamp": pa.array([MIDNIGHT, AFTER_THREE], pa.timestamp("us")),
            "zoned": pa.array([MIDNIGHT, None], pa.timestamp("ms", "UTC")),
            "whole": pa.array([2**60, -1]),
            "money": pa.array([Decimal("12.50"), Decimal("3.00")]),
            "large": pa.array([1e16, 1e-7]),
            "nothing": pa.nulls(2),
        }
    )
    table = _table(_read(tmp_path, data, "states.parquet"))
    assert _cells(table) == [
        [
            *("NA", "2025", "true", "2025-01-02", "2025-01-02", "2025-01-02"),
            *(str(2**60), "12.50", "1E+16", ""),
        ],
        ["", "0.1", "false", "", "2025-01-02T03:04:00", "", "-1", "3", "0.0000001", ""],
    ]
    assert table.frame["_row"].tolist() == [1, 2]


def test_parquet_without_rows_is_a_header(tmp_path: Path) -> None:
    empty = {name: pa.array([], pa.string()) for name in HEADER.split(",")}
    assert _table(_read(tmp_path, _parquet(empty), "states.parquet")).header_only


@pytest.mark.parametrize("name", ["x", "x.parquet"])
def test_parquet_that_can_t_be_read_says_why(tmp_path: Path, name: str) -> None:
    whole = _parquet({"iso3": pa.array(["A"] * 100)})
    assert _code(_read(tmp_path, whole[:-20], "states.parquet")) == "FILE-PARQUET"
    assert _code(_read(tmp_path, "iso3\nA\n", "states.parquet")) == "FILE-PARQUET"
    nested = _parquet({"iso3": pa.array([["A"]])})
    assert _code(_read(tmp_path, nested, "states.parquet")) == "FILE-PARQUET-TYPE"


def test_parquet_columns_that_the_dataset_does_not_know_may_hold_anything(tmp_path: Path) -> None:
    columns = {name: pa.array(["A"], pa.string()) for name in HEADER.split(",")}
    odd = {"lists": pa.array([[1]]), "bytes": pa.array([b"\xff"]), "map": pa.array([{"a": 1}])}
    table = _table(_read(tmp_path, _parquet({**columns, **odd}), "states.parquet"))
    assert table.header == (*HEADER.split(","), *odd) and table.frame["iso3"].tolist() == ["A"]
    assert table.frame[list(odd)].to_numpy().tolist() == [["", "", ""]]


def test_parquet_that_unfolds_to_too_many_cells_is_not_unfolded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sources.tabular.MAX_CELLS", 99)
    data = _parquet({"iso3": pa.array(["A"] * 100)})
    assert _code(_read(tmp_path, data, "states.parquet")) == "FILE-BOMB"


# --- workbooks --------------------------------------------------------------------------------------------


def _book(fill: Callable[[Any, Any], None], tmp_path: Path) -> bytes:
    path = tmp_path / "made.xlsx"
    book = xlsxwriter.Workbook(path)
    fill(book, book.add_worksheet)
    book.close()
    return path.read_bytes()


def _by_hand(tmp_path: Path, rows: str, more: str = "") -> FileContent:
    """A workbook whose sheet ``states`` holds these rows below its header, as XML."""
    whole = _book(lambda book, sheet: sheet("states").write_row(0, 0, HEADER.split(",")), tmp_path)
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as before, zipfile.ZipFile(target, "w") as after:
        for name in before.namelist():
            part = before.read(name)
            if name == "xl/worksheets/sheet1.xml":
                part = part.replace(b"</sheetData>", rows.encode() + b"</sheetData>" + more.encode())
            after.writestr(name, part)
    return _read(tmp_path, target.getvalue(), "Book.xlsx")


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("<c r='B2' t='e'><v>#REF!</v></c>", "#REF!"),
        ('<c t="e"><f>1/0</f><v>#DIV/0!</v></c>', "#DIV/0!"),
        ('<c r="B2"><f>A1</f></c>', "#UNCOMPUTED!"),
        ('<c r="B2"><f>A1</f><v/></c>', "#UNCOMPUTED!"),
        ('<c r="B2"><f t="shared" si="0"/><v></v></c>', "#UNCOMPUTED!"),
        ('<c r="B2" t="str"><f>A1</f><v></v></c>', ""),
        ('<c r="B2" t="str"><f>A1</f><v>x</v></c>', "x"),
        ('<c r="B2"><f>A1</f><v>0.30000000000000004</v></c>', "0.3"),
        ('<c r="B2"><v>1234567890123456</v></c>', "1.234567890123456E+15"),
        ('<c r="B2"><v>123456789012345</v></c>', "123456789012345"),
    ],
)
def test_a_cell_without_a_value_of_its_own_is_not_empty(tmp_path: Path, cell: str, text: str) -> None:
    first = "<c r='A2' t='inlineStr'><is><t>A</t></is></c>" if "r=" in cell else "<c><v>1</v></c>"
    table = _table(_by_hand(tmp_path, f"<row r='2'>{first}{cell}</row>"))
    assert table.frame["name"].tolist() == [text]


def test_a_row_of_nothing_but_formulas_without_results_is_a_row(tmp_path: Path) -> None:
    table = _table(_by_hand(tmp_path, '<row r="4"><c r="A4"><f>B1</f></c><c r="F4"><f>B1</f></c></row>'))
    assert _cells(table) == [["#UNCOMPUTED!", "", "", "", "#UNCOMPUTED!"]]
    assert table.header[-1] == "column 6" and table.frame["_row"].tolist() == [4]


def test_cells_merged_into_a_filled_one_are_not_empty(tmp_path: Path) -> None:
    rows = "".join(
        f"<row r='{n}'>" + "".join(f"<c r='{c}{n}'><v>{v}</v></c>" for c, v in cells.items()) + "</row>"
        for n, cells in {2: {"A": 1, "B": 2, "D": 3}, 3: {"A": 4}, 4: {"A": 5}}.items()
    )
    merged = "<mergeCells><mergeCell ref='B2:C3'/><mergeCell ref='D3:D4'/></mergeCells>"
    assert _cells(_table(_by_hand(tmp_path, rows, merged))) == [
        ["1", "2", "#MERGED!", "3"],
        ["4", "#MERGED!", "#MERGED!", ""],
        ["5", "", "", ""],
    ]


def test_a_sheet_named_after_a_dataset_is_a_table_of_it(tmp_path: Path) -> None:
    def fill(book: Any, sheet: Any) -> None:
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        minute = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        sheet("Read me first").write(0, 0, "hello")
        states = sheet(" States ")
        states.write_row(2, 1, ["ISO3", "name", "un_region", "received_on"])
        states.write_row(3, 1, ["NA", 2025, True])
        states.write_datetime(3, 4, MIDNIGHT, day)
        states.write_row(5, 1, ["CIV", 1234.5])
        states.write_formula(5, 3, "=1/0", None, "#DIV/0!")
        states.write_datetime(5, 4, AFTER_THREE, minute)
        states.write_row(6, 1, ["FRA", 1e16, "", "2025-01-02"])
        sheet("meetings").write_row(0, 0, ["meeting_id", "title"])

    content = _read(tmp_path, _book(fill, tmp_path), "Book.xlsx")
    states, meetings = content.tables
    assert (states.dataset, states.sheet, content.ignored_sheets) == ("states", " States ", 1)
    assert _cells(states) == [
        ["NA", "2025", "true", "2025-01-02"],
        ["CIV", "1234.5", "#DIV/0!", "2025-01-02 03:04:00"],
        ["FRA", "1E+16", "", "2025-01-02"],
    ]
    assert states.frame["_row"].tolist() == [4, 6, 7] and states.problem is None
    assert meetings.problem is not None and meetings.problem.code == "FILE-COLUMNS"
    assert not content.personal_properties


def test_an_empty_sheet_is_that_sheet_s_problem(tmp_path: Path) -> None:
    def fill(book: Any, sheet: Any) -> None:
        sheet("states")
        sheet("meetings").write_row(
            0, 0, ["meeting_id", "title", "kind", "starts_on", "ends_on", "received_on"]
        )

    states, meetings = _read(tmp_path, _book(fill, tmp_path), "b.xlsx").tables
    assert states.problem is not None and states.problem.code == "FILE-EMPTY"
    assert meetings.header_only


def test_a_workbook_without_a_dataset_says_so(tmp_path: Path) -> None:
    data = _book(lambda book, sheet: sheet("Olga Sample").write(0, 0, "x"), tmp_path)
    content = _read(tmp_path, data, "b.xlsx")
    assert _code(content) == "FILE-SHEETS" and "Olga" not in repr(content)


@pytest.mark.parametrize("name", ["author", "manager", "title", "subject", "comments", "keywords", "company"])
def test_document_properties_that_could_name_a_person_are_told(tmp_path: Path, name: str) -> None:
    def fill(book: Any, sheet: Any) -> None:
        sheet("states").write_row(0, 0, HEADER.split(","))
        book.set_properties({name: "Olga Sample"})

    assert _read(tmp_path, _book(fill, tmp_path), "b.xlsx").personal_properties


def test_comments_and_other_parts_may_name_a_person(tmp_path: Path) -> None:
    def fill(book: Any, sheet: Any) -> None:
        states = sheet("states")
        states.write_row(0, 0, HEADER.split(","))
        states.write_comment("A1", "by Olga")

    assert _read(tmp_path, _book(fill, tmp_path), "b.xlsx").personal_properties


def test_a_workbook_of_another_writer_is_read_too(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "states"
    sheet.append(HEADER.split(","))
    sheet.append(["NA", "Namibia", None, date(2025, 1, 2)])
    book.save(tmp_path / "o.xlsx")
    content = read(tmp_path / "o.xlsx", "o.xlsx")
    assert _cells(content.tables[0]) == [["NA", "Namibia", "", "2025-01-02"]]
    # It writes its own name as creator.
    assert content.personal_properties


def _whole_book(tmp_path: Path) -> bytes:
    return _book(lambda _, sheet: sheet("states").write_row(0, 0, HEADER.split(",")), tmp_path)


def test_a_truncated_or_false_workbook_says_so(tmp_path: Path) -> None:
    whole = _whole_book(tmp_path)
    for data in (whole[:-30], whole[: len(whole) // 2], b"iso3,name\n", b"PK\x05\x06" + b"\0" * 18):
        assert _code(_read(tmp_path, data, "b.xlsx")) == "FILE-XLSX"


def test_a_workbook_with_a_damaged_part_says_so(tmp_path: Path) -> None:
    data = bytearray(_whole_book(tmp_path))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        part = archive.getinfo("xl/worksheets/sheet1.xml")
    data[part.header_offset + 80] ^= 0xFF
    assert _code(_read(tmp_path, bytes(data), "b.xlsx")) == "FILE-XLSX"


def test_a_protected_workbook_says_so(tmp_path: Path) -> None:
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600
    assert _code(_read(tmp_path, ole, "b.xlsx")) == "FILE-ENCRYPTED"


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks, "RATIO_FROM_BYTES", 1_000_000)
    bomb = io.BytesIO(_whole_book(tmp_path))
    with zipfile.ZipFile(bomb, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/zero", b"\0" * 5_000_000)
    assert _code(_read(tmp_path, bomb.getvalue(), "b.xlsx")) == "FILE-BOMB"


def test_a_cell_far_from_all_others_is_a_bomb(tmp_path: Path) -> None:
    def fill(book: Any, sheet: Any) -> None:
        states = sheet("states")
        states.write_row(0, 0, HEADER.split(","))
        states.write(1_048_575, 16_383, "x")

    assert _code(_read(tmp_path, _book(fill, tmp_path), "b.xlsx")) == "FILE-BOMB"


CELL = st.sampled_from(["", " ", "a", "a ", "\ta", "é", "\u00a0", "b", "yes", 'a "b"', "#REF!", "iso3"])
LINE = st.lists(CELL, min_size=4, max_size=4) | st.just([" ", "", "", ""])
LINES = st.lists(LINE, min_size=1, max_size=9) | st.lists(
    st.lists(CELL, min_size=3, max_size=5), min_size=1, max_size=9
)


@settings(max_examples=150, deadline=None)
@given(LINES, st.booleans(), st.sampled_from(["", '"Eng"lish,a,b,c\n', ',"a" b,,\n']))
def test_a_large_file_is_read_as_a_small_one_is(
    tmp_path_factory: pytest.TempPathFactory, lines: list[list[str]], into_dictionaries: bool, wrong: str
) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([HEADER.split(","), *lines])
    folder = tmp_path_factory.mktemp("read")
    small = _read(folder, text.getvalue() + wrong)
    with (
        mock.patch.object(frames, "PACKED_ROWS", 2),
        mock.patch.object(tabular, "LARGE_BYTES", 0 if into_dictionaries else 10**9),
    ):
        large = _read(folder, text.getvalue() + wrong)
    assert large.problem == small.problem
    for one, other in zip(large.tables, small.tables, strict=True):
        assert (one.header, one.problem) == (other.header, other.problem)
        assert list(one.frame.columns) == list(other.frame.columns)
        for name in one.frame.columns:
            column = one.frame[name]
            if isinstance(column.dtype, pd.CategoricalDtype):
                # No text stands there that no row has: names in registers are taken from these.
                assert set(column.cat.categories) == set(column.dropna())
                column = column.astype("str").fillna("")
            assert column.tolist() == other.frame[name].tolist()
        if len(one.frame) > 2:
            assert isinstance(one.frame["iso3"].dtype, pd.CategoricalDtype)


@pytest.fixture
def large_from_three_rows_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "PACKED_ROWS", 2)
    monkeypatch.setattr(tabular, "LARGE_BYTES", 0)


@pytest.mark.usefixtures("large_from_three_rows_on")
def test_a_large_file_that_only_takes_records_back_needs_no_more_than_that(tmp_path: Path) -> None:
    header, lines = "iso3,received_on,record_status\n", ["KEN,2025-01-02,Retracted\n"] * 4
    taken_back = _read(tmp_path, header + "".join(lines))
    assert taken_back.tables[0].problem is None and len(taken_back.tables[0].frame) == 4
    one_says = _read(tmp_path, header + "".join([*lines, "KEN,2025-01-02,\n"]))
    assert one_says.tables[0].problem is not None and one_says.tables[0].problem.code == "FILE-COLUMNS"


@pytest.mark.usefixtures("large_from_three_rows_on")
def test_of_a_large_table_places_are_packed_and_nul_is_found() -> None:
    numbers = np.arange(3)
    column = pa.array(["KEN", "KHM", "KEN"])
    raw = frames.RawTable(("iso3",), (column,), numbers, np.ones(3, dtype=np.int64), pa.array(["B1"] * 3))
    table, _ = frames.tidy(raw, {"iso3"})
    assert {table.schema.field(name).type for name in ("iso3", "_place")} == {frames.PACKED}
    spoiled = replace(raw, columns=(pa.array(["KEN", "K\0N", "KEN"]),))
    with pytest.raises(frames.Unreadable, match="FILE-NUL"):
        frames.tidy(spoiled, {"iso3"})
