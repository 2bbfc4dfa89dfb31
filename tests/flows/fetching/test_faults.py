"""What can go wrong with a network, each against a server that does it.

Every fault ends within its deadline, with an error that names the source and says what to do, and every other
source loads.
"""

from __future__ import annotations

import contextlib
import gzip
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
import trustme

from flows.fetching import fetch, receipts
from flows.fetching.connections import Network
from flows.fetching.receipts import Receipt
from flows.fetching.settings import Source
from flows.home import Home
from tests.flows.fetching.server import (
    CSV,
    Answer,
    Server,
    Time,
    bomb,
    chunked,
    csv,
    drip,
    packed,
    raw,
    reply,
    serving,
    silent,
    source,
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.create("real")
    return home


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def ask(home: Home, network: Network, *sources: Source) -> dict[str, Receipt]:
    found = fetch.fetch(home, sources, network=network, defective=lambda error: "defects")
    return {receipt.source: receipt for receipt in found}


def inbox(home: Home) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in receipts.inbox(home).iterdir()}


def fails(home: Home, server: Server, bad: Source, network: Network | None = None) -> Receipt:
    """Ask a source that fails between two that don't; gives its receipt."""
    time = Time()
    good = server.on("/good", csv())
    first, last = source("first", good), source("last", good)
    found = ask(home, network or time.network(), first, bad, last)
    assert [found[name].outcome for name in ("first", bad.name, "last")] == ["fetched", "failed", "fetched"]
    assert inbox(home) == {first.file_name: CSV, last.file_name: CSV}
    assert not list(home.fetching.glob(".*")), "half a file was left behind"
    receipt = found[bad.name]
    assert receipt.sentence.startswith(f"{bad.name}: ")
    assert receipt.sentence.count(". ") >= 2, "what, what to do, and what is kept"
    assert receipt.sentence.endswith("There is no earlier copy of it.")
    assert receipt.seconds <= bad.deadline_seconds
    assert sum(time.slept) <= bad.deadline_seconds
    assert receipt.is_missing
    return receipt


