"""Drawn sequences of deliveries through a real home, and every publication of them made again byte by byte.

Between the nights comes what a home goes through in years: registers of people are emptied, a person is
erased, old publications are pruned, another plan is loaded, the day of knowledge moves forth and back.
"""

from __future__ import annotations

import contextlib
import csv
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from flows import build, erasing, plans, pruning, retention
from flows.counterfactual import CompiledFigures, make_schema_of, make_seeds
from flows.erasing import Person
from flows.files import read_json
from flows.home import Home
from flows.program import PLAN_VERSION
from flows.refresh import Night, Request, refresh
from flows.reproduce import reproduce
from flows.spark import DUCKDB
from tests.dbt_harness import models_of
from tests.faults.homes import Harm, StoredBuild, night_with
from tests.flows.harness import ANSWERS, AS_OF, MEETINGS, PARTICIPANTS, REPORTS, deliver, write_csv

GUEST = "Orsolya Testwright"
PLAN = "adopted-2024-11-29"
INDICATORS = ("1.1", "1.2", "2.1", "7.1")
FIRST_DAY, LAST_DAY = date(2025, 1, 1), date(2026, 9, 1)
Row = dict[str, str]


class LiveBuild(StoredBuild):
    """Runs the compiled SQL of a stored build on the landing as it stands, model after model, without dbt.

    Its results, contracts and tests are those of the stored build; tables have the columns and types of the
    contracts.
    """

    def build(self, exclude: Sequence[str] = (), meanwhile: Callable[[], None] | None = None) -> None:
        target = build.target_path(self._home)
        shutil.copytree(self._stored / "target", target, dirs_exist_ok=True)
        if meanwhile is not None:
            meanwhile()
        nodes = read_json(target / "manifest.json")["nodes"]
        seeds = [node for node in nodes.values() if node["resource_type"] == "seed"]
        with duckdb.connect(str(build.warehouse_path(self._home))) as connection:
            make_seeds(connection, CompiledFigures((), tuple(_seed(node) for node in seeds)))
            for model in models_of({"nodes": nodes}):
                make_schema_of(connection, model.relation)
                columns = nodes[model.unique_id]["columns"].values()
                typed = ", ".join(
                    f'cast("{c["name"]}" as {c["data_type"]}) as "{c["name"]}"'
                    for c in columns
                    if c["data_type"]
                )
                connection.execute(
                    f"create table {model.relation} as select {typed or '*'} from ({model.sql})"
                )


def _seed(node: dict[str, Any]) -> tuple[str, str, tuple[str, ...]]:
    types = node["config"].get("column_types", {})
    whole = tuple(column for column, kind in types.items() if kind == "int")
    return str(node["relation_name"]), str(node["original_file_path"]), whole


def with_live_build(stored: Path) -> Night:
    """A whole night in this process, dbt's part taken over by a ``LiveBuild``."""
    return night_with(lambda home: LiveBuild(home, stored))


@contextlib.contextmanager
def without_dbt(stored: Path) -> Iterator[None]:
    """Have everything that begins dbt begin a ``LiveBuild``."""
    real = build.begin

    def begin(home: Home, log: Path, target: str = DUCKDB, *, anew: bool = False) -> build.Dbt:
        build._started[home.root] = LiveBuild(home, stored)
        return build._started[home.root]

    build.begin = begin
    try:
        yield
    finally:
        build.begin = real


