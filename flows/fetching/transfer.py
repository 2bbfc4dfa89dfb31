"""Asking one source: requests that end in time, are tried again where that helps, and trust no reply.

Redirects are followed here, not by requests: only to allowed hosts, never from https to http, with
credentials only to the host that they are for. Bodies are counted before and after they are unpacked.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any, Protocol
from urllib.parse import urlencode, urljoin, urlsplit

import requests
from requests import Response, Session
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError, InvalidHeader, MaxRetryError, ReadTimeoutError
from urllib3.util import Retry

from flows.fetching import content
from flows.fetching.addresses import literal
from flows.fetching.connections import Guard, Limits, Network, TransferFailed, adapter, too_late
from flows.fetching.settings import MEGABYTE, Secret, Source

AGENT = "sraap (pipeline of the Siem Reap-Angkor Action Plan)"
CHUNK = 1 << 16
MOST_REDIRECTS = 5
MOST_REPLIES = 10_000
"""Requests that one collector may make in one night; more is a loop."""

LARGEST_REPLY = 20 * MEGABYTE
"""Bytes of one reply of an interface that is read into memory."""

_AGAIN = (408, 425, 429, 500, 502, 503, 504)
_MOVED = (301, 302, 303, 307, 308)


class Sink(Protocol):
    """Where the bytes of a body go."""

    def write(self, data: bytes, /) -> Any: ...


class _Memory:
    def __init__(self) -> None:
        self.content = bytearray()

    def write(self, data: bytes, /) -> None:
        self.content += data


class _Retry(Retry):
    """The policy of urllib3, with jitter from the first wait on, and with a clock that can be given."""

    def __init__(self, *arguments: Any, network: Network, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.network = network

    def new(self, **named: Any) -> _Retry:
        return super().new(network=self.network, **named)

    def get_backoff_time(self) -> float:
        """1, 2, 4, … seconds, each with up to half of it more or less."""
        wait = self.backoff_factor * 2 ** max(0, len(self.history) - 1)
        return float(min(self.backoff_max, wait * (0.5 + self.network.chance())))


@dataclass
class Reply:
    """What the last request of a transfer got. ``bytes``, ``sha256``: of the body as it was unpacked."""

    status: int
    headers: Mapping[str, str]
    bytes: int = 0
    sha256: str = ""


@dataclass
class Transfer:
    """All requests of one source in one run, under one deadline.

    ``attempts``, ``status``: requests that were made, and what the last one got, for the receipt.
    """

    source: Source
    network: Network = field(default_factory=Network)
    attempts: int = 0
    status: int | None = None
    hidden: tuple[str, ...] = ()
    limits: Limits = field(init=False)

    def __post_init__(self) -> None:
        logging.getLogger("urllib3").setLevel(
            logging.WARNING
        )  # its debugging prints queries with their secrets
        self.limits = Limits(self.source, self.network)
        self._session = Session()
        self._session.trust_env = False  # no netrc, no proxy of the environment
        self._session.verify = self.source.ca_file or True
        guarded = adapter(Guard(self.limits))
        self._session.mount("https://", guarded)
        self._session.mount("http://", guarded)
        self._secret: dict[str, str] = {}
        self._told = False
        self._replies = 0

    def __enter__(self) -> Transfer:
        return self

    def __exit__(self, *error: object) -> None:
        self._session.close()

    def redact(self, text: str) -> str:
        """A text without any secret of this source."""
        for secret in self.hidden:
            text = text.replace(secret, "…")
        return text

    # --- what may be asked --------------------------------------------------------------------------------

    def download(self, sink: Any, validators: Mapping[str, str]) -> Reply:
        """Ask the source's address, and write what comes into ``sink``, which is emptied before each attempt.

        ``validators``: headers of a conditional request. A reply of 304 has no body. Raises
        ``TransferFailed``, ``SourceFailed`` where a secret is missing, and ``OSError`` where ``sink`` can't
        be written.
        """

        def attempt() -> Reply:
            sink.seek(0)
            sink.truncate()
            return self._take(sink, validators)

        reply: Reply = self._try(attempt)
        return reply

    def get_json(
        self,
        path: str = "",
        *,
        params: Mapping[str, Any] | None = None,
        method: str = "GET",
        body: Any = None,
    ) -> Any:
        """Ask an interface and give its reply as Python values; what a reader's ``collect`` is handed.

        ``path``: as seen from the source's address, of the same host; ``params``: its query; ``body``: sent
        as JSON. Raises ``TransferFailed`` (and ``SourceFailed`` where a secret is missing): let it pass.
        """
        address = urljoin(self.source.address, path)
        if params:
            address += ("&" if urlsplit(address).query else "?") + urlencode(params, doseq=True)
        if _origin(address) != _origin(self.source.address):
            raise TransferFailed(
                "the interface names an address on another host",
                "Give the interface that host as its address.",
            )
        self._replies += 1
        if self._replies > MOST_REPLIES:
            raise TransferFailed(
                f"it took more than {MOST_REPLIES:,} requests", "Ask for less: see the settings of this kind."
            )
        most = min(LARGEST_REPLY, self.source.max_unpacked_bytes)

        def attempt() -> Any:
            memory = _Memory()
            self._take(memory, {}, _Ask(address, method, body, "json", most))
            try:
                return json.loads(bytes(memory.content))
            except (ValueError, RecursionError):
                raise TransferFailed(
                    "a reply of the interface is no JSON",
                    "The next run asks again; tell the owner if it stays so.",
                ) from None

        return self._try(attempt)

    def reach(self) -> int:
        """The status of a HEAD request to the source's address. Raises ``TransferFailed``,
        ``SourceFailed``."""
        with self._answer(_Ask(self.source.address, "HEAD", None, self.source.ending, 0), {}) as response:
            return response.status_code

    # --- trying again -------------------------------------------------------------------------------------

    def _try(self, attempt: Any) -> Any:
        retry = _Retry(
            total=self.source.attempts - 1,
            backoff_factor=1,
            backoff_max=30,
            retry_after_max=7 * 24 * 3600,
            network=self.network,
        )
        while True:
            try:
                return attempt()
            except TransferFailed as failure:
                if not failure.again:
                    raise
                try:
                    retry = retry.increment("GET", "", error=HTTPException())
                except MaxRetryError:
                    raise _for_good(failure, self.source.attempts) from None
                wait = retry.get_backoff_time() if failure.wait is None else failure.wait
                left = self.limits.left()
                if wait >= left:
                    raise _not_now(failure, self.source) from None
                self.network.sleep(wait)

    # --- one attempt --------------------------------------------------------------------------------------

    def _take(self, sink: Sink, validators: Mapping[str, str], asked: _Ask | None = None) -> Reply:
        source = self.source
        ask = asked or _Ask(
            source.address, source.method, source.body, source.ending, source.max_unpacked_bytes
        )
        with self._answer(ask, validators) as response:
            headers = response.headers
            if response.status_code == 304 and validators:
                return Reply(304, headers)
            _check_status(response, self._wait_of(headers.get("Retry-After")), self.source)
            doubt = content.of_type(ask.ending, headers.get("Content-Type", ""), source.content_types)
            if doubt is not None:
                raise TransferFailed(doubt.what, doubt.next_step, status=response.status_code)
            body = _Body(source, ask.most)
            for piece in body.unpacked(self._received(response), headers.get("Content-Encoding", "")):
                sink.write(piece)
            framed = (
                "Content-Length" in headers or "chunked" in headers.get("Transfer-Encoding", "").casefold()
            )
            doubt = content.of_bytes(ask.ending, body.head, body.tail, framed=framed or body.was_packed)
            if doubt is not None:
                raise TransferFailed(
                    doubt.what, doubt.next_step, again=doubt.cut_off, status=response.status_code
                )
            return Reply(response.status_code, headers, body.bytes, body.digest.hexdigest())

    @contextlib.contextmanager
    def _answer(self, ask: _Ask, validators: Mapping[str, str]) -> Iterator[Response]:
        """The first reply that is no redirect. Raises ``TransferFailed``."""
        address, seen = ask.address, {ask.address}
        self.attempts += 1
        while True:
            response = self._send(address, ask, validators)
            try:
                self.status = response.status_code
                if response.status_code not in _MOVED:
                    yield response
                    return
                address = self._next_address(address, response, ask.method)
            finally:
                response.close()
            if address in seen or len(seen) > MOST_REDIRECTS:
                raise TransferFailed(
                    "it redirects in a circle, or without end",
                    "Open the address in a browser; configure the one at which it ends.",
                    status=self.status,
                )
            seen.add(address)

    def _next_address(self, address: str, response: Response, method: str) -> str:
        """Where a redirect leads. Raises ``TransferFailed`` where it may not be followed."""
        status = response.status_code
        try:
            named = response.headers.get("Location", "").strip()
            following = urljoin(address, named) if named else ""
            parts = urlsplit(following)
            host, scheme = (parts.hostname or "").casefold(), parts.scheme
            _ = parts.port
        except ValueError:
            parts, following, host, scheme = urlsplit(""), "", "", ""
        shown = re.sub(r"[^a-z0-9.:-]", "", host)[:100]
        if not host or scheme not in ("http", "https") or "@" in parts.netloc:
            raise TransferFailed("it redirects to nowhere", "Check the address.", status=status)
        if urlsplit(address).scheme == "https" and scheme == "http":
            raise TransferFailed(
                f"it redirects from https to http, at {shown}",
                "Anyone on the way could change what comes. Configure an https address that serves it.",
                status=status,
            )
        allowed = {(urlsplit(self.source.address).hostname or "").casefold(), *self.source.redirect_hosts}
        if host not in allowed:
            raise TransferFailed(
                f"it redirects to {shown}, a host that is not allowed; it may be a log-in page",
                f"Check the credentials. If its files really are there, add {shown} to redirect_hosts.",
                status=status,
            )
        if method == "POST" and status not in (307, 308):
            raise TransferFailed(
                "it redirects a question to a page", "Configure the address to which it moved.", status=status
            )
        return following

    def _send(self, address: str, ask: _Ask, validators: Mapping[str, str]) -> Response:
        is_text = isinstance(ask.body, str)
        proxy = self.source.proxy
        if proxy and not self.source.allow_private and literal(host := urlsplit(address).hostname or ""):
            Guard.check(host, [host], self.source)  # the proxy would connect to it whatever it is
        request = requests.Request(
            ask.method,
            address,
            headers={**self._headers(address), **validators},
            data=ask.body.encode() if is_text else None,
            json=None if is_text else ask.body,
        )
        with self._said_in_our_words():
            prepared = self._session.prepare_request(request)
            if not self._same_origin(address):
                prepared.headers.pop("Authorization", None)
            return self._session.send(
                prepared,
                stream=True,
                allow_redirects=False,
                timeout=(self.limits.wait_to_connect(), self.limits.wait_to_read()),
                verify=self._session.verify,
                proxies={"http": proxy, "https": proxy} if proxy else {},
            )

    def _headers(self, address: str) -> dict[str, str]:
        """Headers for an address; what may be secret goes to the source's own host alone."""
        headers = {"User-Agent": AGENT, "Accept": "*/*", "Accept-Encoding": "gzip"}
        if not self._told:
            self._read_secrets()
        return {**headers, **self._secret} if self._same_origin(address) else headers

    def _read_secrets(self) -> None:
        hidden: list[str] = []
        found: dict[str, str] = {}
        for name, value in self.source.headers.items():
            found[name] = value.read(self.source.name) if isinstance(value, Secret) else value
            if isinstance(value, Secret):
                hidden.append(found[name])
        if self.source.credentials is not None:
            found["Authorization"], texts = self.source.credentials.header(self.source.name)
            hidden += texts
        self._secret, self.hidden, self._told = found, tuple(sorted(hidden, key=len, reverse=True)), True

    def _same_origin(self, address: str) -> bool:
        return _origin(address) == _origin(self.source.address)

    def _received(self, response: Response) -> Iterator[bytes]:
        """The body as it comes over the wire. Raises ``TransferFailed``."""
        with self._said_in_our_words():
            yield from response.raw.stream(CHUNK, decode_content=False)

    @contextlib.contextmanager
    def _said_in_our_words(self) -> Iterator[None]:
        """Turn what the libraries raise into a failure with our words: theirs quote addresses with
        queries."""
        try:
            yield
        except TransferFailed:
            raise
        except (requests.Timeout, ReadTimeoutError, TimeoutError):
            if self.limits.over():
                raise too_late(self.source) from None
            raise TransferFailed(
                f"nothing came for {self.source.read_seconds:g} seconds",
                "The next run asks again. If it is always so slow, set read_seconds higher.",
                again=True,
            ) from None
        except (RequestException, HTTPError, HTTPException, OSError) as error:
            if self.limits.over():
                raise too_late(self.source) from None
            raise TransferFailed(
                f"the connection broke before everything had come ({type(error).__name__})",
                "The next run asks again; if it stays so, ask the owner of the source.",
                again=True,
            ) from None

    def _wait_of(self, stated: str | None) -> float | None:
        """Seconds that ``Retry-After`` asks for, be it a number or a date; ``None`` for neither."""
        if not stated:
            return None
        policy = Retry(retry_after_max=7 * 24 * 3600)
        with contextlib.suppress(InvalidHeader, ValueError, OverflowError):
            return float(policy.parse_retry_after(stated))
        return None


