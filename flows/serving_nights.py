"""``sraap serve``: what must be right before Prefect is started, then the schedule of ``flows/schedule.py``.

Apart from that module because Prefect must not be imported before its server is named.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flows import notifying, quiet
from flows.errors import UsageProblem
from flows.home import Home
from flows.refresh import folders


def serve_nights(
    home_path: Path,
    inboxes: tuple[Path, ...],
    cron: str,
    timezone: str | None,
    *,
    say: Callable[[str], None],
    registered: Callable[[dict[str, Any]], None],
) -> None:
    """Register the nightly deployment and run it until stopped.

    Raises ``UsageProblem``, ``Defect``, and ``ServerFailed`` where the server named does not answer.

    ``say`` is told when it is registered, and when it ends; ``registered`` takes what was registered:
    deployment, cron, timezone, home, inbox.
    """
    zone = _zone(timezone or os.environ.get("SRAAP_TZ") or "Europe/Zurich")
    inboxes = folders(inboxes)
    notifying.Channels.configured()
    home = Home(home_path)
    quiet.settle()
    with contextlib.ExitStack() as stack:
        if not os.environ.get("PREFECT_API_URL"):
            os.environ.setdefault("PREFECT_HOME", str(home.prefect))
            from flows.prefect_server import serving

            stack.enter_context(serving(schedules=True))
        from flows.schedule import deployment, serve_nightly

        try:
            nightly = deployment(home.root, inboxes, cron, zone)
        except ValueError:
            raise UsageProblem(
                f"{cron!r} is no cron line",
                where="--cron",
                next_step='Give five fields, such as "15 2 * * *": minute, hour, day, month, weekday.',
            ) from None
        logging.getLogger("prefect").setLevel(logging.WARNING)

        def told() -> None:
            say(f"Registered: refresh/nightly, {cron} ({zone}), home {home.root}. Stop with Ctrl-C.")
            registered(
                {
                    "deployment": "refresh/nightly",
                    "cron": cron,
                    "timezone": zone,
                    "home": nightly.parameters["home"],
                    "inbox": nightly.parameters["inbox"],
                }
            )

        serve_nightly(nightly, told)
        say("Stopped; the schedule is paused until the next start.")


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise UsageProblem(
            f"the time zone {name!r} is unknown",
            where="--timezone",
            next_step="Give a name of the IANA time zone database, such as Europe/Zurich.",
        ) from None
    return name
