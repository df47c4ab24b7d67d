"""The local backend as a process of its own, for as long as a `with` block lasts."""

from __future__ import annotations

import os
import secrets
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 5.0
LOG_TAIL_LINES = 20
KEY_VARIABLE = "RECIPE_RUN_SERVER_KEY"


class LaunchError(RuntimeError):
    """The server did not start; the message ends with the last lines of its log."""


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
) -> Iterator[RunningServer]:
    """Start a server on 127.0.0.1, yield once it answers, stop it at the end.

    Without `api_key` a random one is made; it reaches the server through its environment. The
    server is in a session of its own, so the terminal's Ctrl-C does not reach it, and it ends
    when this process does, by whatever signal. `log` is appended to. Raises LaunchError when it
    dies or does not answer within a minute.
    """
    key = api_key or f"tml-{secrets.token_urlsafe(32)}"
    with _open_log(log) as stream:
        process = subprocess.Popen(
            _command(store, seed, model_path, threads, port),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stream,
            env={
                **os.environ,
                KEY_VARIABLE: key,
                "HF_HUB_OFFLINE": "1",
                "OMP_WAIT_POLICY": "passive",
                "OMP_NUM_THREADS": str(threads),
            },
            start_new_session=True,
        )
        try:
            url = _wait_for_url(process, stream)
            yield RunningServer(url=url, api_key=key, pid=process.pid)
        finally:
            _stop(process)


def _command(store: Path, seed: int, model_path: Path | None, threads: int, port: int) -> list[str]:
    command = [sys.executable, "-m", "recipe_runner.backends.local.server", "--die-with-parent"]
    command += ["--store", str(store), "--seed", str(seed), "--threads", str(threads)]
    command += ["--port", str(port)]
    if model_path is not None:
        command += ["--model-path", str(model_path)]
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


def _wait_for_url(process: subprocess.Popen[bytes], log: IO[bytes]) -> str:
    """The line that the server prints once it answers."""
    assert process.stdout is not None
    deadline = time.monotonic() + START_TIMEOUT_S
    readable, _, _ = select.select([process.stdout], [], [], max(deadline - time.monotonic(), 0))
    if not readable:
        raise LaunchError(
            f"the local backend did not answer within {START_TIMEOUT_S:.0f} s\n{_tail(log)}"
        )
    line = process.stdout.readline().decode().strip()
    if not line:
        status = process.wait()
        raise LaunchError(f"the local backend ended at start (status {status})\n{_tail(log)}")
    return line


def _tail(log: IO[bytes]) -> str:
    log.seek(0)
    lines = log.read().decode(errors="replace").splitlines()
    return "\n".join(lines[-LOG_TAIL_LINES:])


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        pipe.close()
