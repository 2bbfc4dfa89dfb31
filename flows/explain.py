"""From a figure to what it rests on: definition, members on each side, and the rows behind a state.

Everything is read from the published warehouse, never computed anew, so that what is explained is what was
published (docs/contract/outputs.md, Commands).
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from flows import show
from flows.errors import UsageProblem
from flows.files import read_json
from flows.home import Home
from flows.ledger import Ledger
from flows.plain_text import shown as escape
from flows.program import program_version
from flows.record_history import checks, versions
from flows.revisions import landing_batches


def published_warehouse(home_path: Path) -> Path:
    """The published warehouse.duckdb, its link resolved once.

    Raises ``UsageProblem`` if nothing is published.
    """
    folder = Home(home_path).current_publication()
    if folder is None:
        raise UsageProblem(
            "nothing is published here yet",
            where=str(home_path),
            next_step="Make a publication with: sraap refresh, or give another home with --home.",
        )
    return folder / "warehouse.duckdb"


def explain(
    home_path: Path, indicator: str, year: int, state: str | None, plan_version: str | None = None
) -> dict[str, Any]:
    """Explain an indicator's value of a year, and a state's part in it.

    ``plan_version``: the version to which the indicator belongs; the configured one unless given. Gives a
    JSON-able dict: publication, indicator, reporting_year, total and breakdowns (numerator, denominator,
    value, status), members with their reasons and, with ``state``, its observations and their sources. Raises
    ``UsageProblem`` for an unknown indicator, year, state or plan version.
    """
    import duckdb

    warehouse = published_warehouse(home_path)
    with _columns_of(warehouse), duckdb.connect(str(warehouse), read_only=True) as connection:
        query = _Query(connection)
        publication = query.one(
            "select publication_id, as_of, plan_version, batch from marts.dim_publication"
        )
        plan = plan_version or publication["plan_version"]
        definition = query.one(
            """
            select i.indicator_id, i.plan_version, i.action, i.unit, i.population, i.rule,
                i.wording, i.definition, p.title as population_title
            from marts.dim_indicator as i
            left join marts.dim_population as p using (population)
            where i.indicator_id = ? and i.plan_version = ?
            """,
            [indicator.strip(), plan],
        )
        if not definition:
            known = query.all(
                "select indicator_id from marts.dim_indicator where plan_version = ? "
                "order by action, try_cast(split_part(indicator_id, '.', 2) as int), indicator_id",
                [plan],
            )
            if not known:
                plans = query.all("select distinct plan_version from marts.dim_indicator order by all")
                raise _unknown("plan version", plan, [row["plan_version"] for row in plans])
            raise _unknown("indicator", indicator, [row["indicator_id"] for row in known])
        which = [plan, definition["indicator_id"], year]
        matches = "plan_version = ? and indicator_id = ? and reporting_year = ?"
        parts = query.all(
            f"""
            select breakdown, breakdown_value, numerator, denominator, value, previous_value, change, status
            from marts.indicator_values
            where {matches}
            order by breakdown, breakdown_value
            """,
            which,
        )
        if not parts:
            years = query.all("select distinct reporting_year as y from marts.indicator_values order by y")
            raise _unknown("year", str(year), [str(row["y"]) for row in years])
        members = query.all(
            f"""
            select o.member_kind, o.member_key, o.iso3, s.name, o.in_denominator, o.in_numerator, o.reason,
                o.member_count, r.definition as reason_in_words
            from marts.indicator_observations as o
            left join marts.dim_state as s on o.iso3 = s.iso3
            left join marts.dim_reason as r on o.reason = r.reason
            where {matches}
            order by o.in_numerator desc nulls last, o.reason, coalesce(s.name, o.member_key), o.member_key
            """,
            which,
        )
        explanation: dict[str, Any] = {
            "publication": publication,
            "indicator": definition,
            "reporting_year": year,
            "total": next(part for part in parts if part["breakdown"] == "total"),
            "breakdowns": [part for part in parts if part["breakdown"] != "total"],
            "members": members,
        }
        explanation["total"]["in_words"] = show.figure(explanation["total"])
        if state is not None:
            explanation["state"] = _state(query, matches, which, state, members)
            _add_history(connection, Home(home_path), explanation)
    return explanation


@contextlib.contextmanager
def _columns_of(warehouse: Path) -> Iterator[None]:
    """Where a column or table is missing from what another program version published, say so."""
    import duckdb

    try:
        yield
    except (duckdb.BinderException, duckdb.CatalogException) as error:
        then = _program_of(warehouse)
        if then == program_version():
            raise
        raise UsageProblem(
            f"the publication was made by program version {then}, whose tables lack what is shown here",
            where=str(warehouse),
            next_step="Make one with this program: sraap refresh. Its verify, diff and audit still work.",
        ) from error


def _program_of(warehouse: Path) -> str:
    """The program version that made a publication, by its manifest. Raises ``OSError``, ``ValueError``."""
    return str(read_json(warehouse.parent / "evidence" / "manifest.json")["program_version"])


class _Query:
    """Runs queries and gives dicts."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def all(self, sql: str, values: list[Any] | None = None) -> list[dict[str, Any]]:
        result = self._connection.execute(sql, values or [])
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def one(self, sql: str, values: list[Any] | None = None) -> dict[str, Any]:
        rows = self.all(sql, values)
        return rows[0] if rows else {}


