"""extension_requests: requests under Article 5, paragraph 3."""

from __future__ import annotations

from expectations.suite import Suite, contract_checks, not_after_received

SUITE = Suite(
    "extension_requests",
    "ER",
    (
        *contract_checks("extension_requests", "ER"),
        not_after_received("ER", "submitted_on", 11, "A submission"),
    ),
)
