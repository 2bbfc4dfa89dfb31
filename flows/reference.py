"""The reference pages, made from what the program itself goes by, so that they can't say anything else.

``make reference`` writes them to ``docs/reference/``; a test compares. Commands come from the command line's
own definition, datasets from ``sources/*/source.yml``, checks from the suites, tables from dbt's
descriptions and the ledger's columns, settings from ``flows/configuration.py``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from flows.configuration import SETTINGS
from flows.ledger import COLUMNS
from flows.program import DBT_PROJECT, ROOT
from flows.publication import RUN_COLUMNS

FOLDER = ROOT / "docs" / "reference"

AUDIT = {
    "runs": "One row per run of the home, up to the one that made this publication.",
    "files": "One row per delivered file and what became of it.",
    "row_balance": "One row per file, sheet and dataset: rows_read = rows_loaded + rows_duplicate + "
    "rows_quarantined; rows_waiting are quarantined rows whose parent has not come.",
    "quarantined_rows": "One row per quarantined row and failed check.",
    "validation_results": "One row per check and what it looked at, of Great Expectations, dbt, the "
    "readers and the flow alike.",
    "acceptances": "One row per check in spite of which something was published: by whom, and why.",
    "fetches": "One row per request to a configured source: the receipt of what it answered.",
}
"""Grain and meaning of the tables of ``audit``."""


def pages() -> dict[str, str]:
    """File name and text of each page."""
    made: dict[str, Callable[[], Iterable[str]]] = {
        "commands.md": _commands,
        "configuration.md": _configuration,
        "datasets.md": _datasets,
        "checks.md": _checks,
        "tables.md": _tables,
    }
    return {name: "\n".join([*lines(), ""]) for name, lines in made.items()}


def write(folder: Path = FOLDER) -> None:
    """Write all pages. Raises ``OSError``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


def _table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    lines += [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows]
    return [*lines, ""]


def _cell(cell: Any) -> str:
    return " ".join(str(cell).split()).replace("|", "\\|")


def _head(title: str, source: str) -> list[str]:
    return [f"# {title}", "", f"Made by `make reference` from {source}; not to be edited.", ""]


def _commands() -> Iterable[str]:
    import typer.main

    from flows.cli import app

    yield from _head("Commands", "the definition of `sraap`")
    group: Any = typer.main.get_command(app)
    for name, command in sorted(_leaves(group)):
        yield from [f"## sraap {name}", "", " ".join((command.help or "").split()), ""]
        rows = []
        for parameter in command.params:
            if parameter.name == "help":
                continue
            is_option = parameter.param_type_name == "option"
            shown = ", ".join(f"`{option}`" for option in [*parameter.opts, *parameter.secondary_opts])
            named = shown if is_option else f"`{parameter.metavar or parameter.name.upper()}`"
            rows.append((named, getattr(parameter, "help", "") or "", _default(parameter)))
        yield from _table(("argument or option", "meaning", "unless given"), rows)


