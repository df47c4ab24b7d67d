"""One model's operations in the order of the client's sequence numbers.

The SDK numbers a training client's requests from 1 and sends the chunks of a batch concurrently,
the first one last. An operation starts when the one before it has finished, so a save sees
exactly the steps before it and a load is seen by exactly the steps after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from recipe_runner.backends.local.http_errors import BadRequest

Operation = Callable[[], Awaitable[None]]

# The SDK retries a submission for five minutes; a number still missing after that never comes
# (the client failed to encode it, or gave up), and what follows would wait for ever.
MISSING_AFTER_S = 330.0
# How far ahead of the number that comes next one may be: what is between has to be kept.
MAX_AHEAD = 10_000


class Sequencer:
    """Runs submitted operations one at a time, by number. Lives on one event loop.

    Operations must not raise: they report failures to whoever waits for their result.
    """

    def __init__(self, missing_after_s: float = MISSING_AFTER_S) -> None:
        self._missing_after_s = missing_after_s
        self._next = 1
        self._pending: dict[int, Operation] = {}
        self._arrived = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None

    @property
    def next(self) -> int:
        """The number that is waited for."""
        return self._next

    def check(self, seq_id: int) -> None:
        """Raises BadRequest for a number that has run, is taken, or is far from the next."""
        if seq_id >= self._next + MAX_AHEAD:
            raise BadRequest(
                f"sequence number {seq_id} is {MAX_AHEAD:,} or more ahead of {self._next}, which "
                "this model expects next"
            )
        if seq_id < self._next or seq_id in self._pending:
            raise BadRequest(
                f"sequence number {seq_id} was used already; this model expects "
                f"{self._next} or later"
            )

    def submit(self, seq_id: int, operation: Operation) -> None:
        """Queue an operation under a number that `check` passes."""
        self.check(seq_id)
        self._pending[seq_id] = operation
        self._arrived.set()
        if self._worker is None:
            self._worker = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Drop what is queued; an operation in progress is cancelled."""
        self._pending.clear()
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.wait([self._worker])

    async def _run(self) -> None:
        while True:
            operation = await self._take()
            await operation()

    async def _take(self) -> Operation:
        while self._next not in self._pending:
            self._arrived.clear()
            timeout = self._missing_after_s if self._pending else None
            try:
                await asyncio.wait_for(self._arrived.wait(), timeout)
            except TimeoutError:
                self._next = min(self._pending)
        self._next += 1
        return self._pending.pop(self._next - 1)
