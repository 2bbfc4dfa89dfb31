"""Removing one person: what linked registrations to somebody goes, what was counted stays.

A person is known by full name and delegation, which come from a file or a prompt, never from the command
line: it would stand in the shell's history. The keyed hash that linked the registrations to the name gives
way to a random token; received files and index entries that hold the name are deleted. No published byte
depends on a key's value, so that every publication still verifies and is re-made with the same bytes
(docs/decisions/009-erasing-a-person.md). Nothing here puts the name into a message or a record that stays.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from expectations import people
from flows import archive, build, knowledge, retention, spark
from flows.archive import Entry
from flows.errors import UsageProblem
from flows.fetching import receipts
from flows.files import aside, read_json, sync_folder, write_json
from flows.home import Home, timestamp, today
from flows.ledger import Ledger
from flows.reading import read
from flows.received import received_day
from flows.retention import Deletion
from sources.contract import datasets
from sources.names import Names

GROUND = "erasure of a person"
WHY_WITHDRAWN = "withdrawn because a person was erased; deliver it again without that person"
_TOKEN_BYTES = 32


@dataclass(frozen=True, repr=False)
class Person:
    """Whom to erase. ``delegation``: a state by name or ISO alpha-3 code, or an organization."""

    full_name: str
    delegation: str

    @classmethod
    def parse(cls, text: str) -> Person:
        """From two lines, the full name and the delegation. Raises ``UsageProblem``."""
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if len(lines) != 2:
            raise UsageProblem(
                f"two lines are needed, the full name and the delegation; there are {len(lines)}",
                where="--from",
                next_step="Write the full name on one line and the state or organization on the next.",
            )
        return cls(lines[0], lines[1])

    def keys(self, iso3: str | None, key: bytes) -> list[str]:
        """The keyed hashes under which the person's registrations lie: as of the organization of that name,
        and, where ``iso3`` is one, of that state's delegation."""
        rows = pd.DataFrame(
            {"full_name": [self.full_name] * 2, "organization": [self.delegation] * 2}, dtype="str"
        )
        state = pd.Series([pd.NA, iso3 or pd.NA], dtype="str")
        return sorted(set(people.person_keys(rows, state, key)["person_key"]))


@dataclass(frozen=True)
class Erased:
    """What was done. ``files``: shown names of deleted files; ``withdrawn``: those of them that were pending;
    ``unsearched``: restricted files whose content can't be searched; ``texts``: dataset -> rows whose free
    text still holds the name."""

    registrations: int
    files: tuple[str, ...]
    withdrawn: tuple[str, ...]
    names: int
    unsearched: tuple[str, ...]
    texts: Mapping[str, int]

    def as_dict(self) -> dict[str, Any]:
        return {**self.__dict__, "texts": dict(self.texts)}


def journal_path(home: Home) -> Path:
    """Where an erasure that has begun is written down until it is done (restricted)."""
    return home.restricted / retention.ERASING


def erase(home: Home, person: Person) -> Erased:
    """Erase one person from the home; the caller holds the lock.

    Raises ``UsageProblem`` if nothing of this person is there, ``OSError`` where a disk fails; then, or after
    a crash, ``finish`` does the rest.
    """
    finish(home)
    ledger = Ledger.read(home)
    states = knowledge.context(home, ledger, today(), b"").state_names
    iso3 = Names(states).resolve([person.delegation])[person.delegation]
    keys = person.keys(iso3, home.people_key())
    tokens = {key: secrets.token_hex(_TOKEN_BYTES) for key in keys}
    name = people.normalise(person.full_name)
    if not _is_anywhere(home, tokens, name):
        raise UsageProblem(
            "nothing in this home is about a person of this name and delegation",
            where=str(home.root),
            next_step="Check the spelling; a person registered under several is erased under each.",
        )
    write_json(journal_path(home), {"tokens": tokens, "name": name, "begun_at": timestamp()}, mode=0o600)
    return _carry_out(home, tokens, name)


def finish(home: Home) -> Erased | None:
    """Finish an erasure that a crash broke off; ``None`` if there is none. The caller holds the lock."""
    path = journal_path(home)
    if not path.exists():
        return None
    try:
        journal = read_json(path)
        tokens, name = dict(journal["tokens"]), str(journal["name"])
    except (ValueError, KeyError, TypeError):
        raise UsageProblem(
            "an erasure that had begun can't be read",
            where=str(path),
            next_step="Remove that file, and erase the same person again: sraap erase",
        ) from None
    return _carry_out(home, tokens, name)


def _carry_out(home: Home, tokens: Mapping[str, str], name: str) -> Erased:
    finder = people.PersonFinder([name])
    texts = _texts(Ledger.read(home), finder, name)
    registrations = sum(_replace_keys(path, tokens) for path in _keyed_files(home))
    for path in (build.warehouse_path(home), build.warehouse_path(home).with_suffix(".duckdb.wal")):
        path.unlink(missing_ok=True)  # dbt's working copy of the landing; the next night makes it anew
    spark.clear(home)
    named, unsearched = _search(home, finder, name)
    withdrawn = _withdraw_pending(home, named)
    receipts.forget_waiting(home)
    gone = retention.delete_files(home, named, GROUND)
    names = sum(_without_name(path, name) for path in home.people_names.glob("*.parquet"))
    for path in (home.restricted / "defects").glob("*.txt"):
        if _holds(pd.Series([path.read_text("utf-8", "replace")], dtype="str"), finder, name):
            path.unlink()
    retention.record(
        home, [Deletion("", 0, "a person", "meeting_participants", "", timestamp(), f"{GROUND} done")]
    )
    journal_path(home).unlink()
    sync_folder(home.restricted)
    return Erased(
        registrations=registrations,
        files=tuple(deletion.shown_name for deletion in gone),
        withdrawn=withdrawn,
        names=names,
        unsearched=tuple(retention.masked(entry) for entry in unsearched),
        texts=texts,
    )


