"""Readers beside refreshes that publish: no error, and each answer of one publication."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from flows.program import ROOT
from flows.refresh import Night, Request, refresh
from tests.faults.homes import Bench, Harm, settled
from tests.faults.reader import ask
from tests.flows.harness import AS_OF

KINDS = ("duckdb", "parquet") * 4


@dataclass(frozen=True)
class Read:
    """How many answers there were, of how many publications."""

    answers: int
    publications: int


def read_while_publishing(
    bench: Bench, nights: Sequence[Night], refreshes: int, kinds: Sequence[str] = KINDS
) -> Read:
    """Publish again and again, by the nights in turn, while readers ask. Raises ``Harm``."""
    bench.restore("next")
    settled(bench.run("next", nights[0]))
    readers = [
        subprocess.Popen(
            # They leave the refreshes room on few cores, and still ask without pause.
            ["nice", "-n", "10", sys.executable, "-m", "tests.faults.reader", str(bench.home.root), kind],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for kind in kinds
    ]
    try:
        for number in range(refreshes):
            request = Request(home=bench.home.root, as_of=AS_OF, full=True)
            settled(refresh(request, nights[number % len(nights)]))
    finally:
        said = [reader.communicate(timeout=120)[0] for reader in readers]
    answers: dict[str, int] = {}
    for kind, text in zip(kinds, said, strict=True):
        heard = json.loads(text)
        if heard["errors"]:
            raise Harm(f"a reader ({kind}) met {len(heard['errors'])} errors, first: {heard['errors'][0]}")
        if not heard["answers"]:
            raise Harm(f"a reader ({kind}) had no answer")
        for answer, count in heard["answers"].items():
            answers[answer] = answers.get(answer, 0) + count
    return _judged(bench, answers)


def _judged(bench: Bench, answers: dict[str, int]) -> Read:
    """Hold every answer against the publication that it names. Raises ``Harm``."""
    publications = {str(json.loads(answer)[0]) for answer in answers}
    for name in publications:
        folder = bench.home.publications / name
        for kind in ("duckdb", "parquet"):
            truth = json.dumps([name, *ask(folder, kind)], default=str)
            others = [a for a in answers if json.loads(a)[0] == name and a != truth]
            if json.loads(truth)[1] != name or others:
                raise Harm(f"publication {name} was answered with {others[:3]}, and holds {truth}")
    return Read(sum(answers.values()), len(publications))
