"""``python -m tests.oracle DELIVERY… --as-of DATE``: the plain-Python recomputation as a command.

It is what ``make bench`` measures beside the pipeline, and a way to look at one figure by hand.
"""

from __future__ import annotations

import argparse
import csv
import sys
from datetime import date
from pathlib import Path

from tests.oracle.indicators import answerable, compute, load_plan
from tests.oracle.rows import read_deliveries


def main(arguments: list[str] | None = None) -> int:
    """Writes ``indicator_values`` of the deliveries as CSV on standard output. Exit code 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracle", description=__doc__)
    parser.add_argument("delivery", nargs="+", type=Path, help="folders, in the order of delivery")
    parser.add_argument("--as-of", required=True, type=date.fromisoformat, help="the day of knowledge")
    options = parser.parse_args(arguments)
    plan = load_plan()
    rows = read_deliveries(options.delivery, plans=answerable(plan))
    values = compute(rows, options.as_of, plan).values
    writer = csv.DictWriter(sys.stdout, list(values[0]) if values else [])
    writer.writeheader()
    writer.writerows(values)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
