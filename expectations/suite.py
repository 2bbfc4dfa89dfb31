"""What a suite is made of, and the checks that every dataset owes to the contract.

A **check** says what must hold, why, how bad it is where it doesn't, and what people can do about it. Its
code is stable: ``<dataset's letters>-<column or subject>-<number>``, where 01 is "is filled", 02 "is of its
type", 03 "its parent is known", 04 "names no person", and 11 onwards are the rules of the dataset's own
domain.

A suite judges (``on``): ``shape`` every row, ``row`` the rows that say something, ``retraction`` those that
retract, ``key`` all rows that stand so far, ``source`` those of a source, ``meant`` those that retract once
it is known what all others say, ``table`` each file or sheet, ``dataset`` the dataset as a whole. What is the
same for every dataset (shape, source, table, dataset) stands once, in ``delivery.py``. A check that holds
under a condition only asks for it by ``_<column>``, which is the column's word or yes/no as it was meant,
without regard to case. Source:
docs/contract/inputs.md (What a bad input gets).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any, Literal

import great_expectations.expectations as gxe

from expectations import rules
from sources.contract import Column, Dataset, datasets

Dimension = Literal["completeness", "validity", "consistency", "uniqueness", "timeliness", "accuracy"]
Severity = Literal["block", "quarantine", "warn"]
Stage = Literal["shape", "row", "retraction", "key", "source", "meant", "table", "dataset"]


@dataclass(frozen=True)
class Check:
    """One check. ``sentence`` may hold {value}, {candidates} and {told}, put in where they may be shown.

    ``waits``: a row whose only fault this is waits for its parent. ``repeats``: the rows that fail are
    repetitions, counted as duplicates. ``compares``: rows with different keys are compared with each other,
    so that all rows of the dataset are judged at once. ``column`` is what the row's line in the quarantine
    names (``of_errors``: the first one whose cell is the error of a formula); ``shows_value``: with its cell.
    """

    code: str
    expectation: Any = field(repr=False)
    column: str | None
    dimension: Dimension
    severity: Severity
    reason: str
    sentence: str
    waits: bool = False
    repeats: bool = False
    compares: bool = False
    of_errors: bool = False
    shows_value: bool = True
    on: tuple[Stage, ...] = ("row",)


@dataclass(frozen=True)
class Suite:
    """The checks of one dataset, in the order in which they are read. ``letters`` begin their codes."""

    dataset: str
    letters: str
    checks: tuple[Check, ...]

    def __post_init__(self) -> None:
        codes = [check.code for check in self.checks]
        if len(set(codes)) != len(codes):
            raise ValueError(f"suite of {self.dataset}: a code stands twice in {sorted(codes)}")

    def on(self, stage: Stage) -> tuple[Check, ...]:
        """The checks of one stage."""
        return tuple(check for check in self.checks if stage in check.on)


def suite_of(dataset: str) -> Suite:
    """The suite in ``expectations/<dataset>.py``."""
    suite: Suite = import_module(f"expectations.{dataset}").SUITE
    return suite


def delivery_suite() -> Suite:
    """The suite of what is the same for every dataset, in ``expectations/delivery.py``."""
    return suite_of("delivery")


def contract_checks(name: str, letters: str, *, but: Sequence[str] = ()) -> tuple[Check, ...]:
    """The checks that follow from ``source.yml``: required cells, types, vocabularies, references and keys.

    ``but``: codes that the suite spells out itself, because its rule is another one.
    """
    dataset = datasets()[name]
    found = [
        *(check for column in dataset.columns for check in _column_checks(dataset, column, letters)),
        _not_in_the_future(letters),
        *_key_checks(dataset, letters),
    ]
    return tuple(check for check in found if check.code not in but)


def _code(letters: str, subject: str, number: int) -> str:
    return f"{letters}-{subject.upper()}-{number:02}"


def _column_checks(dataset: Dataset, column: Column, letters: str) -> list[Check]:
    """Filled, of its type, its parent known, no person's name in an id."""
    found: list[Check] = []
    # A retraction is judged by its key, its day and its status alone.
    stages: tuple[Stage, ...] = ("row",)
    if column.key or column.name in {"received_on", "record_status"}:
        stages = ("row", "retraction")
    if column.required:
        found.append(
            Check(
                _code(letters, column.name, 1),
                gxe.ExpectColumnValuesToNotBeNull(column=column.name),
                column=column.name,
                dimension="completeness",
                severity="quarantine",
                reason=f"A row without {column.name} can't be used: {_lower(column.description)}",
                sentence=f"{column.name} is empty. Fill it in: {_lower(column.description)}",
                on=stages,
            )
        )
    if (typed := _type_check(column, letters)) is not None:
        found.append(replace(typed, on=stages))
    if column.references:
        found.append(_parent_check(column, letters))
    if column.type == "id":
        found.append(
            Check(
                _code(letters, column.name, 4),
                rules.ExpectNoPerson(column=column.name),
                column=column.name,
                dimension="validity",
                severity="quarantine",
                reason="Ids are published; names and e-mail addresses of persons never pass the door.",
                sentence=f"{column.name} holds the name or e-mail address of a person. Give an id that "
                "says nothing about a person.",
                shows_value=False,
                on=stages,
            )
        )
    return found


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _type_check(column: Column, letters: str) -> Check | None:
    name = column.name
    expectation: Any
    match column.type:
        case "id":
            expectation = rules.ExpectPlainId(column=name)
            sentence = (
                "{value} is no id that can be told from others: it holds characters that are not seen "
                "(of no width, controls, special blanks) or were lost, or is a number of more digits than "
                "were kept (1.23E+17). Type it anew, in a spreadsheet as text."
            )
        case "date":
            expectation = rules.ExpectIsoDate(column=name)
            sentence = "{value} is not a real date written YYYY-MM-DD. Write it so, for example 2025-04-30."
        case "yes_no":
            expectation = rules.ExpectYesOrNo(column=name)
            sentence = "{value} is neither yes nor no. Write yes or no."
        case "decimal":
            expectation = rules.ExpectPlainDecimal(column=name)
            sentence = (
                "{value} is not a plain number with at most two places after a point. "
                "Leave out separators of thousands, signs of currency and units."
            )
        case "year":
            expectation = rules.ExpectYear(column=name)
            sentence = "{value} is not a year. Write a whole number of four digits."
        case "word":
            expectation = rules.ExpectWord(column=name, words=list(column.words))
            sentence = f"{{value}} is not among the words for {name}. Use one of: {', '.join(column.words)}."
        case "iso3":
            expectation = rules.ExpectState(column=name)
            sentence = (
                "{value} names no state, or more than one.{candidates} Write the ISO 3166-1 alpha-3 code, "
                "or add the name to sources/aliases.csv."
            )
        case _:
            return None
    return Check(
        _code(letters, name, 2),
        expectation,
        column=name,
        dimension="validity",
        severity="quarantine",
        reason=f"Rules count on {name} being {_KIND[column.type]}.",
        sentence=sentence,
    )


