"""Connections that are made to known addresses only, and that end in time.

Requests bounds a single wait, not a transfer: a server that sends a byte a second holds it for ever. Here
every wait on a socket, be it for a handshake, a header or a body, gets at most what is left of one deadline.
And names are resolved once: the address that was found public is the one that is connected to, so that a
name server that gives another answer a moment later gains nothing.
"""

from __future__ import annotations

import random
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from flows.fetching.addresses import is_public
from flows.fetching.settings import Source


class TransferFailed(Exception):
    """A request that brought no data. ``again``: worth another attempt within the deadline.

    ``what`` and ``next_step`` are our words, and hold nothing that a library said, for that may quote an
    address with a secret in its query. ``wait``: seconds that the server asked for; ``status``: of its
    reply, if any.
    """

    def __init__(
        self,
        what: str,
        next_step: str,
        *,
        again: bool = False,
        status: int | None = None,
        wait: float | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.next_step = next_step
        self.again = again
        self.status = status
        self.wait = wait


def _resolve(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(item[4][0]) for item in found))


def _dial(address: str, port: int) -> tuple[str, int]:
    return (address, port)


@dataclass(frozen=True)
class Network:
    """What of the world outside takes part: names, clocks, waiting, chance. Tests give their own.

    ``resolve``: the addresses of a host; raises ``OSError``. ``dial``: where to knock for an address and
    port. ``clock``: seconds that only rise; ``now``: seconds since 1970; ``sleep``: waits; ``chance``: 0 up
    to 1.
    """

    resolve: Callable[[str, int], list[str]] = _resolve
    dial: Callable[[str, int], tuple[str, int]] = _dial
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random


@dataclass
class Limits:
    """How long the transfer of one source may take: all of it, with every attempt and every wait."""

    source: Source
    network: Network
    ends_at: float = field(init=False)

    def __post_init__(self) -> None:
        self.ends_at = self.network.clock() + self.source.deadline_seconds

    def left(self) -> float:
        """Seconds that are left. Raises ``TransferFailed`` if none are."""
        seconds = self.ends_at - self.network.clock()
        if seconds <= 0:
            raise too_late(self.source)
        return seconds

    def over(self) -> bool:
        return self.network.clock() >= self.ends_at - 0.001

    def wait_to_read(self) -> float:
        return min(self.source.read_seconds, self.left())

    def wait_to_connect(self) -> float:
        return min(self.source.connect_seconds, self.left())


def too_late(source: Source) -> TransferFailed:
    """The deadline is over."""
    return TransferFailed(
        f"it was not done within its deadline of {source.deadline_seconds:g} seconds",
        "The next run asks again. If it is always so slow, set deadline_seconds higher.",
    )


class _Bounded:
    """What a socket of ours does differently: each wait gets at most what is left of the deadline."""

    limits: Limits | None = None

    def _bound(self) -> None:
        if self.limits is not None:
            self.settimeout(self.limits.wait_to_read())  # type: ignore[attr-defined]

    def recv_into(self, *arguments: Any, **named: Any) -> int:
        self._bound()
        received: int = super().recv_into(*arguments, **named)  # type: ignore[misc]
        return received

    def recv(self, *arguments: Any, **named: Any) -> bytes:
        self._bound()
        received: bytes = super().recv(*arguments, **named)  # type: ignore[misc]
        return received

    def sendall(self, *arguments: Any, **named: Any) -> None:
        self._bound()
        super().sendall(*arguments, **named)  # type: ignore[misc]


class _Socket(_Bounded, socket.socket):
    pass


class _TlsSocket(_Bounded, ssl.SSLSocket):
    pass


class _Context(ssl.SSLContext):
    """A context whose sockets are ours, and which takes a connection that was cut for what it is."""

    sslsocket_class = _TlsSocket

    def wrap_socket(self, sock: socket.socket, *arguments: Any, **named: Any) -> ssl.SSLSocket:
        return super().wrap_socket(sock, *arguments, **{**named, "suppress_ragged_eofs": False})


