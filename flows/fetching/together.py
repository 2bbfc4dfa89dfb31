"""Asking several sources at the same time, so that one that is slow holds up no other.

Sources of one host are asked one after the other, in their order: nobody's server is asked for everything at
once. Standard library alone.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar
from urllib.parse import urlsplit

from flows.fetching.settings import Source

MOST = 16
"""Hosts that are asked at the same time."""

Answer = TypeVar("Answer")


def asked(sources: Sequence[Source], ask: Callable[[Source], Answer]) -> list[Answer]:
    """What ``ask`` gives for each source, in the order of ``sources``, whichever answers first.

    Where it raises, no further source is asked, and the first error, in the order of ``sources``, is raised
    once all that were being asked are done. An interrupt is raised at once: the threads end with the process.
    """
    waiting: queue.SimpleQueue[list[int]] = queue.SimpleQueue()
    hosts: dict[str, list[int]] = {}
    for number, source in enumerate(sources):
        hosts.setdefault(urlsplit(source.address).hostname or "", []).append(number)
    for numbers in hosts.values():
        waiting.put(numbers)
    answers: dict[int, Answer] = {}
    errors: dict[int, BaseException] = {}
    enough = threading.Event()

    def work() -> None:
        while not waiting.empty():
            try:
                numbers = waiting.get_nowait()
            except queue.Empty:
                return
            for number in numbers:
                if enough.is_set():
                    return
                try:
                    answers[number] = ask(sources[number])
                except BaseException as error:
                    errors[number] = error
                    enough.set()

    if len(hosts) < 2:
        work()
    else:
        threads = [
            threading.Thread(target=work, daemon=True, name=f"sources {number}")
            for number in range(min(MOST, len(hosts)))
        ]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            enough.set()
    if errors:
        raise errors[min(errors)]
    return [answers[number] for number in range(len(sources))]
