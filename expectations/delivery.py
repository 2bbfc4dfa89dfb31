"""What is judged the same way in every dataset: the shape of rows, columns nobody knows, the dataset as a
whole.

The star in a code stands for the dataset's letters: AN-SHARE-01 is this suite's *-SHARE-01 on
article7_answers. One check judges all datasets at once, a row of its frame being a row, a table, or a
dataset. Source: docs/contract/inputs.md (What a bad input gets).
"""

from __future__ import annotations

import great_expectations.expectations as gxe

from expectations import rules
from expectations.suite import Check, Suite

SUITE = Suite(
    "delivery",
    "*",
    (
        Check(
            "*-ROW-01",
            gxe.ExpectColumnPairValuesToBeEqual(column_A="_cells", column_B="_header_cells"),
            column=None,
            dimension="validity",
            severity="quarantine",
            reason="In a row with more or fewer cells than the header, or with an object or an array for a "
            "cell, nobody knows what belongs where.",
            sentence="This row has more or fewer cells than the header. Look for a delimiter too many, one "
            "that is missing, or text with a delimiter in it that stands without quotation marks; in JSON, "
            "for an object or an array in the place of a text or number.",
            on=("shape",),
        ),
        Check(
            "*-ROW-02",
            gxe.ExpectColumnValuesToBeInSet(column="_error_cells", value_set=[0]),
            column=None,
            dimension="validity",
            severity="quarantine",
            reason="The error of a formula is no text: as a title or the name of an organization it would be "
            "counted.",
            sentence="{value} is no value but the error of a formula, or stands where a formula was never "
            "computed (#UNCOMPUTED!), cells are merged (#MERGED!) or a number is none (#NUM!). Mend the "
            "formula, open and save the file in a spreadsheet, undo the merging, or write the value itself.",
            of_errors=True,
            on=("shape",),
        ),
        Check(
            "*-ROW-03",
            gxe.ExpectColumnValuesToBeInSet(column="_unquoted", value_set=[0]),
            column=None,
            dimension="validity",
            severity="quarantine",
            reason="Text around the quotation marks of a cell is read in different ways by different "
            "programs; lines below a quotation mark that was forgotten end up in one cell.",
            sentence="In a cell of this row text stands before the first quotation mark or behind the last "
            "one. Put the marks around the whole cell, without blanks before them, and write one inside it "
            "twice; look whether one was forgotten.",
            on=("shape",),
        ),
        Check(
            "*-SOURCE-01",
            gxe.ExpectColumnValuesToBeInSet(column="_held", value_set=[0]),
            column=None,
            dimension="consistency",
            severity="quarantine",
            reason="Of two sources that contradict each other the one that goes first is believed.",
            sentence="A source that goes before this one says otherwise: {told}. The row waits until they "
            "agree; ask the publisher of the one that is wrong.",
            waits=True,
            on=("source",),
        ),
        Check(
            "*-SOURCE-02",
            gxe.ExpectColumnValuesToBeInSet(column="_differs", value_set=[0]),
            column=None,
            dimension="consistency",
            severity="warn",
            reason="What another source or delivery said before is overruled; somebody should know.",
            sentence="Rows overrule what another source or delivery said before: {told}.",
            on=("source",),
        ),
        Check(
            "*-COLUMNS-01",
            gxe.ExpectColumnValuesToBeInSet(column="unknown_columns", value_set=[0]),
            column=None,
            dimension="validity",
            severity="warn",
            reason="A column that the contract doesn't know is kept in the archive and not loaded.",
            sentence="The table has columns that its dataset doesn't know; they are not loaded. Correct "
            "their names, or leave them out.",
            on=("table",),
        ),
        Check(
            "*-DELIVERED-01",
            gxe.ExpectColumnValuesToBeInSet(column="delivered_or_optional", value_set=[True]),
            column=None,
            dimension="completeness",
            severity="block",
            reason="Without a required dataset most indicators can't be computed.",
            sentence="This dataset is required and was never delivered. Deliver it; a file with only its "
            "header says that there is nothing.",
            on=("dataset",),
        ),
        Check(
            "*-SHARE-01",
            rules.ExpectShareWithinLimit(column_list=["rows", "quarantined"]),
            column=None,
            dimension="validity",
            severity="block",
            reason="Where many rows of a dataset are wrong, the right ones can't be trusted either.",
            sentence="Too large a share of this dataset's new rows is quarantined. See the quarantined "
            "rows, mend the files and deliver them again, or accept this.",
            on=("dataset",),
        ),
        Check(
            "*-WAITING-01",
            gxe.ExpectColumnValuesToBeInSet(column="waiting", value_set=[0]),
            column=None,
            dimension="completeness",
            severity="warn",
            reason="Rows that wait for a parent are in no figure.",
            sentence="Rows of this dataset wait: for what they refer to, or for sources to agree. See the "
            "quarantined rows; deliver what is missing, or correct the reference.",
            on=("dataset",),
        ),
        Check(
            "*-VOLUME-01",
            rules.ExpectUsualVolume(column_list=["rows", "last_rows"]),
            column=None,
            dimension="completeness",
            severity="warn",
            reason="A delivery far smaller or larger than the last one may be cut off, or doubled.",
            sentence="The number of rows differs much from this dataset's last delivery. Check that it is "
            "complete.",
            on=("dataset",),
        ),
    ),
)
