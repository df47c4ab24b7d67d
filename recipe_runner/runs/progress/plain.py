"""A line a step, and a line for whatever else begins or ends: for pipes, files and CI logs."""

from __future__ import annotations

import time
from typing import TextIO

from recipe_runner.runs.progress.curve import Curve
from recipe_runner.runs.progress.status import Status
from recipe_runner.runs.progress.words import duration, spent, tokens_so_far


class PlainDisplay:
    def __init__(self, out: TextIO, steps: int | None, status: Status) -> None:
        self._out = out
        self._status = status
        self._steps = steps
        self._started = time.monotonic()
        self._shown = -1
        self._waiting: str | None = None
        self._waiting_since = 0.0
        self._stopping: str | None = None
        self._links: dict[str, str] = {}

    def update(self, curve: Curve) -> None:
        self._say_links()
        if curve.last_step is not None and curve.last_step > self._shown:
            for step in sorted(step for step in curve.values if step > self._shown):
                self._shown = step
                self._say(self._line(curve, step))
        self._say_waiting()
        self._say_stopping()

    def close(self) -> None:
        self._out.flush()

    def _say(self, line: str) -> None:
        print(line, file=self._out)

    def _line(self, curve: Curve, step: int) -> str:
        total = f"/{self._steps}" if self._steps else ""
        parts = [f"step {step + 1}{total}", f"{curve.headline.label} {curve.values[step]:.3f}"]
        tokens = tokens_so_far(self._status, curve.tokens)
        parts += spent(self._status, tokens, time.monotonic() - self._started)
        left = curve.seconds_left(self._steps)
        if left is not None:
            parts.append(f"{duration(left)} left")
        return "  ".join(parts)

    def _say_links(self) -> None:
        links = dict(self._status.links)
        for name in links.keys() - self._links.keys():
            self._say(f"{name}: {links[name]}")
        self._links = links

    def _say_waiting(self) -> None:
        """Say when a wait begins, and when it ends; not each turn that it takes in between."""
        waiting = self._status.waiting
        if waiting is not None and self._waiting is None:
            self._waiting_since = self._status.waiting_since or time.monotonic()
            self._say(f"waiting: {waiting}")
        elif waiting is None and self._waiting is not None:
            self._say(f"going on after {duration(time.monotonic() - self._waiting_since)}")
        self._waiting = waiting

    def _say_stopping(self) -> None:
        stopping = self._status.stopping
        if stopping is not None and stopping != self._stopping:
            self._say(stopping)
        self._stopping = stopping
