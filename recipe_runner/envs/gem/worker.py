"""A worker process: runs GEM's code, one job at a time, until its parent goes away.

    python -m recipe_runner.envs.gem.worker FD

FD is one end of a socket pair. Two timers guard each job, both on processor time, so that a busy
machine does not change a grade: the first raises inside the job, where Python can be interrupted;
the second has the kernel end the process, also where it cannot, and where the parent is dead.
The address space is limited because a reply such as 9**9**9 can ask for all memory there is.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any

from recipe_runner.envs.gem.protocol import Failure, Job

KILL_AFTER = 3.0
"""The second timer's length in multiples of the first's."""

MAX_ADDRESS_SPACE_BYTES = 4 << 30


class _JobTimeout(BaseException):
    """Not an Exception, so that a grader's `except Exception` does not swallow it."""


@contextmanager
def _cpu_limit(seconds: float) -> Iterator[None]:
    """Raise _JobTimeout where the body used more, also where it swallowed the one raised in it."""
    raised = False

    def interrupt(_signum: int, _frame: FrameType | None) -> None:
        nonlocal raised
        raised = True
        raise _JobTimeout

    signal.signal(signal.SIGPROF, interrupt)
    # The interval repeats the signal: several graders have bare `except:` clauses.
    signal.setitimer(signal.ITIMER_PROF, seconds, 0.5)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds * KILL_AFTER)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGPROF, signal.SIG_IGN)
    if raised:
        raise _JobTimeout


def _run(job: Job) -> Any:
    from recipe_runner.envs.gem import episodes

    # What an environment draws outside its own seeding starts from the same state in each job.
    random.seed(0)
    try:
        with _cpu_limit(job.cpu_seconds):
            return episodes.JOBS[job.name](*job.arguments)
    except _JobTimeout:
        return Failure("TimeoutError", f"used {job.cpu_seconds:g} s of processor time", True)
    except Exception as error:
        # Whatever an environment raises on whatever reply: the parent counts it and goes on.
        lines = (line.strip(" *") for line in str(error).splitlines())
        return Failure(type(error).__name__, next(filter(None, lines), ""))


def _limit_address_space() -> None:
    _soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY or hard > MAX_ADDRESS_SPACE_BYTES:
        resource.setrlimit(resource.RLIMIT_AS, (MAX_ADDRESS_SPACE_BYTES, hard))


def serve(connection: Connection) -> None:
    """Answer jobs until the other end closes."""
    try:
        from recipe_runner.envs.gem import episodes  # noqa: F401  (its import time is no job's)
    except ImportError as error:
        connection.send(Failure(type(error).__name__, str(error)))
        return
    connection.send("ready")
    while True:
        try:
            job = connection.recv()
        except (EOFError, ConnectionResetError):
            return
        connection.send(_run(job))


def main() -> None:
    # Ctrl-C on a terminal reaches the whole process group; the parent decides when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGPROF, signal.SIG_IGN)
    signal.signal(signal.SIGVTALRM, signal.SIG_DFL)
    _limit_address_space()
    serve(Connection(int(sys.argv[1])))
    # Not through interpreter shutdown: nothing here needs it, and gem's imports make it slow.
    os._exit(0)


if __name__ == "__main__":
    main()
