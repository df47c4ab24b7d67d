"""The local backend as a process of its own, for as long as a `with` block lasts."""

from __future__ import annotations

import os
import secrets
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Protocol
from urllib.parse import urlsplit

from recipe_runner.backends.local.forked import ForkedServer, Settings, can_fork
from recipe_runner.backends.local.guard import Guard

HOST = "127.0.0.1"
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 5.0
LOG_TAIL_LINES = 20
KEY_VARIABLE = "RECIPE_RUN_SERVER_KEY"


class LaunchError(RuntimeError):
    """The server did not start; the message ends with the last lines of its log.

    Attributes:
        killed: whether a signal ended it, so that it may well start the next time.
    """

    def __init__(self, message: str, *, killed: bool = False) -> None:
        super().__init__(message)
        self.killed = killed


@dataclass(frozen=True)
class RunningServer:
    """`url` is the SDK's base_url; `api_key` the only key that the server takes."""

    url: str
    api_key: str = field(repr=False)
    pid: int


@contextmanager
def launch(
    *,
    store: Path,
    seed: int = 0,
    log: Path | None = None,
    model_path: Path | None = None,
    threads: int = 1,
    api_key: str | None = None,
    port: int = 0,
    guarded: bool = False,
) -> Iterator[RunningServer]:
    """Start a server on 127.0.0.1, yield once it answers, stop it at the end.

    Without `api_key` a random one is made; it reaches the server through its environment, or
    through a fork where this process has already imported what the server needs. The server is in
    a session of its own, so the terminal's Ctrl-C does not reach it, and it ends when this process
    does, by whatever signal. `log` is appended to. A `guarded` server that dies later is started
    again, by a thread of this process. Raises LaunchError when it dies or does not answer within a
    minute.
    """
    key = api_key or f"tml-{secrets.token_urlsafe(32)}"
    settings = Settings(store, seed, threads, port, model_path)
    with _open_log(log) as stream:
        process, url = _start(settings, key, stream)
        server = RunningServer(url=url, api_key=key, pid=process.pid)
        if not guarded:
            try:
                yield server
            finally:
                _stop(process)
            return
        guard = _guard(process, replace(settings, port=urlsplit(url).port or 0), key, stream)
        try:
            yield server
        finally:
            left = guard.close()
            if left is not None:
                _stop(left)


def _start(settings: Settings, key: str, log: IO[bytes]) -> tuple[Server, str]:
    """Start a server; return it and its URL once it answers."""
    if can_fork():
        process: Server = ForkedServer(settings, key, log.fileno())
    else:
        process = ExecutedServer(settings, key, log)
    try:
        return process, _wait_for_url(process, log)
    except BaseException:
        _stop(process)
        raise


def _guard(process: Server, settings: Settings, key: str, log: IO[bytes]) -> Guard[Server]:
    """Keep a server up at its own port."""

    def note(text: str) -> None:
        log.write(f"recipe-run: {text}\n".encode())
        log.flush()

    address = (HOST, settings.port)
    return Guard(process, lambda: _start(settings, key, log)[0], address, note)


class Server(Protocol):
    """A process that serves; `output` is a descriptor that gives the URL's line."""

    output: int

    @property
    def pid(self) -> int: ...

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code, or raise TimeoutError."""
        ...

    def terminate(self) -> None: ...

    def kill(self) -> None: ...

    def close(self) -> None:
        """Let go of the pipes to it, once it has ended."""
        ...


class ExecutedServer:
    """A server in a fresh interpreter."""

    def __init__(self, settings: Settings, key: str, log: IO[bytes]) -> None:
        self._process = subprocess.Popen(
            _command(settings),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env={
                **os.environ,
                KEY_VARIABLE: key,
                "HF_HUB_OFFLINE": "1",
                "OMP_WAIT_POLICY": "passive",
                "OMP_NUM_THREADS": str(settings.threads),
            },
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self.output = self._process.stdout.fileno()

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait(self, timeout: float | None = None) -> int:
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError from error

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


def _command(settings: Settings) -> list[str]:
    command = [sys.executable, "-P", "-m", "recipe_runner.backends.local.server"]
    for name, value in vars(settings).items():
        if value is not None:
            command += [f"--{name.replace('_', '-')}", str(value)]
    return command


@contextmanager
def _open_log(log: Path | None) -> Iterator[IO[bytes]]:
    if log is None:
        with tempfile.TemporaryFile() as stream:
            yield stream
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a+b") as stream:
        yield stream


def _wait_for_url(process: Server, log: IO[bytes]) -> str:
    """The line that the server prints once it answers."""
    readable, _, _ = select.select([process.output], [], [], START_TIMEOUT_S)
    if not readable:
        raise LaunchError(
            f"the local backend did not answer within {START_TIMEOUT_S:.0f} s\n{_tail(log)}"
        )
    # The line is short, so a pipe gives it whole.
    line = os.read(process.output, select.PIPE_BUF).decode().strip()
    if not line:
        status = process.wait()
        raise LaunchError(
            f"the local backend ended at start (status {status})\n{_tail(log)}", killed=status < 0
        )
    return line


def _tail(log: IO[bytes]) -> str:
    log.seek(0)
    lines = log.read().decode(errors="replace").splitlines()
    return "\n".join(lines[-LOG_TAIL_LINES:])


def _stop(process: Server) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except TimeoutError:
        process.kill()
        process.wait()
    process.close()
