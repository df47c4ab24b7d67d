"""Start a program, collect what it writes and end it with everything it started."""

from __future__ import annotations

import marshal
import os
import selectors
import signal
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any

from recipe_runner.isolation.mechanisms import Start
from recipe_runner.isolation.payload import Payload

# Bytes of standard output, and of standard error, after which a program is ended.
OUTPUT_BYTES = 256 << 10
# Seconds between looks at whether a program has ended that left its pipes to others.
_POLL_S = 0.05


@dataclass(frozen=True)
class Completed:
    """How a program ended.

    Attributes:
        stdout, stderr: what it wrote, up to `OUTPUT_BYTES` each; what is no UTF-8 is replaced.
        exit_code: its own, or 128 + N where signal N ended it.
        timed_out: whether it was ended for its time.
        truncated: whether it was ended for the size of its output.
    """

    stdout: str
    stderr: str
    exit_code: int
    timed_out: bool
    truncated: bool


class NotStarted(Exception):
    """The program never began; the message says why."""


def supervise(start: Start, payload: Payload, timeout_s: float, stop: threading.Event) -> Completed:
    """Start the launcher, and end it and everything it started.

    Raises:
        NotStarted: if the launcher did not come as far as the program.
    """
    status_read, status_write = os.pipe()
    with open(status_read, "rb") as status, tempfile.TemporaryFile() as message:
        message.write(marshal.dumps(dict(payload), 2))
        message.flush()
        message.seek(0)
        try:
            process = _spawn(start, message.fileno(), status_write)
        finally:
            os.close(status_write)
        with process:
            try:
                _prefer_for_oom(process.pid)
                reading = _Reading(process, timeout_s, stop)
                reading.read()
            finally:
                _kill_all(process)
        said = status.read().decode("utf-8", "replace")
    stdout, stderr = (bytes(data).decode("utf-8", "replace") for data in reading.data)
    if said != "started" and not reading.timed_out and not stop.is_set():
        raise NotStarted(said.removeprefix("started") or stderr.strip() or "for no known reason")
    code = process.returncode
    return Completed(
        stdout,
        stderr,
        exit_code=code if code >= 0 else 128 - code,
        timed_out=reading.timed_out,
        truncated=reading.truncated,
    )


def _spawn(start: Start, payload_fd: int, status_fd: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*start.command, str(payload_fd), str(status_fd)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={},
        cwd="/",
        pass_fds=(payload_fd, status_fd),
        start_new_session=True,
        user=start.user,
        group=start.user,
        extra_groups=None if start.user is None else [],
    )


def _prefer_for_oom(pid: int) -> None:
    """Where memory runs out, the kernel is to end the program and not the training."""
    with suppress(OSError), open(f"/proc/{pid}/oom_score_adj", "w") as file:
        file.write("1000")


def _kill_all(process: subprocess.Popen[bytes]) -> None:
    """End the launcher's process group; where there is a namespace, it ends as a whole."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class _Reading:
    """What a program writes, until it ends, its time is up or it has written too much.

    Attributes:
        data: of standard output and standard error.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], timeout_s: float, stop: threading.Event
    ) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self._process = process
        self._stop = stop
        self._deadline = time.monotonic() + timeout_s
        self._streams: dict[IO[bytes], bytearray] = {}
        for stream in (process.stdout, process.stderr):
            os.set_blocking(stream.fileno(), False)
            self._streams[stream] = bytearray()
        self.timed_out = False
        self.truncated = False

    @property
    def data(self) -> list[bytearray]:
        return list(self._streams.values())

    def read(self) -> None:
        with selectors.DefaultSelector() as selector:
            for stream in self._streams:
                selector.register(stream, selectors.EVENT_READ)
            while selector.get_map() and not self.truncated:
                if self._left() <= 0 or self._stop.is_set():
                    break
                # What it left behind may hold the pipes open, so its own end counts too.
                has_ended = self._process.poll() is not None
                events = selector.select(0 if has_ended else min(self._left(), _POLL_S))
                for key, _ in events:
                    if not self._take(key.fileobj):
                        selector.unregister(key.fileobj)
                if has_ended and not events:
                    break
        self._await_end()

    def _left(self) -> float:
        return self._deadline - time.monotonic()

    def _take(self, stream: Any) -> bool:
        """Store what there is to read; return whether there may be more."""
        data = self._streams[stream]
        chunk = os.read(stream.fileno(), 1 << 16)
        data += chunk[: OUTPUT_BYTES - len(data)]
        self.truncated |= len(chunk) > 0 and len(data) == OUTPUT_BYTES
        return bool(chunk)

    def _await_end(self) -> None:
        if self.truncated or self._stop.is_set():
            return
        try:
            self._process.wait(max(self._left(), 0))
        except subprocess.TimeoutExpired:
            self.timed_out = True