def _leaves(group: Any, before: str = "") -> Iterable[tuple[str, Any]]:
    """Every command below a group, with its words."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _leaves(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


def _default(parameter: Any) -> str:
    default = parameter.default
    if parameter.required:
        return "required"
    if default is None or default is False or default in ("", [], ()) or callable(default):
        return ""
    environment = f"`{parameter.envvar}`, or " if parameter.envvar else ""
    return f"{environment}`{default}`"


def _configuration() -> Iterable[str]:
    yield from _head("Configuration", "`flows/configuration.py`")
    yield from [
        "Settings come from the environment. One that may be a file can be named with `_FILE` at its end,",
        "and then holds the path of a file with the value.",
        "",
    ]
    yield from _table(
        ("variable", "meaning", "without it", "may be a file"),
        ((f"`{s.name}`", s.meaning, s.default, "yes" if s.may_be_file else "") for s in SETTINGS),
    )


def _datasets() -> Iterable[str]:
    from sources.contract import COMMON, datasets

    yield from _head("Datasets", "`sources/*/source.yml`")
    yield from ["Every dataset also has these columns:", ""]
    yield from _columns(COMMON)
    for dataset in sorted(datasets().values(), key=lambda d: d.name):
        required = "Required: a home without it publishes nothing." if dataset.required else "Optional."
        yield from [f"## {dataset.name}", "", " ".join(dataset.description.split()), ""]
        yield from [f"{required} Publisher: {dataset.publisher}. Cadence: {dataset.cadence}.", ""]
        yield from _columns(dataset.own_columns)


def _columns(columns: Iterable[Any]) -> list[str]:
    def kind(column: Any) -> str:
        return "one of " + ", ".join(f"`{word}`" for word in column.words) if column.words else column.type

    return _table(
        ("column", "type", "must be filled", "meaning"),
        (
            (
                f"**{column.name}**" if column.key else column.name,
                kind(column),
                "yes" if column.required else "",
                column.description,
            )
            for column in columns
        ),
    )


def _checks() -> Iterable[str]:
    from expectations.suite import suite_of
    from sources.contract import datasets

    yield from _head("Checks", "the suites in `expectations/` and the tests in `dbt_project/`")
    yield from ["## Every dataset", "", "The star stands for the dataset's letters.", ""]
    yield from _table(
        ("code", "severity", "dimension", "why"),
        ((f"`{c.code}`", c.severity, c.dimension, c.reason) for c in suite_of("delivery").checks),
    )
    for name in sorted(datasets()):
        yield from [f"## {name}", ""]
        yield from _table(
            ("code", "severity", "dimension", "why"),
            (
                (f"`{check.code}`", check.severity, check.dimension, check.reason)
                for check in suite_of(name).checks
            ),
        )
    yield from ["## The house", "", "Tests of dbt, on what the models made.", ""]
    yield from _table(
        ("code", "on", "dimension", "what it guards"),
        sorted((f"`{m['code']}`", m["subject"], m["dimension"], m["guards"]) for m in _house()),
    )


def _house() -> Iterable[Any]:
    """What dbt's tests say of themselves: in ``meta``, of SQL files and of models' descriptions alike."""
    for path in sorted((DBT_PROJECT / "tests").glob("*.sql")):
        if found := re.search(r"meta ?= ?(\{.*?\n    \})", path.read_text(encoding="utf-8"), re.DOTALL):
            yield ast.literal_eval(found[1])
    for path in sorted((DBT_PROJECT / "models").rglob("*.yml")):
        yield from _metas(yaml.safe_load(path.read_text(encoding="utf-8")))


def _metas(part: Any) -> Iterable[Any]:
    if isinstance(part, dict):
        if isinstance(part.get("meta"), dict) and "guards" in part["meta"]:
            yield part["meta"]
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from _metas(inner)


def _tables() -> Iterable[str]:
    yield from _head("Tables", "the descriptions in `dbt_project/` and the columns of the ledger")
    models: dict[str, dict[str, Any]] = {}
    for path in sorted((DBT_PROJECT / "models" / "marts").rglob("*.yml")):
        for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models", ()):
            models[model["name"]] = model
    yield from ["## Schema `marts`", ""]
    shown: dict[str, str] = {}
    for name in sorted(models):
        model = models[name]
        yield from [f"### {name}", "", " ".join(model.get("description", "").split()), ""]
        alike = shown.setdefault(repr(model.get("columns")), name)
        if alike != name:
            yield from [f"Columns as those of `{alike}`.", ""]
        elif model.get("columns"):
            yield from _table(
                ("column", "type", "meaning"),
                ((c["name"], c.get("data_type", ""), c.get("description", "")) for c in model["columns"]),
            )
    yield from ["## Schema `audit`", ""]
    for name, columns in sorted({**COLUMNS, "runs": RUN_COLUMNS}.items()):
        yield from [f"### {name}", "", AUDIT[name], ""]
        yield from _table(("column", "type"), columns.items())


if __name__ == "__main__":
    write()
