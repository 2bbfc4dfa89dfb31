"""Writes frames into the delivery's files, to the byte the same everywhere, and lists their faults."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from sources.contract import datasets
from sources.sample.rows import NOTES

FINDING_COLUMNS = ("file", "sheet", "row_number", "column", "kind", "outcome")
CREATED = datetime(2026, 11, 20, 12, 0, 0)  # noqa: DTZ001  a workbook knows no time zone
FIRST_ROW = {"csv": 2, "json": 1, "jsonl": 1, "parquet": 1, "xlsx": 2}


def findings(rows: pd.DataFrame, file: str, sheet: str = "", first_row: int | None = None) -> pd.DataFrame:
    """The noted faults of rows in the order of their file, in the columns of ``FINDING_COLUMNS``."""
    first = FIRST_ROW[file.rsplit(".", 1)[1]] if first_row is None else first_row
    noted = np.flatnonzero((rows["_outcome"] != "").to_numpy())
    found = rows.iloc[noted]
    return pd.DataFrame(
        {
            "file": file,
            "sheet": sheet,
            "row_number": noted + first,
            "column": found["_column"].to_numpy(),
            "kind": found["_kind"].to_numpy(),
            "outcome": found["_outcome"].to_numpy(),
        }
    )


def columns_of(rows: pd.DataFrame, dataset: str) -> list[str]:
    """Columns to write: the dataset's in its order, then what else the frame holds."""
    own = [c.name for c in datasets()[dataset].columns if c.name in rows.columns]
    return [*own, *(c for c in rows.columns if c not in own and c not in NOTES)]


def write_csv(
    rows: pd.DataFrame,
    path: Path,
    *,
    separator: str = ",",
    line_end: str = "\n",
    bom: bool = False,
    append_at: int = 0,
) -> pd.DataFrame:
    """Write rows as CSV and give their findings. ``append_at``: rows that the file already holds."""
    dataset = path.name.split(".")[0].split("--")[0]
    mode = "ab" if append_at else "wb"
    text = rows.to_csv(
        None, index=False, columns=columns_of(rows, dataset), sep=separator, lineterminator=line_end,
        header=not append_at,
    )  # fmt: skip
    with path.open(mode) as file:
        file.write((text or "").encode("utf-8-sig" if bom else "utf-8"))
    return findings(rows, path.name, first_row=FIRST_ROW["csv"] + append_at)


def write_parquet(rows: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Write rows as a Parquet file of texts, and give their findings."""
    dataset = path.name.split(".")[0].split("--")[0]
    names = columns_of(rows, dataset)
    # Without pandas' own description: it names versions.
    table = pa.table({name: pa.array(rows[name], pa.string()) for name in names})
    pq.write_table(table, path, compression="zstd")
    return findings(rows, path.name)


def write_json(rows: pd.DataFrame, path: Path, dataset: str, numbers: Sequence[str] = ()) -> pd.DataFrame:
    """Write rows as a JSON array, or one object a line for ``.jsonl``.

    Empty cells are left out but for every third row, which says null; ``numbers`` are written as JSON
    numbers where they are plain ones.
    """
    names = columns_of(rows, dataset)
    objects = [
        _object(dict(zip(names, values, strict=True)), numbers, nulls=place % 3 == 0)
        for place, values in enumerate(rows[names].itertuples(index=False, name=None))
    ]
    lines = [json.dumps(o, ensure_ascii=False) for o in objects]
    text = "\n".join(lines) if path.suffix == ".jsonl" else "[\n" + ",\n".join(lines) + "\n]"
    path.write_bytes((text + "\n").encode())
    return findings(rows, path.name)


def _object(cells: Mapping[str, str], numbers: Sequence[str], nulls: bool) -> dict[str, object]:
    made: dict[str, object] = {}
    for name, text in cells.items():
        if text == "":
            if nulls:
                made[name] = None
        elif name in numbers and text.replace(".", "", 1).isdigit():
            made[name] = float(text) if "." in text else int(text)
        else:
            made[name] = text
    return made


def write_workbook(sheets: Mapping[str, pd.DataFrame], remarks: Sequence[str], path: Path) -> pd.DataFrame:
    """Write a workbook with a sheet for each dataset and one of remarks, and give the findings.

    Dates are true date cells but in every fourth row, where they are text; quantities are numbers;
    yes and no are true/false cells in every fifth row and 1/0 in the next. No personal properties.
    """
    import xlsxwriter

    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(
        buffer, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    )
    book.set_properties({"created": CREATED})  # nothing else: no property names anybody
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    notes = book.add_worksheet("notes")
    for line, remark in enumerate(remarks):
        notes.write_string(line, 0, remark)
    for dataset, rows in sheets.items():
        sheet = book.add_worksheet(dataset)
        declared = {c.name: c.type for c in datasets()[dataset].columns}
        names = columns_of(rows, dataset)
        sheet.write_row(0, 0, names)
        sheet.freeze_panes(1, 0)
        for line, values in enumerate(rows[names].itertuples(index=False, name=None), start=1):
            for place, (name, text) in enumerate(zip(names, values, strict=True)):
                if text == "":
                    continue
                if declared[name] == "date" and line % 4:
                    sheet.write_datetime(line, place, datetime.fromisoformat(text), day)
                elif declared[name] == "decimal":
                    sheet.write_number(line, place, float(text))
                elif declared[name] == "yes_no" and line % 5 == 0:
                    sheet.write_boolean(line, place, text.lower() == "yes")
                elif declared[name] == "yes_no" and line % 5 == 1:
                    sheet.write_number(line, place, int(text.lower() == "yes"))
                else:
                    sheet.write_string(line, place, text)
    book.close()
    path.write_bytes(_stored(buffer.getvalue()))
    return pd.concat(
        [findings(rows, path.name, dataset) for dataset, rows in sheets.items()], ignore_index=True
    )


def _stored(archive: bytes) -> bytes:
    """The same ZIP without compression: zlib's output differs between its builds, this does not."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as new:
        for name in old.namelist():
            member = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            member.create_system = 0
            new.writestr(member, old.read(name))
    return out.getvalue()
