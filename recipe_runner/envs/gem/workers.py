"""The pool of worker processes, shared by all environments of a training process."""

from __future__ import annotations

import asyncio
import atexit
import os
import re
import signal
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from multiprocessing.connection import Pipe
from pathlib import Path
from typing import Any

from recipe_runner.envs import EnvironmentUnavailable
from recipe_runner.envs.gem.protocol import Answer, EnvSpec, Failure, Job, Move, Opening, Turn
from recipe_runner.user_code import searched
from recipe_runner.versions import untested

START_CPU_SECONDS = 30.0
"""For a reset. Half a second is slow, but some of Sokoban's 8×8 rooms take minutes to find."""

STEP_CPU_SECONDS = 2.0
"""For a step or a grading. GEM gives its math grader 1 s of wall time."""

# How many workers a run has, for who starts many runs: each worker takes a hundred megabytes.
SIZE_VARIABLE = "RECIPE_RUN_ENV_WORKERS"

_WALL_PER_CPU_SECOND = 10.0
_IMPORT_SECONDS = 300.0
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)


class EpisodeError(Exception):
    """The environment raised, or its worker died; the message has the environment's own."""


class EpisodeTimeout(EpisodeError):
    """The environment did not answer in time and was stopped."""


def _environment() -> dict[str, str]:
    """Return what a worker sees: no keys, for some graders evaluate the reply as Python.

    And none of the user's modules, which it has no use for: Python would import their
    `sitecustomize` as it starts.
    """
    public = {name: value for name, value in os.environ.items() if not _SECRET.search(name)}
    paths = [path or os.getcwd() for path in sys.path if Path(path) not in searched()]
    return {
        **public,
        "PYTHONPATH": os.pathsep.join(paths),
        # Three reasoning_gym datasets iterate over sets of strings.
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


class Worker:
    """One worker process. Not thread-safe: the pool lends it to one thread at a time."""

    def __init__(self) -> None:
        self._connection, theirs = Pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "recipe_runner.envs.gem.worker", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=_environment(),
        )
        theirs.close()
        self._await_import()

    @property
    def pid(self) -> int:
        return self._process.pid

    def _await_import(self) -> None:
        answer = self._receive(_IMPORT_SECONDS)
        if isinstance(answer, Failure):
            self.kill()
            raise EnvironmentUnavailable(missing_gem(answer.message))

    def call(self, job: Job) -> Any:
        """Run a job; EpisodeError where it raised, or where the process died (then not `alive`)."""
        try:
            self._connection.send(job)
        except (BrokenPipeError, ConnectionResetError):
            raise self._death() from None
        answer = self._receive(job.cpu_seconds * _WALL_PER_CPU_SECOND)
        if isinstance(answer, Failure):
            error_class = EpisodeTimeout if answer.timed_out else EpisodeError
            raise error_class(f"{answer.error_type}: {answer.message}")
        return answer

    def _receive(self, seconds: float) -> Any:
        if not self._connection.poll(seconds):
            self.kill()
            raise EpisodeTimeout(f"TimeoutError: no answer within {seconds:g} s")
        try:
            return self._connection.recv()
        except (EOFError, ConnectionResetError):
            raise self._death() from None

    def _death(self) -> EpisodeError:
        self.kill()
        code = self._process.returncode
        if code == -signal.SIGVTALRM:
            return EpisodeTimeout("TimeoutError: used too much processor time")
        return EpisodeError(f"the environment's process died with code {code}")

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        self._connection.close()
        self._process.kill()
        self._process.wait()


class WorkerPool:
    """Worker processes made as they are needed, `size` at most, reused the last one first.

    Threads do the waiting, so one pool serves any number of event loops, one after the other or at
    the same time.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="gem-worker")
        self._lock = threading.Lock()
        self._idle: list[Worker] = []
        self._all: set[Worker] = set()

    def warm_up(self) -> None:
        """Begin to start the workers that are missing: a batch's first jobs come all at once."""
        with self._lock:
            missing = self._size - len(self._all)
        for _ in range(missing):
            self._threads.submit(self._take_new).add_done_callback(self._keep)

    def _keep(self, started: Future[Worker]) -> None:
        # Where no worker can start, the first job's own attempt says why.
        if not started.cancelled() and started.exception() is None:
            self._give_back(started.result())

    async def start(self, spec: EnvSpec, seed: int) -> Opening:
        return await self._call(Job("start", (spec, seed), START_CPU_SECONDS))

    async def start_problem(self, spec: EnvSpec, question: str, answer: Answer) -> Opening:
        return await self._call(Job("start_problem", (spec, question, answer), START_CPU_SECONDS))

    async def step(self, state: bytes, reply: str) -> Turn:
        return await self._call(Job("step", (state, reply), STEP_CPU_SECONDS))

    async def rehearse(self, state: bytes) -> Move | None:
        """Return a valid move, None where the environment cannot draw one."""
        return await self._call(Job("rehearse", (state,), STEP_CPU_SECONDS))

    async def _call(self, job: Job) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._call_blocking, job)

    def _call_blocking(self, job: Job) -> Any:
        worker = self._take()
        try:
            return worker.call(job)
        finally:
            self._give_back(worker)

    def _take(self) -> Worker:
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                if worker.alive:
                    return worker
                self._all.discard(worker)
        return self._take_new()

    def _take_new(self) -> Worker:
        worker = Worker()
        with self._lock:
            self._all.add(worker)
        return worker

    def _give_back(self, worker: Worker) -> None:
        with self._lock:
            if worker.alive:
                self._idle.append(worker)
            else:
                self._all.discard(worker)

    def pids(self) -> list[int]:
        with self._lock:
            return [worker.pid for worker in self._all]

    def close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)
        for worker in self._all:
            worker.kill()
        self._all.clear()
        self._idle.clear()


def missing_gem(reason: str) -> str:
    differs = untested("gem-llm")
    if differs is not None and differs.installed is not None:
        return (
            f"GEM environments do not load here ({reason}): {differs}; {differs.remedy} pylatexenc"
        )
    return (
        f"GEM environments need the package gem-llm, which does not load here ({reason}); "
        "gem-llm 0.1.0 declares Python 3.12.0 or older: use Python 3.11 and "
        "`pip install gem-llm==0.1.0 pylatexenc`"
    )


def shared_pool() -> WorkerPool:
    """Return this process's pool; a forked child gets its own, for pipes cannot be shared."""
    return _pool_of(os.getpid())


def default_size(runs: int = 1) -> int:
    """Return how many workers a run has, where so many runs share this machine."""
    share = (os.cpu_count() or 2) // (2 * runs)
    return max(1 if runs > 1 else 2, min(8, share))


@cache
def _pool_of(_pid: int) -> WorkerPool:
    pool = WorkerPool(int(os.environ.get(SIZE_VARIABLE, 0)) or default_size())
    atexit.register(pool.close)
    return pool
