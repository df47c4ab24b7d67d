"""Which variant runs when: at most N at once, each to exactly one end, whatever the others do.

Knows nothing of recipes: jobs are names, and a `Worker` is whatever an executor starts for one.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal, Protocol

FIRST_PAUSE_S = 30.0
LONGEST_PAUSE_S = 600.0
# How often a job is begun that the service keeps refusing while no other job is at work.
TRIES = 10


class Exit(enum.IntEnum):
    """How a worker ends: the command's exit codes, and one of its own."""

    DONE = 0
    BUDGET = 5
    # EX_TEMPFAIL of sysexits.h: the service's limits, not the run, stood in the way.
    LIMIT = 75
    INTERRUPTED = 130


State = Literal["waiting", "running", "done", "failed", "budget", "stopped", "interrupted"]
ENDS: tuple[State, ...] = ("done", "failed", "budget", "stopped", "interrupted")


class Worker(Protocol):
    """One job at work."""

    @property
    def exit_code(self) -> int | None:
        """None while it is at work; negative where a signal ended it."""
        ...

    def interrupt(self) -> None:
        """Ask it to save and end."""
        ...

    def kill(self) -> None: ...


@dataclass
class Job:
    """A job and what has become of it.

    Attributes:
        state: `stopped` was ended for losing; `interrupted` for the whole schedule, perhaps before
            it was begun.
        tries: starts that the service's limits undid, since the last success of any other job.
        not_before: on the schedule's clock.
    """

    name: str
    state: State = "waiting"
    exit_code: int | None = None
    tries: int = 0
    not_before: float = 0.0
    worker: Worker | None = None
    losing: bool = False
    started: float | None = None
    seconds: float = 0.0


@dataclass
class Schedule:
    """Jobs in the order in which they are begun.

    Args:
        start: begins a job; an OSError that it raises counts as a failure of that job.
        max_parallel: jobs at work at once.
        on_change: called when a job's state changes.
    """

    names: Iterable[str]
    start: Callable[[str], Worker]
    max_parallel: int
    on_change: Callable[[Job], None] = lambda job: None
    clock: Callable[[], float] = time.monotonic
    jobs: dict[str, Job] = field(init=False)
    stopping: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        assert self.max_parallel >= 1
        self.jobs = {name: Job(name) for name in self.names}

    @property
    def running(self) -> list[Job]:
        return [job for job in self.jobs.values() if job.state == "running"]

    @property
    def is_over(self) -> bool:
        return all(job.state in ENDS for job in self.jobs.values())

    def advance(self) -> None:
        """Take note of what has ended, and begin what there is room for."""
        for job in self.running:
            assert job.worker is not None
            code = job.worker.exit_code
            if code is not None:
                self._take_end(job, code)
        while not self.stopping and len(self.running) < self.max_parallel:
            ready = self._next()
            if ready is None:
                break
            self._begin(ready)

    def stop(self) -> None:
        """Begin nothing more, and ask what is at work to save and end."""
        self.stopping = True
        for job in self.jobs.values():
            if job.state == "waiting":
                self._change(job, "interrupted")
        for job in self.running:
            assert job.worker is not None
            job.worker.interrupt()

    def stop_loser(self, name: str) -> None:
        """End one job in order, for it is losing."""
        job = self.jobs[name]
        if job.state == "running" and not job.losing:
            assert job.worker is not None
            job.losing = True
            job.worker.interrupt()

    def kill(self) -> None:
        """End what is at work now."""
        for job in self.running:
            assert job.worker is not None
            job.worker.kill()

    def _next(self) -> Job | None:
        now = self.clock()
        waiting = [job for job in self.jobs.values() if job.state == "waiting"]
        return next((job for job in waiting if job.not_before <= now), None)

    def _begin(self, job: Job) -> None:
        try:
            job.worker = self.start(job.name)
        except OSError as error:
            job.exit_code = error.errno
            self._change(job, "failed")
            return
        job.started = self.clock()
        self._change(job, "running")

    def _take_end(self, job: Job, code: int) -> None:
        assert job.started is not None
        job.seconds += self.clock() - job.started
        job.worker, job.exit_code = None, code
        if code == Exit.LIMIT and not self.stopping:
            self._queue_again(job)
        elif code == Exit.DONE:
            self._change(job, "done")
        elif code == Exit.BUDGET:
            self._change(job, "budget")
        elif job.losing:
            self._change(job, "stopped")
        elif code in (Exit.INTERRUPTED, Exit.LIMIT) or (self.stopping and code < 0):
            self._change(job, "interrupted")
        else:
            self._change(job, "failed")
        if code == Exit.DONE:
            self._let_waiting_try()

    def _queue_again(self, job: Job) -> None:
        job.tries += 1
        if job.tries >= TRIES and self.running == [job]:
            self._change(job, "failed")
            return
        pause = min(FIRST_PAUSE_S * 2 ** (job.tries - 1), LONGEST_PAUSE_S)
        job.not_before = self.clock() + pause
        self._change(job, "waiting")

    def _let_waiting_try(self) -> None:
        """A job has made room on the service: those that it refused may try again at once."""
        for job in self.jobs.values():
            job.tries, job.not_before = 0, 0.0

    def _change(self, job: Job, state: State) -> None:
        job.state = state
        self.on_change(job)
