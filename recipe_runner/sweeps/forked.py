"""Processes forked from one that has imported what they need: milliseconds to start, little memory.

The process that is forked has no other thread and never runs anything but imports. Each child has
a directory, an environment and an output file of its own, is in a session of its own (the
terminal's Ctrl-C does not reach it), and ends when the process that started it does, by whatever
signal.
"""

from __future__ import annotations

import atexit
import fcntl
import multiprocessing
import multiprocessing.forkserver
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

_FREEZE = "recipe_runner.sweeps.freeze"

# A fork takes one thread along. These libraries start others as they are imported: numpy's BLAS,
# and the allocator of pyarrow. Threads of OpenMP that wait should not spin.
_WITHOUT_THREADS = {
    "OPENBLAS_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "OMP_WAIT_POLICY": "passive",
}
# The process is started by `python -c`, which looks for modules in the working directory first.
_AT_THE_START = {**_WITHOUT_THREADS, "PYTHONSAFEPATH": "1"}


class Forked:
    """A child process; its exit code is negative where a signal ended it."""

    def __init__(self, process: ForkServerProcess) -> None:
        self._process = process
        assert process.pid is not None
        self.pid = process.pid

    @property
    def sentinel(self) -> int:
        """What `multiprocessing.connection.wait` takes to wait for several of them."""
        return self._process.sentinel

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.exitcode

    def wait(self, timeout_s: float | None = None) -> int:
        """Return the exit code.

        Raises:
            TimeoutError: if it has not ended by then.
        """
        self._process.join(timeout_s)
        if self._process.exitcode is None:
            raise TimeoutError(f"process {self.pid} still runs after {timeout_s} s")
        return self._process.exitcode

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; without effect once it has ended."""
        if self._process.exitcode is None:
            os.kill(self.pid, number)


def preload(modules: Sequence[str]) -> None:
    """Name what children share; call it before the first `start`, or it waits for the next process.

    Modules that cannot be imported are left out: a child that needs one says why.
    """
    multiprocessing.get_context("forkserver").set_forkserver_preload([*modules, _FREEZE])


def warm_up() -> None:
    """Start importing now, in the background, with this process's environment and outputs."""
    before = {name: os.environ.get(name) for name in _AT_THE_START}
    os.environ.update(_AT_THE_START)
    try:
        multiprocessing.forkserver.ensure_running()
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def start(
    target: Callable[..., int | None],
    args: Sequence[Any],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    output: Path,
) -> Forked:
    """Call `target(*args)` in a child process; what it returns is the exit code, None counts as 0.

    Args:
        target: a function of a module, with arguments that can be pickled.
        environment: all of the child's variables. What a shared module read as it was imported
            (HF_HUB_OFFLINE, OMP_WAIT_POLICY) stays as it was then.
        output: the file that standard output and error are appended to.
    """
    warm_up()
    context = multiprocessing.get_context("forkserver")
    # Not a daemon in multiprocessing's sense: those may have no children.
    process = context.Process(
        target=_run, args=(target, tuple(args), str(cwd), dict(environment), str(output))
    )
    process.start()
    child = Forked(process)
    _alive.add(child)
    return child


_alive: set[Forked] = set()


@atexit.register
def _end_all() -> None:
    """Leave nothing behind, and keep multiprocessing from waiting for it."""
    for child in _alive:
        child.signal(signal.SIGKILL)


def _run(
    target: Callable[..., int | None],
    args: tuple[Any, ...],
    cwd: str,
    environment: dict[str, str],
    output: str,
) -> None:
    """Be the child."""
    os.setsid()
    _end_with_parent()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _redirect(output)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    if (numpy := sys.modules.get("numpy")) is not None:
        numpy.random.seed()  # or all children would draw what the first one does
    code = 1
    try:
        code = target(*args) or 0
    finally:
        # A forked child leaves without these two, which end pools and flush loggers.
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
    sys.exit(code)


def _redirect(output: str) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for descriptor, source in enumerate((nothing, log, log)):
        os.dup2(source, descriptor)
    os.close(nothing)
    os.close(log)
    sys.stdout = os.fdopen(1, "w", buffering=1, encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8", closefd=False)


def _end_with_parent() -> None:
    """Have the kernel end this process once its parent has, which holds the other end of a pipe.

    Not by a thread where there is another way (Linux): a process with two threads cannot be forked
    again.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None
    pipe = int(parent.sentinel)
    if not hasattr(fcntl, "F_SETSIG"):
        threading.Thread(target=_end_after, args=(pipe,), daemon=True).start()
        return
    fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(pipe, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([pipe], [], [], 0)[0]:
        os.kill(os.getpid(), signal.SIGKILL)


def _end_after(pipe: int) -> None:
    select.select([pipe], [], [])
    os.kill(os.getpid(), signal.SIGKILL)
