"""Where one run's tables are judged, dataset by dataset.

``door.judge`` is the way in; this module does the work once Great Expectations is wanted. All files of a
dataset are judged together, since a check costs the same for one file as for ten; what failed is then told
apart by file. Source: docs/contract/inputs.md (What a bad input gets).
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from expectations import agreement, landing, people, values
from expectations.door import (
    KEY_SEPARATOR,
    Begun,
    Context,
    DeliveredTable,
    Lost,
    Problem,
    Verdict,
    problem_result,
)
from expectations.facts import Facts, KeyRing, judging_with
from expectations.judging import ROW, Outcome, evaluate
from expectations.reporting import (
    BALANCE_COLUMNS,
    QUARANTINED_COLUMNS,
    RESULT_COLUMNS,
    broken,
    code_of,
    framed,
    neutral,
    quarantine_lines,
    result_line,
    table_lines,
)
from expectations.rows import Flags, Places, Rows, key_frame, key_text, portioned
from expectations.suite import Check, Stage, delivery_suite, suite_of
from expectations.taken import Taken, unpacked
from sources.contract import Dataset, datasets
from sources.names import Names, state_names, why_none
from sources.readers import readers

SHAPE_ROWS = 1_000_000
"""Rows whose number of cells is judged at a time."""
PATIENCE = 60.0
"""Seconds that judging a dataset apart may take, and one more for so many rows:"""
ROWS_A_SECOND = 10_000


@dataclass
class _Said:
    """What the verdict says of one thing that is judged: a dataset, or the delivery as a whole."""

    quarantined: list[pd.DataFrame] = field(default_factory=list)
    results: list[dict[str, Any]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    validations: list[dict[str, Any]] = field(default_factory=list)
    restricted: set[str] = field(default_factory=set)


class Bench:
    """One run at the door. Made for one ``verdict``."""

    def __init__(self, deliveries: Sequence[DeliveredTable], context: Context) -> None:
        self._deliveries = deliveries
        self._context = context
        self._taken: dict[str, Taken] = {}
        self._said = [_Said()]
        """In the order in which it is said; what is judged now comes to the last."""
        self._lost: dict[str, str] = {}
        self._state_pairs = list(context.state_names.items())
        self._codes: dict[str, str | None] = {}
        self._registered = self._names_in_registers()
        self._finder = self._person_finder()
        self._rows: dict[str, Rows] = {}
        self._facts = Facts(
            today=context.today,
            plan_version=context.plan_version,
            indicators=_answered_indicators(context),
            limits=context.limits,
            state_of=self._state_of,
            names_person=self._finder.found_in,
            keys=KeyRing(context.known_keys),
            meeting_starts=_starts(context),
            contributions=_amounts(context.contributions),
        )

    def verdict(self) -> Verdict:
        """Judge everything, parents first."""
        with judging_with(self._facts):
            shape = _without_cells("the shape of rows", self._judge_shape)
            self._judge_datasets(shape)
            _without_cells("tables", self._judge_tables)
            _without_cells("the delivery as a whole", self._judge_whole)
        refused = [d for d in self._deliveries if d.table.problem is not None]
        lines = [frame for said in self._said for frame in said.quarantined]
        restricted = {d.file_sha256 for d in refused}.union(*(said.restricted for said in self._said))
        return Verdict(
            taken=self._taken,
            quarantined=framed(pd.concat([framed([], QUARANTINED_COLUMNS), *lines]), QUARANTINED_COLUMNS),
            balance=framed(
                [line for rows in self._rows.values() for line in rows.balance()], BALANCE_COLUMNS
            ),
            results=framed(
                [*map(_refusal, refused), *(line for said in self._said for line in said.results)],
                RESULT_COLUMNS,
            ),
            problems=tuple(problem for said in self._said for problem in said.problems),
            validations=[one for said in self._said for one in said.validations],
            header_only=self._header_only,
            tables_refused=frozenset((d.file_sha256, d.table.dataset, d.table.sheet) for d in refused),
            restricted_files=frozenset(restricted),
            people_names=pa.array(self._registered, pa.string()),
            lost=self._lost,
        )

    @property
    def _tables(self) -> list[DeliveredTable]:
        return [d for d in self._deliveries if d.table.problem is None]

    @property
    def _header_only(self) -> frozenset[str]:
        return frozenset(d.table.dataset for d in self._tables if d.is_new and d.table.header_only)

    # --- what is known ------------------------------------------------------------------------------------

    def _names_in_registers(self) -> list[str]:
        """Normalised names of the persons in this run's registers, also of rows that will not load."""
        columns = [
            d.table.frame["full_name"]
            for d in self._deliveries
            if datasets()[d.table.dataset].holds_people and "full_name" in d.table.frame
        ]
        if not columns:
            return []
        names = {name for column in columns for name in values.distinct(column).map(people.normalise)}
        return sorted(names - {""})

    def _person_finder(self) -> people.PersonFinder:
        earlier = self._context.people_names
        known = earlier.to_pylist() if isinstance(earlier, pa.Array | pa.ChunkedArray) else list(earlier)
        # Names of states by the libraries alone: a person's name in a cell of states is still a person's.
        return people.PersonFinder([*known, *self._registered], no_names=state_names())

    def _state_of(self, column: pd.Series) -> pd.Series:
        """ISO alpha-3 codes of names, each distinct name resolved once."""
        texts = values.distinct(column)
        if still_open := [text for text in texts if text not in self._codes]:
            self._codes.update(Names(self._state_pairs).resolve(still_open))
        return values.spread(column, texts.map(self._codes).astype("str"))

    # --- what all datasets share --------------------------------------------------------------------------

    def _judge_shape(self) -> list[Outcome]:
        """Cells of all rows of all datasets."""
        for dataset in datasets().values():
            tables = [d for d in self._tables if d.table.dataset == dataset.name]
            self._rows[dataset.name] = Rows(dataset, tables)
        checks = delivery_suite().on("shape")
        of_datasets = [(rows.seqs, *rows.cells()) for rows in self._rows.values()]
        columns = (np.concatenate(column) for column in zip(*of_datasets, strict=True))
        names = (ROW, "_cells", "_header_cells", "_error_cells", "_unquoted")
        frame = pd.DataFrame(dict(zip(names, columns, strict=True)), copy=False)
        parts = [
            self._evaluate("delivery", "shape", checks, frame.iloc[first : first + SHAPE_ROWS])
            for first in range(0, max(len(frame), 1), SHAPE_ROWS)
        ]
        return together(parts)

    def _judge_tables(self) -> None:
        """Columns of every table."""
        tables = self._tables
        places = [_unknown_columns(delivered) for delivered in tables]
        frame = pd.DataFrame({ROW: range(len(tables)), "unknown_columns": [len(place) for place in places]})
        for outcome in self._evaluate("delivery", "table", delivery_suite().on("table"), frame):
            for place, delivered in enumerate(tables):
                failing = place in outcome.failing
                sentence = neutral(outcome.check.sentence)
                if failing:
                    # Not by name: what somebody wrote as a name of a column could be anybody's.
                    sentence += f" (Counted from the left: {', '.join(map(str, places[place]))}.)"
                self._report(
                    outcome, datasets()[delivered.table.dataset], delivered, (1, int(failing), []), sentence
                )

    def _judge_whole(self) -> None:
        """Each dataset as a whole. Shares count the rows of new files, and rows that wait not at all."""
        wanted = [d for d in datasets().values() if d.required or self._rows[d.name].tables]
        frame = pd.DataFrame([self._summary(dataset) for dataset in wanted]).assign(
            **{ROW: range(len(wanted))}
        )
        for outcome in self._evaluate("delivery", "dataset", delivery_suite().on("dataset"), frame):
            for place, dataset in enumerate(wanted):
                failing = place in outcome.failing
                sentence = neutral(outcome.check.sentence)
                if failing:
                    told = frame.iloc[place]
                    sentence += f" ({told['rows']} new rows, {told['quarantined']} quarantined, "
                    sentence += f"{told['waiting']} waiting.)"
                self._report(outcome, dataset, None, (1, int(failing), []), sentence)

    def _summary(self, dataset: Dataset) -> dict[str, Any]:
        rows = self._rows[dataset.name]
        new = rows.new & rows.judged
        last = self._context.last_volumes.get(dataset.name)
        delivered = (
            dataset.name in self._context.delivered
            or dataset.name in self._header_only
            or self._taken[dataset.name].rows > 0
        )
        return {
            "rows": int(new.sum()),
            "quarantined": int((rows.out & new).sum()),
            "waiting": int((rows.waiting & rows.judged).sum()),
            "last_rows": np.nan if last is None else float(last),
            "delivered_or_optional": delivered or not dataset.required,
        }

    # --- one dataset --------------------------------------------------------------------------------------

    def _judge_datasets(self, shape: list[Outcome]) -> None:
        """Judge all datasets, parents first; a large one that has no children beside those after it."""
        begun: list[tuple[Begun, Dataset, int, Callable[[], None]]] = []
        try:
            for dataset in datasets().values():
                judge = partial(_without_cells, dataset.name, partial(self._judge, dataset, shape))
                self._said.append(_Said())
                apart = None if begun else self._begun_apart(dataset, judge)
                if apart is not None:
                    begun.append((apart, dataset, len(self._said) - 1, judge))
                    continue
                self._taken[dataset.name] = Taken()
                judge()
            self._said.append(_Said())
            for one in begun:
                self._learn_from(*one)
        finally:
            for apart, *_ in begun:
                apart.stop()

    def _begun_apart(self, dataset: Dataset, judge: Callable[[], None]) -> Begun | None:
        """The judging of a large dataset, begun in a copy of this process; nothing where there is no need, or
        no way."""
        rows = self._rows[dataset.name]
        if self._context.apart is None or not rows.is_large or dataset.name in _parents():
            return None

        def work() -> tuple[Any, ...]:
            judge()
            return self._said[-1], taken.rows, taken.places, rows.marks

        try:
            taken = self._taken[dataset.name] = Taken(aside=True)
            return self._context.apart(work)
        except OSError:
            return None  # no room for another process

    def _learn_from(self, apart: Begun, dataset: Dataset, place: int, judge: Callable[[], None]) -> None:
        """Take over what was judged apart; where that gave nothing, for whatever reason, judge here."""
        rows, taken = self._rows[dataset.name], self._taken[dataset.name]
        try:
            found = apart.result(PATIENCE + len(rows) / ROWS_A_SECOND)
            self._said[place], taken.rows, taken.places, rows.marks = found
        except Lost as lost:
            self._lost[dataset.name] = str(lost)
            self._taken[dataset.name] = Taken()
            self._said.append(_Said())
            judge()
            self._said[place] = self._said.pop()

    def _judge(self, dataset: Dataset, shape: list[Outcome]) -> None:
        """Judge a dataset, portion by portion (expectations/rows.py)."""
        rows, taken = self._rows[dataset.name], self._taken[dataset.name]
        if not rows.tables:
            taken.add(landing.nothing(dataset))
            return
        rows.note(shape)
        suite = suite_of(dataset.name)
        portions = [
            _Portion(rows, places) for places in rows.portions(any(check.compares for check in suite.checks))
        ]
        retracting = self._retracting(rows)
        retracted = pd.concat([values.text(frame["_key"]) for frame in retracting]).dropna()
        withdrawn = [self._judged(rows, "retraction", frame) for frame in retracting]
        said: list[pd.Series] = []
        told, kept, agreed = [], [], []
        for portion in portions:
            told.append(self._judge_rows(portion))
            said.append(portion.said(retracted))
            typed = self._typed(portion)
            kept.append(self._judge_keys(portion, typed))
            agreed.append(self._agreed(portion, typed))
            loads = rows.loads_at(portion.standing)
            loaded = typed if loads.all() else typed.filter(pa.array(loads))
            taken.add(loaded if rows.in_order else loaded.sort_by(ROW))
            del typed, loaded
            self._said[-1].quarantined.append(quarantine_lines(rows, portion.frame, self._finder, self._hint))
            portion.forget()
        # A retraction may mean a row of any portion.
        self._facts.said = pd.concat(said)
        meant = [self._judged(rows, "meant", frame) for frame in retracting]
        stages = [shape, *map(together, (told, withdrawn, kept, agreed, meant))]
        by_code: dict[str, list[Outcome]] = {}
        for outcome in (one for stage in stages for one in stage):
            by_code.setdefault(outcome.check.code, []).append(outcome)
        for found in by_code.values():
            self._said[-1].results += table_lines(rows, found)
            for outcome in found:
                if rows.tables:
                    self._block(outcome, dataset, "")
        self._learn(dataset)

    def _retracting(self, rows: Rows) -> list[pd.DataFrame]:
        """The rows that take a record back and have the right shape, in portions, with their key as one text
        (``_key``); stages retraction and meant look at them."""
        columns = [ROW, *(column.name for column in rows.dataset.columns)]
        places = np.flatnonzero(rows.retracts & ~rows.out)
        if not len(places):
            return [pd.DataFrame(columns=[*columns, "_key"], dtype="str")]
        found = []
        for some in portioned(places):
            frame = rows.frame(some)[columns]
            # Rules are asked of each distinct text: here of those that few rows hold, not of all rows'.
            frame = frame.apply(lambda column: column if column.name == ROW else values.used(column))
            found.append(frame.assign(_key=values.packed(key_text(rows.dataset, frame))))
        return found

    def _judge_rows(self, portion: _Portion) -> list[Outcome]:
        """Stage row: the rows that say something."""
        dataset, frame = portion.rows.dataset, portion.frame
        portion.hits = self._restrict(portion)
        columns = [ROW, *(column.name for column in dataset.columns)]
        says = ~portion.rows.out[portion.places] & ~portion.retracts
        return self._judged(portion.rows, "row", _with_words(dataset, _those(frame[columns], says)))

    def _typed(self, portion: _Portion) -> pa.Table:
        """The landing's columns of the rows that stand so far, whose places become ``portion.standing``."""
        rows, frame = portion.rows, portion.frame
        stands = ~rows.out[portion.places]
        portion.standing = portion.places[stands]
        cleaned = self._without_persons(rows.dataset, _those(frame, stands), portion.hits, portion.standing)
        return landing.typed(rows.dataset, cleaned, portion.retracts[stands], self._context.people_key)

    def _judge_keys(self, portion: _Portion, typed: pa.Table) -> list[Outcome]:
        """Stage key: all rows that stand so far."""
        standing = (
            portion.frame
            if len(portion.standing) == len(portion.frame)
            else portion.frame.loc[portion.standing]
        )
        return self._judged(portion.rows, "key", key_frame(portion.rows.dataset, standing, typed))

    def _judged(self, rows: Rows, stage: Stage, frame: pd.DataFrame) -> list[Outcome]:
        dataset = rows.dataset.name
        outcomes = self._evaluate(dataset, stage, suite_of(dataset).on(stage), frame)
        rows.note(outcomes)
        return outcomes

    def _agreed(self, portion: _Portion, typed: pa.Table) -> list[Outcome]:
        """Stage source: rows of sources against what they and others said; nothing where no source speaks."""
        rows = portion.rows
        if self._context.landed is None or not rows.has_sources:
            return []
        stands = ~(rows.out[portion.places] | rows.waits[portion.places] | rows.repeats[portion.places])
        spoken = portion.frame[stands & (portion.frame["_source"] != "").to_numpy(dtype=bool)]
        if spoken.empty:
            return []
        spoken = spoken.assign(
            _key=key_text(rows.dataset, spoken),
            _source=values.text(spoken["_source"]),
            _judged=rows.judged[spoken.index],
            _new=rows.new[spoken.index],
        )
        precedence = {
            name: reader.precedence for name, reader in readers().items() if reader.precedence is not None
        }
        landed = self._context.landed(rows.dataset.name)
        frame = agreement.compared(rows.dataset, spoken, unpacked(typed), landed, precedence)
        rows.told = frame.set_index(ROW)["_told"]
        rows.repeat(frame.loc[frame["_repeated"], ROW].tolist())
        outcomes = self._evaluate(
            rows.dataset.name, "source", delivery_suite().on("source"), frame[[*agreement.COLUMNS]]
        )
        rows.note(outcomes)
        return outcomes

    def _evaluate(
        self, subject: str, stage: Stage, checks: Sequence[Check], frame: pd.DataFrame
    ) -> list[Outcome]:
        """Outcomes of a stage. Without a row there is nothing to ask Great Expectations."""
        if frame.empty:
            return [Outcome(check, "pass", 0, ()) for check in checks]
        outcomes, evidence = evaluate(f"{subject}.{stage}", checks, frame)
        self._said[-1].validations.append({"dataset": subject, "suite": stage, "result": evidence})
        return outcomes

    # --- people -------------------------------------------------------------------------------------------

    def _restrict(self, portion: _Portion) -> dict[str, Places]:
        """Name the files that hold people's data, or of which that can't be ruled out.

        Gives, for each column that has any, the places of the cells that name a person.
        """
        rows, frame = portion.rows, portion.frame
        if rows.dataset.holds_people:
            self._said[-1].restricted.update(d.file_sha256 for d in rows.tables)
            return {}
        hits: dict[str, Places] = {}
        suspect = (frame["_cells"] != frame["_header_cells"]).to_numpy()
        for column in rows.dataset.columns:
            hit = self._finder.found_in(frame[column.name]).to_numpy()
            if hit.any():
                hits[column.name] = portion.places[hit]
                suspect = suspect | hit
        restricted = self._said[-1].restricted
        restricted.update(values.text(frame.loc[suspect, "file_sha256"]).unique())
        restricted.update(d.file_sha256 for d in rows.tables if _unknown_columns(d))
        return hits

    def _without_persons(
        self, dataset: Dataset, frame: pd.DataFrame, hits: Mapping[str, Places], standing: Places
    ) -> pd.DataFrame:
        """The rows with names and addresses taken out of their free text."""
        cleaned = frame.copy(deep=False)
        for column in dataset.columns:
            hit = np.isin(standing, hits.get(column.name, ()))
            if column.type == "text" and hit.any():
                text = values.text(frame[column.name])
                text[hit] = self._finder.without_persons(text[hit])[0]
                cleaned[column.name] = values.packed(text)
        return cleaned

    # --- what is reported ---------------------------------------------------------------------------------

    def _report(
        self,
        outcome: Outcome,
        dataset: Dataset,
        delivered: DeliveredTable | None,
        rows: tuple[int, int, list[int]],
        sentence: str,
    ) -> None:
        if outcome.outcome == "error":
            sentence = broken(outcome)
        line = result_line(outcome, dataset, delivered, rows, sentence)
        self._said[-1].results.append(line)
        if line["outcome"] != "pass":
            self._block(outcome, dataset, sentence)

    def _block(self, outcome: Outcome, dataset: Dataset, sentence: str) -> None:
        code = code_of(outcome.check, dataset)
        if outcome.outcome == "error":
            self._said[-1].problems.append(Problem(code, dataset.name, broken(outcome), "error"))
        elif outcome.outcome == "fail" and outcome.check.severity == "block":
            self._said[-1].problems.append(Problem(code, dataset.name, sentence))

    def _hint(self, name: str) -> str:
        if (reason := why_none(name)) is not None:
            return f" By sources/aliases.csv: {reason}."
        nearest = Names(self._state_pairs).candidates(name)
        return f" Nearest: {', '.join(f'{n} ({code})' for n, code in nearest)}." if nearest else ""

    # --- what the next dataset may ask --------------------------------------------------------------------

    def _learn(self, dataset: Dataset) -> None:
        """Keys of what loaded are known from here on; so are names of states and first days of meetings."""
        if dataset.name not in _parents():
            return
        loaded = self._taken[dataset.name].table()
        keys = loaded.select([*dataset.key]).to_pandas().astype("str")
        self._facts.keys.add(dataset.name, key_text(dataset, keys))
        if dataset.name == "states":
            named = loaded.filter(pc.is_valid(loaded.column("name")))
            self._state_pairs += list(
                zip(named.column("name").to_pylist(), named.column("iso3").to_pylist(), strict=True)
            )
            self._codes.clear()
        if dataset.name == "meetings":
            begun = loaded.filter(pc.is_valid(loaded.column("starts_on"))).sort_by("received_on")
            starts = pd.Series(
                begun.column("starts_on").to_numpy().astype("datetime64[us]"),
                index=pd.Index(begun.column("meeting_id").to_pylist(), dtype="str"),
            )
            both = pd.concat([self._facts.meeting_starts, starts])
            self._facts.meeting_starts = both[~both.index.duplicated(keep="last")]


