"""People are told of a night that failed, was blocked, or did not come, and of nothing else."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message

from flows import notifying
from flows.doctor import examine
from flows.errors import Blocked, Locked, UsageProblem
from flows.home import Home
from flows.notifying import Channels
from flows.refresh import Request, refresh
from flows.runs import Run
from tests.flows.conftest import sraap
from tests.flows.harness import AS_OF, CANARY, deliver, take_in, taking_in

SECRET = "hook-token-2917"


class Receiver:
    """A webhook on loopback that keeps what it was sent and answers with ``status``."""

    def __init__(self) -> None:
        self.status = 200
        self.texts: list[str] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                document = json.loads(body)
                assert set(document) == {"text"}
                receiver.texts.append(document["text"])
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/{SECRET}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    receiver = Receiver()
    monkeypatch.setenv("SRAAP_NOTIFY_URL", receiver.url)
    yield receiver
    receiver.close()


class Mailbox(Message):
    """What a mail server took in."""

    def __init__(self) -> None:
        super().__init__(EmailMessage)
        self.messages: list[Any] = []

    def handle_message(self, message: Any) -> None:
        self.messages.append(message)


def blocking_inbox(folder: Path) -> Path:
    """A delivery without a required dataset."""
    return deliver(folder, meetings=[], meeting_participants=[])


def test_a_blocked_run_is_told_with_its_reason_and_without_names(webhook: Receiver, tmp_path: Path) -> None:
    result = refresh(
        Request(tmp_path / "home", (blocking_inbox(tmp_path / "inbox"),), as_of=AS_OF), taking_in
    )
    assert isinstance(result.error, Blocked)
    (text,) = webhook.texts
    title, what, *_ = text.splitlines()
    assert title == f"sraap: refresh {result.record['run_id']} blocked"
    assert "MT-DELIVERED-01" in what or "meetings" in what
    assert "sraap withdraw" in text
    assert CANARY.split()[1].casefold() not in text.casefold()
    assert "not_notified" not in result.record


def test_a_run_that_goes_well_or_finds_the_lock_taken_is_no_news(webhook: Receiver, tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert take_in(home, deliver(tmp_path / "inbox")).error is None
    with Home(home).lock() as held:
        held.name("the-first-run")
        with pytest.raises(Locked):
            refresh(Request(home, as_of=AS_OF), taking_in)
    assert webhook.texts == []


def test_a_defect_is_told_without_its_words(webhook: Receiver, tmp_path: Path) -> None:
    def night(home: Home, run: Run, to_judge: bool) -> None:
        raise ValueError(CANARY)

    result = refresh(Request(tmp_path / "home", (deliver(tmp_path / "inbox"),), as_of=AS_OF), night)
    assert result.exit_code == 70
    (text,) = webhook.texts
    assert "failed" in text.splitlines()[0]
    assert CANARY not in text


def test_a_receiver_that_refuses_is_said_without_its_address(
    webhook: Receiver, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    webhook.status = 500
    inbox = blocking_inbox(tmp_path / "inbox")
    result = refresh(Request(tmp_path / "home", (inbox,), as_of=AS_OF), taking_in)
    assert result.exit_code == 2, "the run ends as it would have"
    (sentence,) = result.record["not_notified"]
    assert "SRAAP_NOTIFY_URL" in sentence
    said = capsys.readouterr().err
    assert sentence in said
    kept = (tmp_path / "home" / "runs" / result.record["run_id"] / "run.json").read_text(encoding="utf-8")
    assert sentence in kept
    assert SECRET not in said + kept


def test_an_e_mail_goes_to_everybody_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mailbox = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = Controller(mailbox, hostname="127.0.0.1", port=port)
    server.start()
    try:
        (tmp_path / "to").write_text("ops@example.org, desk@example.org\n", encoding="utf-8")
        channels = Channels.configured(
            {
                "SRAAP_NOTIFY_MAIL_TO_FILE": str(tmp_path / "to"),
                "SRAAP_NOTIFY_SMTP": f"smtp://127.0.0.1:{port}",
            }
        )
        assert notifying.send(channels, "sraap: refresh X\nfailed", "Mend it – at once.") == []
    finally:
        server.stop()
    (message,) = mailbox.messages
    assert message["To"] == "ops@example.org, desk@example.org"
    assert message["From"] == "ops@example.org"
    assert message["Subject"] == "sraap: refresh X failed", "a line's end can't forge a header"
    assert "Mend it – at once." in message.get_payload(decode=True).decode("utf-8")


def test_a_missed_night_is_said_once_a_day(webhook: Receiver, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    take_in(home.root, deliver(tmp_path / "inbox"))
    began = datetime.now(UTC)

    def looked_at(hours: float) -> int:
        before = len(webhook.texts)
        now = began + timedelta(hours=hours)
        assert notifying.tell_of_diagnosis(home, examine(home, now).as_dict(), now) == []
        return len(webhook.texts) - before

    assert [looked_at(hours) for hours in (1, 25.9, 26.1, 27, 49, 50.2)] == [0, 0, 1, 0, 0, 1]
    assert "the nightly run is missing" in webhook.texts[0]
    take_in(home.root, deliver(tmp_path / "inbox"))
    began = datetime.now(UTC)
    assert [looked_at(hours) for hours in (1, 26.1)] == [0, 1], "mended and missed again is news"


def test_what_could_not_be_sent_is_tried_again(webhook: Receiver, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    take_in(home.root, deliver(tmp_path / "inbox"))
    now = datetime.now(UTC) + timedelta(hours=30)
    webhook.status = 503
    assert len(notifying.tell_of_diagnosis(home, examine(home, now).as_dict(), now)) == 1
    webhook.status = 200
    assert notifying.tell_of_diagnosis(home, examine(home, now).as_dict(), now) == []
    assert len(webhook.texts) == 2


def test_the_doctor_tells_by_itself(webhook: Receiver, tmp_path: Path) -> None:
    done = sraap("doctor", "--notify", "--home", tmp_path / "none", SRAAP_NOTIFY_URL=webhook.url)
    assert done.returncode == 5
    (text,) = webhook.texts
    assert "There is no home" in text


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"SRAAP_NOTIFY_URL": "ftp://example.org"}, "SRAAP_NOTIFY_URL"),
        ({"SRAAP_NOTIFY_URL_FILE": "/nowhere/at/all"}, "SRAAP_NOTIFY_URL_FILE"),
        ({"SRAAP_NOTIFY_MAIL_TO": "ops@example.org"}, "SRAAP_NOTIFY_SMTP"),
        ({"SRAAP_NOTIFY_SMTP": "smtp://example.org"}, "SRAAP_NOTIFY_MAIL_TO"),
        ({"SRAAP_NOTIFY_MAIL_TO": "a@example.org", "SRAAP_NOTIFY_SMTP": "example.org"}, "SRAAP_NOTIFY_SMTP"),
        (
            {"SRAAP_NOTIFY_MAIL_TO": "a@example.org", "SRAAP_NOTIFY_SMTP": "smtp://a:b@example.org"},
            "SRAAP_NOTIFY_SMTP",
        ),
        (
            {"SRAAP_NOTIFY_MAIL_TO": "a@example.org", "SRAAP_NOTIFY_SMTP": "smtp://example.org:x"},
            "SRAAP_NOTIFY_SMTP",
        ),
    ],
)
def test_a_channel_that_is_not_complete_is_bad_configuration(environment: dict[str, str], named: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        Channels.configured(environment)
    assert caught.value.where == named
