"""How much of the machine a program may use."""

from __future__ import annotations

import math
import os
import platform
import resource
import sys
from pathlib import Path

_PROCESSES = 32
_FILE_BYTES = 16 << 20
_OPEN_FILES = 128


def limits(*, timeout_s: float, memory_mb: int, is_isolated: bool) -> list[tuple[int, int]]:
    """Return numbers of `resource` and the limit for each; every process has them for itself."""
    found = [
        (resource.RLIMIT_CPU, math.ceil(timeout_s) + 1),
        (resource.RLIMIT_FSIZE, _FILE_BYTES),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, _PROCESSES + _others(is_isolated=is_isolated)),
    ]
    if sys.platform == "linux":  # others refuse the first, or have no name for the second
        found += [(resource.RLIMIT_AS, memory_mb << 20), (resource.RLIMIT_MSGQUEUE, 0)]
    return found


def _others(*, is_isolated: bool) -> int:
    """Return how many processes of this user the kernel counts that are not the program's.

    Since Linux 5.14 a user namespace has a count of its own.
    """
    if is_isolated and _linux_version() >= (5, 14):
        return 0
    user = os.geteuid()
    return sum(_threads(process, user) for process in Path("/proc").glob("[0-9]*"))


def _threads(process: Path, user: int) -> int:
    try:
        return len(os.listdir(process / "task")) if process.stat().st_uid == user else 0
    except OSError:
        return 0  # it has ended since


def _linux_version() -> tuple[int, ...]:
    words = platform.release().split("-")[0].split(".")
    return tuple(int(word) for word in words[:2] if word.isdigit())
