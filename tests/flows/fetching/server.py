"""A server on the loopback that answers with the very bytes a test wants, and time that nobody waits for."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import io
import itertools
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flows.fetching.connections import Network
from flows.fetching.settings import Source, parse

CSV = b"iso3,name,un_region,received_on\nKHM,Cambodia,Asia-Pacific,2025-01-01\nKEN,Kenya,African,2025-01-01\n"


@dataclass(frozen=True)
class Asked:
    """A request as the server got it."""

    method: str
    path: str
    headers: http.client.HTTPMessage
    body: bytes


Answer = Callable[[socket.socket, Asked], None]
"""Answers one request on its connection, which is closed afterwards."""


def raw(content: bytes) -> Answer:
    """These bytes and nothing else."""

    def answer(connection: socket.socket, asked: Asked) -> None:
        connection.sendall(content)

    return answer


def reply(status: int = 200, body: bytes = CSV, length: int | None = -1, **headers: str) -> Answer:
    """A whole reply. ``length``: what Content-Length says, the truth unless given, ``None`` for none."""
    return _reply(status, body, length, headers)


def _reply(status: int, body: bytes, length: int | None, headers: dict[str, str]) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if length is not None:
        named["Content-Length"] = str(len(body) if length < 0 else length)
    lines = "".join(f"{name}: {value}\r\n" for name, value in {"Connection": "close", **named}.items())
    return raw(f"HTTP/1.1 {status} Said\r\n{lines}\r\n".encode() + body)


def csv(body: bytes = CSV, length: int | None = -1, **headers: str) -> Answer:
    return _reply(200, body, length, {"Content_Type": "text/csv", **headers})


def packed(body: bytes, cut: int | None = None, **headers: str) -> Answer:
    """A body in gzip, of which ``cut`` bytes are sent."""
    sent = gzip.compress(body)[:cut]
    return _reply(200, sent, -1, {"Content_Type": "text/csv", "Content_Encoding": "gzip", **headers})


def chunked(*chunks: bytes, whole: bool = True, **headers: str) -> Answer:
    """A body in chunks, ended or, if it is not ``whole``, cut in the middle of the last."""
    sent = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    body = sent + b"0\r\n\r\n" if whole else sent[:-10]
    named = {"Content_Type": "text/csv", "Transfer_Encoding": "chunked", **headers}
    return _reply(200, body, None, named)


def silent(connection: socket.socket, asked: Asked) -> None:
    """Say nothing until the other side has gone."""
    with contextlib.suppress(OSError):
        connection.recv(1)


def drip(begun: bytes) -> Answer:
    """Begin, and go on a byte at a time for as long as anybody listens."""

    def answer(connection: socket.socket, asked: Asked) -> None:
        connection.sendall(begun)
        for _ in itertools.count():
            connection.sendall(b"x")

    return answer


@dataclass
class Server:
    """Answers each path with its answers in turn, the last of them for ever."""

    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    tls: ssl.SSLContext | None = None
    port: int = 0
    _socket: socket.socket = field(default_factory=socket.socket)

    def on(self, path: str, *answers: Answer) -> str:
        """Set the answers of a path; gives its address."""
        self.answers[path] = list(answers)
        return self.at(path)

    def at(self, path: str, host: str = "127.0.0.1") -> str:
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}{path}"

    def start(self) -> None:
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(16)
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        """Refuse connections from now on."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            secured = self.tls.wrap_socket(connection, server_side=True) if self.tls else connection
            with secured, secured.makefile("rb") as lines:
                first = lines.readline().decode("latin-1").split(" ")
                if len(first) < 2:
                    return
                headers = http.client.parse_headers(lines)
                body = lines.read(int(headers.get("Content-Length") or 0))
                asked = Asked(first[0], first[1], headers, body)
                self.asked.append(asked)
                self._answer(first[1].partition("?")[0])(secured, asked)

    def _answer(self, path: str) -> Answer:
        answers = self.answers.get(path) or [reply(404, b"nothing here")]
        return answers.pop(0) if len(answers) > 1 else answers[0]


@contextlib.contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server(tls=tls)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@dataclass
class Time:
    """Time that passes where somebody waits, and ``tick`` seconds whenever somebody looks at the clock."""

    began: float = 1_780_000_000.0
    passed: float = 0.0
    tick: float = 0.0
    slept: list[float] = field(default_factory=list)

    def clock(self) -> float:
        self.passed += self.tick
        return self.passed

    def now(self) -> float:
        return self.began + self.passed

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.passed += seconds

    def network(self, **instead: Any) -> Network:
        """A network with this time, and with names that all mean the loopback."""
        usual: dict[str, Any] = {"resolve": lambda host, port: ["127.0.0.1"], "chance": lambda: 0.5}
        return Network(clock=self.clock, now=self.now, sleep=self.sleep, **{**usual, **instead})


def source(name: str, address: str, settings: str = "", kind: str = "states") -> Source:
    """A source as its file would give it: on the loopback, its ``settings`` as lines of YAML."""
    lines = [f"kind: {kind}", f"address: {address}", "allow_private: true", *settings.splitlines()]
    if kind == "states" and "ending:" not in settings:
        lines.append("ending: csv")
    indented = "".join(f"    {line}\n" for line in lines if line.strip())
    (found,) = parse(f"sources:\n  {name}:\n{indented}", Path("sources.yml"))
    return found


def bomb(megabytes: int) -> bytes:
    """So many megabytes of one row after another, in gzip."""
    made = io.BytesIO()
    with gzip.GzipFile(fileobj=made, mode="wb") as file:
        for _ in range(megabytes):
            file.write(b"KHM,Cambodia,Asia-Pacific,2025-01-01\n" * 27_027)
    return made.getvalue()