class _Portion:
    """Rows of a dataset that are judged together: their ``places`` in ``rows``.

    ``hits``: column -> places of the rows whose cell names a person; ``standing``: places of the rows that
    stood when they were typed.
    """

    def __init__(self, rows: Rows, places: Places) -> None:
        self.rows = rows
        self.places = places
        self.hits: dict[str, Places] = {}
        self.standing = places
        self._frame: pd.DataFrame | None = None

    @property
    def frame(self) -> pd.DataFrame:
        """The rows' cells, made when they are asked for (``Rows.frame``)."""
        if self._frame is None:
            self._frame = self.rows.frame(self.places)
        return self._frame

    def forget(self) -> None:
        """Let go of the cells."""
        self._frame = None

    @property
    def retracts(self) -> Flags:
        """Which rows take a record back."""
        return self.rows.retracts[self.places]

    def said(self, keys: pd.Series) -> pd.Series:
        """Those of the keys of which a row without fault says something."""
        if not len(keys):
            return pd.Series(dtype="str")
        rows = self.rows
        says = ~(rows.out[self.places] | rows.waits[self.places]) & ~self.retracts
        first = self.frame[rows.dataset.key[0]]
        if rows.dataset.name != "states":  # whose keys are codes, and whose cells may be names
            sought = keys.str.split(KEY_SEPARATOR, n=1).str[0]
            among = values.distinct(first).isin(sought.astype("str"))
            says &= values.spread(first, among.astype("boolean")).fillna(False).to_numpy(dtype=bool)
        found = key_text(rows.dataset, self.frame.loc[says, [*rows.dataset.key]])
        return found[found.isin(keys)]


