"""The samplers of an engine, the requests that came for them, and whose turn it is."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future
from typing import TYPE_CHECKING

from recipe_runner.backends.local.answers import fail
from recipe_runner.backends.local.api import SampleRequest, SampleResult
from recipe_runner.backends.local.errors import EngineError

if TYPE_CHECKING:
    from recipe_runner.backends.local.sampling import Sampler

# How long a busy sampler goes on while others wait: each turn brings weights of its own into the
# processor's caches, which a single step of a small model hardly pays for.
_TURN_S = 0.005
# Samplers that keep their merged weights while idle; the others merge again when asked.
_MERGED_KEPT = 4


class SamplingQueue:
    """Busy samplers take turns and share `max_slots` slots; each has a few of its own beside.

    `put`, `__bool__` and `live` may be called from any thread, the rest from the compute thread.
    """

    def __init__(self, max_slots: int) -> None:
        if max_slots < 1:
            raise ValueError(f"max_slots must be 1 or more, not {max_slots}")
        self._max_slots = max_slots
        # Each sampler's, whatever the others hold: nobody waits for another's long sequences.
        self._own_slots = max(1, max_slots // 8)
        self._samplers: dict[str, Sampler] = {}
        self._requests: deque[tuple[str, SampleRequest, Future[SampleResult]]] = deque()
        self._busy: deque[Sampler] = deque()
        self._merged: deque[Sampler] = deque()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Samplers that can be asked."""
        return len(self._samplers)

    def __bool__(self) -> bool:
        return bool(self._requests or self._busy)

    def put(self, sampler_id: str, request: SampleRequest) -> Future[SampleResult]:
        """Queue a request; the future can be cancelled for as long as it is not done."""
        future: Future[SampleResult] = Future()
        self._requests.append((sampler_id, request, future))
        return future

    def live(self) -> Iterable[Sampler]:
        """Samplers that can be asked, and dropped ones that still finish their work."""
        with self._lock:
            return list({id(s): s for s in (*self._samplers.values(), *self._busy)}.values())

    def add(self, sampler_id: str, sampler: Sampler) -> None:
        with self._lock:
            self._samplers[sampler_id] = sampler

    def check_new(self, sampler_id: str) -> None:
        if sampler_id in self._samplers:
            raise EngineError(f"sampler {sampler_id!r} exists already")

    def drop(self, sampler_id: str) -> None:
        """Forget a sampler; what it is sampling now it still finishes."""
        sampler = self._sampler(sampler_id)
        with self._lock:
            del self._samplers[sampler_id]
        if sampler in self._merged:
            self._merged.remove(sampler)

    def take_requests(self) -> None:
        """Hand the requests that came to their samplers."""
        while self._requests:
            sampler_id, request, future = self._requests.popleft()
            try:
                sampler = self._sampler(sampler_id)
                sampler.submit(request, future)
            except Exception as error:
                # The caller holds the future and is the one to tell.
                fail(future, error)
                continue
            if sampler not in self._busy:
                with self._lock:
                    self._busy.append(sampler)

    def next(self) -> Sampler | None:
        """The busy sampler whose turn it is; None when none is busy."""
        for _ in range(len(self._busy)):
            if self._busy[0].can_advance(self._free_slots(self._busy[0])):
                return self._busy[0]
            self._busy.rotate(-1)
        # A sampler has rows, which can advance, or a free slot of its own.
        assert not self._busy, "busy samplers of which none can advance"
        return None

    def advance(self, sampler: Sampler) -> None:
        """A sampler's turn: a slice of work, or several short ones; then it is the next one's."""
        ends = time.perf_counter() + (_TURN_S if len(self._busy) > 1 else 0)
        sampler.advance(self._free_slots(sampler))
        while sampler.num_rows and time.perf_counter() < ends:
            sampler.advance(self._free_slots(sampler))
        with self._lock:
            self._busy.remove(sampler)
            if sampler.busy:
                self._busy.append(sampler)
        if not sampler.busy:
            self._rest(sampler)

    def fail(self, error: BaseException) -> None:
        """Answer every request with `error`."""
        while self._requests:
            fail(self._requests.popleft()[2], error)
        for sampler in self._busy:
            sampler.fail(error)

    def _free_slots(self, sampler: Sampler) -> int:
        used = sum(busy.num_rows for busy in self._busy)
        return max(self._max_slots - used, self._own_slots - sampler.num_rows)

    def _rest(self, sampler: Sampler) -> None:
        """Keep the merged weights of the samplers that were busy last."""
        if sampler in self._merged:
            self._merged.remove(sampler)
        if sampler not in self._samplers.values():
            sampler.release()
            return
        self._merged.append(sampler)
        while len(self._merged) > _MERGED_KEPT:
            oldest = self._merged.popleft()
            if not oldest.busy:
                oldest.release()

    def _sampler(self, sampler_id: str) -> Sampler:
        try:
            return self._samplers[sampler_id]
        except KeyError:
            raise EngineError(f"there is no sampler {sampler_id!r}") from None