def _unknown(what: str, given: str, known: list[str]) -> UsageProblem:
    near = [name for name in known if name.split(".")[0] == given.split(".", maxsplit=1)[0].strip()]
    first = (near or known)[:12]
    shown = ", ".join(first) + (", …" if len(first) < len(known) else "")
    return UsageProblem(
        f"the {what} {given!r} is not in this publication",
        where="sraap explain",
        next_step=f"It has: {shown}",
    )


def _state(
    query: _Query, matches: str, which: list[Any], state: str, members: list[dict[str, Any]]
) -> dict[str, Any]:
    """A state's part in a figure: its observations, and the rows that each rests on."""
    found = query.one(
        "select iso3, name, un_region from marts.dim_state where iso3 = upper(?) or lower(name) = lower(?)",
        [state.strip(), state.strip()],
    )
    if not found:
        raise _unknown("state", state, sorted({str(m["iso3"]) for m in members if m["iso3"]}))
    observations = query.all(
        "select member_kind, member_key, in_denominator, in_numerator, reason, report_id, evidence, location "
        f"from marts.indicator_observations where {matches} and iso3 = ? order by member_key",
        [*which, found["iso3"]],
    )
    sources = query.all(
        f"""
        select member_key, role, dataset, record_key, received_on, source_ref,
            file_name, sheet, row_number, place, file_sha256
        from marts.observation_sources
        where {matches} and member_key in (select unnest(?))
        order by member_key, role, dataset, record_key, delivery_seq desc
        """,
        [*which, [observation["member_key"] for observation in observations]],
    )
    for observation in observations:
        observation["sources"] = [s for s in sources if s["member_key"] == observation["member_key"]]
    return {**found, "observations": observations}


def _add_history(connection: Any, home: Home, explanation: dict[str, Any]) -> None:
    """Add to each source of a state's observations its versions, its document, and what the checks said.

    ``searched`` says in words what was looked through where an observation rests on absence.
    """
    publication, state = explanation["publication"], explanation["state"]
    sources = [source for observation in state["observations"] for source in observation["sources"]]
    records: dict[str, set[str]] = {}
    for source in sources:
        if source["file_sha256"]:
            records.setdefault(source["dataset"], set()).add(source["record_key"])
    files = landing_batches(Ledger.read(home), int(publication["batch"]))
    landing = {name: [path for path, _ in found] for name, found in files.items()}
    history = versions(connection, landing, records, publication["as_of"])
    verdicts = checks(connection, sources)
    for source in sources:
        source["versions"] = history.get((source["dataset"], source["record_key"]), [])
        cells = source["versions"][0]["cells"] if source["versions"] else {}
        source["document_url"] = cells.get("document_url")
        source["document_sha256"] = cells.get("document_sha256")
        said = verdicts.get((source["file_sha256"], source["sheet"]), {"passed": 0, "findings": []})
        # of a register of people no row is named, so that no finding can be said to touch one
        named = source["row_number"] is not None
        source["checks"] = {
            "passed": said["passed"],
            "findings": [
                {**finding, "touches_row": named and source["row_number"] in _rows(finding["sample_rows"])}
                for finding in said["findings"]
            ],
        }
    for observation in state["observations"]:
        observation["searched"] = [
            _searched(source, state["name"], explanation["reporting_year"])
            for source in observation["sources"]
            if source["role"] == "searched"
        ]


def _rows(sample: str | None) -> list[int]:
    """Row numbers that a check gave as a sample, as JSON text."""
    found: list[int] = json.loads(sample) if sample else []
    return found