@dataclass
class World:
    """What has been delivered so far, from which the next delivery is drawn."""

    chance: random.Random
    rows: dict[str, list[Row]] = field(
        default_factory=lambda: {
            "article7_reports": [*REPORTS],
            "article7_answers": [*ANSWERS],
            "meetings": [*MEETINGS],
            "meeting_participants": [*PARTICIPANTS],
        }
    )
    number: int = 0
    plan_loaded: bool = False

    def day(self) -> str:
        """A day on which something was received, at times one that the publication does not know yet."""
        return (FIRST_DAY + timedelta(self.chance.randrange((LAST_DAY - FIRST_DAY).days))).isoformat()

    def name(self, kind: str) -> str:
        self.number += 1
        return f"{kind}-{self.number}"

    def delivery(self, inbox: Path) -> Path:
        """One to four small things, each a file of its own."""
        kinds = [self._report, self._answers, self._again, self._retraction, self._guests, self._early]
        kinds += [self._bad, self._header, self._withdrawal, self._meeting]
        for kind in self.chance.sample(kinds, self.chance.randint(1, 4)):
            for dataset, row in kind():
                path = inbox / f"{dataset}--{self.name('part')}.csv"
                write_csv(path, [row] if row else [], self.day())
                if not row:
                    path.write_text("declaration_id,iso3,declared_on,voluntary_declaration,received_on\n")
                elif dataset in self.rows:
                    self.rows[dataset].append(row)
        return inbox

    def _report(self) -> list[tuple[str, Row]]:
        row = {**REPORTS[0], "report_id": self.name("R"), "iso3": self.chance.choice(("KHM", "KEN"))}
        row["reporting_year"] = self.chance.choice(("2024", "2025", "2026"))
        row["submitted_on"] = f"{row['reporting_year']}-0{self.chance.randint(1, 9)}-15"
        return [("article7_reports", row), ("article7_answers", self._answer(row["report_id"]))]

    def _answer(self, report: str) -> Row:
        answer = self.chance.choice(("yes", "no", "not_applicable", "unclear"))
        row = {"report_id": report, "indicator_id": self.chance.choice(INDICATORS[:3]), "answer": answer}
        return {**row, "plan_version": PLAN if self.plan_loaded and self.chance.random() < 0.5 else ""}

    def _answers(self) -> list[tuple[str, Row]]:
        reports = [row["report_id"] for row in self.rows["article7_reports"]]
        return [("article7_answers", self._answer(self.chance.choice(reports))) for _ in range(2)]

    def _again(self) -> list[tuple[str, Row]]:
        """Another version of a row, or the same one once more."""
        dataset = self.chance.choice(("article7_reports", "article7_answers"))
        row = dict(self.chance.choice(self.rows[dataset]))
        if dataset == "article7_reports":
            row["uses_guide"] = self.chance.choice(("yes", "no"))
        elif "answer" in row:
            row["answer"] = self.chance.choice(("yes", "no"))
        return [(dataset, {**row, "received_on": self.day()})]

    def _retraction(self) -> list[tuple[str, Row]]:
        row = self.chance.choice(self.rows["article7_reports"])
        return [("article7_reports", {**row, "record_status": "retracted", "received_on": self.day()})]

    def _guests(self) -> list[tuple[str, Row]]:
        meeting = self.chance.choice(self.rows["meetings"])["meeting_id"]
        found = []
        for name in self.chance.sample((GUEST, "Anselm Testwright", "Petra Testwright"), 2):
            row = {**PARTICIPANTS[0], "registration_id": self.name("REG"), "meeting_id": meeting}
            found.append(
                ("meeting_participants", {**row, "full_name": name, "gender": "male", "iso3": "KEN"})
            )
        return found

    def _early(self) -> list[tuple[str, Row]]:
        """An answer whose report is still to come; now and then it comes."""
        report = self.name("R-EARLY")
        late = {**REPORTS[0], "report_id": report, "iso3": "KEN"}
        self.rows["article7_reports"].append(late)
        return [("article7_answers", self._answer(report))]

    def _bad(self) -> list[tuple[str, Row]]:
        return [("article7_answers", {**ANSWERS[0], "answer": "oui"})]

    def _header(self) -> list[tuple[str, Row]]:
        return [("completion_declarations", {})]

    def _withdrawal(self) -> list[tuple[str, Row]]:
        day = f"2026-0{self.chance.randint(1, 8)}-20"
        row = {
            "action_id": self.name("A"),
            "iso3": "KEN",
            "action": "withdrawal",
            "deposited_on": "2025-02-01",
        }
        return [("treaty_actions", {**row, "effective_on": day})]

    def _meeting(self) -> list[tuple[str, Row]]:
        row = {**MEETINGS[0], "meeting_id": self.name("M"), "kind": "intersessional"}
        return [("meetings", {**row, "starts_on": "2026-03-01", "ends_on": "2026-03-04"})]


