"""Asking the sources that are due, those of several hosts at the same time, and laying down what they bring.

One source that fails stops no other: it keeps its last good copy, and its receipt says why and what to do.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from flows import faults
from flows.errors import SourceFailed
from flows.fetching.connections import Network, TransferFailed
from flows.fetching.receipts import (
    Outcome,
    Receipt,
    Standing,
    delivered_copies,
    inbox,
    moment,
    read_standing,
    write_standing,
)
from flows.fetching.settings import MEGABYTE, Source
from flows.fetching.together import asked
from flows.fetching.transfer import Transfer
from flows.files import sync_file, sync_folder
from flows.home import Home

Defective = Callable[[Exception], str]
"""Keeps the words of an error that nobody foresaw where people's data may be; gives where that is."""


def fetch(
    home: Home,
    sources: tuple[Source, ...],
    *,
    everything: bool = False,
    network: Network | None = None,
    defective: Defective,
) -> list[Receipt]:
    """Ask each source that is due, and leave new bytes in ``receipts.inbox``; a receipt for each, in order.

    ``everything``: also those that were asked not long ago. The home's lock is held. Raises ``OSError`` where
    the archive can't be written.
    """
    for folder in (home.fetching, inbox(home)):
        folder.mkdir(exist_ok=True, mode=0o700)
    copies = delivered_copies(home)
    world = network or Network()

    def ask(source: Source) -> Receipt:
        return _One(home, source, world, copies.get(source.name, frozenset()), defective).receipt(everything)

    return asked(sources, ask)


@dataclass
class _Came:
    """What a source answered. Without ``sha256`` it is what it was."""

    sha256: str = ""
    bytes: int | None = None
    etag: str = ""
    last_modified: str = ""


