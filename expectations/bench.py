"""Where one run's tables are judged, dataset by dataset.

``door.judge`` is the way in; this module does the work once Great Expectations is wanted. All files of a dataset are
judged together, since a check costs the same for one file as for ten; what failed is then told apart by file.
Source: docs/contract/inputs.md (What a bad input gets).
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from expectations import landing, people, values
from expectations.door import (
    KEY_SEPARATOR,
    Context,
    DeliveredTable,
    Problem,
    Verdict,
    problem_result,
)
from expectations.facts import Facts, judging_with
from expectations.judging import ROW, Outcome, evaluate
from expectations.suite import Check, Stage, suite_of
from sources.contract import Dataset, datasets
from sources.names import Names, aliases

QUARANTINED_COLUMNS = {
    "dataset": "str",
    "file_sha256": "str",
    "file_name": "str",
    "sheet": "str",
    "row_number": "int64",
    "delivery_seq": "int64",
    "column_name": "str",
    "check_code": "str",
    "sentence": "str",
    "value": "str",
    "waiting": "bool",
}
BALANCE_COLUMNS = {
    "file_sha256": "str",
    "file_name": "str",
    "sheet": "str",
    "dataset": "str",
    "rows_read": "int64",
    "rows_loaded": "int64",
    "rows_duplicate": "int64",
    "rows_quarantined": "int64",
    "rows_waiting": "int64",
}
RESULT_COLUMNS = {
    "check_code": "str",
    "engine": "str",
    "subject": "str",
    "file_sha256": "str",
    "file_name": "str",
    "sheet": "str",
    "column_name": "str",
    "guards": "str",
    "dimension": "str",
    "severity": "str",
    "outcome": "str",
    "rows_checked": "int64",
    "rows_failing": "int64",
    "sample_rows": "str",
    "sentence": "str",
}

SAMPLE_ROWS = 10
LONGEST_VALUE = 200
MOST_CANDIDATES = 200
"""For so many distinct unknown names the nearest states are looked up; more of them are no spelling mistakes."""

Lines = list[dict[str, Any]]


class Bench:
    """One run at the door. Made for one ``verdict``."""

    def __init__(self, deliveries: Sequence[DeliveredTable], context: Context) -> None:
        self._deliveries = deliveries
        self._context = context
        self._accepted: dict[str, pa.Table] = {}
        self._quarantined: list[pd.DataFrame] = []
        self._balance: Lines = []
        self._results: Lines = []
        self._problems: list[Problem] = []
        self._validations: list[dict[str, Any]] = []
        self._header_only: set[str] = set()
        self._refused: set[tuple[str, str | None]] = set()
        self._restricted: set[str] = set()
        self._state_pairs = list(context.state_names.items())
        self._codes: dict[str, str | None] = {}
        self._registered = self._names_in_registers()
        self._finder = self._person_finder()
        self._facts = Facts(
            today=context.today,
            plan_version=context.plan_version,
            indicators=_answered_indicators(context),
            limits=context.limits,
            state_of=self._state_of,
            names_person=self._finder.found_in,
            keys={name: _key_array(keys) for name, keys in context.known_keys.items()},
            meeting_starts=_starts(context),
            contributions=_amounts(context.contributions),
        )

    def verdict(self) -> Verdict:
        """Judge everything."""
        with judging_with(self._facts):
            for dataset in datasets().values():
                _without_cells(dataset.name, lambda dataset=dataset: self._judge(dataset))
        return Verdict(
            accepted=self._accepted,
            quarantined=_frame(
                pd.concat(self._quarantined) if self._quarantined else pd.DataFrame(), QUARANTINED_COLUMNS
            ),
            balance=_frame(pd.DataFrame(self._balance), BALANCE_COLUMNS),
            results=_frame(pd.DataFrame(self._results), RESULT_COLUMNS),
            problems=tuple(self._problems),
            validations=self._validations,
            header_only=frozenset(self._header_only),
            tables_refused=frozenset(self._refused),
            restricted_files=frozenset(self._restricted),
            people_names=pa.array(self._registered, pa.string()),
        )

    # --- what is known -----------------------------------------------------------------------------------------

    def _names_in_registers(self) -> list[str]:
        """Normalised names of the persons in this run's registers, also of rows that will not load."""
        columns = [
            d.table.frame["full_name"]
            for d in self._deliveries
            if datasets()[d.table.dataset].holds_people and "full_name" in d.table.frame
        ]
        if not columns:
            return []
        names = values.distinct(pd.concat(columns)).map(people.normalise)
        return sorted(set(names) - {""})

    def _person_finder(self) -> people.PersonFinder:
        earlier = self._context.people_names
        known = earlier.to_pylist() if isinstance(earlier, pa.Array | pa.ChunkedArray) else list(earlier)
        states = [
            d.table.frame["name"]
            for d in self._deliveries
            if d.table.dataset == "states" and "name" in d.table.frame
        ]
        named = values.distinct(pd.concat(states)).tolist() if states else []
        return people.PersonFinder(
            [*known, *self._registered],
            no_names=[*named, *(name for name, _ in self._state_pairs), *(name for name, _, _ in aliases())],
        )

    def _state_of(self, column: pd.Series) -> pd.Series:
        """ISO alpha-3 codes of names, each distinct name resolved once a run."""
        texts = values.distinct(column)
        still_open = [text for text in texts if text not in self._codes]
        if still_open:
            self._codes.update(Names(self._state_pairs).resolve(still_open))
        return values.spread(column, texts.map(self._codes).astype("str"))

    # --- one dataset -------------------------------------------------------------------------------------------

    def _judge(self, dataset: Dataset) -> None:
        given = [d for d in self._deliveries if d.table.dataset == dataset.name]
        tables = [d for d in given if d.table.problem is None]
        for refused in (d for d in given if d.table.problem is not None):
            self._refuse(refused)
        if any(d.table.header_only and d.is_new for d in tables):
            self._header_only.add(dataset.name)
        rows = _Rows(dataset, tables)
        self._restrict(dataset, tables, rows)
        outcomes = self._judge_rows(dataset, rows)
        if tables:
            self._judge_tables(dataset, tables, outcomes)
        if tables or dataset.required:
            self._judge_whole(dataset, tables, rows)
        self._report(dataset, tables, rows, outcomes)
        self._learn(dataset)

    def _judge_rows(self, dataset: Dataset, rows: _Rows) -> dict[str, list[Outcome]]:
        """Stages shape, row, retraction and key; marks each row with what becomes of it."""
        frame = rows.frame
        outcomes: dict[str, list[Outcome]] = {}

        def stage(name: Stage, part: pd.DataFrame) -> list[Outcome]:
            checks = suite_of(dataset.name).on(name)
            found = [Outcome(check, "pass", 0, ()) for check in checks]
            if len(part):
                found, evidence = evaluate(f"{dataset.name}.{name}", checks, part)
                self._validations.append({"dataset": dataset.name, "suite": name, "result": evidence})
            for outcome in found:
                outcomes.setdefault(outcome.check.code, []).append(outcome)
            rows.note(found)
            return found

        stage("shape", frame)
        whole = frame[~rows.out]
        retracted = values.words(whole["record_status"]) == "retracted"
        stage("row", whole[~retracted])
        standing_keys = frame.loc[
            ~rows.out & ~rows.waits & frame[ROW].isin(whole.loc[~retracted, ROW]), "_key"
        ]
        landed = self._facts.keys.get(dataset.name)
        self._facts.keys[dataset.name] = _joined(landed, _key_array(standing_keys.dropna()))
        stage("retraction", whole[retracted])
        self._facts.keys[dataset.name] = _joined(landed)

        standing = frame[~rows.out]
        cleaned, _ = self._without_persons(dataset, standing)
        typed = landing.typed(
            dataset, cleaned, values.words(standing["record_status"]) == "retracted", self._context.people_key
        )
        stage("key", _key_frame(dataset, standing, typed))
        loads = ~(rows.out | rows.waits | rows.repeats) & frame["_judged"]
        self._accepted[dataset.name] = typed.filter(
            pc.is_in(typed.column("delivery_seq"), value_set=pa.array(frame.loc[loads, ROW], pa.int64()))
        )
        return outcomes

    def _judge_tables(
        self, dataset: Dataset, tables: list[DeliveredTable], outcomes: dict[str, list[Outcome]]
    ) -> None:
        known = {column.name for column in dataset.columns}
        unknown = [sum(name not in known for name in d.table.header) for d in tables]
        checks = suite_of(dataset.name).on("table")
        frame = pd.DataFrame({ROW: range(len(tables)), "unknown_columns": unknown})
        found, evidence = evaluate(f"{dataset.name}.table", checks, frame)
        self._validations.append({"dataset": dataset.name, "suite": "table", "result": evidence})
        for outcome in found:
            outcomes.setdefault(outcome.check.code, []).append(outcome)

    def _judge_whole(self, dataset: Dataset, tables: list[DeliveredTable], rows: _Rows) -> None:
        """Stage dataset: shares count the rows of this run's new files, and rows that wait not at all."""
        frame = rows.frame
        new = frame["_new"] & frame["_judged"]
        last = self._context.last_volumes.get(dataset.name)
        summary = pd.DataFrame(
            {
                ROW: [0],
                "rows": [int(new.sum())],
                "quarantined": [int((rows.out & new).sum())],
                "waiting": [int((rows.waiting & frame["_judged"]).sum())],
                "last_rows": [np.nan if last is None else float(last)],
                "delivered": [
                    dataset.name in self._context.delivered
                    or dataset.name in self._header_only
                    or self._accepted[dataset.name].num_rows > 0
                ],
            }
        )
        found, evidence = evaluate(f"{dataset.name}.dataset", suite_of(dataset.name).on("dataset"), summary)
        self._validations.append({"dataset": dataset.name, "suite": "dataset", "result": evidence})
        told = summary.iloc[0]
        for outcome in found:
            sentence = _neutral(outcome.check.sentence)
            if outcome.outcome == "fail":
                sentence += (
                    f" ({told['rows']} new rows, {told['quarantined']} quarantined, {told['waiting']} waiting"
                    + (f", {last} when last delivered)" if last is not None else ")")
                )
            self._results.append(_result(outcome, dataset, None, 1, len(outcome.failing), [], sentence))
            self._block(dataset, outcome, sentence)

    # --- people ------------------------------------------------------------------------------------------------

    def _without_persons(self, dataset: Dataset, frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
        """Free text without names and addresses, and True for the rows that had one."""
        hit = pd.Series(False, index=frame.index)
        if dataset.holds_people:
            return frame, hit
        cleaned = frame.copy(deep=False)
        for column in dataset.columns:
            if column.type == "text":
                cleaned[column.name], found = self._finder.without_persons(frame[column.name])
                hit |= found
        return cleaned, hit

    def _restrict(self, dataset: Dataset, tables: list[DeliveredTable], rows: _Rows) -> None:
        """Name the files that hold people's data, or of which that can't be ruled out."""
        known = {column.name for column in dataset.columns}
        if dataset.holds_people:
            self._restricted.update(d.file_sha256 for d in tables)
            return
        frame = rows.frame
        suspect = frame["_cells"] != frame["_header_cells"]
        for column in dataset.columns:
            suspect |= self._finder.found_in(frame[column.name])
        self._restricted.update(tables[place].file_sha256 for place in frame.loc[suspect, "_table"].unique())
        self._restricted.update(d.file_sha256 for d in tables if not known.issuperset(d.table.header))

    # --- what is reported --------------------------------------------------------------------------------------

    def _refuse(self, refused: DeliveredTable) -> None:
        table = refused.table
        self._refused.add((refused.file_sha256, table.sheet))
        self._restricted.add(refused.file_sha256)
        if table.problem is not None:
            self._results.append(
                problem_result(
                    table.problem, table.dataset, refused.file_sha256, refused.file_name, table.sheet
                )
            )

    def _block(self, dataset: Dataset, outcome: Outcome, sentence: str) -> None:
        if outcome.outcome == "error":
            self._problems.append(Problem(outcome.check.code, dataset.name, _broken(outcome), "error"))
        elif outcome.outcome == "fail" and outcome.check.severity == "block":
            self._problems.append(Problem(outcome.check.code, dataset.name, sentence))

    def _report(
        self,
        dataset: Dataset,
        tables: list[DeliveredTable],
        rows: _Rows,
        outcomes: dict[str, list[Outcome]],
    ) -> None:
        for found in outcomes.values():
            for broken in (outcome for outcome in found if outcome.outcome == "error"):
                self._block(dataset, broken, "")
        for place, delivered in enumerate(tables):
            self._balance.append(rows.balance(place, delivered))
            for found in outcomes.values():
                self._results.append(_table_result(dataset, rows, place, delivered, found))
        self._quarantined.append(self._quarantine_lines(dataset, tables, rows))

    def _quarantine_lines(self, dataset: Dataset, tables: list[DeliveredTable], rows: _Rows) -> pd.DataFrame:
        """A line for each quarantined row and check that it failed."""
        frame = rows.frame.set_index(ROW)
        held = frame.index[(rows.out | rows.waiting) & rows.frame["_judged"].to_numpy()]
        lines: list[pd.DataFrame] = []
        for check, failing in rows.faults:
            seqs = np.intersect1d(np.array(failing, dtype=np.int64), held.to_numpy())
            if not len(seqs):
                continue
            part = frame.loc[seqs]
            told = self._told(dataset, check, part)
            lines.append(
                pd.DataFrame(
                    {
                        "dataset": dataset.name,
                        "_table": part["_table"],
                        "row_number": part["_row"],
                        "delivery_seq": seqs,
                        "column_name": check.column,
                        "check_code": check.code,
                        **told,
                    }
                )
            )
        if not lines:
            return pd.DataFrame()
        together = pd.concat(lines, ignore_index=True)
        waiting = rows.frame.loc[rows.waiting, ROW]
        together["waiting"] = together["delivery_seq"].isin(waiting)
        place = together["_table"].to_numpy()
        for name, of_table in (
            ("file_sha256", [d.file_sha256 for d in tables]),
            ("file_name", [d.file_name for d in tables]),
            ("sheet", [d.table.sheet for d in tables]),
        ):
            together[name] = np.array(of_table, dtype=object)[place]
        return together.sort_values(["delivery_seq"], kind="stable")

    def _told(self, dataset: Dataset, check: Check, part: pd.DataFrame) -> dict[str, Any]:
        """Value (where it may be shown) and sentence of the rows that failed a check."""
        nothing = pd.Series(pd.NA, index=part.index, dtype="str")
        raw = part[check.column] if check.column else nothing
        shown = nothing
        if not dataset.holds_people and check.column and not check.code.endswith("-04"):
            cut = raw.str.slice(0, LONGEST_VALUE)
            # Cleaned first: half a name is still a name.
            shown = self._finder.without_persons(raw)[0].str.slice(0, LONGEST_VALUE).where(cut.notna())
        sentence = pd.Series(check.sentence, index=part.index, dtype="str")
        if "{candidates}" in check.sentence:
            near = values.distinct(raw)
            hints = near.iloc[:MOST_CANDIDATES].map(self._hint).astype("str")
            hint = values.spread(raw, hints.reindex(near.index)).fillna("")
            sentence = _joined_text(sentence, "{candidates}", hint)
        if "{value}" in check.sentence:
            quoted = ("'" + shown + "'").fillna("The value")
            sentence = _joined_text(sentence, "{value}", quoted)
        return {"value": shown, "sentence": sentence}

    def _hint(self, name: str) -> str:
        nearest = Names(self._state_pairs).candidates(name)
        return f" Nearest: {', '.join(f'{n} ({code})' for n, code in nearest)}." if nearest else ""

    # --- what the next dataset may ask -------------------------------------------------------------------------

    def _learn(self, dataset: Dataset) -> None:
        """Keys of what loaded are known from here on; so are names of states and days of meetings."""
        loaded = self._accepted[dataset.name]
        frame = loaded.select([*dataset.key]).to_pandas().astype("str")
        self._facts.keys[dataset.name] = _joined(
            self._facts.keys.get(dataset.name), _key_array(_key(dataset, frame).dropna())
        )
        if dataset.name == "states":
            named = loaded.filter(pc.is_valid(loaded.column("name")))
            self._state_pairs += list(
                zip(named.column("name").to_pylist(), named.column("iso3").to_pylist(), strict=True)
            )
            self._codes.clear()
        if dataset.name == "meetings":
            begun = loaded.filter(pc.is_valid(loaded.column("starts_on"))).sort_by("received_on")
            starts = begun.select(["meeting_id", "starts_on"]).to_pandas()
            of_run = pd.Series(
                pd.to_datetime(starts["starts_on"]).to_numpy("datetime64[us]"), index=starts["meeting_id"]
            )
            both = pd.concat([self._facts.meeting_starts, of_run])
            self._facts.meeting_starts = both[~both.index.duplicated(keep="last")]


class _Rows:
    """All rows of a dataset in this run, and what becomes of each.

    ``frame``: text columns of the contract (NA = missing), ``delivery_seq``, ``_row``, ``_cells``, ``_header_cells``,
    ``_table`` (place of its table), ``_new``, ``_judged``, ``_key``, ``_file`` and the columns of provenance. Of a
    table read again it holds the rows asked for and those with their keys, which are looked at and not judged again.
    """

    def __init__(self, dataset: Dataset, tables: Sequence[DeliveredTable]) -> None:
        parts = [_rows_of(dataset, place, delivered) for place, delivered in enumerate(tables)]
        empty = _rows_of(dataset, 0, None)
        frame = pd.concat(parts, ignore_index=True) if parts else empty
        if not frame[ROW].is_unique:
            raise RuntimeError(f"{dataset.name}: two rows have one delivery_seq")
        self.frame = frame.assign(_key=_key(dataset, frame))
        self._seqs = pd.Index(frame[ROW])
        self.out = pd.Series(False, index=frame.index)
        self.waits = pd.Series(False, index=frame.index)
        self.repeats = pd.Series(False, index=frame.index)
        self.faults: list[tuple[Check, tuple[int, ...]]] = []

    @property
    def waiting(self) -> pd.Series:
        """Rows whose only fault is a parent that is not known yet."""
        return self.waits & ~self.out & ~self.repeats

    def note(self, outcomes: Sequence[Outcome]) -> None:
        """Keep what the checks of a stage mean for the rows."""
        for outcome in outcomes:
            if not outcome.failing:
                continue
            place = self._seqs.get_indexer(np.array(outcome.failing, dtype=np.int64))
            check = outcome.check
            if check.repeats:
                self.repeats.iloc[place] = True
            elif check.severity == "quarantine":
                (self.waits if check.waits else self.out).iloc[place] = True
                self.faults.append((check, outcome.failing))
        self.repeats &= ~self.out

    def balance(self, place: int, delivered: DeliveredTable) -> dict[str, Any]:
        """read = loaded + duplicate + quarantined, for one table."""
        mine = (self.frame["_table"] == place) & self.frame["_judged"]
        read = int(mine.sum())
        duplicate = int((mine & self.repeats).sum())
        waiting = int((mine & self.waiting).sum())
        quarantined = int((mine & self.out).sum()) + waiting
        return {
            "file_sha256": delivered.file_sha256,
            "file_name": delivered.file_name,
            "sheet": delivered.table.sheet,
            "dataset": delivered.table.dataset,
            "rows_read": read,
            "rows_loaded": read - duplicate - quarantined,
            "rows_duplicate": duplicate,
            "rows_quarantined": quarantined,
            "rows_waiting": waiting,
        }

    def failing(self, place: int, outcomes: Sequence[Outcome]) -> tuple[int, list[int]]:
        """How many judged rows of a table failed, and the numbers of the first of them."""
        failing = [seq for outcome in outcomes for seq in outcome.failing]
        at = self._seqs.get_indexer(np.array(failing, dtype=np.int64))
        part = self.frame.iloc[at]
        numbers = part.loc[(part["_table"] == place) & part["_judged"], "_row"]
        return len(numbers), sorted(numbers.tolist())[:SAMPLE_ROWS]


def _rows_of(dataset: Dataset, place: int, delivered: DeliveredTable | None) -> pd.DataFrame:
    columns = [column.name for column in dataset.columns]
    source = delivered.table.frame if delivered else pd.DataFrame({"_row": [], "_cells": []})
    text = source.reindex(columns=columns).astype("str")
    frame = text.mask(text == "").assign(
        _row=source["_row"].astype("int64"),
        _cells=source["_cells"].astype("int64"),
        _header_cells=len(delivered.table.header) if delivered else 0,
        _table=place,
        _new=delivered.is_new if delivered else False,
        _judged=True,
        delivery_seq=(delivered.first_seq if delivered else 0) + np.arange(len(source), dtype=np.int64),
        file_sha256=pd.Series(delivered.file_sha256 if delivered else None, index=source.index, dtype="str"),
        file_name=pd.Series(delivered.file_name if delivered else None, index=source.index, dtype="str"),
        sheet=pd.Series(delivered.table.sheet if delivered else None, index=source.index, dtype="str"),
        row_number=source["_row"].astype("int64"),
    )
    if delivered is None or delivered.only_rows is None:
        return frame
    asked = frame["_row"].isin(list(delivered.only_rows))
    # A row that is judged again may contradict, or repeat, one of its file that was judged before.
    mates = _key(dataset, frame).isin(_key(dataset, frame[asked]).dropna())
    return frame.assign(_judged=asked)[asked | mates]


def _key(dataset: Dataset, frame: pd.DataFrame) -> pd.Series:
    """A row's key as one text, as ``Context.known_keys`` has it; NA where a part is missing."""
    first, *others = (frame[column] for column in dataset.key)
    key = first.str.upper() if dataset.name == "states" else first
    for other in others:
        key = key + KEY_SEPARATOR + other
    return key


def _key_frame(dataset: Dataset, standing: pd.DataFrame, typed: pa.Table) -> pd.DataFrame:
    """What the checks of keys look at: file, key, day, and a number for what the row says after typing."""
    frame = pd.DataFrame(
        {
            ROW: standing[ROW],
            "_file": standing["file_sha256"],
            "_key": standing["_key"],
            "_received_on": standing["received_on"],
            "_content": 0,
        }
    )
    again = frame.duplicated(["_file", "_key"], keep=False)
    if again.any():
        seqs = frame.loc[again, ROW]
        said = typed.filter(pc.is_in(typed.column(ROW), value_set=pa.array(seqs, pa.int64()))).to_pandas()
        columns = [name for name, _ in dataset.landing_columns if name not in _PLACE]
        content = said.groupby(columns, dropna=False, sort=False).ngroup().set_axis(said[ROW])
        frame.loc[again, "_content"] = content.reindex(seqs).to_numpy()
    return frame


_PLACE = frozenset({"delivery_seq", "file_sha256", "file_name", "sheet", "row_number"})


def _key_array(keys: Any) -> pa.ChunkedArray:
    array = keys if isinstance(keys, pa.Array | pa.ChunkedArray) else pa.array(list(keys), pa.large_string())
    return _joined(array.cast(pa.large_string()))


def _joined(*arrays: Any) -> pa.ChunkedArray:
    """Keys of all arrays; nothing for None."""
    chunks: list[pa.Array] = []
    for array in arrays:
        if isinstance(array, pa.ChunkedArray):
            chunks += array.chunks
        elif array is not None:
            chunks.append(array)
    return pa.chunked_array(chunks, pa.large_string())


def _answered_indicators(context: Context) -> dict[str, frozenset[str]]:
    """plan_version -> ids of the indicators whose answer stands in reports; plans without any are there as well."""
    found: dict[str, set[str]] = {context.plan_version: set()}
    for plan_version, indicator_id, rule in context.indicators:
        ids = found.setdefault(plan_version, set())
        if rule in {"reported", "reported_ever"}:
            ids.add(indicator_id)
    return {plan_version: frozenset(ids) for plan_version, ids in found.items()}


def _starts(context: Context) -> pd.Series:
    starts = context.meeting_starts
    days = pd.to_datetime(pd.Series(list(starts.values()), dtype="object"))
    return pd.Series(days.to_numpy("datetime64[us]"), index=pd.Index(list(starts.keys()), dtype="str"))


def _amounts(contributions: pd.DataFrame | None) -> pd.DataFrame:
    """The landing's contributions as the rule on payments compares them: year as text, amount in cents."""
    if contributions is None or contributions.empty:
        return pd.DataFrame()
    return pd.DataFrame(
        {
            "contribution_id": contributions["contribution_id"].astype("str"),
            "iso3": contributions["iso3"].astype("str"),
            "year": contributions["year"].astype("int64").astype("str"),
            "kind": contributions["kind"].astype("str"),
            # Whole cents up to 2**53 are exact in a double.
            "cents": (contributions["amount"].astype("float64") * 100).round().astype("Int64"),
        }
    )


def _table_result(
    dataset: Dataset, rows: _Rows, place: int, delivered: DeliveredTable, found: list[Outcome]
) -> dict[str, Any]:
    """One check on one table; a check that judged rows and retractions gives one line."""
    check = found[0].check
    if "table" in check.on:
        failing, sample, checked = int(place in found[0].failing), [], 1
    else:
        mine = (rows.frame["_table"] == place) & rows.frame["_judged"]
        failing, sample = rows.failing(place, found)
        checked = int(mine.sum()) if any(outcome.rows_checked for outcome in found) else 0
    broken = [outcome for outcome in found if outcome.outcome == "error"]
    sentence = _broken(broken[0]) if broken else _neutral(check.sentence)
    if "table" in check.on and failing:
        known = {column.name for column in dataset.columns}
        places = [str(i) for i, name in enumerate(delivered.table.header, start=1) if name not in known]
        sentence += f" (In order: columns {', '.join(places)}.)"
    outcome = found[0] if not broken else broken[0]
    return _result(outcome, dataset, delivered, checked, failing, sample, sentence)


def _result(
    outcome: Outcome,
    dataset: Dataset,
    delivered: DeliveredTable | None,
    checked: int,
    failing: int,
    sample: list[int],
    sentence: str,
) -> dict[str, Any]:
    check = outcome.check
    return {
        "check_code": check.code,
        "engine": "great_expectations",
        "subject": dataset.name,
        "file_sha256": delivered.file_sha256 if delivered else None,
        "file_name": delivered.file_name if delivered else None,
        "sheet": delivered.table.sheet if delivered else None,
        "column_name": check.column,
        "guards": check.reason,
        "dimension": check.dimension,
        "severity": check.severity,
        "outcome": "error" if outcome.outcome == "error" else "fail" if failing else "pass",
        "rows_checked": checked,
        "rows_failing": failing,
        "sample_rows": json.dumps(sample),
        "sentence": sentence,
    }


def _neutral(sentence: str) -> str:
    """A check's sentence where no single value is meant."""
    return sentence.replace("{candidates}", "").replace("{value}", "The value")


def _broken(outcome: Outcome) -> str:
    return (
        f"The check itself broke ({outcome.error}), so that nothing is known about its rows. "
        "Mend the check, or report it as a defect."
    )


def _joined_text(sentence: pd.Series, place: str, text: pd.Series) -> pd.Series:
    """The sentence of a check (the same on every row) with each row's text in its place."""
    before, _, after = str(sentence.iloc[0]).partition(place)
    if sentence.nunique() > 1:
        parts = sentence.str.partition(place)
        return parts[0] + text + parts[2]
    return before + text + after


def _frame(frame: pd.DataFrame, columns: dict[str, str]) -> pd.DataFrame:
    """The frame with exactly these columns and types."""
    return frame.reindex(columns=list(columns)).astype(columns).reset_index(drop=True)


def _without_cells(subject: str, work: Callable[[], None]) -> None:
    """Do the work; where it breaks, say where and with what kind of error, and never with what it said.

    Raised outside of ``except``: an exception that a log prints with its context would print the cell in it.
    """
    told = ""
    try:
        work()
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        told = f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
        if isinstance(error, RuntimeError) and Path(last.filename).name in {"landing.py", "bench.py"}:
            told = str(error)
    if told:
        raise RuntimeError(f"The door broke while it judged {subject}: {told}. This is a defect.")