PAGE = b"<!DOCTYPE html>\n<html><body><form><input type='password' name='p'></form></body></html>\n"
REPLIES: dict[str, tuple[list[Answer], str, str, int]] = {
    "404": ([reply(404)], "", "nothing is at this address (status 404). Find where it moved", 1),
    "410": ([reply(410)], "", "nothing is at this address (status 410)", 1),
    "401": ([reply(401)], "", "it refuses us (status 401). It wants credentials", 1),
    "403": ([reply(403)], "", "it refuses us (status 403)", 1),
    "418": ([reply(418)], "", "it answers with status 418, which brings no data", 1),
    "206": ([reply(206, Content_Type="text/csv")], "", "status 206, which brings no data", 1),
    "304 that was not asked for": ([reply(304, b"")], "", "status 304, which brings no data", 1),
    "500 for ever": ([reply(500)], "", "it is in trouble itself (status 500), 4 times", 4),
    "502 for ever": ([reply(502)], "attempts: 2", "it is in trouble itself (status 502), 2 times", 2),
    "503 for ever": ([reply(503)], "attempts: 1", "it is in trouble itself (status 503). ", 1),
    "429 for ever": ([reply(429)], "attempts: 3", "it is asked too often (status 429), 3 times. Raise", 3),
    "429 for an hour": (
        [reply(429, Retry_After="3600")],
        "",
        "it asks to wait 3,600 seconds, beyond its deadline. It is asked again when that time is over",
        1,
    ),
    "an empty 200": ([csv(b"")], "", "the reply has status 200 and no content", 1),
    "blanks": ([csv(b" \r\n\n ")], "", "the reply has status 200 and no content", 1),
    "an empty gzip": ([csv(b"", Content_Encoding="gzip")], "", "the reply has status 200 and no content", 1),
    "a log-in page": (
        [reply(body=PAGE, Content_Type="text/html; charset=utf-8")],
        "",
        "a web page came with status 200 in the place of CSV: a log-in or maintenance page. Open the address",
        1,
    ),
    "a log-in page that says it is CSV": ([csv(PAGE)], "", "a web page came with status 200", 1),
    "a log-in page with a mark and blanks": ([csv(b"\xef\xbb\xbf\r\n " + PAGE)], "", "a web page came", 1),
    "a log-in page in the place of HTML": (
        [reply(body=PAGE, Content_Type="text/html")],
        "kind: made_of_html",
        "a web page came with status 200 in the place of HTML",
        1,
    ),
    "another type": (
        [reply(body=CSV, Content_Type="image/png")],
        "",
        "CSV was expected, and image/png came. Check address and ending",
        1,
    ),
    "a type that is not the configured one": (
        [csv()],
        "content_types: [application/x-ours]",
        "CSV was expected, and text/csv came",
        1,
    ),
    "a PDF that says it is CSV": ([csv(b"%PDF-1.7\n%%EOF\n")], "", "does not begin like CSV", 1),
    "CSV in the place of a workbook": (
        [reply(body=CSV)],
        "ending: xlsx",
        "what came does not begin like an Excel workbook",
        1,
    ),
    "CSV in the place of JSON": (
        [reply(body=CSV, Content_Type="application/json")],
        "ending: json",
        "what came does not begin like JSON",
        1,
    ),
    "half of a JSON": (
        [reply(body=b'[{"iso3": "KHM"},', Content_Type="application/json")],
        "ending: json\nattempts: 2",
        "what came is cut off: it does not end like JSON, 2 times",
        2,
    ),
    "less than its length": (
        [csv(length=len(CSV) + 1)],
        "attempts: 2",
        "the connection broke before everything had come",
        2,
    ),
    "cut off without a length": (
        [reply(body=CSV[:-5], length=None, Content_Type="text/csv")],
        "attempts: 2",
        "what came is cut off: it does not end like CSV",
        2,
    ),
    "cut off in a chunk": (
        [chunked(CSV, CSV, whole=False)],
        "attempts: 2",
        "the connection broke before everything had come",
        2,
    ),
    "no last chunk": (
        [reply(body=b"5\r\nabcd\n\r\n", length=None, Content_Type="text/csv", Transfer_Encoding="chunked")],
        "attempts: 2",
        "the connection broke before everything had come",
        2,
    ),
    "half of a gzip": ([packed(CSV, 60)], "attempts: 2", "what came is cut off: the gzip has no end", 2),
    "a gzip without its last bytes": ([packed(CSV, -1)], "attempts: 2", "the gzip has no end", 2),
    "no gzip": ([csv(Content_Encoding="gzip")], "attempts: 2", "what came is no gzip", 2),
    "packed otherwise": ([csv(Content_Encoding="br")], "", "packed in a way that was not asked for", 1),
    "a gzip bomb": (
        [csv(bomb(3), Content_Encoding="gzip")],
        "max_megabytes_unpacked: 2",
        "it is larger than 2 MB when it is unpacked. If that is right, set max_megabytes_unpacked higher",
        1,
    ),
    "too large": ([csv(CSV * 20)], "max_megabytes: 0.001", "it is larger than 0.001 MB. If that is right", 1),
    "too large in chunks": ([chunked(*[CSV] * 20)], "max_megabytes: 0.001", "it is larger than 0.001 MB", 1),
    "no HTTP": ([raw(b"SSH-2.0-OpenSSH_9.2\r\n")], "attempts: 2", "the connection broke", 2),
    "a connection that is closed": ([raw(b"")], "attempts: 2", "the connection broke", 2),
    "endless headers": (
        [raw(b"HTTP/1.1 200 OK\r\n" + b"X-More: and more\r\n" * 200)],
        "attempts: 2",
        "the connection broke",
        2,
    ),
    "a redirect to nowhere": ([reply(302)], "", "it redirects to nowhere", 1),
    "a redirect to a file": ([reply(302, Location="file:///etc/passwd")], "", "it redirects to nowhere", 1),
    "a redirect with a user": ([reply(302, Location="http://a:b@127.0.0.1/")], "", "to nowhere", 1),
    "a redirect to another host": (
        [reply(302, Location="http://login.example.org/?next=1")],
        "",
        "it redirects to login.example.org, a host that is not allowed; it may be a log-in page. Check",
        1,
    ),
    "a redirect to itself": (
        [reply(301, Location="/bad")],
        "",
        "it redirects in a circle, or without end",
        1,
    ),
}


