"""Mutated files, by the thousand: none may crash the run, hang it, or take more memory than it may.

``make fuzz`` reads 10,000 of them; ``make test`` the first 500. Each is made from a seed, so that one that
fails is made again with ``python -m tests.sources.fuzz --seed N --count 1``. Each is loaded, or quarantined
with a code and a sentence.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import random
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from flows import reading
from tests.sources.hostile import FIXTURES, rezipped

MOST_SECONDS = 10.0
MOST_MEMORY = 512_000_000
LARGEST = 200_000
"""Larger fixtures are left to tests of their own: to read them thousands of times proves nothing more."""

_TOKENS = (
    b"\0",
    b'"',
    b",",
    b";",
    b"\n",
    b"\r",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"[",
    b"{",
    b"}",
    b"null",
    b"NaN",
    b"1e999",
    b"-0",
    b"<",
    b"&#0;",
    b"]]>",
    b"PK\x03\x04",
    b"PAR1",
    "\u202e".encode(),
    b"\\ud800",
    b"\x7f\xff\xff\xff",
)


def seeds() -> list[tuple[str, bytes]]:
    """Name and bytes of the files that are mutated."""
    made = [(hostile.file, hostile.make()) for hostile in FIXTURES if hostile.name not in _SLOW]
    return [(name, data) for name, data in made if 0 < len(data) <= LARGEST]


_SLOW = {
    "a Parquet bomb",
    "zip bomb by its ratio",
    "16,384 columns",
    "16,384 columns of which three are in use",
    "a million separators",
}


def mutated(data: bytes, chance: random.Random, others: list[tuple[str, bytes]]) -> bytes:
    """The file with one to eight changes: bytes turned, cut, doubled, put in, spliced with another file."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        place = chance.randrange(len(changed) + 1)
        length = chance.choice((1, 2, 4, 16, 256))
        match chance.randrange(7):
            case 0 if changed:
                changed[min(place, len(changed) - 1)] ^= 1 << chance.randrange(8)
            case 1:
                del changed[place : place + length]
            case 2:
                changed[place:place] = changed[place : place + length] * chance.choice((1, 2, 50))
            case 3:
                changed[place:place] = chance.choice(_TOKENS) * chance.choice((1, 1, 3, 100))
            case 4:
                del changed[place:]
            case 5:
                changed[place : place + length] = chance.randbytes(length)
            case _:
                other = chance.choice(others)[1]
                start = chance.randrange(len(other))
                changed[place : place + length] = other[start : start + length]
    return bytes(changed)


def _changed(data: bytes, chance: random.Random, others: list[tuple[str, bytes]]) -> bytes:
    """The file mutated; of a workbook more often one of its parts, which a checksum would else guard."""
    if zipfile.is_zipfile(io.BytesIO(data)) and chance.random() < 0.7:
        with contextlib.suppress(zipfile.BadZipFile, RuntimeError):
            return rezipped(data, lambda parts: _change_a_part(parts, chance, others))
    return mutated(data, chance, others)


def _change_a_part(parts: dict[str, bytes], chance: random.Random, others: list[tuple[str, bytes]]) -> None:
    name = chance.choice(sorted(parts))
    parts[name] = mutated(parts[name], chance, others)


def run(numbers: Iterable[int]) -> tuple[Counter[str], list[str]]:
    """Read the files of these seeds; what became of them, by code, and what must not have happened."""
    made = seeds()
    ended: Counter[str] = Counter()
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="sraap-fuzz-") as folder:
        path = Path(folder) / "file"
        path.write_bytes(made[0][1])
        reading.read(path, made[0][0])  # the process is there, and what reads its answers
        for number in numbers:
            chance = random.Random(number)
            name, data = chance.choice(made)
            path.write_bytes(_changed(data, chance, made))
            worker = reading._worker()
            began = time.monotonic()
            content = reading.read(path, name)
            took = time.monotonic() - began
            problems = [p for p in (content.problem, *(t.problem for t in content.tables)) if p]
            ended[problems[0].code if problems else "loaded"] += 1
            if any(p.code == "FILE-CRASH" for p in problems):
                print(f"seed {number} ({name}): {problems[0].sentence}")
            if not problems and not content.tables:
                wrong.append(f"seed {number} ({name}): neither loaded nor quarantined")
            if any(not p.code.startswith("FILE-") or not p.sentence.endswith(".") for p in problems):
                wrong.append(f"seed {number} ({name}): quarantined without a reason")
            if took > MOST_SECONDS + 1:
                wrong.append(f"seed {number} ({name}): took {took:.1f} seconds")
            if worker.peak > MOST_MEMORY:
                wrong.append(f"seed {number} ({name}): {worker.peak / 1e6:.0f} MB")
    return ended, wrong


def main() -> int:
    """Read them, say what became of them; 1 if something happened that must not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=10_000)
    asked = parser.parse_args()
    began = time.monotonic()
    ended, wrong = run(range(asked.seed, asked.seed + asked.count))
    for code, count in ended.most_common():
        print(f"{count:7,}  {code}")
    print(f"{sum(ended.values()):,} files in {time.monotonic() - began:.0f} seconds; {len(wrong)} went wrong")
    print(*wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
