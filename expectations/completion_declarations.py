"""completion_declarations: who declared that its Article 5 obligations are completed."""

from __future__ import annotations

from expectations.suite import Suite, contract_checks, not_after_received

SUITE = Suite(
    "completion_declarations",
    "CD",
    (
        *contract_checks("completion_declarations", "CD"),
        not_after_received("CD", "declared_on", 11, "A declaration"),
    ),
)
