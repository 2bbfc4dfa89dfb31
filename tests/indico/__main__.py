"""Our readers against a real Indico, from an empty machine: ``make indico``.

Sets up Indico with PostgreSQL and Redis of its own, makes an event with a form, registers invented people
through the pages that participants use, lets the manager approve, reject, withdraw and check in, and then
reads what came of it in every way that we can:

- by the check-in interface with a bearer token, through our own fetching, and our reader ``indico``;
- by the managers' export, as CSV and XLSX, and our reader ``indico_registrations``;
- by ``sraap refresh`` with Indico as a configured source, and what it publishes.

Each is compared with what was put in. Exit code 0: all as put in; 1: a difference; 5: this machine lacks
something, which is named with how to install it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import requests
import yaml

from flows.fetching.fetch import fetch
from flows.fetching.receipts import inbox
from flows.fetching.settings import configured
from flows.home import Home
from sources.contract import datasets
from sources.readers import Reading, ReadingContext, readers
from tests.indico.machine import VENV, Indico, Missing, Programs, running

ROOT = Path(__file__).resolve().parents[2]
REGISTERS = ROOT / "sources" / "sample" / "registers"
MEETING = "22MSP"
VARIABLE = "INDICO_TOKEN"
RECEIVED = date(2025, 12, 6)
TIMEOUT = 120

TITLE = "Twenty-Second Meeting of the States Parties"
STARTS, ENDS = "2025-11-30T23:00:00+00:00", "2025-12-05T17:00:00+00:00"
"""Midnight in Geneva is the day before in UTC."""

SURVIVOR = "Are you a mine victim or survivor?"
FIELDS: dict[str, tuple[str, list[str]]] = {
    "Gender": ("single_choice", ["Woman", "Man", "Prefer not to say"]),
    "Type of delegation": (
        "single_choice",
        ["State Party", "State not party", "NGO", "Survivor organization"],
    ),
    SURVIVOR: ("bool", []),
    "Dietary needs": ("multi_choice", ["no nuts", "no milk"]),
    "Remarks": ("textarea", []),
}
UNREAD = ("Dietary needs", "Remarks")
"""Fields of the form that no reader knows, and that each has to say so of."""


@dataclass(frozen=True)
class Person:
    """What somebody fills in, and what becomes of it (``moderation``: the manager's action, if any)."""

    first: str
    last: str
    country: str
    iso3: str
    name_of_country: str
    gender: str
    kind: str
    affiliation: str
    survivor: bool | None
    moderation: str
    checked_in: bool


PEOPLE = (
    Person("Ndapewa", "Nangolo", "NA", "NAM", "Namibia", "Woman", "State Party", "", None, "approve", True),
    Person(
        "Brahim",
        "Mahamat",
        "TD",
        "TCD",
        "Chad",
        "Man",
        "State Party",
        "Ministère, N'Djamena",
        False,
        "",
        False,
    ),
    Person(
        "Kim",
        "Doe",
        "CH",
        "CHE",
        "Switzerland",
        "Prefer not to say",
        "NGO",
        "Clear Ground",
        None,
        "reject",
        False,
    ),
    Person(
        "Inés",
        "D'Ávila Núñez",
        "CO",
        "COL",
        "Colombia",
        "Woman",
        "Survivor organization",
        "=Walk On",
        True,
        "approve",
        True,
    ),
    Person("Lee", "Roe", "KH", "KHM", "Cambodia", "", "State Party", "", None, "withdraw", False),
    Person(
        "Юлія",
        "Шевчук",
        "US",
        "USA",
        "United States",
        "Woman",
        "State not party",
        'Mission; "UN"',
        False,
        "approve",
        False,
    ),
)

STATE = {"approve": "complete", "reject": "rejected", "withdraw": "withdrawn", "": "pending"}
GENDER = {"Woman": "female", "Man": "male", "Prefer not to say": "unknown", "": "unknown"}
KIND = {
    "State Party": "state",
    "State not party": "state",
    "NGO": "civil_society",
    "Survivor organization": "survivor_organization",
}
LOADED = ("meeting_id", "delegation_kind", "iso3", "gender", "is_mine_victim", "attended")
COMPARED = [
    *("meeting_id", "delegation_kind", "iso3", "organization", "full_name", "email", "gender"),
    *("is_mine_victim", "attended"),
]


def expected(person: Person, *, exported: bool = False) -> dict[str, str]:
    """The row that a person must become. An export names countries, and strips what Excel would calculate."""
    kind = KIND[person.kind]
    country = person.name_of_country if exported else person.country
    return {
        "meeting_id": MEETING,
        "delegation_kind": kind,
        "iso3": country if kind == "state" else "",
        "organization": person.affiliation,
        "full_name": f"{person.first} {person.last}",
        "email": _email(person),
        "gender": GENDER[person.gender],
        "is_mine_victim": {True: "yes", False: "no", None: ""}[person.survivor],
        "attended": "yes" if person.checked_in else "no",
    }


def _email(person: Person) -> str:
    return f"person{PEOPLE.index(person) + 1}@example.org"


class Event:
    """The event in Indico, and what participants and its manager do there."""

    def __init__(self, indico: Indico) -> None:
        wanted = {"title": TITLE, "start_dt": STARTS, "end_dt": ENDS, "fields": FIELDS}
        script = Path(__file__).with_name("make_event.py")
        self.made: dict[str, Any] = json.loads(indico.run("python", script, given=json.dumps(wanted)))
        self.address = indico.address
        self.pages = f"{indico.address}/event/{self.made['event']}"
        self.manager = requests.Session()
        self.manager.headers["Authorization"] = f"Bearer {self.made['tokens']['manager']}"

    def register(self, person: Person) -> None:
        """Fill in the form as somebody without an account does."""
        browser = requests.Session()
        page = f"{self.pages}/registrations/{self.made['form']}/"
        shown = browser.get(page, timeout=TIMEOUT)
        shown.raise_for_status()
        token = re.search(r'id="csrf-token"[^>]*content="([^"]+)"', shown.text)
        if token is None:
            raise RuntimeError("Indico's registration page holds no csrf-token as it did in 3.3.14")
        names, choices = self.made["names"], self.made["choices"]
        said: dict[str, Any] = {
            "email": _email(person),
            "first_name": person.first,
            "last_name": person.last,
            names["Affiliation"]: {"id": None, "text": person.affiliation},
            names["Country"]: person.country,
            names["Gender"]: {choices["Gender"][person.gender]: 1} if person.gender else {},
            names["Type of delegation"]: {choices["Type of delegation"][person.kind]: 1},
            names[SURVIVOR]: person.survivor,
            names["Dietary needs"]: dict.fromkeys(choices["Dietary needs"].values(), 1),
            names["Remarks"]: "+41 in the morning\nthen by mail",
        }
        answered = browser.post(page, json=said, headers={"X-CSRF-Token": token[1]}, timeout=TIMEOUT)
        _fine(answered, f"registering {person.last}")

    def moderate(self, person: Person, number: int) -> None:
        """What the manager decides, by the buttons of the manager's pages, and the check-in at the door."""
        if person.moderation:
            page = f"{self.pages}/manage/registration/{self.made['form']}/registrations/{number}"
            data = {"submitted": "1", "rejection_reason": ""} if person.moderation == "reject" else None
            _fine(
                self.manager.post(f"{page}/{person.moderation}", data=data, timeout=TIMEOUT),
                f"{person.moderation} {person.last}",
            )
        if person.checked_in:
            address = f"{self.address}/api/checkin/event/{self.made['event']}/forms/{self.made['form']}"
            bearer = {"Authorization": f"Bearer {self.made['tokens']['check-in']}"}
            _fine(
                requests.patch(
                    f"{address}/registrations/{number}",
                    json={"checked_in": True},
                    headers=bearer,
                    timeout=TIMEOUT,
                ),
                f"checking in {person.last}",
            )

    def registered(self) -> dict[str, int]:
        """Numbers of the registrations by e-mail address."""
        address = f"{self.address}/api/checkin/event/{self.made['event']}/forms/{self.made['form']}"
        answered = self.manager.get(f"{address}/registrations/", timeout=TIMEOUT)
        _fine(answered, "listing registrations")
        return {one["email"]: int(one["id"]) for one in answered.json()}

    def export(self, ending: str) -> bytes:
        """What the manager's button gives, with every column chosen."""
        page = f"{self.pages}/manage/registration/{self.made['form']}/registrations"
        chosen = [
            *self.made["ids"].values(),
            *("reg_date", "mod_date", "state", "created_by", "price", "checked_in", "checked_in_date"),
            *("payment_date", "tags_present"),
        ]
        _fine(
            self.manager.post(
                f"{page}/customize", data={"visible_items": json.dumps(chosen)}, timeout=TIMEOUT
            ),
            "choosing columns",
        )
        answered = self.manager.get(f"{page}/registrations.{ending}", timeout=TIMEOUT)
        _fine(answered, f"exporting {ending}")
        return answered.content


def _fine(answered: requests.Response, doing: str) -> None:
    if answered.status_code != requests.codes.ok or answered.history:
        raise RuntimeError(f"{doing}: status {answered.status_code}\n{answered.text[:2000]}")


def main() -> int:
    """See the module. Returns the exit code."""
    arguments = argparse.ArgumentParser(prog="python -m tests.indico", description=__doc__)
    arguments.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="leave what Indico answered in this folder"
    )
    keep: Path | None = arguments.parse_args().keep
    try:
        programs = Programs.found()
    except Missing as error:
        print(error, file=sys.stderr)
        return 5
    version = subprocess.run(
        [VENV / "bin" / "python", "-c", "import importlib.metadata as m; print(m.version('indico'))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        folder.chmod(0o755)
        with running(folder, programs) as indico:
            print(f"Indico {version} answers at {indico.address}; making an event", flush=True)
            event = Event(indico)
            for person in PEOPLE:
                event.register(person)
            numbers = event.registered()
            for person in PEOPLE:
                event.moderate(person, numbers[_email(person)])
            os.environ[VARIABLE] = event.made["tokens"]["check-in"]
            wrong = [
                *_interface(folder, event, numbers, keep),
                *_exports(folder, event, keep),
                *_refreshed(folder, event),
            ]
    for one in wrong:
        print(f"DIFFERENT  {one}")
    print(f"{len(PEOPLE)} registrations, {len(wrong)} differences from what was put in")
    return 1 if wrong else 0


def _source(event: Event) -> dict[str, Any]:
    """The configured source, as a user would write it."""
    return {
        "kind": "indico",
        "address": f"{event.address}/",
        "ending": "json",
        "allow_private": True,
        "credentials": {"bearer": VARIABLE},
        "settings": {
            "event_id": event.made["event"],
            "meeting_id": MEETING,
            "kind": "meeting_of_states_parties",
            "fields": {
                "gender": "Gender",
                "delegation_kind": "Type of delegation",
                "is_mine_victim": SURVIVOR,
            },
        },
    }


def _home(folder: Path, event: Event) -> Home:
    folder.mkdir(parents=True)
    text = yaml.safe_dump({"sources": {MEETING.lower(): _source(event)}})
    (folder / "sources.yml").write_text(text, encoding="utf-8")
    return Home(folder)


def _raise(error: Exception) -> str:
    raise error


def _interface(folder: Path, event: Event, numbers: dict[str, int], keep: Path | None) -> list[str]:
    """The check-in interface, through our fetching and our reader."""
    home = _home(folder / "fetched", event)
    home.fetching.parent.mkdir(parents=True)
    (receipt,) = fetch(home, configured(home), everything=True, defective=_raise)
    if receipt.outcome != "fetched":
        return [f"fetching: {receipt.outcome}: {receipt.sentence}"]
    (path,) = inbox(home).glob("*.json")
    _kept(keep, path.name, path.read_bytes())
    reading = readers()["indico"].read(path, "json", ReadingContext(RECEIVED, path.name))
    tables = {table.dataset: table.frame for table in reading.tables}
    meeting = {
        **{"meeting_id": MEETING, "title": TITLE, "kind": "meeting_of_states_parties"},
        **{"starts_on": "2025-12-01", "ends_on": "2025-12-05", "received_on": RECEIVED.isoformat()},
    }
    wrong = _differences("meetings", tables["meetings"][list(meeting)].to_dict("records"), [meeting])
    rows = tables["meeting_participants"].set_index("registration_id")
    keys = [f"indico-{event.made['event']}-{numbers[_email(person)]}" for person in PEOPLE]
    wrong += _differences("interface: registration_id", sorted(rows.index), sorted(keys))
    wrong += _differences("interface", _records(rows.reindex(keys)), [expected(person) for person in PEOPLE])
    wrong += _differences(
        "interface: findings",
        sorted((one.code, one.place) for one in reading.findings),
        sorted(
            ("INDICO-FIELD", f"form {event.made['form']}, field {event.made['ids'][title]}")
            for title in UNREAD
        ),
    )
    states = {
        one["email"]: one["state"]
        for one in json.loads(path.read_text(encoding="utf-8"))["forms"][0]["registrations"]
    }
    wanted = {_email(person): STATE[person.moderation] for person in PEOPLE}
    return wrong + _differences("interface: states", states, wanted)


def _exports(folder: Path, event: Event, keep: Path | None) -> list[str]:
    """The managers' export, as CSV and as XLSX."""
    wrong: list[str] = []
    for ending in ("csv", "xlsx"):
        path = folder / f"indico_registrations--{MEETING}.{ending}"
        path.write_bytes(event.export(ending))
        _kept(keep, path.name, path.read_bytes())
        reading = readers()["indico_registrations"].read(path, ending, ReadingContext(RECEIVED, path.name))
        wrong += _differences(
            f"{ending} export",
            sorted(_records(reading.tables[0].frame), key=_by_email),
            sorted((_exported(person, ending) for person in PEOPLE), key=_by_email),
        )
        wrong += _differences(f"{ending} export: findings", _codes(reading), ["IREG-COLUMN"] * len(UNREAD))
    return wrong


def _exported(person: Person, ending: str) -> dict[str, str]:
    row = expected(person, exported=True)
    return row | {"organization": row["organization"].lstrip("=")} if ending == "csv" else row


def _refreshed(folder: Path, event: Event) -> list[str]:
    """The main job with Indico as a source beside the registers: what it loads, and that it names nobody."""
    home = _home(folder / "home", event)
    delivery = folder / "delivery"
    delivery.mkdir()
    for name in ("states", "treaty_actions", "obligations"):
        shutil.copy(REGISTERS / f"{name}.csv", delivery)
    for name in ("article7_reports", "article7_answers"):
        header = ",".join(column.name for column in datasets()[name].columns)
        (delivery / f"{name}.csv").write_text(header + "\n", encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "flows.cli",
        "refresh",
        "--home",
        str(home.root),
        "--inbox",
        str(delivery),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        return [f"refresh ended with {done.returncode}: {done.stdout[-2000:]} {done.stderr[-2000:]}"]
    wanted = [
        expected(person) | {"iso3": person.iso3 if KIND[person.kind] == "state" else ""} for person in PEOPLE
    ]
    found = pd.concat(
        map(pd.read_parquet, (home.root / "landing" / "meeting_participants").glob("*.parquet"))
    )
    shown = [found[column].map(_shown) for column in LOADED]
    wrong = _differences(
        "refresh: rows loaded",
        sorted(zip(*shown, strict=True)),
        sorted(tuple(row[column] for column in LOADED) for row in wanted),
    )
    texts = [row[column] for row in wanted for column in ("full_name", "email")]
    published = home.root / "published"
    named = sorted(
        str(path.relative_to(published))
        for path in published.rglob("*")
        if path.is_file() and any(text.encode() in path.read_bytes() for text in texts)
    )
    return wrong + _differences("refresh: files published that name somebody", named, [])


def _shown(value: Any) -> str:
    """A loaded value as it was written: nothing as an empty text, truth as yes and no."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if pd.isna(value) else str(value)


def _records(frame: pd.DataFrame) -> list[dict[str, str]]:
    return [{str(key): value for key, value in row.items()} for row in frame[COMPARED].to_dict("records")]


def _by_email(row: dict[str, str]) -> str:
    return row["email"]


def _codes(reading: Reading) -> list[str]:
    return sorted(one.code for one in reading.findings)


def _differences(what: str, found: Any, wanted: Any) -> list[str]:
    if found == wanted:
        print(f"as put in  {what}", flush=True)
        return []
    if isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        return [
            f"{what}: {one} in the place of {other}"
            for one, other in zip(found, wanted, strict=True)
            if one != other
        ]
    return [f"{what}: {found} in the place of {wanted}"]


def _kept(keep: Path | None, name: str, content: bytes) -> None:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        (keep / name).write_bytes(content)


if __name__ == "__main__":
    raise SystemExit(main())
