"""Starts the server as a fork of this process, which shares what both have imported."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import time
from dataclasses import dataclass
from multiprocessing.context import ForkProcess
from pathlib import Path

_HEAVY = ("torch", "transformers")
_POLL_S = 0.01


@dataclass(frozen=True)
class Settings:
    """What a server is started with; see `server.serve`."""

    store: Path
    seed: int
    threads: int
    port: int
    model_path: Path | None


def can_fork() -> bool:
    """Whether a fork is safe here, and saves an import of seconds and hundreds of megabytes.

    A second thread could hold a lock at the moment of the fork, and no thread of the child would
    ever let go of it.
    """
    loaded = all(name in sys.modules for name in _HEAVY)
    alone = threading.active_count() == 1 and not multiprocessing.current_process().daemon
    return loaded and alone and "fork" in multiprocessing.get_all_start_methods()


class ForkedServer:
    """A server in a child process; the interface of `subprocess.Popen`, as far as it is used.

    Attributes:
        output: descriptor that gives the URL's line, and ends when the server does.
    """

    def __init__(self, settings: Settings, key: str, log: int) -> None:
        self.output, said = os.pipe()
        alive, self._alive = os.pipe()
        self._process = ForkProcess(target=_serve, args=(settings, key, log, said, alive))
        self._process.start()
        os.close(said)
        os.close(alive)

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code.

        Raises:
            TimeoutError: if it has not ended by then.
        """
        # Not `join(timeout)`: it waits for a descriptor that the child has let go of, see
        # `_keep_only`, and then without end for the child.
        deadline = None if timeout is None else time.monotonic() + timeout
        while self._process.exitcode is None:
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError
            time.sleep(_POLL_S)
        return self._process.exitcode

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> None:
        os.close(self.output)
        os.close(self._alive)


def _serve(settings: Settings, key: str, log: int, said: int, alive: int) -> None:
    """Be the server: in a session of its own, with no descriptor of the parent's but its own."""
    from recipe_runner.backends.local.server import main

    os.setsid()
    _keep_only(alive, said, log)
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    sys.exit(main(settings, api_key=key))


def _keep_only(stdin: int, stdout: int, stderr: int) -> None:
    """Put three descriptors in the place of the standard ones, and nothing in all others' place.

    The others are not closed: what the parent's objects still call theirs must not become another
    file's number. A run's lock, above all, would be held as long as one copy of it is open.
    """
    kept = [os.dup(number) for number in (stdin, stdout, stderr)]
    for number, copy in enumerate(kept):
        os.dup2(copy, number)
    nothing = os.open(os.devnull, os.O_RDWR)
    for name in os.listdir("/dev/fd"):
        if int(name) > 2 and int(name) != nothing and _is_open(int(name)):
            os.dup2(nothing, int(name))


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
