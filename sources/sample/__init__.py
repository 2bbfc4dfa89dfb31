"""The shipped sample: real registers and a synthetic delivery about as large as life.

Nothing here is imported but paths, so that a run that only needs to know where the sample lies
does not load the generator.
"""

from __future__ import annotations

from pathlib import Path

SAMPLE = Path(__file__).resolve().parent
"""Folder of the sample."""

REGISTERS = SAMPLE / "registers"
"""Real registers from public sources, with a README that says how well each is known."""

DELIVERY = SAMPLE / "delivery"
"""The shipped delivery: what ``python -m sources.sample.generate`` writes with its defaults."""

EXPECTED_FINDINGS = SAMPLE / "expected_findings.csv"
"""Every deliberate fault of the shipped delivery and what the door has to make of it."""
