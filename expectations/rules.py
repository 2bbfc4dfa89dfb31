"""The expectations of our own that the suites are written in.

Each rule is a plain function from a column (or a few) of text to True where a row is right; what follows it
is the Great Expectations class of that rule. A rule about one column never sees empty cells: whether a cell
may be empty is a check of its own. A rule about several columns says nothing about a row whose cells don't
even hold dates or numbers: another check has said so. Sources: docs/contract/inputs.md,
docs/contract/semantics.md.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnMapExpectation, MulticolumnMapExpectation
from great_expectations.expectations.metrics.map_metric_provider import (
    ColumnMapMetricProvider,
    MulticolumnMapMetricProvider,
    column_condition_partial,
    multicolumn_condition_partial,
)

from expectations import values
from expectations.facts import facts
from sources.convention import entry_into_force

ColumnRule = Callable[..., pd.Series]


def column_rule(name: str, *parameters: str) -> Callable[[ColumnRule], ColumnRule]:
    """Register a rule about one column as the metric ``column_values.<name>``.

    It is asked about each distinct value of the column; what it says goes to every row that has the value.
    """

    def register(rule: ColumnRule) -> ColumnRule:
        def condition(cls: type, column: pd.Series, **given: Any) -> pd.Series:
            asked = values.distinct(column)
            right = rule(asked, **{parameter: given[parameter] for parameter in parameters})
            return _flags(values.spread(column, pd.Series(right.to_numpy(dtype=bool), index=asked.index)))

        type(
            f"Metric_{name}",
            (ColumnMapMetricProvider,),
            {
                "condition_metric_name": f"column_values.{name}",
                "condition_value_keys": parameters,
                "_pandas": column_condition_partial(engine=PandasExecutionEngine)(condition),
            },
        )
        return rule

    return register


def _flags(column: pd.Series) -> pd.Series:
    return pd.Series(column.to_numpy(dtype=bool), index=column.index)


def row_rule(name: str, *parameters: str, compares: bool = False) -> Callable[[ColumnRule], ColumnRule]:
    """Register a rule about several columns of a row as the metric ``multicolumn_values.<name>``.

    It is asked about each distinct combination of cells, as text, and what it says goes to every row that has
    it; ``compares``: a rule that compares rows sees them all.
    """

    def register(rule: ColumnRule) -> ColumnRule:
        def condition(cls: type, column_list: pd.DataFrame, **given: Any) -> pd.Series:
            asked = {parameter: given[parameter] for parameter in parameters}
            if compares:
                return rule(column_list, **asked)
            numbers = values.row_codes([column_list[name] for name in column_list.columns])
            place, _ = pd.factorize(numbers)
            # Numbers are given in the order in which they are met: where one is larger than all before it.
            first = np.flatnonzero(np.diff(np.maximum.accumulate(place), prepend=-1))
            right = rule(_as_text(column_list.iloc[first]), **asked)
            return pd.Series(right.to_numpy(dtype=bool)[place], index=column_list.index)

        type(
            f"Metric_{name}",
            (MulticolumnMapMetricProvider,),
            {
                "condition_metric_name": f"multicolumn_values.{name}",
                "condition_domain_keys": (
                    "batch_id",
                    "table",
                    "column_list",
                    "row_condition",
                    "condition_parser",
                    "ignore_row_if",
                ),
                "condition_value_keys": parameters,
                "_pandas": multicolumn_condition_partial(engine=PandasExecutionEngine)(condition),
            },
        )
        return rule

    return register


def _as_text(rows: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({name: values.text(rows[name]) for name in rows.columns}, index=rows.index)


class ColumnExpectation(ColumnMapExpectation):  # type: ignore[misc]
    """An expectation about one column; it looks at the cells that aren't empty."""


class RowExpectation(MulticolumnMapExpectation):  # type: ignore[misc]
    """An expectation about several columns that looks at every row, empty cells or not."""

    ignore_row_if: str = "never"


# --- types ------------------------------------------------------------------------------------------------


@column_rule("iso_date")
def is_iso_date(column: pd.Series) -> pd.Series:
    """A real date written YYYY-MM-DD."""
    return values.dates(column).notna()


class ExpectIsoDate(ColumnExpectation):
    map_metric = "column_values.iso_date"


@column_rule("yes_or_no")
def is_yes_or_no(column: pd.Series) -> pd.Series:
    """yes or no, also true/false, 1/0, y/n, in any case."""
    return values.yes_no(column).notna()


