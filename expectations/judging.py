"""Runs the checks of one stage with Great Expectations, and says for each which rows failed.

Great Expectations never gives back the values that failed: they could be a person's, and the door has them
anyway. What a check that breaks says about itself is cut down to the kind of its error for the same reason.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import pandas as pd

from expectations.suite import Check

ROW = "delivery_seq"
"""The column by which Great Expectations names a row."""


@dataclass(frozen=True)
class Outcome:
    """Result of one check: ``failing`` are the values of ``ROW`` of the rows that failed."""

    check: Check
    outcome: Literal["pass", "fail", "error"]
    rows_checked: int
    failing: tuple[int, ...] = field(repr=False)
    error: str = ""


@cache
def _batch_definition() -> Any:
    """One data frame asset in a context of its own, that sends nothing, shows nothing and stores nothing."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    # It would log the message of a broken check, and that may hold a cell.
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL + 1)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("door").add_dataframe_asset("rows")
    return asset.add_batch_definition_whole_dataframe("all")


_WHICH_FAIL = {"result_format": "BOOLEAN_ONLY"}
_WHICH_ROWS = {
    "result_format": "COMPLETE",
    "unexpected_index_column_names": [ROW],
    "exclude_unexpected_values": True,
    "include_unexpected_rows": False,
    "return_unexpected_index_query": False,
    "partial_unexpected_count": 0,
}


def evaluate(name: str, checks: Sequence[Check], frame: pd.DataFrame) -> tuple[list[Outcome], dict[str, Any]]:
    """Judge ``frame`` (text columns and ``ROW``) by ``checks``.

    Gives an outcome for each check, in their order, also for one that Great Expectations left out (an
    error), and Great Expectations' own results, JSON-able. Asks twice: which checks fail, then of those
    which rows; naming rows costs as much again as judging them, and most checks pass.
    """
    try:
        result = _validate(name, checks, frame, _WHICH_FAIL)
        found = _by_code(result)
        failed = [check for check in checks if check.code in found and not found[check.code].success]
        if failed:
            found |= _by_code(_validate(name, failed, frame, _WHICH_ROWS))
    except Exception as error:
        # Whatever broke, it judged nothing: every check of the stage is an error, and the run is blocked.
        broken = type(error).__name__
        return [Outcome(check, "error", len(frame), (), broken) for check in checks], {"suite_name": name}
    outcomes = [_outcome(check, found.get(check.code), len(frame)) for check in checks]
    return outcomes, _evidence(name, result, found)


@contextlib.contextmanager
def _configured_once() -> Iterator[None]:
    """Let an expectation's configuration be made once while it is validated.

    Great Expectations dumps the whole expectation each time, and asks some forty times for each check, mostly
    for one word of it: a fifth of what judging costs. Nothing changes an expectation meanwhile.
    """
    from great_expectations.expectations.expectation import Expectation

    made: dict[int, tuple[Any, Any]] = {}
    plain = Expectation.configuration

    def configuration(expectation: Any) -> Any:
        held = made.get(id(expectation))
        if held is None:  # what is held with its configuration keeps its id
            held = made[id(expectation)] = (expectation, plain.fget(expectation))
        return held[1]

    Expectation.configuration = property(configuration)
    try:
        yield
    finally:
        Expectation.configuration = plain


_PLAIN = frozenset({str, int, bool, type(None)})


@contextlib.contextmanager
def _named_once() -> Iterator[None]:
    """Let the name that Great Expectations gives to the arguments of a metric be made once for the same ones.

    It makes a digest of their JSON, some thirty times for each check, of which most are the same: a tenth of
    what judging costs.
    """
    from great_expectations.core.id_dict import IDDict

    plain = IDDict.to_id
    made: dict[Any, Any] = {}

    def to_id(arguments: Any, id_keys: Any = None, id_ignore_keys: Any = None) -> Any:
        kinds = tuple(map(type, arguments.values()))
        if id_keys is not None or id_ignore_keys is not None or not _PLAIN.issuperset(kinds):
            return plain(arguments, id_keys, id_ignore_keys)
        # With their kinds, for 1 and true are equal and not the same.
        asked = (type(arguments), tuple(arguments.items()), kinds)
        found = made.get(asked)
        if found is None:
            found = made[asked] = plain(arguments)
        return found

    IDDict.to_id = to_id
    try:
        yield
    finally:
        IDDict.to_id = plain