def _tls() -> ssl.SSLContext:
    context = _Context(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class Guard:
    """Opens the sockets of one source."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.source = limits.source
        self.network = limits.network

    def connect(self, host: str, port: int, *, trusted: bool) -> socket.socket:
        """A socket connected to a host. ``trusted``: a configured proxy, which may be anywhere.

        Raises ``TransferFailed`` with the reason.
        """
        addresses = self._resolve(host, port)
        allowed = addresses if trusted else self.check(host, addresses, self.source)
        failures = []
        for address in allowed:
            connected = self._knock(address, port)
            if isinstance(connected, socket.socket):
                return connected
            failures.append(connected)
        late = isinstance(failures[-1], TimeoutError)
        if late and self.limits.over():
            raise too_late(self.source)
        waited = min(self.source.connect_seconds, self.source.deadline_seconds)
        reason = failures[-1].strerror or "no reason given"
        what = (
            f"{host} did not take the connection within {waited:g} seconds"
            if late
            else f"{host} could not be connected to, port {port} ({reason})"
        )
        raise TransferFailed(
            what, "Look whether the host is up, the port is right and a firewall lets it pass.", again=True
        )

    @staticmethod
    def check(host: str, addresses: list[str], source: Source) -> list[str]:
        """Those of a host's addresses that may be connected to. Raises ``TransferFailed`` if none may."""
        allowed = [one for one in addresses if source.allow_private or is_public(one)]
        if not allowed:
            raise TransferFailed(
                f"{host} is at an address that is not public",
                "If this source really is inside your network, set allow_private: true for it.",
            )
        return allowed

    def _knock(self, address: str, port: int) -> socket.socket | OSError:
        place, number = self.network.dial(address, port)
        one = _Socket(socket.AF_INET6 if ":" in place else socket.AF_INET, socket.SOCK_STREAM)
        try:
            one.settimeout(self.limits.wait_to_connect())
            one.connect((place, number))
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            one.close()
            return error
        except BaseException:
            one.close()
            raise
        one.settimeout(self.limits.wait_to_connect())  # bounds the handshake of TLS as a whole
        one.limits = self.limits
        return one

    def _resolve(self, host: str, port: int) -> list[str]:
        """Addresses of a host. A name server that does not answer is not waited for beyond the deadline."""
        found: list[str] = []
        failed: list[Exception] = []

        def ask() -> None:
            try:
                found.extend(self.network.resolve(host, port))
            except (OSError, UnicodeError) as error:
                failed.append(error)

        asking = threading.Thread(target=ask, daemon=True, name="resolve")
        asking.start()
        asking.join(self.limits.left())
        if asking.is_alive():
            raise too_late(self.source)
        if failed or not found:
            raise TransferFailed(
                f"the name {host} is unknown to the name server",
                "Check the spelling of the address, and whether this machine can resolve names.",
                again=True,
            )
        return found


def adapter(guard: Guard) -> HTTPAdapter:
    """What makes the connections of a session of requests: ours, all through ``guard``."""

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return guard.connect(self._dns_host, self.port, trusted=bool(self.proxy))

    class Tls(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return guard.connect(self._dns_host, self.port, trusted=bool(self.proxy))

        def connect(self) -> None:
            try:
                super().connect()
            except ssl.SSLCertVerificationError as error:
                raise _bad_certificate(self._tunnel_host or self.host, error) from None
            except ssl.SSLError:
                host = self._tunnel_host or self.host
                raise TransferFailed(
                    f"no TLS connection could be made with {host}, port {self.port}",
                    "Check the address and its port; the host must speak TLS 1.2 or later.",
                ) from None
            if isinstance(self.sock, _TlsSocket):
                self.sock.limits = guard.limits

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = Tls

    pools = {"http": PlainPool, "https": TlsPool}

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
            super().init_poolmanager(*arguments, ssl_context=_tls(), **named)
            self.poolmanager.pool_classes_by_scheme = pools

        def proxy_manager_for(self, proxy: str, **named: Any) -> Any:
            manager = super().proxy_manager_for(proxy, ssl_context=_tls(), **named)
            manager.pool_classes_by_scheme = pools
            return manager

    return Adapter(max_retries=0)


def _bad_certificate(host: str, error: ssl.SSLCertVerificationError) -> TransferFailed:
    """``error.verify_message`` is OpenSSL's own: ``certificate has expired``, ``Hostname mismatch, …``."""
    reason = (error.verify_message or "it can't be verified").split(",")[0].rstrip(".")
    return TransferFailed(
        f"the certificate of {host} is not to be trusted: {reason}",
        "Tell its owner. If its authority is one of your own, name that authority's PEM file in ca_file.",
    )