class ExpectYesOrNo(ColumnExpectation):
    map_metric = "column_values.yes_or_no"


@column_rule("plain_decimal")
def is_plain_decimal(column: pd.Series) -> pd.Series:
    """A plain number with a point that the landing's DECIMAL(18,2) holds without rounding."""
    return values.is_decimal(column)


class ExpectPlainDecimal(ColumnExpectation):
    map_metric = "column_values.plain_decimal"


@column_rule("whole_year")
def is_whole_year(column: pd.Series) -> pd.Series:
    """A year of four digits."""
    return values.is_year(column)


class ExpectYear(ColumnExpectation):
    map_metric = "column_values.whole_year"


@column_rule("in_vocabulary", "words")
def is_in_vocabulary(column: pd.Series, words: list[str]) -> pd.Series:
    """One of the words, without regard to case."""
    return values.words(column).isin([word.casefold() for word in words])


class ExpectWord(ColumnExpectation):
    words: list[str]
    map_metric = "column_values.in_vocabulary"
    success_keys = ("words", "mostly")


@column_rule("state")
def is_state(column: pd.Series) -> pd.Series:
    """A code or name that means one state."""
    return facts().state_of(column).notna()


class ExpectState(ColumnExpectation):
    map_metric = "column_values.state"


@column_rule("plain_id")
def is_plain_id(column: pd.Series) -> pd.Series:
    """An id of which nothing is hidden and nothing was cut off."""
    return values.is_id(column)


class ExpectPlainId(ColumnExpectation):
    map_metric = "column_values.plain_id"


# --- references -------------------------------------------------------------------------------------------


@column_rule("loaded_state")
def is_loaded_state(column: pd.Series) -> pd.Series:
    """The state has a row in ``states``; a name that means no state is another check's."""
    code = facts().state_of(column)
    return code.isna() | facts().keys.knows("states", code)


class ExpectLoadedState(ColumnExpectation):
    map_metric = "column_values.loaded_state"


@column_rule("known_parent", "parent")
def is_known_parent(column: pd.Series, parent: str) -> pd.Series:
    """The id has loaded in the dataset that it refers to."""
    return facts().keys.knows(parent, column)


class ExpectKnownParent(ColumnExpectation):
    parent: str
    map_metric = "column_values.known_parent"
    success_keys = ("parent", "mostly")


@column_rule("plan_version")
def is_known_plan(column: pd.Series) -> pd.Series:
    """A plan version that is loaded."""
    return column.isin(list(facts().indicators))


class ExpectKnownPlan(ColumnExpectation):
    map_metric = "column_values.plan_version"


@row_rule("answered_indicator")
def is_answered_indicator(rows: pd.DataFrame) -> pd.Series:
    """(indicator_id, plan_version): an indicator of that plan whose rule is reported or reported_ever."""
    indicator_id, plan_version = (rows[column] for column in rows.columns)
    plan = plan_version.fillna(facts().plan_version)
    known = facts().indicators
    pairs = pd.MultiIndex.from_tuples(
        [(version, indicator) for version, ids in known.items() for indicator in ids],
        names=["plan", "indicator"],
    )
    asked = pd.MultiIndex.from_arrays([plan, indicator_id.fillna("")])
    # An unknown plan and an empty id are other checks'.
    return pd.Series(asked.isin(pairs), index=rows.index) | ~plan.isin(list(known)) | indicator_id.isna()


class ExpectAnsweredIndicator(RowExpectation):
    map_metric = "multicolumn_values.answered_indicator"


# --- people -----------------------------------------------------------------------------------------------


@column_rule("free_of_persons")
def is_free_of_persons(column: pd.Series) -> pd.Series:
    """An id that holds neither an e-mail address nor the name of a person in a register."""
    return ~facts().names_person(column)


class ExpectNoPerson(ColumnExpectation):
    map_metric = "column_values.free_of_persons"


def _letters_and_digits(column: pd.Series) -> pd.Series:
    """Without accents, case and everything but letters and digits."""
    marked = values.distinct(column)
    plain = marked.map(
        lambda text: "".join(c for c in unicodedata.normalize("NFKD", text).casefold() if c.isalnum())
    )
    return values.spread(column, plain.astype("str"))


