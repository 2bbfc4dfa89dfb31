"""A reader that asks without pause until it is told to stop: ``python -m tests.faults.reader HOME KIND``.

It resolves ``published`` once for each question, as outputs.md tells readers to, and prints in the end, as
JSON, which answers each publication gave, how many there were, and every error.
"""

from __future__ import annotations

import json
import sys
import threading
from collections import Counter
from pathlib import Path

import duckdb

WAREHOUSE = """
    select (select publication_id from marts.dim_publication),
        (select count(*) from marts.indicator_values), (select sum(numerator) from marts.indicator_values),
        (select count(*) from marts.indicator_observations)
"""


def ask(folder: Path, kind: str) -> list[object]:
    """One answer of one publication: its id as it says itself, and figures that hang together."""
    if kind == "duckdb":
        with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as connection:
            row = connection.execute(WAREHOUSE).fetchone()
    else:
        query = WAREHOUSE
        for name in ("dim_publication", "indicator_values", "indicator_observations"):
            query = query.replace(f"marts.{name}", f"'{folder / 'parquet' / name}.parquet'")
        with duckdb.connect(":memory:") as connection:
            row = connection.execute(query).fetchone()
    return list(row or ())


def main() -> None:
    """Ask until standard input closes."""
    home, kind = Path(sys.argv[1]), sys.argv[2]
    stopped = threading.Event()

    def wait_for_the_end() -> None:
        sys.stdin.read()
        stopped.set()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    answers: Counter[str] = Counter()
    errors: list[str] = []
    while not stopped.is_set():
        try:
            folder = (home / "published").resolve(strict=True)
            answers[json.dumps([folder.name, *ask(folder, kind)], default=str)] += 1
        except Exception as error:
            errors.append(f"{type(error).__name__}: {error}")
    sys.stdout.write(json.dumps({"answers": answers, "errors": errors}))


if __name__ == "__main__":
    main()
