"""Telling people of a night that went wrong, or did not come at all: a webhook, an e-mail, or both.

What is sent are the words of ``SraapError`` and of ``sraap doctor``, which hold no cell of any file. A
channel that can't be reached changes neither a run nor its exit code; that is said on standard
error and in run.json.
Configured by the environment alone, so that a secret never stands in a file of the project or in Prefect:

| variable | holds |
| --- | --- |
| ``SRAAP_NOTIFY_URL`` | address of a webhook that takes ``{"text": …}``, as Slack's and Mattermost's do |
| ``SRAAP_NOTIFY_MAIL_TO`` | addresses, separated by commas |
| ``SRAAP_NOTIFY_MAIL_FROM`` | the sender; the first recipient if left out |
| ``SRAAP_NOTIFY_SMTP`` | ``smtp://host:25``, ``smtps://user@host:465`` or ``smtp+starttls://user@host:587`` |
| ``SRAAP_NOTIFY_SMTP_PASSWORD`` | the password that belongs to ``user`` |

Each may instead be named with ``_FILE`` at its end, and then holds the path of a file with the value.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from flows.errors import Locked, SraapError, UsageProblem
from flows.files import read_json, write_json
from flows.home import Home

SECONDS = 10
"""How long a channel may take."""

SAID_AGAIN_AFTER = timedelta(hours=24)
"""What stays wrong is said once a day, however often it is looked at."""

_PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}
_MISSED = ("last success",)


@dataclass(frozen=True)
class Mail:
    """Where e-mails go, and through which server."""

    to: tuple[str, ...]
    sender: str
    server: SplitResult
    password: str = field(default="", repr=False)


@dataclass(frozen=True)
class Channels:
    """The channels that are configured; none is an answer too."""

    webhook: str | None = field(default=None, repr=False)
    mail: Mail | None = None

    @classmethod
    def configured(cls, environment: Mapping[str, str] = os.environ) -> Channels:
        """The channels that the environment names. Raises ``UsageProblem`` where one is not complete."""
        webhook = _setting(environment, "SRAAP_NOTIFY_URL")
        if webhook is not None and urlsplit(webhook).scheme not in ("http", "https"):
            raise _unfit("SRAAP_NOTIFY_URL", "is no http or https address")
        return cls(webhook, _mail(environment))

    @property
    def any(self) -> bool:
        """Whether anybody would be told."""
        return self.webhook is not None or self.mail is not None


def _setting(environment: Mapping[str, str], name: str) -> str | None:
    """A setting, or what the file holds that ``name_FILE`` names. Raises ``UsageProblem``."""
    if value := environment.get(name, "").strip():
        return value
    path = environment.get(f"{name}_FILE", "").strip()
    if not path:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        raise _unfit(f"{name}_FILE", "names a file that can't be read") from None


def _unfit(name: str, why: str) -> UsageProblem:
    return UsageProblem(f"{name} {why}", where=name, next_step="Mend it; docs/operations.md shows examples.")


def _mail(environment: Mapping[str, str]) -> Mail | None:
    to = tuple(
        part.strip()
        for part in (_setting(environment, "SRAAP_NOTIFY_MAIL_TO") or "").split(",")
        if part.strip()
    )
    server = _setting(environment, "SRAAP_NOTIFY_SMTP")
    if not to and server is None:
        return None
    if not to:
        raise _unfit("SRAAP_NOTIFY_MAIL_TO", "is missing, though SRAAP_NOTIFY_SMTP names a server")
    if server is None:
        raise _unfit("SRAAP_NOTIFY_SMTP", "is missing, though SRAAP_NOTIFY_MAIL_TO names somebody")
    address = urlsplit(server)
    try:
        fit = address.scheme in _PORTS and bool(address.hostname) and (address.port or 1) > 0
    except ValueError:
        fit = False
    if not fit or address.password:
        raise _unfit(
            "SRAAP_NOTIFY_SMTP", "is not smtp://, smtps:// or smtp+starttls:// with a host and no password"
        )
    sender = _setting(environment, "SRAAP_NOTIFY_MAIL_FROM") or to[0]
    return Mail(to, sender, address, _setting(environment, "SRAAP_NOTIFY_SMTP_PASSWORD") or "")


def send(channels: Channels, title: str, text: str) -> list[str]:
    """Tell everybody; returns a sentence for each channel that could not be reached."""
    failed = []
    if channels.webhook is not None:
        try:
            _post(channels.webhook, f"{title}\n{text}")
        except OSError as error:  # requests' errors are among them; their words may hold the address
            failed.append(
                f"The webhook of SRAAP_NOTIFY_URL was not reached ({type(error).__name__}); "
                "check the address and that this machine may reach it."
            )
    if channels.mail is not None:
        try:
            _mail_out(channels.mail, title, text)
        except OSError as error:  # smtplib's errors are among them
            failed.append(
                f"The mail server of SRAAP_NOTIFY_SMTP took no message ({type(error).__name__}); "
                "check its address, user and password."
            )
    return failed


def _post(webhook: str, text: str) -> None:
    import requests

    answer = requests.post(webhook, json={"text": text}, timeout=SECONDS, allow_redirects=False)
    if not 200 <= answer.status_code < 300:
        raise requests.HTTPError(f"status {answer.status_code}")


def _mail_out(mail: Mail, title: str, text: str) -> None:
    import smtplib
    import ssl
    from email.message import EmailMessage

    message = EmailMessage()
    message["Subject"] = " ".join(title.split())
    message["From"] = mail.sender
    message["To"] = ", ".join(mail.to)
    message.set_content(text)
    host, scheme = str(mail.server.hostname), mail.server.scheme
    port = mail.server.port or _PORTS[scheme]
    trusted = ssl.create_default_context()
    connection = (
        smtplib.SMTP_SSL(host, port, timeout=SECONDS, context=trusted)
        if scheme == "smtps"
        else smtplib.SMTP(host, port, timeout=SECONDS)
    )
    with connection as server:
        if scheme == "smtp+starttls":
            server.starttls(context=trusted)
        if mail.server.username:
            server.login(mail.server.username, mail.password)
        server.send_message(message)


# --- what is said -------------------------------------------------------------------------------------------


def tell_of_run(home: Home, error: SraapError, run_id: str | None, channels: Channels) -> list[str]:
    """Tell of a run that failed or was blocked; returns what could not be sent.

    A second run that found the lock taken is no news: the first one is at it.
    """
    if isinstance(error, Locked) or not channels.any:
        return []
    word = {2: "blocked", 3: "a source failed", 5: "could not run"}.get(error.exit_code, "failed")
    named = f" {run_id}" if run_id else ""
    text = "\n".join(part for part in (error.what, error.where, error.next_step) if part)
    return send(channels, f"sraap: refresh{named} {word}", f"{text}\nHome: {home.root}")


def tell_of_diagnosis(home: Home, diagnosis: Mapping[str, Any], now: datetime) -> list[str]:
    """Tell of a night that did not come, and of a home that can't work; returns what could not be sent.

    ``diagnosis``: as ``sraap doctor --json`` gives it; ``now`` has a zone. What was said is kept in
    ``notified.json`` and said again after a day. Raises ``UsageProblem`` and ``OSError``.
    """
    channels = Channels.configured()
    wrong = [f for f in diagnosis["findings"] if f["state"] == "broken" or _is_missed(f)]
    before = _said_before(home)
    due = [f for f in wrong if not _fresh(before.get(f["what"]), now)]
    failed: list[str] = []
    if due and channels.any:
        lines = [f"{finding['what']}: {finding['sentence']}" for finding in due]
        failed = send(channels, f"sraap: {len(due)} to look at", "\n".join([*lines, f"Home: {home.root}"]))
    if not home.exists or not channels.any:
        return failed
    said = {f["what"]: before[f["what"]] for f in wrong if f["what"] in before}
    if not failed:
        said |= {finding["what"]: now.isoformat() for finding in due}
    if said != before:
        write_json(home.root / "notified.json", said)
    return failed


def _is_missed(finding: Mapping[str, Any]) -> bool:
    return finding["what"] in _MISSED and finding["state"] != "well"


def _said_before(home: Home) -> dict[str, str]:
    path = home.root / "notified.json"
    try:
        return dict(read_json(path)) if path.exists() else {}
    except ValueError:
        return {}


def _fresh(said: str | None, now: datetime) -> bool:
    return said is not None and now - datetime.fromisoformat(said) < SAID_AGAIN_AFTER
