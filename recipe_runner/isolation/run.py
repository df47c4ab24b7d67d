"""Run one Python program, shut in, within limits."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import PurePosixPath

from recipe_runner.isolation.interpreter import Interpreter, interpreters
from recipe_runner.isolation.limits import limits
from recipe_runner.isolation.mechanisms import NONE, Mechanism, candidates
from recipe_runner.isolation.payload import Payload
from recipe_runner.isolation.supervise import Completed, NotStarted, supervise

_PROGRAM = "main.py"
_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    # A thread a core would each reserve tens of megabytes of the program's memory.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}


class IsolationUnavailable(RuntimeError):
    """Nothing on this machine can shut a program in; the message has the reason and the remedy."""


@dataclass(frozen=True)
class Chosen:
    """A mechanism that works here, and the interpreter it works with."""

    mechanism: Mechanism
    interpreter: Interpreter


@dataclass(frozen=True)
class Job:
    """One program with its limits.

    Attributes:
        files: the program and the files of its directory, by their relative paths.
        stop: ends the program early, once it is set.
    """

    files: Mapping[str, str]
    stdin: str = ""
    timeout_s: float = 10
    memory_mb: int = 512
    stop: threading.Event = field(default_factory=threading.Event)


def available() -> str | None:
    """Return the name of the mechanism that shuts programs in here, None if there is none."""
    chosen, _ = _choose_once()
    return chosen.mechanism.name if chosen else None


def run_python(
    code: str,
    *,
    stdin: str = "",
    files: Mapping[str, str] = {},
    timeout_s: float = 10,
    memory_mb: int = 512,
    allow_unsafe: bool = False,
) -> Completed:
    """Run a program in a throw-away directory, with no network, no environment and no other files.

    Waits while as many programs run as the machine has processors.

    Args:
        stdin: what it reads; the end of file follows.
        files: files of its directory, by their relative paths.
        timeout_s: seconds, after which it and all its processes are killed.
        memory_mb: of address space, for each of its processes.
        allow_unsafe: run it without isolation, within the same limits, where there is none.

    Raises:
        IsolationUnavailable: if nothing can shut it in and `allow_unsafe` is false.
        ValueError: if a file's path leads out of the directory.
    """
    job = Job({_PROGRAM: code, **_inside(files)}, stdin, timeout_s, memory_mb)
    return _run_in_turn(job, allow_unsafe=allow_unsafe)


async def run_python_async(
    code: str,
    *,
    stdin: str = "",
    files: Mapping[str, str] = {},
    timeout_s: float = 10,
    memory_mb: int = 512,
    allow_unsafe: bool = False,
) -> Completed:
    """Do as `run_python`, without blocking the event loop; a cancelled program is killed."""
    job = Job({_PROGRAM: code, **_inside(files)}, stdin, timeout_s, memory_mb)
    run = partial(_run_in_turn, job, allow_unsafe=allow_unsafe)
    try:
        return await asyncio.get_running_loop().run_in_executor(_executor(), run)
    finally:
        job.stop.set()


def _run_in_turn(job: Job, *, allow_unsafe: bool) -> Completed:
    chosen = _mechanism_for(allow_unsafe=allow_unsafe)
    with _slots():
        try:
            return _run(chosen, job)
        except NotStarted as error:
            raise IsolationUnavailable(f"a program could not be started: {error}") from None


def choose(mechanisms: Sequence[Mechanism]) -> tuple[Chosen | None, list[str]]:
    """Return the first mechanism that runs a program, and why those before it do not."""
    reasons = []
    for mechanism in mechanisms:
        for interpreter in interpreters():
            chosen = Chosen(mechanism, interpreter)
            try:
                done = _run(chosen, Job({_PROGRAM: "print(42)"}))
            except (NotStarted, OSError) as error:
                reasons.append(f"{mechanism.name}: {error}")
                continue
            if done.stdout == "42\n":
                return chosen, reasons
            reasons.append(f"{mechanism.name}: {done.stderr or f'exit code {done.exit_code}'}")
    return None, reasons


def unavailable(reasons: Sequence[str]) -> IsolationUnavailable:
    """Return the error for a machine on which nothing works."""
    why = "; ".join(dict.fromkeys(reasons)) or "nothing to try is installed"
    return IsolationUnavailable(
        f"programs that models write cannot be isolated on this machine ({why}): "
        "install bubblewrap (Debian: `apt-get install bubblewrap`) and let it make user "
        "namespaces, or write `allow_unsafe_execution: true` to run them with your own rights"
    )


_choosing = threading.Lock()


@cache
def _choice() -> tuple[Chosen | None, list[str]]:
    return choose(candidates())


def _choose_once() -> tuple[Chosen | None, list[str]]:
    with _choosing:
        return _choice()


def _mechanism_for(*, allow_unsafe: bool) -> Chosen:
    chosen, reasons = _choose_once()
    if chosen is not None:
        return chosen
    if not allow_unsafe:
        raise unavailable(reasons)
    return Chosen(NONE, interpreters()[0])


@cache
def _slots() -> threading.BoundedSemaphore:
    return threading.BoundedSemaphore(os.cpu_count() or 1)


@cache
def _executor() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="isolated")


def _inside(files: Mapping[str, str]) -> dict[str, str]:
    for path in files:
        parts = PurePosixPath(path).parts
        if not parts or parts[0] == "/" or ".." in parts or "\0" in path or path == _PROGRAM:
            raise ValueError(f"no name for a file of the program's directory: {path!r}")
    return dict(files)


def _run(chosen: Chosen, job: Job) -> Completed:
    with _empty_directory() as directory:
        start = chosen.mechanism.start(chosen.interpreter, directory)
        payload = Payload(
            argv=[start.executable, "-E", "-s", "-B", "-X", "utf8", _PROGRAM],
            environment={**_ENVIRONMENT, "HOME": start.directory},
            directory=start.directory,
            files={path: _encode(text) for path, text in job.files.items()},
            stdin=_encode(job.stdin),
            limits=limits(
                timeout_s=job.timeout_s,
                memory_mb=job.memory_mb,
                is_isolated=chosen.mechanism.is_isolated,
            ),
            jail=start.jail,
        )
        return supervise(start, payload, job.timeout_s, job.stop)


@contextmanager
def _empty_directory() -> Iterator[str]:
    directory = tempfile.mkdtemp(prefix="recipe-run-box-")
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "replace")