def together(parts: Sequence[Sequence[Outcome]]) -> list[Outcome]:
    """The outcomes of one stage's portions as one outcome for each check."""
    asked = [part for part in parts if part]
    if len(asked) <= 1:
        return list(asked[0]) if asked else []
    rank = {"pass": 0, "fail": 1, "error": 2}
    found = []
    for of_check in zip(*asked, strict=True):
        worst = max(of_check, key=lambda one: rank[one.outcome])
        rows = sum(one.rows_checked for one in of_check)
        failing = tuple(seq for one in of_check for seq in one.failing)
        found.append(Outcome(worst.check, worst.outcome, rows, failing, worst.error))
    return found


def _those(frame: pd.DataFrame, flags: Flags) -> pd.DataFrame:
    """The marked rows; the frame itself where all are marked."""
    return frame if flags.all() else frame[flags]


def _parents() -> set[str]:
    """Datasets to which others refer."""
    references = [column.references for dataset in datasets().values() for column in dataset.columns]
    return {str(reference).split(".", maxsplit=1)[0] for reference in references if reference}


def _with_words(dataset: Dataset, frame: pd.DataFrame) -> pd.DataFrame:
    """The rows and, for conditions of checks, what their words mean: ``_action`` is action without regard
    to case."""
    read = frame.copy(deep=False)
    for column in dataset.columns:
        said = values.distinct(frame[column.name])
        if column.type == "word":
            read[f"_{column.name}"] = values.mapped(frame[column.name], values.words(said))
        elif column.type == "yes_no":
            meant = values.yes_no(said).map({True: "yes", False: "no"}).astype("str")
            read[f"_{column.name}"] = values.mapped(frame[column.name], meant)
    return read