@row_rule("own_registration_id")
def is_no_data_of_the_person(rows: pd.DataFrame) -> pd.Series:
    """(registration_id, full_name, email): the id isn't made of that person's name or address."""
    registration_id, full_name, email = (rows[column] for column in rows.columns)
    given = registration_id.fillna("")
    address = given.str.contains("@", regex=False)
    several_words = given.str.fullmatch(r"[^\W\d_]+([\s,.]+[^\W\d_]+)+\.?").astype(bool)
    plain = _strings(_letters_and_digits(registration_id))
    own = np.zeros(len(rows), dtype=bool)
    for other in (full_name, email):
        spelt = _strings(_letters_and_digits(other))
        own |= (np.strings.find(plain, spelt) >= 0) & (np.strings.str_len(spelt) >= 3)
    return ~(address | several_words | own)


def _strings(column: pd.Series) -> Any:
    return column.fillna("").to_numpy().astype(np.dtypes.StringDType())


class ExpectNoDataOfThePerson(RowExpectation):
    map_metric = "multicolumn_values.own_registration_id"


# --- amounts ----------------------------------------------------------------------------------------------


@column_rule("above_zero")
def is_above_zero(column: pd.Series) -> pd.Series:
    """An amount above zero; what is no number is another check's."""
    cents = values.cents(column)
    return (cents.isna() | (cents > 0)).fillna(True).astype(bool)


class ExpectAboveZero(ColumnExpectation):
    map_metric = "column_values.above_zero"


@column_rule("zero_or_more")
def is_zero_or_more(column: pd.Series) -> pd.Series:
    """A quantity that isn't below zero."""
    cents = values.cents(column)
    return (cents.isna() | (cents >= 0)).fillna(True).astype(bool)


class ExpectZeroOrMore(ColumnExpectation):
    map_metric = "column_values.zero_or_more"


@row_rule("paid_within_due", compares=True)
def is_paid_within_due(rows: pd.DataFrame) -> pd.Series:
    """(contribution_id, iso3, year, kind, amount): a state's payments for a year are no more than its
    assessments.

    Counts what the landing holds and the rows of this run; a row of this run takes the place of one with
    its id.
    """
    contribution_id, iso3, year, kind, amount = (values.text(rows[column]) for column in rows.columns)
    given = pd.DataFrame(
        {
            "contribution_id": contribution_id,
            "iso3": facts().state_of(iso3),
            "year": year.where(values.is_year(year)),
            "kind": values.words(kind),
            "cents": values.cents(amount),
        }
    )
    earlier = facts().contributions
    if len(earlier):
        earlier = earlier[~earlier["contribution_id"].isin(contribution_id)]
    together = pd.concat([earlier, given.drop_duplicates("contribution_id", keep="last")])
    sums = (
        together[together["cents"].notna()].groupby(["iso3", "year", "kind"])["cents"].sum().unstack("kind")
    )
    sums = sums.reindex(columns=["assessment", "assessment_payment"]).fillna(0)
    too_much = sums.index[sums["assessment_payment"] > sums["assessment"]]
    of_row = pd.MultiIndex.from_frame(given[["iso3", "year"]])
    return ~(pd.Series(of_row.isin(too_much), index=rows.index) & (given["kind"] == "assessment_payment"))


class ExpectPaidWithinDue(RowExpectation):
    map_metric = "multicolumn_values.paid_within_due"


# --- dates ------------------------------------------------------------------------------------------------


@column_rule("not_after_today")
def is_not_after_today(column: pd.Series) -> pd.Series:
    """A day that isn't in the future of the run."""
    return ~(values.dates(column) > pd.Timestamp(facts().today))


class ExpectNotAfterToday(ColumnExpectation):
    map_metric = "column_values.not_after_today"


@row_rule("in_order_of_time")
def is_in_order_of_time(rows: pd.DataFrame) -> pd.Series:
    """(first, then): the second day isn't before the first."""
    first, then = (values.dates(rows[column]) for column in rows.columns)
    return ~(then < first)


class ExpectOrderOfTime(RowExpectation):
    map_metric = "multicolumn_values.in_order_of_time"


@row_rule("article_17")
def is_by_article_17(rows: pd.DataFrame) -> pd.Series:
    """(deposited_on, effective_on): entry into force for a state as Article 17 gives it."""
    deposited, effective = (values.dates(rows[column]) for column in rows.columns)
    expected = entry_into_force(deposited)
    return (effective == expected) | deposited.isna() | effective.isna()


