"""Changes the rules in the SQL, one at a time, and counts how many changes the tests notice.

``make mutants`` compiles the project, alters one comparison, condition, constant, order or branch of one
model at a time (with sqlglot, so that every mutant is valid SQL), and runs it on the same small
deliveries as the agreement tests until one figure differs from the independent recomputation, or one of
dbt's tests that stop a publication fails. A mutant that no delivery notices has survived: either the change
means nothing (an equivalent mutant) or a test is missing. At least ``PASS_SHARE`` must be noticed.
Conditions that only join a table to itself or to its parent by a column of the same name are plumbing, not
rules, and stay.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import duckdb
import sqlglot
from sqlglot import expressions as exp

from tests import dbt_harness
from tests.agreement import OTHER_PLAN, PLAN, Example, drawn_deliveries, example, marts_differences
from tests.oracle.indicators import answerable

PASS_SHARE = 0.90
SIDE_BY_SIDE = 40
MOST_BUILDS = 800
"""Tables built before a database is made anew."""
SWAPPED: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.LT: exp.LTE,
    exp.LTE: exp.LT,
    exp.GT: exp.GTE,
    exp.GTE: exp.GT,
    exp.EQ: exp.NEQ,
    exp.NEQ: exp.EQ,
    exp.Min: exp.Max,
    exp.Max: exp.Min,
    exp.Least: exp.Greatest,
    exp.Greatest: exp.Least,
}
COMPARISON = "a comparison, a minimum or a maximum turned"
CONDITION = "a condition, a bound or a not dropped"
WORD = "a word of a list dropped"
ORDER = "an order turned"
CONSTANT = "a number or an interval one larger"
BRANCH = "a branch of a case never taken"


@dataclass(frozen=True)
class Mutant:
    """One changed model: its name, the kind of change, what was changed, and the SQL that results."""

    model: str
    kind: str
    change: str
    sql: str


def _is_plumbing(node: exp.Expr) -> bool:
    """Whether a condition only joins two tables by columns of one name."""
    return (
        isinstance(node, exp.EQ)
        and isinstance(node.left, exp.Column)
        and isinstance(node.right, exp.Column)
        and (node.left.name == node.right.name or node.find_ancestor(exp.Join) is not None)
    )


def _replacements(node: exp.Expr) -> Iterator[tuple[str, str, Callable[[exp.Expr], exp.Expr]]]:
    """What could be written in a node's place: kind, description, and how it is made from a copy of it."""
    kind = type(node)
    if kind in SWAPPED and not _is_plumbing(node):
        other = SWAPPED[kind]
        yield COMPARISON, f"{kind.__name__} to {other.__name__}", lambda n: other(**n.args)
    if isinstance(node, (exp.And, exp.Or)):
        if not _is_plumbing(node.left):
            yield CONDITION, "left condition dropped", lambda n: n.args["expression"]
        if not _is_plumbing(node.right):
            yield CONDITION, "right condition dropped", lambda n: n.this
    if isinstance(node, exp.Between):
        yield CONDITION, "upper bound dropped", lambda n: exp.GTE(this=n.this, expression=n.args["low"])
        yield CONDITION, "lower bound dropped", lambda n: exp.LTE(this=n.this, expression=n.args["high"])
    if isinstance(node, exp.In) and len(node.expressions) > 1:
        for place in range(len(node.expressions)):
            yield (
                WORD,
                f"{node.expressions[place].sql()} dropped from a list",
                lambda n, p=place: exp.In(  # type: ignore[misc]
                    this=n.this, expressions=[e for i, e in enumerate(n.expressions) if i != p]
                ),
            )
    if isinstance(node, exp.Not):
        yield CONDITION, "not dropped", lambda n: n.this
    if isinstance(node, exp.Ordered):
        yield ORDER, "order turned", lambda n: exp.Ordered(this=n.this, desc=not n.args.get("desc"))
    if isinstance(node, exp.Literal) and not node.is_string and node.this.isdigit() and int(node.this) > 1:
        yield CONSTANT, f"{node.this} to {int(node.this) + 1}", lambda n: exp.Literal.number(int(n.this) + 1)
    if isinstance(node, exp.Interval) and node.this is not None and node.this.is_string:
        yield (
            CONSTANT,
            "interval longer by one",
            lambda n: exp.Interval(
                this=exp.Literal.string(str(int(n.this.name) + 1)), unit=n.args.get("unit")
            ),
        )
    if isinstance(node, exp.If) and isinstance(node.parent, exp.Case) and len(node.parent.args["ifs"]) > 1:
        yield BRANCH, "case branch never taken", lambda n: exp.If(this=exp.false(), true=n.args["true"])