def _unknown_columns(delivered: DeliveredTable) -> list[int]:
    """Places, from 1, of the columns that the dataset doesn't know."""
    known = {column.name for column in datasets()[delivered.table.dataset].columns}
    return [place for place, name in enumerate(delivered.table.header, start=1) if name not in known]


def _refusal(delivered: DeliveredTable) -> dict[str, Any]:
    table = delivered.table
    assert table.problem is not None
    return problem_result(
        table.problem, table.dataset, delivered.file_sha256, delivered.file_name, table.sheet
    )


def _answered_indicators(context: Context) -> dict[str, frozenset[str]]:
    """plan_version -> ids of the indicators that reports answer; a plan without any is there as well."""
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


_OWN_WORDS = {"bench.py", "landing.py", "rows.py"}
"""Modules whose errors are worded here and hold no cell."""


def _without_cells(subject: str, work: Callable[[], Any]) -> Any:
    """Do the work; where it breaks, say where and with what kind of error, and never with what it said.

    Raised outside of ``except``: an exception that a log prints with its context would print the cell in it.
    """
    try:
        return work()
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        told = f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
        if isinstance(error, RuntimeError) and Path(last.filename).name in _OWN_WORDS:
            told = str(error)
    raise RuntimeError(f"The door broke while it judged {subject}: {told}. This is a defect.")
