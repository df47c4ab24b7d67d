"""Processes of a benchmark: a server, a loop that is timed, and what they use, read off /proc.

Linux alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

COMMAND = Path(sys.executable).with_name("recipe-run")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_BYTES_PER_PAGE = os.sysconf("SC_PAGE_SIZE")
_READ_EVERY_S = 0.01
# Fields of /proc/PID/stat behind the name in brackets, counted from 0.
_USER, _SYSTEM, _RESIDENT = 11, 12, 21


@contextmanager
def serving(store: Path) -> Iterator[str]:
    """Run `recipe-run serve` while the block lasts; yield its URL."""
    command = [str(COMMAND), "serve", "--store", str(store)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        yield server.stdout.readline().strip()
    finally:
        server.terminate()
        server.wait()


@dataclass(frozen=True)
class Taken:
    """Seconds of a training loop, from the first row of its metrics to the last.

    Attributes:
        start: from the start of the process to the end of its first step.
        wall: from there to the end of the last step, as the metrics are written.
        processor: user and system time of the process and what it started, in the same span.
    """

    start: float
    wall: float
    processor: float


def timed_loop(command: Sequence[str | Path], cwd: Path, metrics: str, steps: int) -> Taken:
    """Run a loop that writes a row of metrics a step; ends the benchmark if it fails.

    Args:
        metrics: where it writes them, as a pattern below `cwd`.
        steps: number of rows that it comes to.
    """
    # Number of rows -> when the last of them was written, and the processor time by then.
    seen: dict[int, tuple[float, float]] = {}
    with tempfile.TemporaryFile("w+") as said:
        started = time.time()
        process = subprocess.Popen(
            [str(part) for part in command], cwd=cwd, stdout=subprocess.DEVNULL, stderr=said
        )
        while process.poll() is None:
            for path in cwd.glob(metrics):
                done, written = path.read_bytes().count(b"\n"), path.stat().st_mtime
                if done and done not in seen:
                    seen[done] = written, sum(map(processor_seconds, tree(process.pid)))
            time.sleep(_READ_EVERY_S)
        if process.returncode or not {1, steps} <= seen.keys():
            said.seek(0)
            raise SystemExit(
                f"{command[0]} ended with {process.returncode}:\n{said.read()[-2000:]}"
            )
    (first, used_first), (last, used_last) = seen[1], seen[steps]
    return Taken(first - started, last - first, used_last - used_first)


def tree(pid: int) -> dict[int, str]:
    """Return the command line of a process and of all that it started, by process id."""
    found: dict[int, str] = {}
    waiting = [pid]
    while waiting:
        each = waiting.pop()
        with suppress(OSError):  # it has ended
            found[each] = Path(f"/proc/{each}/cmdline").read_text().replace("\0", " ")
            for task in Path(f"/proc/{each}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
    return found


def processor_seconds(pid: int) -> float:
    """Return the user and system time of a process, 0 where it has ended."""
    fields = _stat(pid)
    return (int(fields[_USER]) + int(fields[_SYSTEM])) / _TICKS_PER_S if fields else 0.0


def resident_mb(pid: int) -> float:
    """Return the memory of a process in MiB, 0 where it has ended."""
    fields = _stat(pid)
    return int(fields[_RESIDENT]) * _BYTES_PER_PAGE / 2**20 if fields else 0.0


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
