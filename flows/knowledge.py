"""What the door has to know of a home besides the delivery: what has landed, and who is in a register."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import partial
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from expectations.door import KEY_SEPARATOR, Context
from flows import plans
from flows.apart import Apart, possible
from flows.home import Home
from flows.ledger import Ledger
from flows.program import PLAN_VERSION
from sources.contract import datasets
from sources.readers import readers


class _KnownKeys(Mapping[str, pa.Array]):
    """Keys of all versions in the landing, read when they are asked for."""

    def __init__(self, ledger: Ledger) -> None:
        self._paths = {name: ledger.landing_files(name) for name in datasets()}
        self._read: dict[str, pa.Array] = {}

    def __getitem__(self, dataset: str) -> pa.Array:
        paths = self._paths[dataset]
        if not paths:
            raise KeyError(dataset)
        if dataset not in self._read:
            key = list(datasets()[dataset].key)
            table = pa.concat_tables([pq.read_table(path, columns=key) for path in paths])
            parts = [table.column(name).combine_chunks() for name in key]
            joined = parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*parts, KEY_SEPARATOR)
            self._read[dataset] = pc.unique(joined)
        return self._read[dataset]

    def __iter__(self) -> Iterator[str]:
        return (name for name, paths in self._paths.items() if paths)

    def __len__(self) -> int:
        return sum(1 for paths in self._paths.values() if paths)


def _counting(ledger: Ledger, dataset: str) -> pd.DataFrame | None:
    """The counting rows of a dataset in the landing; ``None`` if it has none."""
    paths = ledger.landing_files(dataset)
    if not paths:
        return None
    # a batch of an earlier program may lack a column
    table = pa.concat_tables([pq.read_table(path) for path in paths], promote_options="default")
    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
    key = list(datasets()[dataset].key)
    latest = frame.sort_values(["received_on", "delivery_seq"]).drop_duplicates(key, keep="last")
    return latest[latest["record_status"] != "retracted"]


def plan_versions(home: Home) -> set[str]:
    """The plan versions that are known, by which answers are judged."""
    return {plan for plan, _, _ in plans.indicators(home)}


def source_of(kind: str) -> str:
    """The source behind a file of that dataset or reader: a reader's name; empty for anything else."""
    return kind if kind in readers() else ""


def _landed(ledger: Ledger, dataset: str) -> pd.DataFrame:
    """All versions of a dataset in the landing, each with the reader whose file gave it (``_source``)."""
    names = [name for name, _ in datasets()[dataset].landing_columns]
    paths = ledger.landing_files(dataset)
    if not paths:
        return pd.DataFrame(columns=[*names, "_source"])
    # a batch of an earlier program may lack a column
    table = pa.concat_tables([pq.read_table(path) for path in paths], promote_options="default")
    frame: pd.DataFrame = table.to_pandas()
    kinds = {file["sha256"]: source_of(file["dataset"]) for batch in ledger.batches for file in batch.files}
    return frame.assign(_source=frame["file_sha256"].map(kinds).fillna(""))


def context(
    home: Home, ledger: Ledger, today: date, people_key: bytes, settle: Callable[[], None] | None = None
) -> Context:
    """What the door has to know of a home (expectations.door.Context).

    ``settle``: waits for the other threads of this process to end their work (flows.apart.Apart); without it
    none works.
    """

    def apart(work: Callable[[], Any]) -> Apart:
        if settle is not None:
            settle()
        return Apart(work)

    states = _counting(ledger, "states")
    meetings = _counting(ledger, "meetings")
    contributions = _counting(ledger, "contributions")
    names = [
        path for batch in ledger.batches if (path := home.people_names / f"{batch.name}.parquet").exists()
    ]
    return Context(
        today=today,
        plan_version=PLAN_VERSION,
        indicators=plans.indicators(home),
        people_key=people_key,
        known_keys=_KnownKeys(ledger),
        state_names={} if states is None else dict(zip(states["name"], states["iso3"], strict=True)),
        meeting_starts={}
        if meetings is None
        else dict(zip(meetings["meeting_id"], meetings["starts_on"], strict=True)),
        contributions=contributions,
        delivered=ledger.delivered(),
        last_volumes=ledger.last_volumes(),
        people_names=pa.concat_arrays(
            [chunk for path in names for chunk in pq.read_table(path).column("name").chunks]
        )
        if names
        else pa.array([], pa.string()),
        landed=partial(_landed, ledger),
        apart=apart if possible() else None,
    )
