"""Settings of the tools that must be made before they are imported: no telemetry, nothing kept that we don't
ask.

The tools read them from the environment, so that child processes get them too (docs/contract/outputs.md,
semantics.md, People).
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
from collections.abc import Iterator

SETTINGS = {
    "DO_NOT_TRACK": "1",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "GX_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
    "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    "PREFECT_SERVER_UI_ENABLED": "false",
}


def settle() -> None:
    """Make the settings that the user has not made himself."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Import large tools without collecting garbage meanwhile, and never look at what they made again.

    They make millions of objects that stay; the collector would visit them all, many times over.
    """
    gc.disable()
    try:
        yield
    finally:
        keep()


def keep() -> None:
    """Leave all objects that there are to the end of the process; collect only what comes after them."""
    gc.freeze()
    atexit.register(gc.unfreeze)  # else extensions find what is kept at the very end, and call it a leak
    gc.enable()
