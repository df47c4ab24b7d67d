"""`Stop`: asks a loop to end after the step under way. Knows nothing of why, nor of any loop."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


class Stopped(Exception):
    """A loop has ended early, as it was asked to, with everything kept that it did.

    Attributes:
        where: what is done and kept, in words: `after step 5`.
    """

    def __init__(self, where: str) -> None:
        super().__init__(f"stopped {where}")
        self.where = where


class Stop:
    """A request to stop that any thread may make, and that a loop looks for between its steps.

    Attributes:
        cut: whether `until_stopped` has left something undone.
        under_way: whether there are steps, so that waiting for the end of one makes sense.
    """

    def __init__(self) -> None:
        self._requested = threading.Event()
        self.cut = False
        self.under_way = False

    @property
    def requested(self) -> bool:
        return self._requested.is_set()

    def request(self) -> None:
        self._requested.set()


_current = Stop()


def current() -> Stop:
    """Return the request that the loop at work has to look for."""
    return _current


@contextmanager
def stopped_by(stop: Stop) -> Iterator[None]:
    """Make a request the current one, for as long as the block lasts."""
    global _current
    before, _current = _current, stop
    try:
        yield
    finally:
        _current = before


def until_stopped(items: Iterable[T]) -> Iterator[T]:
    """Yield the items until a stop is requested; `Stop.cut` says whether some are left."""
    for item in items:
        stop = current()
        stop.under_way = True
        if stop.requested:
            stop.cut = True
            return
        yield item