# --- the landing --------------------------------------------------------------------------------------------


def _keyed_files(home: Home) -> Iterator[Path]:
    """Parquet files that hold persons' keys: the landing's, and those that failed runs left staged."""
    for dataset in datasets().values():
        if dataset.holds_people:
            yield from sorted((home.landing / dataset.name).glob("*.parquet"))
            yield from sorted(home.runs.glob(f"*/batch/{dataset.name}.parquet"))


def _replace_keys(path: Path, tokens: Mapping[str, str]) -> int:
    """Put the tokens in the place of the keys; returns the number of rows."""
    table = pq.read_table(path)
    column = table.column("person_key").combine_chunks()
    place = pc.index_in(column, value_set=pa.array(list(tokens), column.type))
    found = int(pc.sum(pc.is_valid(place)).as_py() or 0)
    if found:
        token = pa.array(list(tokens.values()), column.type).take(place)
        number = table.schema.get_field_index("person_key")
        changed = table.set_column(number, table.schema.field(number), pc.coalesce(token, column))
        with aside(path) as temporary:
            pq.write_table(changed, temporary, compression="zstd")
    return found


def _is_anywhere(home: Home, tokens: Mapping[str, str], name: str) -> bool:
    keys = pa.array(list(tokens), pa.string())
    for path in _keyed_files(home):
        column = pq.read_table(path, columns=["person_key"]).column("person_key")
        if pc.any(pc.is_in(column.cast(pa.string()), value_set=keys)).as_py():
            return True
    indexed = any(
        pc.any(pc.equal(pq.read_table(path).column("name"), name)).as_py()
        for path in home.people_names.glob("*.parquet")
    )
    return indexed or bool(_search(home, people.PersonFinder([name]), name)[0])


def _texts(ledger: Ledger, finder: people.PersonFinder, name: str) -> dict[str, int]:
    """Rows of each dataset whose free text holds the name: it landed before the person was in a register."""
    found: dict[str, int] = {}
    for dataset in datasets().values():
        columns = [c.name for c in dataset.columns if c.type == "text" and not c.people]
        hits = 0
        for path in ledger.landing_files(dataset.name):
            frame = pq.read_table(path, columns=columns).to_pandas(types_mapper=pd.ArrowDtype)
            named = [_hits(frame[column].astype("str"), finder, name) for column in columns]
            hits += int(pd.concat(named, axis=1).any(axis=1).sum())
        if hits:
            found[dataset.name] = hits
    return found


# --- the archive --------------------------------------------------------------------------------------------


def _search(home: Home, finder: people.PersonFinder, name: str) -> tuple[list[Entry], list[Entry]]:
    """Restricted files that hold the name, and those that can't be searched."""
    named: list[Entry] = []
    unsearched: list[Entry] = []
    for sha256, entry in retention.last_delivered(archive.read_delivered(home)).items():
        path = home.restricted / sha256
        if not path.exists():
            continue
        texts, whole = _texts_of(path, entry)
        if any(_holds(column, finder, name) for column in texts):
            named.append(entry)
        elif not whole:
            unsearched.append(entry)
    return named, unsearched


def _texts_of(path: Path, entry: Entry) -> tuple[list[pd.Series], bool]:
    """The texts of a file, its name's included, and whether they are all there is."""
    texts = [pd.Series([entry.name], dtype="str")]
    content = read(path, entry.name, received_day(entry))
    for table in content.tables:
        texts += [table.frame[column] for column in table.frame if not str(column).startswith("_")]
        texts.append(pd.Series([*table.header, table.sheet or ""], dtype="str"))
    if content.tables and not content.ignored_sheets and not content.personal_properties:
        return texts, not any(table.problem for table in content.tables)
    if content.tables:
        return texts, False
    try:
        return [*texts, pd.Series([path.read_bytes().decode("utf-8")], dtype="str")], True
    except UnicodeDecodeError:
        return texts, False


def _hits(column: pd.Series, finder: people.PersonFinder, name: str) -> pd.Series:
    """True where a text holds the name, also one too short to be looked for inside a text."""
    return finder.named_in(column) | (people.normalised(column) == name).fillna(False).astype(bool)


def _holds(column: pd.Series, finder: people.PersonFinder, name: str) -> bool:
    return bool(_hits(column, finder, name).any())


def _withdraw_pending(home: Home, named: list[Entry]) -> tuple[str, ...]:
    """Take back those files that wait to be judged, for their bytes are about to go."""
    pending = {entry.sha256 for entry in archive.read_delivered(home).pending(Ledger.read(home).taken_in())}
    withdrawn = [entry for entry in named if entry.sha256 in pending]
    for entry in withdrawn:
        archive.write_withdrawal(home, entry.sha256, WHY_WITHDRAWN)
    return tuple(retention.masked(entry) for entry in withdrawn)


def _without_name(path: Path, name: str) -> int:
    """Take the name out of a part of the index; returns how often it stood there."""
    table = pq.read_table(path)
    same = pc.equal(table.column("name"), name)
    found = int(pc.sum(same).as_py() or 0)
    if found:
        with aside(path) as temporary:
            pq.write_table(table.filter(pc.invert(same)), temporary)
            temporary.chmod(0o600)
    return found