def _searched(source: dict[str, Any], name: str, year: int) -> str:
    """What was looked through, in words."""
    if source["file_sha256"]:
        return f"{source['dataset']} {source['record_key']} of {name} was looked through: it does not say."
    return f"All known rows of {source['dataset']} were searched: none of {name} counts in {year}."


SIDES = ("Counted", "Not counted", "Outside the denominator", "Not shown, for they are few people")


def _side(member: dict[str, Any]) -> str:
    """On which side of a figure a member stands (docs/contract/semantics.md, What one member's cell says)."""
    if member["in_numerator"] is None:
        return SIDES[3]
    if member["in_denominator"] is False:
        return SIDES[2]
    return SIDES[0] if member["in_numerator"] else SIDES[1]


def show_explanation(console: Console, explanation: dict[str, Any]) -> None:
    """Print an explanation for people."""
    indicator, total = explanation["indicator"], explanation["total"]
    publication = explanation["publication"]
    console.print(f"[bold]{indicator['indicator_id']}[/]  {escape(indicator['wording'])}", highlight=False)
    console.print(escape(indicator["definition"]), highlight=False)
    console.print(
        f"Publication {publication['publication_id']}, as of {publication['as_of']}, "
        f"plan {indicator['plan_version']}\n",
        highlight=False,
        soft_wrap=True,
    )
    year = explanation["reporting_year"]
    console.print(f"[bold]{year}: {escape(total['in_words'])}[/], {total['status']}\n", highlight=False)
    if "state" in explanation:
        _show_state(console, explanation["state"])
        return
    sides: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
    for member in explanation["members"]:
        sides[_side(member)].append(member)
    for side, members in sides.items():
        if not members:
            continue
        console.print(f"{side}: {len(members)}", style="bold")
        for reason in dict.fromkeys(m["reason"] for m in members):
            names = [m["name"] or m["member_key"] for m in members if m["reason"] == reason]
            show.paragraph(console, f"{reason} ({len(names)}): {', '.join(names)}", indent=2)
        console.print()


def _show_state(console: Console, state: dict[str, Any]) -> None:
    console.print(f"[bold]{escape(state['name'])}[/] ({state['iso3']})", highlight=False)
    if not state["observations"]:
        console.print("It is not among the members of this indicator in this year.")
    for observation in state["observations"]:
        sides = {True: "counted", False: "not counted", None: "listed"}
        console.print(
            f"{escape(observation['member_key'])}: {sides[observation['in_numerator']]}, "
            f"reason {observation['reason']}",
            highlight=False,
        )
        for label in ("report_id", "evidence", "location"):
            if observation[label]:
                console.print(f"  {label}: {escape(str(observation[label]))}", highlight=False)
        console.print()
        show.table(
            console,
            "It rests on",
            [
                {
                    **source,
                    "received_on": str(source["received_on"] or ""),
                    "sha": (source["file_sha256"] or "")[:12],
                }
                for source in observation["sources"]
            ],
            {
                "role": "role",
                "dataset": "dataset",
                "record_key": "key",
                "received_on": "received",
                "file_name": "file",
                "sheet": "sheet",
                "row_number": "row",
                "place": "place",
                "sha": "SHA-256",
                "source_ref": "reference",
            },
        )
        for sentence in observation["searched"]:
            show.paragraph(console, f"Searched: {sentence}")
        for source in observation["sources"]:
            _show_source(console, source)


def _show_source(console: Console, source: dict[str, Any]) -> None:
    """The document, file, versions and checks of one source."""
    if not source["file_sha256"]:
        return
    console.print(f"[bold]{escape(source['dataset'])} {escape(source['record_key'])}[/]", highlight=False)
    details = {
        "document": source["document_url"],
        "its SHA-256": source["document_sha256"],
        "reference": source["source_ref"],
        "file": f"{source['file_name']}, SHA-256 {source['file_sha256']}",
    }
    for label, text in details.items():
        if text:
            show.paragraph(console, f"{label}: {text}", indent=2)
    for version in source["versions"]:
        sheet = f", sheet {version['sheet']}" if version["sheet"] else ""
        place = version["place"] or f"row {version['row_number']}"
        seen = f"received {version['received_on']}, {version['file_name']}{sheet}, {place}"
        show.paragraph(console, f"{seen}: {version['why']}", indent=2)
    said = source["checks"]
    show.paragraph(console, f"checks: {said['passed']} passed", indent=2)
    for finding in said["findings"]:
        where = "this row" if finding["touches_row"] else "other rows of its table"
        sentence = f"{finding['check_code']} ({finding['severity']}), {where}: {finding['sentence'] or ''}"
        show.paragraph(console, sentence, indent=4)
