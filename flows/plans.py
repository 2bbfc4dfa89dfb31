"""Plan versions besides the shipped one: data that a home holds, not code.

The plan that was adopted renumbers the actions of the draft. ``sraap plan load DIR`` takes another version
in, from ``actions.csv``, ``indicators.csv`` and, if there is one, ``crosswalk.csv``; the next refresh
computes its indicators beside those of the configured plan (docs/contract/semantics.md, Plan versions).
What was loaded is never changed: a publication's manifest names each version with its hash, and can be made
again.
"""

from __future__ import annotations

import csv
import hashlib
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.errors import UsageProblem
from flows.files import aside, read_json, write_json
from flows.home import Home, timestamp
from flows.program import DBT_PROJECT, PLAN_VERSION, rules_fingerprint

if TYPE_CHECKING:
    import duckdb

ACTIONS = ("action", "section", "section_title", "wording")
INDICATORS = ("indicator_id", "action", "section", "unit", "population", "rule", "source", "wording")
OPTIONAL = ("request_part",)
CROSSWALK = ("plan_version", "indicator_id", "other_plan_version", "other_indicator_id", "note")

COUNTS_ACTS = frozenset(
    [
        "reported",
        "submitted",
        "attended",
        "condemned_in_meeting",
        "discovered_in_year",
        "declared_complete_in_year",
        "case_open_in_year",
    ]
)
"""Rules with an act of a member: they alone can be a number over a standing population (semantics.md)."""

TIED_TO_A_YEAR = frozenset(
    [
        "reporting_parties",
        "assessed",
        "stockpile_discoverers",
        "extension_requests",
        "completion_declarers",
        "article1_cases",
    ]
)
"""Populations whose membership on the day of an act is not defined, so that none of their numbers is."""

BOUND = {
    "participant_count": ("number", "participants"),
    "participant_share": ("percent", "participants"),
    "joined_in_year": ("number", "all_states"),
    "request_plan_complete": ("percent", "extension_requests"),
    "case_update_reported": ("percent", "article1_cases"),
    "destroyed_within_six_months": ("percent", "stockpile_discoverers"),
    "paid_in_time": ("percent", "assessed"),
}
"""Rules that mean something over one population only, and their unit."""

REQUEST_PARTS = {"clearance": ("clearance", "20.1"), "risk_education": ("risk education", "20.2")}
"""Parts of an extension request: the words of an indicator that asks for it, and its id in semantics.md."""


@dataclass(frozen=True)
class Plan:
    """A loaded version: its name, folder, and the SHA-256 over its files."""

    version: str
    folder: Path
    sha256: str


def loaded(home: Home) -> tuple[Plan, ...]:
    """The versions that a home holds, by name. Raises ``UsageProblem`` where one was altered."""
    folder = home.root / "plans"
    found = []
    for path in sorted(folder.glob("*/plan.json")) if folder.is_dir() else ():
        plan = Plan(path.parent.name, path.parent, str(read_json(path)["sha256"]))
        if _sha256(plan.folder) != plan.sha256:
            raise UsageProblem(
                f"the loaded plan {plan.version} was altered",
                where=str(plan.folder),
                next_step="Restore it from a backup; a loaded plan never changes.",
            )
        found.append(plan)
    return tuple(found)


def named(plans: Iterable[Plan]) -> dict[str, str]:
    """Version -> SHA-256, as a manifest names them."""
    return {plan.version: plan.sha256 for plan in plans}


def those_of(home: Home, manifest: Mapping[str, Any]) -> tuple[Plan, ...]:
    """The versions that a publication saw. Raises ``UsageProblem`` where the home lacks one."""
    wanted: Mapping[str, str] = manifest.get("plans", {})
    held = {plan.version: plan for plan in loaded(home)}
    for version, sha256 in wanted.items():
        if version not in held or held[version].sha256 != sha256:
            raise UsageProblem(
                f"the plan {version} that the publication saw is not in this home",
                where=str(home.root / "plans"),
                next_step="Restore it from a backup.",
            )
    return tuple(held[version] for version in sorted(wanted))


def definition(figures: str | None, plans: Mapping[str, str]) -> str | None:
    """What fixes how figures are computed besides the configured plan: the SQL and the loaded plans."""
    return f"{figures} {sorted(plans.items())}" if plans else figures


def fingerprint(home: Home) -> str:
    """What decides whether a row passes the door of a home: the rules, and the plans it may answer."""
    plans = named(loaded(home))
    if not plans:
        return rules_fingerprint()
    return hashlib.sha256(f"{rules_fingerprint()} {sorted(plans.items())}".encode()).hexdigest()[:32]