class ExpectArticle17Date(RowExpectation):
    map_metric = "multicolumn_values.article_17"


@row_rule("article_20")
def is_six_months_later(rows: pd.DataFrame) -> pd.Series:
    """(deposited_on, effective_on): at least six months between them (Article 20)."""
    deposited, effective = (values.dates(rows[column]) for column in rows.columns)
    return ~(effective < deposited + pd.DateOffset(months=6))


class ExpectSixMonthsNotice(RowExpectation):
    map_metric = "multicolumn_values.article_20"


@row_rule("year_has_begun")
def has_year_begun(rows: pd.DataFrame) -> pd.Series:
    """(reporting_year, submitted_on): nothing is submitted before its reporting year began."""
    year, submitted = (rows[column] for column in rows.columns)
    begins = values.dates(year.where(values.is_year(year)) + "-01-01")
    return ~(values.dates(submitted) < begins)


class ExpectYearHasBegun(RowExpectation):
    map_metric = "multicolumn_values.year_has_begun"


@row_rule("meeting_has_begun")
def has_meeting_begun(rows: pd.DataFrame) -> pd.Series:
    """(meeting_id, received_on): the register was received no earlier than the first day of the meeting."""
    meeting_id, received = (rows[column] for column in rows.columns)
    starts = meeting_id.map(facts().meeting_starts).astype("datetime64[us]")
    return ~values.dates(received).lt(starts)


class ExpectMeetingHasBegun(RowExpectation):
    map_metric = "multicolumn_values.meeting_has_begun"


# --- keys -------------------------------------------------------------------------------------------------


@row_rule("one_content_a_key", compares=True)
def has_one_content(rows: pd.DataFrame) -> pd.Series:
    """(record, content): rows of one record say the same; -1 is the record of rows that are alone."""
    record, content = rows.columns
    right = (rows[record] < 0).to_numpy(copy=True)
    again = np.flatnonzero(~right)
    of_record = rows.iloc[again].groupby(record, sort=False)[content]
    right[again] = of_record.transform("nunique").to_numpy() == 1
    return pd.Series(right, index=rows.index)


class ExpectOneContentPerKey(RowExpectation):
    map_metric = "multicolumn_values.one_content_a_key"


@row_rule("said_once", compares=True)
def is_said_once(rows: pd.DataFrame) -> pd.Series:
    """(record, content): no earlier row of the record says the same; -1 is the record of rows that are
    alone."""
    record, _ = rows.columns
    right = (rows[record] < 0).to_numpy(copy=True)
    again = np.flatnonzero(~right)
    right[again] = ~rows.iloc[again].duplicated(keep="first").to_numpy()
    return pd.Series(right, index=rows.index)


class ExpectSaidOnce(RowExpectation):
    map_metric = "multicolumn_values.said_once"


@column_rule("known_key", "dataset")
def is_known_key(column: pd.Series, dataset: str) -> pd.Series:
    """The key has loaded in this dataset, or a row of this run says something about it."""
    return facts().keys.knows(dataset, column) | column.isin(facts().said)


class ExpectKnownKey(ColumnExpectation):
    dataset: str
    map_metric = "column_values.known_key"
    success_keys = ("dataset", "mostly")


# --- a dataset as a whole ---------------------------------------------------------------------------------


@row_rule("share_within_limit")
def is_share_within_limit(rows: pd.DataFrame) -> pd.Series:
    """(rows, quarantined): few rows are quarantined, or a small share of all."""
    limits = facts().limits
    total, quarantined = (rows[column] for column in rows.columns)
    few = quarantined < limits.quarantined_rows
    return few | (quarantined <= limits.quarantined_share * total)


class ExpectShareWithinLimit(RowExpectation):
    map_metric = "multicolumn_values.share_within_limit"


@row_rule("usual_volume")
def is_usual_volume(rows: pd.DataFrame) -> pd.Series:
    """(rows, last_rows): about as many rows as when the dataset was last delivered."""
    limits = facts().limits
    now, last = (rows[column] for column in rows.columns)
    near = (now - last).abs() < limits.volume_rows
    usual = (now >= limits.volume_low * last) & (now <= limits.volume_high * last)
    return near | usual | (now == 0) | last.isna()


class ExpectUsualVolume(RowExpectation):
    map_metric = "multicolumn_values.usual_volume"
