"""What processes use, read off /proc while they run: memory and processor time. Linux alone."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_BYTES_PER_PAGE = os.sysconf("SC_PAGE_SIZE")
# Fields of /proc/PID/stat behind the name in brackets, counted from 0.
_USER, _SYSTEM, _RESIDENT = 11, 12, 21


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