def indicators(home: Home) -> list[tuple[str, str, str]]:
    """(plan version, indicator, rule) of the shipped plan and of all that were loaded."""
    shipped = _read(DBT_PROJECT / "seeds" / "plan_indicators.csv")
    rows = [(row["plan_version"], row["indicator_id"], row["rule"]) for row in shipped]
    for plan in loaded(home):
        rows += [
            (plan.version, row["indicator_id"], row["rule"]) for row in _read(plan.folder / "indicators.csv")
        ]
    return rows


def fill(connection: duckdb.DuckDBPyConnection, plans: Iterable[Plan]) -> None:
    """Fill the plans' tables of the schema ``control``, which is there. Raises ``duckdb.Error``."""
    connection.execute(
        f"create table control.plan_crosswalk ({', '.join(f'{name} varchar' for name in CROSSWALK)})"
    )
    for plan in plans:
        for table, name, read, columns in (
            ("plan_actions", "actions.csv", _read, ("plan_version", *ACTIONS)),
            ("plan_indicators", "indicators.csv", _read_indicators, ("plan_version", *INDICATORS, *OPTIONAL)),
            ("plan_crosswalk", "crosswalk.csv", _read, CROSSWALK),
        ):
            path = plan.folder / name
            rows = read(path) if path.exists() else []
            lines = [
                [{"plan_version": plan.version, **row}.get(column) or None for column in columns]
                for row in rows
            ]
            if lines:
                marks = ", ".join("?" for _ in columns)
                connection.executemany(
                    f"insert into control.{table} ({', '.join(columns)}) values ({marks})", lines
                )


# --- loading ------------------------------------------------------------------------------------------------


def load(home: Home, source: Path, version: str | None) -> dict[str, Any]:
    """Take a version in; returns what was. The home's lock is held.

    ``version``: its name; the folder's name unless given. Raises ``UsageProblem`` where a file is missing or
    says what can't be computed, with every row in question, and ``OSError``.
    """
    name = version or source.resolve().name
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        raise UsageProblem(
            f"{name!r} can't be the name of a plan version",
            where="--version",
            next_step="Use letters, digits, dots, hyphens and underscores, such as adopted-2024-11-29.",
        )
    problems = _problems(source, name)
    if problems:
        raise UsageProblem(
            f"the plan can't be loaded: {'; '.join(problems[:10])}"
            + (f"; and {len(problems) - 10} more" if len(problems) > 10 else ""),
            where=str(source),
            next_step="Mend these rows; docs/how-to.md says what a plan's files hold.",
        )
    sha256 = _sha256(source)
    held = {plan.version: plan for plan in loaded(home)}
    if name in held and held[name].sha256 != sha256:
        raise UsageProblem(
            f"a plan {name} was loaded before, and says something else",
            where=str(held[name].folder),
            next_step="Give the new one a name of its own with --version; publications rest on the old one.",
        )
    if name not in held:
        _keep(home, source, name, sha256)
    rows = _read(source / "indicators.csv")
    return {
        "plan_version": name,
        "sha256": sha256,
        "actions": len(_read(source / "actions.csv")),
        "indicators": len(rows),
        "already_loaded": name in held,
    }


def _keep(home: Home, source: Path, name: str, sha256: str) -> None:
    folder = home.root / "plans" / name
    folder.mkdir(parents=True, exist_ok=True)
    for file in _files(source):
        with aside(folder / file.name) as temporary:
            shutil.copyfile(file, temporary)
    write_json(folder / "plan.json", {"plan_version": name, "sha256": sha256, "loaded_at": timestamp()})


def _files(folder: Path) -> list[Path]:
    names = ("actions.csv", "indicators.csv", "crosswalk.csv")
    return [folder / name for name in names if (folder / name).is_file()]