def _mutants_of(model: dbt_harness.Model) -> Iterator[Mutant]:
    tree = sqlglot.parse_one(model.sql, read="duckdb")
    for place, node in enumerate(tree.walk()):
        for kind, change, make in _replacements(node):
            altered = tree.copy()
            target = next(n for i, n in enumerate(altered.walk()) if i == place)
            target.replace(make(target.copy()))
            yield Mutant(
                model.name,
                kind,
                f"{change}: {node.sql(dialect='duckdb')[:90]}",
                altered.sql(dialect="duckdb"),
            )
    for place, where in enumerate(tree.find_all(exp.Where)):
        altered = tree.copy()
        list(altered.find_all(exp.Where))[place].pop()
        yield Mutant(
            model.name,
            CONDITION,
            f"where dropped: {where.sql(dialect='duckdb')[:90]}",
            altered.sql(dialect="duckdb"),
        )


def mutants(project: dbt_harness.CompiledProject) -> list[Mutant]:
    """All mutants of the models from which the compared tables are made."""
    return [
        mutant
        for model in project.needed_for(dbt_harness.FIGURES)
        for mutant in _mutants_of(model)
        if mutant.sql != sqlglot.parse_one(model.sql, read="duckdb").sql(dialect="duckdb")
    ]


class Built:
    """One example with every model built, so that a mutant costs only what follows from it."""

    def __init__(self, project: dbt_harness.CompiledProject, example: Example) -> None:
        self.project = project
        self.example = example
        self.models = project.needed_for(dbt_harness.FIGURES)
        self.builds = 0
        self._start_anew()
        marts = {
            model.name: dbt_harness.rows_of(self.connection, model.relation)
            for model in self.models
            if model.name in dbt_harness.FIGURES
        }
        if lines := marts_differences(example.expected, marts):
            raise AssertionError("the unchanged SQL already differs:\n" + "\n".join(lines[:20]))
        self.contents = {model.name: self._content(model.relation) for model in self.models}
        built = {model.unique_id for model in self.models}
        # the house's own checks that look at these models alone, and find nothing in the unchanged ones
        self.checks = [
            check
            for check in project.checks
            if {place for place in check.depends_on if place.startswith("model.")} <= built
            and not self._finds(check)
        ]

    def _start_anew(self) -> None:
        """A new database: one in which much was built and rolled back gets slow (``dbt_harness.Seeds``)."""
        self.connection = duckdb.connect(":memory:", config={"threads": 1})
        self.connection.execute(f"attach ':memory:' as {dbt_harness.CATALOG}")
        self.connection.execute(f"use {dbt_harness.CATALOG}")
        dbt_harness.copy_seeds(self.project.seeds, self.connection)
        dbt_harness.fill_landing(self.connection, self.example.landing)
        dbt_harness.fill_control(
            self.connection, self.example.as_of, self.example.header_only, self.example.plan_rows
        )
        for model in self.models:
            self._build(model, model.sql)
        self.builds = 0

    def _build(self, model: dbt_harness.Model, sql: str) -> None:
        self.builds += 1
        self.connection.execute(f"create or replace table {model.relation} as {sql}")

    def _content(self, relation: str) -> tuple[Any, ...] | None:
        """What tells the rows of a relation from other rows, whatever their order."""
        return self.connection.execute(
            f"select count(*), sum(cast(hash(rows_) as hugeint)) from (from {relation}) as rows_"
        ).fetchone()

    def _finds(self, check: dbt_harness.Model) -> bool:
        """Whether one of dbt's tests has a row that fails."""
        return bool(self.connection.execute(f"select 1 from ({check.sql}) as failing limit 1").fetchall())

    def notices(self, mutant: Mutant) -> bool:
        """Whether a figure of this example differs under the mutant, a check of dbt fails, or its SQL does.

        The unchanged figures are those of the recomputation, so that any other figure is a wrong one.
        What has the rows that it had is not followed any further.
        """
        if self.builds > MOST_BUILDS:
            self._start_anew()
        self.connection.execute("begin transaction")
        try:
            changed: set[str] = set()
            for model in self.models:
                is_mutated = model.name == mutant.model
                if not is_mutated and not changed.intersection(model.depends_on):
                    continue
                if is_mutated and self._content(f"({mutant.sql})") == self.contents[model.name]:
                    return False
                self._build(model, mutant.sql if is_mutated else model.sql)
                if self._content(model.relation) == self.contents[model.name]:
                    continue
                changed.add(model.unique_id)
                if model.name in dbt_harness.FIGURES:
                    return True
            return any(self._finds(check) for check in self.checks if changed.intersection(check.depends_on))
        except duckdb.Error:
            return True
        finally:
            self.connection.execute("rollback")