@pytest.mark.parametrize("name", REPLIES)
def test_a_reply_that_brings_no_data(name: str, home: Home, server: Server) -> None:
    answers, settings, expected, attempts = REPLIES[name]
    address = server.on("/bad", *answers)
    if settings == "kind: made_of_html":
        bad = source("bad", address)
        bad = replace(bad, ending="html")
    else:
        bad = source("bad", address, settings)
    receipt = fails(home, server, bad)
    assert expected in receipt.sentence
    assert receipt.attempts == attempts == sum(asked.path == "/bad" for asked in server.asked)


def test_refused(home: Home, server: Server) -> None:
    with serving() as gone:
        address = gone.at("/x")
    receipt = fails(home, server, source("bad", address, "attempts: 3"))
    assert "127.0.0.1 could not be connected to" in receipt.sentence
    assert "Connection refused" in receipt.sentence and "3 times" in receipt.sentence
    assert receipt.attempts == 3 and receipt.status is None


def test_a_name_that_is_unknown(home: Home, server: Server) -> None:
    def resolve(host: str, port: int) -> list[str]:
        if host == "nowhere.example":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return ["127.0.0.1"]

    time = Time()
    bad = source("bad", "http://nowhere.example/x")
    receipt = fails(home, server, bad, time.network(resolve=resolve))
    assert "the name nowhere.example is unknown to the name server" in receipt.sentence
    assert len(time.slept) == 3


def test_a_name_server_that_does_not_answer(home: Home, server: Server) -> None:
    never = threading.Event()

    def resolve(host: str, port: int) -> list[str]:
        if host == "slow.example":
            never.wait()
        return ["127.0.0.1"]

    bad = source("bad", "http://slow.example/x", "deadline_seconds: 0.1")
    receipt = fails(home, server, bad, Time().network(resolve=resolve))
    never.set()
    assert "not done within its deadline of 0.1 seconds" in receipt.sentence