def _load_plan(home: Home, world: World, folder: Path) -> None:
    """Load another plan, its crosswalk and all."""
    action = {"action": "1", "section": "I", "section_title": "Best practices", "wording": "Show ownership."}
    indicator = {
        "indicator_id": "1.1",
        "action": "1",
        "section": "I",
        "unit": "percent",
        "wording": "Owners.",
    }
    indicator |= {"population": "affected", "rule": "reported", "source": "article7_answers"}
    crosswalk = {"indicator_id": "1.1", "other_plan_version": PLAN_VERSION, "other_indicator_id": "1.1"}
    indicators = [indicator, {**indicator, "indicator_id": "1.2", "population": "states_parties"}]
    tables = {"actions": [action], "indicators": indicators, "crosswalk": [{**crosswalk, "note": ""}]}
    for name, rows in tables.items():
        path = folder / PLAN / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as handle:
            writer = csv.DictWriter(handle, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    plans.load(home, folder / PLAN, None)
    world.plan_loaded = True


def _empty_registers(home: Home, world: World, folder: Path) -> None:
    retention.empty(home, datetime.now(UTC) + timedelta(days=400))


def _erase(home: Home, world: World, folder: Path) -> None:
    erasing.erase(home, Person(GUEST, "KEN"))


def _prune(home: Home, world: World, folder: Path) -> None:
    pruning.prune(home, world.chance.randint(1, 2))


BETWEEN: dict[str, Callable[[Home, World, Path], None]] = {
    "plan": _load_plan,
    "erase": _erase,
    "empty": _empty_registers,
    "prune": _prune,
}
"""What happens between nights, under its name."""


def remake_sequence(folder: Path, seed: int, nights: int, night: Night) -> int:
    """Draw a sequence of nights, and make every publication of it again; gives how many there were.

    Everything of ``BETWEEN`` happens between two of them. Raises ``Harm`` for a publication that comes out
    otherwise than it was.
    """
    world = World(random.Random(seed))
    home = Home(folder / "home")
    day = date.fromisoformat(AS_OF)
    between = list(BETWEEN)
    world.chance.shuffle(between)
    places = [world.chance.randrange(nights - 1) for _ in between]
    guests = [
        *PARTICIPANTS,
        {**PARTICIPANTS[0], "registration_id": "REG-0", "iso3": "KEN", "full_name": GUEST},
    ]
    made = [_night(home, deliver(folder / "inbox-0", meeting_participants=guests), day, night)]
    for number in range(nights - 1):
        for what, place in zip(between, places, strict=True):
            if place == number:
                with home.lock():
                    BETWEEN[what](home, world, folder)
        day += timedelta(days=world.chance.choice((0, 0, 1, 40, -40)))
        made.append(_night(home, world.delivery(folder / f"inbox-{number + 1}"), day, night))
    with home.lock():
        _empty_registers(home, world, folder)
        if left := [path for path in home.restricted.iterdir() if path.is_file() and len(path.name) == 64]:
            raise Harm(f"registers of people are still there: {left}")
    told = (
        f"seed {seed}, {', '.join(f'{w} before night {p + 2}' for w, p in zip(between, places, strict=True))}"
    )
    for number, publication in enumerate(made, 1):
        again = reproduce(home, publication)
        if not again.is_whole or not again.is_same_program or not again.identical:
            raise Harm(f"publication {number} of {nights} ({told}) is not made again: {again.as_dict()}")
    return len(made)


def _night(home: Home, inbox: Path, day: date, night: Night) -> str:
    """One night, what blocks it accepted; gives the publication."""
    result = refresh(Request(home=home.root, inboxes=(inbox,), as_of=day.isoformat()), night)
    if result.exit_code == 2:
        codes = tuple(sorted({problem["check_code"] for problem in result.record["problems"]}))
        asked = Request(home=home.root, as_of=day.isoformat(), accept=codes, by="Test", why="drawn to be bad")
        result = refresh(asked, night)
    if result.record["state"] != "published":
        raise Harm(f"the night did not publish: {result.record['state']}, {result.error}")
    return str(result.record["publication_id"])
