"""Who computes next: one thread, many callers, no caller waits for long on another's work."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from recipe_runner.backends.local.answers import fail

Work = Callable[[], Any] | Callable[[], Iterator[Any]]


@dataclass
class _Task:
    """Work of one caller; after its first slice `slices` holds what is left."""

    work: Callable[[], Any]
    future: Future[Any]
    slices: Iterator[Any] | None = None


class TaskQueues:
    """Tasks in queues by name: each queue in order of arrival, the queues in turn.

    A task is a callable, or one that returns an iterator: then each item is a slice of work, the
    last item the result, and other queues have their turns in between.
    """

    def __init__(self) -> None:
        self._queues: dict[str, deque[_Task]] = {}
        self._turns: deque[str] = deque()
        self._lock = threading.Lock()

    def put(self, name: str, work: Callable[[], Any]) -> Future[Any]:
        """Append to the queue `name`; safe from any thread."""
        task = _Task(work, Future())
        with self._lock:
            if name not in self._queues:
                self._queues[name] = deque()
                self._turns.append(name)
            self._queues[name].append(task)
        return task.future

    def __bool__(self) -> bool:
        return bool(self._turns)

    def advance(self) -> None:
        """Run one slice of the task whose queue's turn it is."""
        with self._lock:
            name = self._turns[0]
            task = self._queues[name][0]
        if self._run_slice(task):
            with self._lock:
                self._turns.rotate(-1)
            return
        with self._lock:
            self._queues[name].popleft()
            self._turns.remove(name)
            if self._queues[name]:
                self._turns.append(name)
            else:
                del self._queues[name]

    def fail_all(self, error: BaseException) -> None:
        """Answer every task with `error`."""
        with self._lock:
            tasks = [task for queue in self._queues.values() for task in queue]
            self._queues.clear()
            self._turns.clear()
        for task in tasks:
            fail(task.future, error)

    @staticmethod
    def _run_slice(task: _Task) -> bool:
        """Whether the task has more to do."""
        if task.slices is None and not task.future.set_running_or_notify_cancel():
            return False
        try:
            if task.slices is None:
                result = task.work()
                if not isinstance(result, Iterator):
                    task.future.set_result(result)
                    return False
                task.slices = result
            item = next(task.slices)
            if item is None:
                return True
        except Exception as error:
            # The caller holds the future and is the one to tell.
            task.future.set_exception(error)
            return False
        task.future.set_result(item)
        return False


class FairShare:
    """Alternates between two sides by the time each has used, while both have work."""

    def __init__(self) -> None:
        self._used = [0.0, 0.0]

    def pick(self, *, first: bool, second: bool) -> int:
        """0 or 1: the side with work that has used less time."""
        assert first or second
        if first and second:
            return 0 if self._used[0] <= self._used[1] else 1
        side = 0 if first else 1
        # A side without work saves up no claim.
        self._used[1 - side] = max(self._used)
        return side

    def charge(self, side: int, started: float) -> None:
        """Add the time since `started` (time.perf_counter) to a side."""
        self._used[side] += time.perf_counter() - started
