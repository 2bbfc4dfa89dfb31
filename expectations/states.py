"""states: the universe. What stands here decides which parents every other dataset finds."""

from __future__ import annotations

from expectations.suite import Suite, contract_checks

SUITE = Suite("states", "ST", contract_checks("states", "ST"))