def noticed_by(mutant: Mutant, built: list[Built]) -> bool:
    """Whether the figures of an example differ under the mutant.

    An example that notices moves to the front: what tells one mutant of a model tells the next.
    """
    place = next((place for place, example in enumerate(built) if example.notices(mutant)), None)
    if place is not None:
        built.insert(0, built.pop(place))
    return place is not None


def survivors_of(
    candidates: list[Mutant], project: dbt_harness.CompiledProject, examples: int
) -> list[Mutant]:
    """The mutants that no example notices.

    Nearly all that can be noticed are so by a few deliveries, which stand side by side; each of the others is
    then built, tried on what is left, and dropped, so that memory stays small.
    """
    deliveries = mutant_examples(examples)
    built = [Built(project, example) for example in deliveries[:SIDE_BY_SIDE]]
    survivors: list[Mutant] = []
    started = time.monotonic()

    def tell(done: str) -> None:
        seconds = time.monotonic() - started
        print(f"{done}, {len(survivors)} survived, {seconds:.0f} s", file=sys.stderr, flush=True)

    for number, mutant in enumerate(candidates, 1):
        if not noticed_by(mutant, built):
            survivors.append(mutant)
        if number % 25 == 0:
            tell(f"{number} of {len(candidates)} mutants")
    built.clear()
    for number, delivered in enumerate(deliveries[SIDE_BY_SIDE:], SIDE_BY_SIDE + 1):
        one = Built(project, delivered)
        survivors = [mutant for mutant in survivors if not one.notices(mutant)]
        if number % 20 == 0:
            tell(f"{number} of {examples} deliveries")
    return survivors


def mutant_examples(count: int) -> list[Example]:
    """Drawn deliveries; every third has a second plan loaded, with other rules for other populations."""
    plans = answerable([*PLAN, *OTHER_PLAN])
    return [
        example(delivery.accepted_with(plans), delivery.as_of, OTHER_PLAN)
        if place % 3 == 0
        else example(delivery.accepted, delivery.as_of)
        for place, delivery in enumerate(drawn_deliveries(count))
    ]


def print_table(candidates: list[Mutant], survivors: list[Mutant]) -> None:
    """Prints how many of each kind were noticed, as docs/reliability.md has it."""
    made = Counter(mutant.kind for mutant in candidates)
    survived = Counter(mutant.kind for mutant in survivors)
    print("| what was changed | mutants | noticed |\n| --- | ---: | ---: |")
    for kind, count in made.most_common():
        print(f"| {kind} | {count} | {count - survived[kind]} |")


def main(arguments: list[str] | None = None) -> int:
    """Runs the mutants and prints what survived. Exit code 0 if enough were noticed, else 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=200, help="deliveries to try each mutant on")
    parser.add_argument("--limit", type=int, help="only so many mutants, drawn at random")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", action="append", help="only mutants of this model; may be repeated")
    options = parser.parse_args(arguments)

    project = dbt_harness.compiled_project()
    candidates = [m for m in mutants(project) if not options.model or m.model in options.model]
    if options.limit is not None:
        candidates = random.Random(options.seed).sample(candidates, min(options.limit, len(candidates)))
    survivors = survivors_of(candidates, project, options.examples)
    share = 1 - len(survivors) / max(len(candidates), 1)
    for mutant in survivors:
        print(f"survived  {mutant.model}: {mutant.change}")
    print_table(candidates, survivors)
    print(f"{len(candidates) - len(survivors)} of {len(candidates)} mutants noticed ({share:.1%})")
    return 0 if share >= PASS_SHARE else 1


if __name__ == "__main__":
    raise SystemExit(main())
