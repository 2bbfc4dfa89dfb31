"""Text of others, made harmless where it is shown: on a terminal, in a log line, in a spreadsheet.

Evidence, titles, references and ids come from whoever wrote them. A cell that begins like a formula would be
run by a spreadsheet; a control character would move the cursor, hide what follows, or begin a line that looks
like one of ours. Parquet, DuckDB and JSON hold the exact text.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

if TYPE_CHECKING:
    import duckdb

FORMULA = r"^'*\s*[=+\-@\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}]|^'*[\t\r\n\x00]"
"""What a spreadsheet might run (the wide signs too), as DuckDB's regular expressions have it, after any
apostrophes: one more apostrophe makes it text.

Texts that already begin with apostrophes before such a sign get one more too, so that the exact text can
always be had back: where a cell matches, one apostrophe goes.
"""

_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, line and paragraph separators, marks that turn the direction, halves of characters."""


def printable(text: str) -> str:
    """The text on one line, each unseen character written as an escape such as ``\\x1b``."""
    return _UNSEEN.sub(lambda match: match.group().encode("unicode_escape").decode("ascii"), text)


def shown(text: str) -> str:
    """The text as a console may print it: ``printable``, and nothing in it taken as markup."""
    return escape(printable(text))


def for_spreadsheet(expression: str) -> str:
    """SQL that gives a text expression as a cell that no spreadsheet runs (DuckDB)."""
    pattern = FORMULA.replace("'", "''")
    return (
        f"case when regexp_matches({expression}, '{pattern}') then '''' || {expression} else {expression} end"
    )


def copy_to_csv(connection: duckdb.DuckDBPyConnection, relation: str, path: Path) -> None:
    """Write a table or a query in parentheses as CSV, its texts as ``for_spreadsheet`` gives them.

    Numbers, dates and yes/no stay as they are: -1.5 is a number. Raises ``OSError`` and ``duckdb.Error``.
    """
    columns = connection.execute(f"describe select * from {relation}").fetchall()
    selected = ", ".join(
        f"{for_spreadsheet(name)} as {name}" if str(kind).upper() == "VARCHAR" else name
        for name, kind in ((_identifier(column[0]), column[1]) for column in columns)
    )
    target = "'" + str(path).replace("'", "''") + "'"
    connection.execute(f"copy (select {selected} from {relation}) to {target} (format csv, header true)")


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
