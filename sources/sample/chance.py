"""Seeded chance that gives the same draws on every machine and with every numpy.

numpy promises the raw stream of PCG64 and of ``Generator.random`` in practice, but not its
``choice`` or ``integers``; so everything here is built on uniform floats alone. Each purpose has a
stream of its own: a draw added in one place moves nothing elsewhere.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Texts = npt.NDArray[np.object_]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class Chance:
    """One stream of draws, fixed by ``seed`` and ``purpose``."""

    def __init__(self, seed: int, purpose: str) -> None:
        entropy = np.random.SeedSequence([seed, zlib.crc32(purpose.encode())])
        self._generator = np.random.Generator(np.random.PCG64(entropy))

    def uniform(self, n: int) -> Floats:
        """``n`` floats in [0, 1)."""
        return self._generator.random(n)

    def small(self, n: int, times: int) -> Floats:
        """``n`` floats in [0, 1) that are mostly small: products of ``times`` uniform ones.

        No powers: a processor may round ``pow`` its own way, products it may not.
        """
        product = self.uniform(n)
        for _ in range(times - 1):
            product = product * self.uniform(n)
        return product

    def below(self, probability: float | Floats, n: int) -> Flags:
        """``n`` flags, each true with ``probability``."""
        return np.asarray(self.uniform(n) < probability)

    def integers(self, low: int, high: int, n: int) -> Integers:
        """``n`` whole numbers from ``low`` to ``high``, both included."""
        return low + np.floor(self.uniform(n) * (high - low + 1)).astype(np.int64)

    def pick(self, values: Sequence[str] | Texts, n: int, weights: Sequence[float] | None = None) -> Texts:
        """``n`` of ``values``, with replacement, evenly or by ``weights``."""
        pool = np.asarray(values, dtype=object)
        if weights is None:
            return np.asarray(pool[self.integers(0, len(pool) - 1, n)])
        edges = np.cumsum(np.asarray(weights, dtype=float))
        return np.asarray(pool[np.searchsorted(edges / edges[-1], self.uniform(n), side="right")])

    def sample(self, size: int, k: int) -> Integers:
        """``min(k, size)`` distinct positions below ``size``, in random order."""
        return np.argsort(self.uniform(size), kind="stable")[:k].astype(np.int64)
