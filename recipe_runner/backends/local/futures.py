"""Results by request id: submitted once, fetched by long poll, forgotten after they were read.

A submission that the SDK repeats (its connection broke, the first attempt arrived all the same)
carries the same key and gets the same request id, so nothing runs twice.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from recipe_runner.backends.local.http_errors import Busy, Gone, NotFound

KEEP_READ_S = 60.0
KEEP_READ_BYTES = 32 * 2**20
KEEP_UNREAD_S = 3600.0
KEEP_UNREAD_BYTES = 2**30
MAX_PENDING = 100_000


@dataclass(frozen=True)
class Payload:
    """A finished request's answer as it goes over the wire."""

    body: bytes
    content_type: str = "application/json"


@dataclass
class _Entry:
    key: Hashable
    owner: str
    done: asyncio.Event = field(default_factory=asyncio.Event)
    payload: Payload | None = None


@dataclass
class FutureStore:
    """The futures of all sessions. Lives on one event loop.

    A read result stays `keep_read_s` (a retried retrieve still finds it) while all read results
    together are within `keep_read_bytes`; a finished one that nobody fetches stays
    `keep_unread_s`, within `keep_unread_bytes`; a pending one stays until it finishes or its owner
    is dropped, and there are at most `max_pending` of them.
    """

    keep_read_s: float = KEEP_READ_S
    keep_read_bytes: int = KEEP_READ_BYTES
    keep_unread_s: float = KEEP_UNREAD_S
    keep_unread_bytes: int = KEEP_UNREAD_BYTES
    max_pending: int = MAX_PENDING
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._prefix = uuid.uuid4().hex[:12]
        self._count = 0
        self._entries: dict[str, _Entry] = {}
        self._by_key: dict[Hashable, str] = {}
        self._read: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._read_bytes = 0
        self._unread: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._unread_bytes = 0
        self._closed = False

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, key: Hashable) -> str | None:
        """The request id of an earlier submission with this key."""
        return self._by_key.get(key)

    def open(self, key: Hashable, owner: str) -> str:
        """A new pending future's request id; the key must be new.

        Raises Busy while too many are pending.
        """
        assert key not in self._by_key, key
        self._sweep()
        num_pending = len(self._entries) - len(self._read) - len(self._unread)
        if num_pending >= self.max_pending:
            raise Busy(f"{num_pending:,} requests are waiting for their results: wait for some")
        self._count += 1
        request_id = f"{self._prefix}-{self._count}"
        self._entries[request_id] = _Entry(key, owner)
        self._by_key[key] = request_id
        return request_id

    def resolve(self, request_id: str, payload: Payload) -> None:
        """Finish a future; without effect when its owner was dropped meanwhile."""
        entry = self._entries.get(request_id)
        if entry is None:
            return
        assert entry.payload is None, f"{request_id} was resolved twice"
        entry.payload = payload
        entry.done.set()
        self._unread[request_id] = (self.clock(), len(payload.body))
        self._unread_bytes += len(payload.body)
        self._sweep()

    async def wait(self, request_id: str, timeout_s: float) -> Payload | None:
        """The answer, or None when it is still pending after `timeout_s` seconds.

        Raises Gone for a result that was evicted, NotFound for an id never given out.
        """
        entry = self._entries.get(request_id)
        if entry is None:
            raise self._missing(request_id)
        if entry.payload is None:
            try:
                await asyncio.wait_for(entry.done.wait(), timeout_s)
            except TimeoutError:
                return None
            if self._closed:
                return None
            if entry.payload is None:
                raise self._missing(request_id)
        self._mark_read(request_id, entry.payload)
        return entry.payload

    def drop_owner(self, owner: str) -> None:
        """Forget every future of a session; those waiting on one get Gone."""
        for request_id in [i for i, entry in self._entries.items() if entry.owner == owner]:
            self._evict(request_id)

    def close(self) -> None:
        """Answer every wait at once, so that the server can stop."""
        self._closed = True
        for entry in self._entries.values():
            entry.done.set()

    def _missing(self, request_id: str) -> Gone | NotFound:
        prefix, _, number = request_id.rpartition("-")
        known = prefix == self._prefix and number.isdecimal() and len(number) < 20
        if known and 0 < int(number) <= self._count:
            return Gone(f"the result of request {request_id} is no longer kept")
        return NotFound(
            f"no request {request_id!r} on this server; if the server was restarted, resume from "
            "the last checkpoint"
        )

    def _mark_read(self, request_id: str, payload: Payload) -> None:
        if request_id in self._read or self._unread.pop(request_id, None) is None:
            return
        self._unread_bytes -= len(payload.body)
        self._read[request_id] = (self.clock(), len(payload.body))
        self._read_bytes += len(payload.body)

    def _sweep(self) -> None:
        now = self.clock()
        while self._read:
            request_id, (read_at, _) = next(iter(self._read.items()))
            if now - read_at < self.keep_read_s and self._read_bytes <= self.keep_read_bytes:
                break
            self._evict(request_id)
        while self._unread:
            request_id, (finished_at, _) = next(iter(self._unread.items()))
            fresh = now - finished_at < self.keep_unread_s
            if fresh and self._unread_bytes <= self.keep_unread_bytes:
                break
            self._evict(request_id)

    def _evict(self, request_id: str) -> None:
        entry = self._entries.pop(request_id)
        del self._by_key[entry.key]
        _, unread = self._unread.pop(request_id, (0.0, 0))
        self._unread_bytes -= unread
        _, size = self._read.pop(request_id, (0.0, 0))
        self._read_bytes -= size
        entry.done.set()