@contextlib.contextmanager
def never_accepting() -> Iterator[int]:
    """A port whose queue is full, so that a further connection is neither taken nor refused."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):
            one = stack.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(listening.getsockname())
        yield int(listening.getsockname()[1])


def test_a_connection_that_is_not_taken(home: Home, server: Server) -> None:
    with never_accepting() as port:
        bad = source("bad", f"http://127.0.0.1:{port}/x", "connect_seconds: 0.1\nattempts: 2")
        receipt = fails(home, server, bad)
    assert "127.0.0.1 did not take the connection within 0.1 seconds, 2 times" in receipt.sentence


def test_nothing_comes(home: Home, server: Server) -> None:
    bad = source("bad", server.on("/bad", silent), "read_seconds: 0.1\nattempts: 2")
    assert "nothing came for 0.1 seconds, 2 times" in fails(home, server, bad).sentence


def test_nothing_comes_after_the_header(home: Home, server: Server) -> None:
    def begun(connection: socket.socket, asked: object) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Length: 99\r\n\r\niso3,")
        silent(connection, asked)  # type: ignore[arg-type]

    bad = source("bad", server.on("/bad", begun), "read_seconds: 0.1\nattempts: 2")
    assert "nothing came for 0.1 seconds, 2 times" in fails(home, server, bad).sentence


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\n"


@pytest.mark.parametrize(
    "begun",
    [HEAD + b"Content-Length: 900000000\r\n\r\n", HEAD + b"\r\n", b"HTTP/1.1 200 OK\r\nX-Slow: "],
    ids=["in a body of known length", "in a body without length", "in the header"],
)
def test_a_byte_a_second(home: Home, server: Server, begun: bytes) -> None:
    """Each look at the clock takes a second, as each byte would."""
    time = Time(tick=1.0)
    bad = source("bad", server.on("/bad", drip(begun)), "deadline_seconds: 60")
    found = ask(home, time.network(), bad)["bad"]
    assert found.outcome == "failed"
    assert "it was not done within its deadline of 60 seconds. The next run asks again" in found.sentence
    assert time.passed < 70
    assert not inbox(home)


def test_a_wait_in_seconds_is_honoured(home: Home, server: Server) -> None:
    time = Time()
    address = server.on("/x", reply(429, Retry_After="7"), reply(503, Retry_After=" 11 "), csv())
    found = ask(home, time.network(), source("slow", address))["slow"]
    assert (found.outcome, found.attempts, time.slept) == ("fetched", 3, [7.0, 11.0])


def test_a_wait_until_a_date_is_honoured(home: Home, server: Server) -> None:
    time = Time()
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
    found = ask(home, time.network(), source("slow", server.on("/x", reply(429, Retry_After=date), csv())))[
        "slow"
    ]
    assert found.outcome == "fetched"
    assert len(time.slept) == 1 and 20 < time.slept[0] <= 40


def test_a_wait_that_is_past_or_no_wait_does_no_harm(home: Home, server: Server) -> None:
    time = Time()
    past = format_datetime(datetime(2020, 1, 1, tzinfo=UTC), usegmt=True)
    address = server.on("/x", reply(429, Retry_After=past), reply(429, Retry_After="soon"), csv())
    assert ask(home, time.network(), source("slow", address))["slow"].outcome == "fetched"
    assert time.slept == [0.0, 2.0]


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429, 408])
def test_trouble_that_passes(status: int, home: Home, server: Server) -> None:
    time = Time()
    address = server.on("/x", reply(status), reply(status), reply(status), csv())
    found = ask(home, time.network(), source("shaky", address))["shaky"]
    assert (found.outcome, found.attempts, found.status) == ("fetched", 4, 200)
    assert time.slept == [1.0, 2.0, 4.0]


def test_waits_are_spread_by_chance(home: Home, server: Server) -> None:
    time = Time()
    chances = iter([0.0, 1.0, 0.25])
    address = server.on("/x", reply(500), reply(500), reply(500), csv())
    ask(home, time.network(chance=lambda: next(chances)), source("shaky", address))
    assert time.slept == [0.5, 3.0, 3.0]


def test_waits_end_with_the_deadline(home: Home, server: Server) -> None:
    bad = source("bad", server.on("/bad", reply(500)), "attempts: 10\ndeadline_seconds: 10")
    receipt = fails(home, server, bad)
    assert "until its deadline of 10 seconds" in receipt.sentence
    assert receipt.attempts == 4


def test_a_body_that_is_cut_off_once_is_asked_for_again(home: Home, server: Server) -> None:
    address = server.on("/x", packed(CSV * 50, 90), csv(CSV * 9, length=9999), packed(CSV))
    found = ask(home, Time().network(), source("shaky", address))["shaky"]
    assert (found.outcome, found.attempts) == ("fetched", 3)
    assert list(inbox(home).values()) == [CSV]


@pytest.mark.parametrize(
    "answer",
    [
        csv(),
        chunked(CSV[:7], CSV[7:]),
        packed(CSV),
        chunked(gzip.compress(CSV), Content_Encoding="gzip"),
        reply(body=CSV, length=None),
        reply(body=CSV, Content_Type="application/octet-stream"),
        csv(gzip.compress(CSV[:9]) + gzip.compress(CSV[9:]), Content_Encoding="gzip"),
    ],
    ids=["length", "chunks", "gzip", "gzip in chunks", "until it closes", "no type", "gzip of two parts"],
)
def test_a_whole_file_comes_whole(answer: Answer, home: Home, server: Server) -> None:
    found = ask(home, Time().network(), source("good", server.on("/x", answer)))["good"]
    assert found.outcome == "fetched" and found.bytes == len(CSV)
    assert inbox(home) == {"states--good.csv": CSV}


# --- redirects and addresses --------------------------------------------------------------------------------


def public(server: Server, **addresses: list[str]) -> Network:
    """A network where names mean these addresses, and every address leads to the server."""
    named = {name.replace("_", "."): found for name, found in addresses.items()}
    return Time().network(
        resolve=lambda host, port: named.get(host, [host]),
        dial=lambda address, port: ("127.0.0.1", server.port),
    )


def asked_of(home: Home, network: Network, address: str, settings: str = "") -> Receipt:
    one = source("one", address, settings)
    return ask(home, network, replace(one, allow_private=False))["one"]


def test_a_public_address_is_asked(home: Home, server: Server) -> None:
    server.on("/x", csv())
    network = public(server, data_example=["1.1.1.1"])
    assert asked_of(home, network, "http://data.example/x").outcome == "fetched"


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:10.0.0.1", "64:ff9b::7f00:1"),
        *("2002:7f00:1::", "2001:0:a00:1::", "240.0.0.1"),
    ],
)
def test_an_address_that_is_not_public_is_never_connected_to(
    address: str, home: Home, server: Server
) -> None:
    server.on("/x", csv())
    found = asked_of(home, public(server, data_example=[address]), "http://data.example/x")
    assert "data.example is at an address that is not public. If this source really is" in found.sentence
    assert not server.asked and found.attempts == 1


def test_a_redirect_to_a_private_address_is_not_followed(home: Home, server: Server) -> None:
    server.on("/x", reply(302, Location="http://inside.example/secret"))
    network = public(server, data_example=["1.1.1.1"], inside_example=["169.254.169.254"])
    settings = "redirect_hosts: [inside.example]"
    found = asked_of(home, network, "http://data.example/x", settings)
    assert "inside.example is at an address that is not public" in found.sentence
    assert [asked.path for asked in server.asked] == ["/x"]


def test_a_name_is_resolved_once_and_that_address_connected_to(home: Home, server: Server) -> None:
    """A name server that gives a public address first and a private one next gains nothing."""
    server.on("/x", csv())
    given = iter([["1.1.1.1"], ["127.0.0.1"], ["127.0.0.1"]])
    dialled: list[str] = []

    def dial(address: str, port: int) -> tuple[str, int]:
        dialled.append(address)
        return "127.0.0.1", server.port

    network = Time().network(resolve=lambda host, port: next(given), dial=dial)
    assert asked_of(home, network, "http://data.example/x").outcome == "fetched"
    assert dialled == ["1.1.1.1"]


def test_of_mixed_addresses_only_public_ones_are_tried(home: Home, server: Server) -> None:
    server.on("/x", csv())
    dialled: list[str] = []

    def dial(address: str, port: int) -> tuple[str, int]:
        dialled.append(address)
        return "127.0.0.1", 1 if address == "1.1.1.1" else server.port

    network = Time().network(resolve=lambda host, port: ["10.0.0.1", "1.1.1.1", "8.8.8.8"], dial=dial)
    assert asked_of(home, network, "http://data.example/x").outcome == "fetched"
    assert dialled == ["1.1.1.1", "8.8.8.8"]


def test_an_allowed_redirect_is_followed_without_credentials(
    home: Home, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "t0ken-of-data")
    monkeypatch.setenv("KEY", "k3y-of-data")
    server.on("/x", reply(301, Location="/y"))
    server.on("/y", reply(307, Location=server.at("/z", "files.example")))
    server.on("/z", csv())
    one = source(
        "one",
        server.at("/x", "data.example"),
        "credentials: {bearer: TOKEN}\nheaders: {X-Key: {variable: KEY}}\nredirect_hosts: [files.example]",
    )
    assert ask(home, Time().network(), one)["one"].outcome == "fetched"
    sent = [(asked.path, asked.headers["Authorization"], asked.headers["X-Key"]) for asked in server.asked]
    assert sent == [
        ("/x", "Bearer t0ken-of-data", "k3y-of-data"),
        ("/y", "Bearer t0ken-of-data", "k3y-of-data"),
        ("/z", None, None),
    ]


def test_a_loop_of_redirects_ends(home: Home, server: Server) -> None:
    for number in range(12):
        server.on(f"/{number}", reply(302, Location=f"/{number + 1}"))
    server.on("/bad", reply(302, Location="/0"))
    assert "without end" in fails(home, server, source("bad", server.at("/bad"))).sentence
    assert len(server.asked) <= 10


def test_a_question_is_not_redirected_to_a_page(home: Home, server: Server) -> None:
    bad = source("bad", server.on("/bad", reply(302, Location="/good")), "method: POST\nbody: {q: 1}")
    assert "it redirects a question to a page" in fails(home, server, bad).sentence


# --- certificates -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def secured(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def over_tls(
    home: Home, authority: trustme.CA, tls: ssl.SSLContext, answer: Answer, known: bool = True
) -> Receipt:
    authority.cert_pem.write_to_path(str(home.root / "ca.pem"))
    with serving(tls) as server:
        server.on("/x", answer)
        one = source("one", server.at("/x", "data.example"))
        one = replace(one, ca_file=str(home.root / "ca.pem") if known else None, attempts=2)
        return ask(home, Time().network(), one)["one"]


def test_a_good_certificate(home: Home, authority: trustme.CA) -> None:
    tls = secured(authority.issue_cert("data.example"))
    assert over_tls(home, authority, tls, csv()).outcome == "fetched"


def test_an_expired_certificate(home: Home, authority: trustme.CA) -> None:
    past = datetime(2020, 1, 1, tzinfo=UTC)
    tls = secured(authority.issue_cert("data.example", not_before=past, not_after=past + timedelta(days=9)))
    found = over_tls(home, authority, tls, csv())
    assert "the certificate of data.example is not to be trusted: certificate has expired" in found.sentence
    assert found.attempts == 1, "asking again mends no certificate"


def test_a_certificate_of_another_host(home: Home, authority: trustme.CA) -> None:
    found = over_tls(home, authority, secured(authority.issue_cert("other.example")), csv())
    assert "not to be trusted: Hostname mismatch" in found.sentence


def test_a_certificate_of_an_unknown_authority(home: Home, authority: trustme.CA) -> None:
    tls = secured(authority.issue_cert("data.example"))
    found = over_tls(home, authority, tls, csv(), known=False)
    assert "not to be trusted: unable to get local issuer certificate" in found.sentence
    assert "name that authority's PEM file in ca_file" in found.sentence


def test_https_is_never_left_for_http(home: Home, authority: trustme.CA) -> None:
    tls = secured(authority.issue_cert("data.example"))
    found = over_tls(home, authority, tls, reply(302, Location="http://data.example/x"))
    assert "it redirects from https to http, at data.example" in found.sentence


def test_a_server_without_tls(home: Home, server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as plain:

        def speak() -> None:
            connection, _ = plain.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                connection.recv(4096)

        threading.Thread(target=speak, daemon=True).start()
        bad = source("bad", f"https://127.0.0.1:{plain.getsockname()[1]}/x")
        assert "no TLS connection could be made with 127.0.0.1" in fails(home, server, bad).sentence


def test_a_handshake_that_never_comes(home: Home, server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"https://127.0.0.1:{mute.getsockname()[1]}/x"
        bad = source("bad", address, "connect_seconds: 0.1\nread_seconds: 0.1\nattempts: 2")
        assert "nothing came for 0.1 seconds, 2 times" in fails(home, server, bad).sentence


def test_a_cut_connection_is_noticed_under_tls(home: Home, authority: trustme.CA) -> None:
    """Without a length only TLS's own farewell says that all has come."""

    def cut(connection: socket.socket, asked: object) -> None:
        connection.sendall(HEAD + b"\r\n" + CSV)
        connection.shutdown(socket.SHUT_RDWR)

    tls = secured(authority.issue_cert("data.example"))
    assert "the connection broke" in over_tls(home, authority, tls, cut).sentence
