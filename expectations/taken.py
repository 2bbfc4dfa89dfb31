"""The typed rows of one dataset that pass the door, as they come, portion by portion.

Many of them are written aside, so that a run holds no more of them at a time than it judges at a time. They
hold no people's data any more.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import IO

import pyarrow as pa

HELD_ROWS = 500_000
"""So many are kept in memory; what comes after is written to a file without a name in the folder for
temporary files (``TMPDIR``), which the system removes when the process ends, however it ends."""

_SMALL = pa.ipc.IpcWriteOptions(compression="lz4")
"""What is written aside takes a sixth of the bytes, and no more time."""


class Taken:
    """Rows of a dataset with its landing columns; text as Arrow dictionaries, which ``table`` unpacks."""

    def __init__(self, *, aside: bool = False) -> None:
        """``aside``: all of it is written aside, into a file that a copy of this process shares."""
        self.rows = 0
        self.places: list[tuple[int, int]] = []
        """Where each portion that was written aside stands in the file: its first byte, and how many."""
        self._held: list[pa.Table] = []
        self._file: IO[bytes] | None = _unnamed() if aside else None

    def add(self, portion: pa.Table) -> None:
        """Take a portion. Raises ``OSError`` where it can't be written aside."""
        self.rows += portion.num_rows
        held = sum(table.num_rows for table in self._held)
        if self._file is None and (not self._held or held + portion.num_rows <= HELD_ROWS):
            if portion.num_rows or not self._held:
                self._held.append(portion)
            return
        if not portion.num_rows and (self._held or self.places):
            return
        if self._file is None:
            self._file = _unnamed()
        first = self._file.seek(0, 2)
        with pa.ipc.new_stream(self._file, portion.schema, options=_SMALL) as out:
            out.write_table(portion)
        self._file.flush()
        self.places.append((first, self._file.tell() - first))

    def portions(self) -> Iterator[pa.Table]:
        """The portions in the order in which they came."""
        yield from self._held
        for first, size in self.places:
            assert self._file is not None
            self._file.seek(first)
            yield pa.ipc.open_stream(pa.py_buffer(self._file.read(size))).read_all()

    def table(self) -> pa.Table:
        """All rows as one table, without dictionaries."""
        return pa.concat_tables([unpacked(portion) for portion in self.portions()])


def _unnamed() -> IO[bytes]:
    return tempfile.TemporaryFile(prefix="sraap-judged-")


def unpacked(table: pa.Table) -> pa.Table:
    """The table with text in the place of dictionaries."""
    return pa.table(
        [
            column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
            for column in table.columns
        ],
        names=table.column_names,
    )