_KIND = {
    "id": "an id that is read as it was meant",
    "date": "a date",
    "yes_no": "yes or no",
    "decimal": "an exact number",
    "year": "a year",
    "word": "a word of its vocabulary",
    "iso3": "one of the states",
}


def _parent_check(column: Column, letters: str) -> Check:
    parent = str(column.references).split(".", maxsplit=1)[0]
    return Check(
        _code(letters, column.name, 3),
        rules.ExpectLoadedState(column=column.name)
        if parent == "states"
        else rules.ExpectKnownParent(column=column.name, parent=parent),
        column=column.name,
        dimension="consistency",
        severity="quarantine",
        reason=f"A row takes part only where what it refers to is known in {parent}.",
        sentence=f"{{value}} is not known in {parent} so far. The row waits and loads once it has come; "
        f"deliver {parent}, or correct {column.name}.",
        waits=True,
    )


def _not_in_the_future(letters: str) -> Check:
    return Check(
        _code(letters, "received_on", 11),
        rules.ExpectNotAfterToday(column="received_on"),
        column="received_on",
        dimension="timeliness",
        severity="warn",
        reason="What is received tomorrow is known tomorrow: until then the row counts nowhere.",
        sentence="{value} lies in the future. The row counts from that day on; correct received_on if it was "
        "received earlier.",
        on=("row", "retraction"),
    )


def _key_checks(dataset: Dataset, letters: str) -> list[Check]:
    key = ", ".join(dataset.key)
    columns = ["_record", "_content"]
    return [
        Check(
            _code(letters, "key", 1),
            rules.ExpectOneContentPerKey(column_list=columns),
            column=dataset.key[0],
            dimension="uniqueness",
            severity="quarantine",
            reason="Of two rows of a file that say different things about one record on one day, none can "
            "be believed.",
            sentence=f"Another row of this file has the same {key} and received_on and says something "
            "else. Keep the right one.",
            on=("key",),
        ),
        Check(
            _code(letters, "key", 2),
            rules.ExpectSaidOnce(column_list=columns),
            column=dataset.key[0],
            dimension="uniqueness",
            severity="warn",
            reason="A row that a file repeats counts once.",
            sentence="The file repeats this row; one is kept, the others are counted as duplicates.",
            repeats=True,
            on=("key",),
        ),
        Check(
            _code(letters, "key", 3),
            rules.ExpectKnownKey(column="_key", dataset=dataset.name),
            column=dataset.key[0],
            dimension="consistency",
            severity="warn",
            reason="A retraction of what was never delivered may have a wrong key.",
            sentence=f"Nothing with this {key} was ever delivered. The retraction is kept; check its key.",
            on=("meant",),
        ),
    ]


def not_after_received(letters: str, column: str, number: int, what: str) -> Check:
    """Nobody receives on a day what happened on a later one."""
    return Check(
        _code(letters, column, number),
        rules.ExpectOrderOfTime(column_list=[column, "received_on"]),
        column=column,
        dimension="accuracy",
        severity="warn",
        reason=f"{what} can't lie after the day on which the secretariat received it.",
        sentence=f"{{value}} lies after received_on. Check {column} and received_on.",
    )