@dataclass
class _One:
    """One source in one run. ``copies``: SHA-256 of what was delivered of it."""

    home: Home
    source: Source
    network: Network
    copies: frozenset[str]
    defective: Defective

    @property
    def has_copy(self) -> bool:
        return bool(self.copies)

    def receipt(self, everything: bool) -> Receipt:
        """Ask if it is due, note how the source stands now, and say what came of it."""
        standing = read_standing(self.home, self.source)
        now = self.network.now()
        if (sentence := self._not_due(standing, now, everything)) is not None:
            return self._say("not_due", sentence, standing, now)
        faults.point("fetch.before_ask")
        began = self.network.clock()
        with Transfer(self.source, self.network) as transfer:
            try:
                came = (
                    self._collect(transfer) if self.source.collected else self._download(transfer, standing)
                )
            except (TransferFailed, SourceFailed) as failure:
                after = self._failed(transfer, standing, failure, now)
                sentence, came = after.said, _Came()
                outcome: Outcome = "failed"
            else:
                after, outcome, sentence = self._good(standing, came, now)
        self._aside.unlink(missing_ok=True)  # half of what failed, or the same bytes again
        write_standing(self.home, self.source, after)
        faults.point("fetch.after_standing")
        said = self._say(outcome, sentence, after, now)
        return replace(
            said,
            seconds=round(self.network.clock() - began, 3),
            attempts=transfer.attempts,
            status=transfer.status,
            bytes=came.bytes,
            sha256=came.sha256 or None,
        )

    def _not_due(self, standing: Standing, now: float, everything: bool) -> str | None:
        if max(standing.asked_at or now, standing.good_at or now) > now:
            return None  # the clock was ahead then, and what it said of later moments is worth nothing
        if standing.not_before is not None and now < standing.not_before:
            return f"{standing.said} It is asked again after {moment(standing.not_before)}."
        if (
            everything
            or standing.failing_since is not None
            or standing.good_at is None
            or not standing.sha256
        ):
            return None
        due = standing.good_at + self.source.every_hours * 3600
        return (
            f"It was asked at {moment(standing.good_at)} and is due at {moment(due)}." if now < due else None
        )

    def _say(self, outcome: Outcome, sentence: str, standing: Standing, now: float) -> Receipt:
        since = standing.failing_since
        return Receipt(
            source=self.source.name,
            kind=self.source.kind,
            file_name=self.source.file_name,
            address=self.source.shown_address,
            started_at=moment(now),
            outcome=outcome,
            sentence=sentence,
            has_copy=self.has_copy,
            stale_since=None if since is None else moment(since),
        )

    def _good(self, standing: Standing, came: _Came, now: float) -> tuple[Standing, Outcome, str]:
        same = came.sha256 in ("", standing.sha256)
        after = replace(
            standing,
            asked_at=now,
            good_at=now,
            sha256=came.sha256 or standing.sha256,
            etag=came.etag or (standing.etag if same else ""),
            last_modified=came.last_modified or (standing.last_modified if same else ""),
            failing_since=None,
            said="",
            not_before=None,
        )
        if same:
            return after, "not_modified", "Nothing has changed at the source since its last good copy."
        self._lay_down()
        sentence = f"{came.bytes:,} bytes came, and are taken in as {self.source.file_name}."
        if came.sha256 in self.copies:
            sentence = (
                f"{came.bytes:,} bytes came, the same as an earlier copy but not the last; bytes delivered "
                "twice change nothing. If the source went back to it, deliver those rows anew."
            )
        return after, "fetched", sentence

    def _failed(
        self, transfer: Transfer, standing: Standing, failure: TransferFailed | SourceFailed, now: float
    ) -> Standing:
        kept = (
            f"Its last good copy, of {moment(standing.good_at)}, stays."
            if self.has_copy and standing.good_at is not None
            else "Its last good copy stays."
            if self.has_copy
            else "There is no earlier copy of it."
        )
        said = transfer.redact(f"{self.source.name}: {failure.what}. {failure.next_step} {kept}")
        wait = failure.wait if isinstance(failure, TransferFailed) else None
        return replace(
            standing,
            asked_at=now,
            failing_since=now if standing.failing_since is None else standing.failing_since,
            said=said,
            not_before=None if wait is None else self.network.now() + wait,
        )

    # --- bytes ----------------------------------------------------------------------------------------------

    @property
    def _aside(self) -> Path:
        return self.home.fetching / f".{self.source.name}.tmp"

    def _lay_down(self) -> None:
        """Give what came its name in the inbox of fetched files: whole, and on disk."""
        sync_file(self._aside)
        faults.point("fetch.before_rename")
        self._aside.replace(inbox(self.home) / self.source.file_name)
        faults.point("fetch.after_rename")
        sync_folder(inbox(self.home))

    def _download(self, transfer: Transfer, standing: Standing) -> _Came:
        descriptor = os.open(self._aside, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w+b") as handle:
            reply = transfer.download(handle, standing.validators)
        if reply.status == 304:
            return _Came()
        headers = reply.headers
        return _Came(reply.sha256, reply.bytes, _kept(headers, "ETag"), _kept(headers, "Last-Modified"))

    def _collect(self, transfer: Transfer) -> _Came:
        """Have the reader's folder ask by itself; what it gives becomes one JSON document."""
        try:
            collector = importlib.import_module(f"sources.{self.source.kind}.collect")
            document = collector.collect(transfer.get_json, dict(self.source.settings))
            content = json.dumps(document, ensure_ascii=True, allow_nan=False).encode("ascii")
        except (TransferFailed, SourceFailed):
            raise
        except Exception as error:  # a reply that nobody foresaw; its words may hold people's data
            what = "replies are not what its collector knows" if transfer.attempts else "settings are wrong"
            raise TransferFailed(
                f"its {what} ({type(error).__name__})",
                f"{self.defective(error)} says where; that file may hold people's data.",
            ) from None
        if len(content) > self.source.max_unpacked_bytes:
            raise TransferFailed(
                f"it is larger than {self.source.max_unpacked_bytes / MEGABYTE:g} MB",
                "Ask for less: see the settings of this kind.",
            )
        descriptor = os.open(self._aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(content)
        return _Came(hashlib.sha256(content).hexdigest(), len(content))


def _kept(headers: Mapping[str, str], name: str) -> str:
    """A header that is sent back one day; one that is too long, or could not be sent, is forgotten."""
    value = headers.get(name, "")
    return value if len(value) <= 500 and value.isascii() and value.isprintable() else ""
