"""Great Expectations without what no suite here uses: imported late, and whole when it is wanted."""

from __future__ import annotations

import subprocess
import sys

LATE = """
import sys
from expectations.late import import_great_expectations
import_great_expectations()
import expectations.bench
assert not {"scipy.stats", "altair"} & set(sys.modules)
from great_expectations.expectations.core import expect_column_kl_divergence_to_be_less_than as distributions
assert round(distributions.stats.entropy([0.5, 0.5], [0.25, 0.75]), 4) == 0.1438
assert distributions.alt.Chart.__name__ == "Chart"
import scipy.stats
assert scipy.stats.entropy is distributions.stats.entropy
"""


def test_what_no_suite_uses_is_imported_when_it_is_asked_for() -> None:
    done = subprocess.run([sys.executable, "-c", LATE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
