"""Timing side by side: the works in turns, so that a ratio holds on a busy machine too."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


def in_turns(
    works: Sequence[Callable[[], object]], repeat: int, *, warm_up: int = 2
) -> list[list[float]]:
    """Return the seconds of each work in each round, after rounds that are not counted."""
    seconds: list[list[float]] = [[] for _ in works]
    for turn in range(-warm_up, repeat):
        for work, taken in zip(works, seconds, strict=True):
            started = time.perf_counter()
            work()
            if turn >= 0:
                taken.append(time.perf_counter() - started)
    return seconds


def process(
    command: Sequence[str | Path],
    cwd: Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    codes: Sequence[int] = (0,),
    timeout: float = 600,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, offline; ends the benchmark if its exit code is not expected."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, "HF_HUB_OFFLINE": "1", **(environment or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    if done.returncode not in codes:
        raise SystemExit(f"{command[0]} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return done