@dataclass(frozen=True)
class _Ask:
    """One question: where, how, and what is expected of the answer."""

    address: str
    method: str
    body: Any
    ending: str
    most: int


def _origin(address: str) -> tuple[str, str, int | None]:
    parts = urlsplit(address)
    return (
        parts.scheme,
        (parts.hostname or "").casefold(),
        parts.port or {"http": 80, "https": 443}.get(parts.scheme),
    )


class _Body:
    """Counts, unpacks and hashes a body as it comes."""

    def __init__(self, source: Source, most: int) -> None:
        self.source = source
        self.most = most
        self.digest = hashlib.sha256()
        self.received = 0
        self.bytes = 0
        self.head = b""
        self.tail = b""
        self.was_packed = False

    def unpacked(self, pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
        """The bytes as they were before they were packed. Raises ``TransferFailed``."""
        packed = encoding.strip().casefold()
        if packed not in ("", "identity", "gzip", "x-gzip"):
            raise TransferFailed(
                "it is packed in a way that was not asked for", "Tell the owner of the source."
            )
        self.was_packed = packed not in ("", "identity")
        for piece in self._gunzip(self._counted(pieces)) if self.was_packed else self._counted(pieces):
            self.bytes += len(piece)
            if self.bytes > self.most:
                raise _too_large(self.most, "unpacked" if self.was_packed else "")
            self.digest.update(piece)
            if len(self.head) < content.HEAD:
                self.head += piece[: content.HEAD - len(self.head)]
            self.tail = (self.tail + piece)[-content.TAIL :]
            yield piece

    def _counted(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        most = min(self.source.max_bytes, self.most)
        for piece in pieces:
            self.received += len(piece)
            if self.received > most:
                raise _too_large(most, "")
            yield piece

    def _gunzip(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Unpack gzip, of one part or several, a bounded piece at a time."""
        unpacker, begun = zlib.decompressobj(wbits=31), False
        try:
            for piece in pieces:
                left = piece
                while left:
                    if unpacker.eof:
                        unpacker, begun = zlib.decompressobj(wbits=31), False
                    begun = True
                    made = unpacker.decompress(left, CHUNK)
                    left = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
                    if made:
                        yield made
            while (
                begun and not unpacker.eof and (made := unpacker.decompress(unpacker.unconsumed_tail, CHUNK))
            ):
                yield made
        except zlib.error:
            raise TransferFailed(
                "what came is no gzip, though the reply says so", "The next run asks again.", again=True
            ) from None
        if begun and not unpacker.eof:
            raise TransferFailed(
                "what came is cut off: the gzip has no end", "The next run asks again.", again=True
            )


def _too_large(most: int, how: str) -> TransferFailed:
    limit = f"{most / MEGABYTE:g} MB"
    setting = "max_megabytes_unpacked" if how else "max_megabytes"
    return TransferFailed(
        f"it is larger than {limit}{' when it is unpacked' if how else ''}",
        f"If that is right, set {setting} higher; the most is 200.",
    )


def _check_status(response: Response, wait: float | None, source: Source) -> None:
    """Raise ``TransferFailed`` for a status that brings no data."""
    status = response.status_code
    if status == 200:
        return
    if status in (401, 403):
        advice = (
            "Set or renew its credentials." if source.credentials else "It wants credentials: configure them."
        )
        raise TransferFailed(f"it refuses us (status {status})", advice, status=status)
    if status in (404, 410):
        raise TransferFailed(
            f"nothing is at this address (status {status})",
            "Find where it moved, and configure that.",
            status=status,
        )
    if status == 429:
        raise TransferFailed(
            "it is asked too often (status 429)", "Raise every_hours.", again=True, status=status, wait=wait
        )
    if status in _AGAIN:
        raise TransferFailed(
            f"it is in trouble itself (status {status})",
            "The next run asks again; if it stays so, ask its owner.",
            again=True,
            status=status,
            wait=wait,
        )
    raise TransferFailed(
        f"it answers with status {status}, which brings no data", "Check the address.", status=status
    )


def _for_good(failure: TransferFailed, attempts: int) -> TransferFailed:
    what = f"{failure.what}, {attempts} times" if attempts > 1 else failure.what
    return TransferFailed(what, failure.next_step, status=failure.status, wait=failure.wait)


def _not_now(failure: TransferFailed, source: Source) -> TransferFailed:
    """What to say when the deadline leaves no room for another attempt."""
    if failure.wait is None:
        what = f"{failure.what}, until its deadline of {source.deadline_seconds:g} seconds"
        return TransferFailed(what, failure.next_step, status=failure.status)
    return TransferFailed(
        f"{failure.what}; it asks to wait {failure.wait:,.0f} seconds, beyond its deadline",
        "It is asked again when that time is over.",
        status=failure.status,
        wait=failure.wait,
    )
