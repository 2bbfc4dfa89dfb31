"""A refresh below Prefect in a process that can be killed: ``python -m tests.faults.plain refresh …``.

dbt's part is taken from the build that ``SRAAP_TRIAL`` keeps for the next delivery, so that it takes seconds.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from flows.refresh import Request, refresh
from tests.faults.homes import MARK, Bench, with_stored_build


def main() -> int:
    """Run the refresh with ``--home``, ``--inbox`` and ``--as-of`` as the command has them."""
    home, inbox, as_of = (sys.argv[sys.argv.index(option) + 1] for option in ("--home", "--inbox", "--as-of"))
    stored = Bench(Path(os.environ[MARK])).build_of("next")
    request = Request(home=Path(home), inboxes=(Path(inbox),), as_of=as_of)
    return refresh(request, with_stored_build(stored)).exit_code


if __name__ == "__main__":
    sys.exit(main())
