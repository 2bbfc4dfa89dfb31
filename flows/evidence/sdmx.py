"""``indicators.sdmx.csv``: the values of all indicators in SDMX-CSV 2.0, for statistical systems.

Nothing in it comes from the run: the same inputs and as-of date give the same bytes.

Codes in SDMX hold letters, digits, ``_``, ``$`` and ``-`` only, and a point parts the positions of a key. So
``7.1`` stands as ``7_1`` and ``Eastern European`` as ``Eastern_European``; any other character stands as its
number in hexadecimal between two ``$``. What a code means is in ``dim_indicator`` and ``dim_meeting``.
"""

from __future__ import annotations

import re
from pathlib import Path

from flows.build import quoted

STRUCTURE_ID = "SRAAP:INDICATORS(1.0.0)"

STATUSES = {
    "not_computable": "L",
    "not_yet_due": "M",
    "empty_population": "M",
    "suppressed": "Q",
    "final": "A",
    "provisional": "P",
}
"""Codes of CL_OBS_STATUS (semantics.md, Status of a value)."""

UNITS = {"percent": "PT", "number": "NUMBER"}

_PLAIN = re.compile("[A-Za-z0-9-]")

DIMENSIONS = ("PLAN_VERSION", "INDICATOR", "BREAKDOWN", "BREAKDOWN_VALUE", "TIME_PERIOD")


def code(text: str, blank: str = "") -> str:
    """A text as an SDMX code, from which it can be had back.

    ``blank``: a character that is written as ``_``; an underscore of the text is escaped then.
    """
    plain = {blank: "_"} if blank else {"_": "_"}
    written = [plain.get(c) or (c if _PLAIN.match(c) else f"${ord(c):X}$") for c in text]
    if written[:1] == ["-"]:  # a spreadsheet would take it for a formula
        written[0] = f"${ord('-'):X}$"
    return "".join(written)


def write(folder: Path) -> Path:
    """Write ``indicators.sdmx.csv`` from ``indicator_values`` of the publication in ``folder``.

    A row per value: STRUCTURE, STRUCTURE_ID, ACTION, the dimensions, OBS_VALUE (percent from 0 to 100, or a
    number; empty where there is none, with the reason in OBS_STATUS), then the attributes OBS_STATUS,
    UNIT_MEASURE, NUMERATOR, DENOMINATOR. Raises ``OSError`` and ``duckdb.Error``.
    """
    import duckdb

    values = quoted(str(folder / "parquet" / "indicator_values.parquet"))
    target = folder / "indicators.sdmx.csv"
    with duckdb.connect(":memory:") as connection:
        connection.execute("create table codes (kind varchar, text varchar, code varchar)")
        for kind, column in (
            ("'plan'", "plan_version"),
            ("'indicator'", "indicator_id"),
            ("breakdown", "breakdown_value"),
        ):
            found = connection.execute(
                f"select distinct {kind}, {column} from read_parquet({values})"
            ).fetchall()
            own = [(kind, text, _code(kind, text)) for kind, text in found]
            if own:
                connection.executemany("insert into codes values (?, ?, ?)", own)
        connection.execute(
            f"""
            copy (
                select
                    'datastructure' as "STRUCTURE",
                    {quoted(STRUCTURE_ID)} as "STRUCTURE_ID",
                    'I' as "ACTION",
                    plan.code as "PLAN_VERSION",
                    indicator.code as "INDICATOR",
                    upper(breakdown) as "BREAKDOWN",
                    part.code as "BREAKDOWN_VALUE",
                    reporting_year as "TIME_PERIOD",
                    value as "OBS_VALUE",
                    {_decoded("status", STATUSES)} as "OBS_STATUS",
                    {_decoded("unit", UNITS)} as "UNIT_MEASURE",
                    numerator as "NUMERATOR",
                    denominator as "DENOMINATOR"
                from read_parquet({values})
                inner join codes as plan on plan.kind = 'plan' and plan.text = plan_version
                inner join codes as indicator
                    on indicator.kind = 'indicator' and indicator.text = indicator_id
                inner join codes as part on part.kind = breakdown and part.text = breakdown_value
                order by plan_version, action, indicator_id, reporting_year, breakdown, breakdown_value
            ) to {quoted(str(target))} (format csv, header true)
            """
        )
    return target


_BLANKS = {"indicator": ".", "un_region": " "}


def _code(kind: str, text: str) -> str:
    return code(text, _BLANKS.get(kind, ""))


def _decoded(column: str, codes: dict[str, str]) -> str:
    """SQL that puts a code in the place of each word; a word without one breaks the export."""
    cases = " ".join(f"when {quoted(word)} then {quoted(short)}" for word, short in codes.items())
    return f"case {column} {cases} else error('no SDMX code for ' || {column}) end"