@contextlib.contextmanager
def _without_fingerprint() -> Iterator[None]:
    """Let no digest of the rows be made.

    Great Expectations makes one of each batch, twice, for the marks in its result. Nobody could compare it
    with anything, the rows exist in memory alone, and without a key it would say of a guessed name whether
    it is the right one. What was judged is named by the SHA-256 of its files.
    """
    from great_expectations.execution_engine import pandas_execution_engine as engine

    plain = engine.hash_pandas_dataframe
    engine.hash_pandas_dataframe = lambda rows: None
    try:
        yield
    finally:
        engine.hash_pandas_dataframe = plain


def _validate(name: str, checks: Sequence[Check], frame: pd.DataFrame, result_format: dict[str, Any]) -> Any:
    import great_expectations as gx

    suite = gx.ExpectationSuite(name=name, expectations=[_coded(check) for check in checks])
    with _configured_once(), _named_once(), _without_fingerprint():
        batch = _batch_definition().get_batch({"dataframe": frame})
        return batch.validate(suite, result_format=result_format)


def _by_code(result: Any) -> dict[str, Any]:
    return {single.expectation_config.meta["code"]: single for single in result.results}


def _coded(check: Check) -> Any:
    """A copy of the expectation that carries the check's code, by which its result is known again."""
    copy = check.expectation.copy(deep=True)
    copy.meta = {
        "code": check.code,
        "reason": check.reason,
        "severity": check.severity,
        "dimension": check.dimension,
    }
    copy.id = None
    return copy


def _outcome(check: Check, single: Any, rows: int) -> Outcome:
    if single is None:
        return Outcome(check, "error", rows, (), "NotEvaluated")
    if raised := _raised(single.exception_info):
        return Outcome(check, "error", rows, (), raised)
    if single.success:
        return Outcome(check, "pass", rows, ())
    named = single.result.get("unexpected_index_list") or ()
    failing = tuple(int(row) for entry in named for row in _rows(entry))
    if not failing or len(failing) != single.result["unexpected_count"]:
        return Outcome(check, "error", rows, (), "RowsNotNamed")
    return Outcome(check, "fail", rows, failing)


def _rows(entry: dict[str, Any]) -> list[int]:
    """The row ids of an entry of ``unexpected_index_list``: a list of them where values are left out."""
    ids = entry[ROW]
    return ids if isinstance(ids, list) else [ids]


def _raised(info: dict[str, Any]) -> str:
    """The kind of error that broke a check; empty where none did."""
    entries = [info] if "raised_exception" in info else list(info.values())
    for entry in entries:
        if entry.get("raised_exception"):
            # The last line of the traceback starts with the kind; what follows it may hold a cell.
            last = str(entry.get("exception_traceback", "")).strip().rsplit("\n", 1)[-1]
            kind = last.split(":", 1)[0].rsplit(".", 1)[-1].strip()
            return kind if kind.isidentifier() else "Error"
    return ""


def _evidence(name: str, result: Any, found: dict[str, Any]) -> dict[str, Any]:
    """Great Expectations' results without the messages of errors, which may hold a cell."""
    evidence: dict[str, Any] = result.to_json_dict()
    evidence["suite_name"] = name
    evidence["meta"]["batch_markers"].pop("pandas_data_fingerprint", None)
    evidence["results"] = [single.to_json_dict() for single in found.values()]
    for single in evidence["results"]:
        raised = _raised(single["exception_info"])
        single["exception_info"] = {
            "raised_exception": bool(raised),
            "exception_message": raised or None,
            "exception_traceback": None,
        }
    return evidence
