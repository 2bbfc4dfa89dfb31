"""Sources of several hosts are asked at the same time, those of one host one after the other."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.fetching import fetch, receipts
from flows.fetching.connections import Network
from flows.fetching.receipts import Standing
from flows.fetching.settings import Source
from flows.fetching.together import asked
from flows.home import Home
from tests.flows.fetching.server import CSV, Asked, Server, Time, csv, serving, source


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.create("real")
    return home


def on_host(address: str, host: str) -> str:
    return address.replace("127.0.0.1", host)


def loopback(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


def test_a_slow_source_holds_up_none_of_another_host(home: Home, server: Server) -> None:
    """The slow one answers only once the quick one has been asked; receipts keep the order of the file."""
    was_asked = threading.Event()

    def quick(connection: socket.socket, request: Asked) -> None:
        was_asked.set()
        csv()(connection, request)

    def slow(connection: socket.socket, request: Asked) -> None:
        if was_asked.wait(5):
            csv()(connection, request)

    sources = (
        source("slow", on_host(server.on("/slow", slow), "one.example"), "attempts: 1"),
        source("quick", on_host(server.on("/quick", quick), "two.example")),
    )
    found = fetch.fetch(home, sources, network=Network(resolve=loopback), defective=str)
    assert [(receipt.source, receipt.outcome) for receipt in found] == [
        ("slow", "fetched"),
        ("quick", "fetched"),
    ]
    assert {path.read_bytes() for path in receipts.inbox(home).iterdir()} == {CSV}


def test_sources_of_one_host_are_asked_one_after_the_other() -> None:
    """Beside those of another host: the second of the host never begins before the first has its answer."""
    begun = {name: threading.Event() for name in ("first", "second", "other")}
    early: list[bool] = []

    def ask(one: Source) -> str:
        begun[one.name].set()
        if one.name == "first":
            early.append(begun["second"].wait(0.2))
        return one.name

    sources = [
        source(name, f"http://{host}.example/{name}")
        for name, host in (("first", "a"), ("second", "a"), ("other", "b"))
    ]
    assert asked(sources, ask) == ["first", "second", "other"]
    assert asked(sources[:2], ask) == ["first", "second"]
    assert early[:1] == [False]


def test_a_disk_that_fails_ends_the_asking_with_the_first_error_in_order() -> None:
    both_asked = threading.Barrier(2)

    def ask(one: object) -> str:
        both_asked.wait(5)
        raise OSError(28, getattr(one, "name", ""))

    sources = [source(name, f"http://{name}.example/") for name in ("first", "second")]
    with pytest.raises(OSError, match="first"):
        asked(sources, ask)


def test_what_a_clock_that_was_ahead_wrote_down_stops_no_asking(home: Home, server: Server) -> None:
    """A source that was asked, or asks to wait, in a future that is over for now is asked."""
    time = Time()
    one = source("register", server.on("/a", csv()), "every_hours: 24")
    ahead = time.began + 400 * 86400
    home.fetching.mkdir()
    for standing in (
        Standing(one.fingerprint, ahead, ahead, "0" * 64),
        Standing(one.fingerprint, ahead, None, failing_since=ahead, said="Busy.", not_before=ahead + 60),
    ):
        receipts.write_standing(home, one, standing)
        (found,) = fetch.fetch(home, (one,), network=time.network(), defective=str)
        assert found.outcome == "fetched"
    (again,) = fetch.fetch(home, (one,), network=time.network(), defective=str)
    assert again.outcome == "not_due"
