"""Rules of the Convention's text that a reader and a check of the door both need.

Article 17 gives the day on which the Convention enters into force for a state. The depositary's table holds
days of deposit only, so that readers work it out; the suite of ``treaty_actions`` compares with it what a
delivery says. One function serves both. Source: docs/contract/inputs.md (treaty_actions).
"""

from __future__ import annotations

import pandas as pd

FORTIETH_DEPOSIT = pd.Timestamp(1998, 9, 16)
"""The day of the fortieth deposit (Article 17, paragraph 1)."""
ENTRY_INTO_FORCE = pd.Timestamp(1999, 3, 1)
"""The day on which the Convention entered into force."""


def entry_into_force(deposited: pd.Series) -> pd.Series:
    """Days (``datetime64``) of entry into force for days of deposit; NaT where there is none.

    Deposit on or before 16 September 1998: 1 March 1999; else the first day of the sixth month after the
    month of deposit.
    """
    month = deposited.dt.year * 12 + deposited.dt.month - 1 + 6
    later = pd.to_datetime(
        pd.DataFrame({"year": month // 12, "month": month % 12 + 1, "day": 1}), errors="coerce"
    )
    return later.mask(deposited <= FORTIETH_DEPOSIT, ENTRY_INTO_FORCE)