def _sha256(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in _files(folder):
        content = path.read_bytes()
        digest.update(f"{path.name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _read(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file, cells trimmed."""
    with path.open(encoding="utf-8-sig", newline="") as handle:
        return [
            {str(k).strip(): (v or "").strip() for k, v in row.items() if k is not None}
            for row in csv.DictReader(handle)
        ]


def _read_indicators(path: Path) -> list[dict[str, str]]:
    """Rows of ``indicators.csv``, each with its ``request_part``."""
    return [{**row, "request_part": _request_part(row)} for row in _read(path)]


def _request_part(row: Mapping[str, str]) -> str:
    """Which part of an extension request an indicator asks for; "" if it asks for none, or does not say.

    The contract's ``indicators.csv`` has no column for it: then the wording says it, or else the id.
    """
    if row.get("request_part") or row.get("rule") != "request_plan_complete":
        return row.get("request_part", "")
    wording = row.get("wording", "").casefold()
    named = [part for part, (words, _) in REQUEST_PARTS.items() if words in wording]
    if len(named) == 1:
        return named[0]
    return next((part for part, (_, key) in REQUEST_PARTS.items() if row.get("indicator_id") == key), "")


def _words(name: str, column: str) -> set[str]:
    return {row[column] for row in _read(DBT_PROJECT / "seeds" / name)}


def _problems(source: Path, version: str) -> list[str]:
    """All that keeps a plan from being computed, a sentence each."""
    if version == PLAN_VERSION:
        return [f"{version} is the plan that the program ships; give another name with --version"]
    missing = [name for name in ("actions.csv", "indicators.csv") if not (source / name).is_file()]
    if missing:
        return [f"{' and '.join(missing)} missing"]
    tables: dict[str, list[dict[str, str]]] = {}
    for file in _files(source):
        try:
            tables[file.name] = _read(file)
        except (UnicodeDecodeError, csv.Error):
            return [f"{file.name} is no CSV file in UTF-8"]
    found = [
        problem
        for name, wanted, optional in (
            ("actions.csv", ACTIONS, ()),
            ("indicators.csv", INDICATORS, OPTIONAL),
            ("crosswalk.csv", CROSSWALK[1:4], ("plan_version", "note")),
        )
        if name in tables
        for problem in _columns(name, tables[name], wanted, optional)
    ]
    if found:
        return found
    actions, rows = tables["actions.csv"], tables["indicators.csv"]
    return [
        *_twice("actions.csv", [row["action"] for row in actions]),
        *_twice("indicators.csv", [row["indicator_id"] for row in rows]),
        *(
            f"actions.csv: {row['action']!r} is no number of an action, such as 7"
            for row in actions
            if not re.fullmatch(r"[1-9][0-9]{0,3}", row["action"])
        ),
        *_of_rows(rows, {row["action"] for row in actions}),
        *(
            f"crosswalk.csv: {row['indicator_id']} is no indicator of this plan"
            for row in tables.get("crosswalk.csv", ())
            if row["indicator_id"] not in {indicator["indicator_id"] for indicator in rows}
        ),
    ]


def _columns(
    name: str, rows: Sequence[Mapping[str, str]], wanted: Sequence[str], optional: Sequence[str]
) -> list[str]:
    if not rows:
        return [f"{name} has no row"]
    lacking = [column for column in wanted if column not in rows[0]]
    unknown = [column for column in rows[0] if column not in (*wanted, *optional)]
    found = [f"{name} lacks the columns {', '.join(lacking)}"] if lacking else []
    return found + ([f"{name} has unknown columns: {', '.join(unknown)}"] if unknown else [])


def _twice(name: str, ids: Sequence[str]) -> list[str]:
    return [f"{name}: {key!r} stands twice" for key in sorted({key for key in ids if ids.count(key) > 1})]


def _of_rows(rows: Iterable[Mapping[str, str]], actions: set[str]) -> list[str]:
    from sources.contract import datasets

    vocabularies: tuple[tuple[str, set[str]], ...] = (
        ("action", actions),
        ("unit", {"percent", "number"}),
        ("population", _words("populations.csv", "population")),
        ("rule", _words("rules.csv", "rule")),
        ("source", set(datasets())),
    )
    checks: tuple[tuple[Callable[[Mapping[str, str]], bool], str], ...] = (
        (
            lambda r: bool(r["indicator_id"]) and bool(r["wording"]),
            "indicator_id and wording must be filled",
        ),
        (
            lambda r: r["rule"] not in BOUND or (r["unit"], r["population"]) == BOUND[r["rule"]],
            "its rule goes with one unit and population only",
        ),
        (
            lambda r: r["rule"] in BOUND or r["population"] not in ("participants", "extension_requests"),
            "its population has no such rule",
        ),
        (
            lambda r: r["rule"] in BOUND or r["unit"] != "number" or r["rule"] in COUNTS_ACTS,
            "its rule counts no acts, so that it can't be a number",
        ),
        (
            lambda r: r["unit"] != "number" or r["population"] not in TIED_TO_A_YEAR,
            "a number over a population that is tied to a year is not defined",
        ),
        (
            lambda r: _request_part(r) in (REQUEST_PARTS if r["rule"] == "request_plan_complete" else ("",)),
            "request_part must be clearance or risk_education for request_plan_complete, or the wording name "
            "one of them, and empty else",
        ),
    )
    found = []
    for row in rows:
        of = f"indicator {row['indicator_id'] or '?'}"
        wrong = [
            f"{of}: {row[name]!r} is no known {name}"
            for name, words in vocabularies
            if row[name] not in words
        ]
        found += wrong or [f"{of}: {said}" for holds, said in checks if not holds(row)]
    return found
