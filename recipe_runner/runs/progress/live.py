"""A block of a few lines that stays in place, as wide as the terminal is."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from recipe_runner.runs.progress.curve import Curve, sparkline
from recipe_runner.runs.progress.status import Status
from recipe_runner.runs.progress.words import duration, rate, spent, tokens_so_far

_LONGEST_SPARKLINE = 60
_SHORTEST_SPARKLINE = 8
_NARROW = 60
_GAP = "  "

Part = tuple[str, str]


@dataclass(frozen=True)
class _Shown:
    """What the metrics say, copied: the drawing is done in another thread than the reading."""

    last_step: int
    label: str
    value: float
    first: float
    values: list[float]
    tokens: int
    seconds_per_step: float | None
    seconds_left: float | None
    tests: list[tuple[str, float]]


class LiveDisplay:
    def __init__(self, out: TextIO, steps: int | None, first_step: int, status: Status) -> None:
        self._status = status
        self._steps = steps
        self._first_step = first_step
        self._started = time.monotonic()
        self._shown: _Shown | None = None
        self._seen = (-1, 0)
        self._console = Console(file=out)
        self._live = Live(
            console=self._console,
            get_renderable=self._render,
            refresh_per_second=4,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def update(self, curve: Curve) -> None:
        seen = (len(curve.values), hash(tuple(curve.tests.items())))
        if seen != self._seen:
            self._seen = seen
            self._shown = _copied(curve, self._steps)

    def close(self) -> None:
        self._live.stop()

    def _render(self) -> RenderableType:
        width = self._console.width
        shown = self._shown
        elapsed = time.monotonic() - self._started
        if shown is None:
            step = f"starting: step {self._first_step + 1} is under way"
            lines: list[RenderableType] = list(
                _flow([(step, "bold"), (f"{duration(elapsed)} gone", "")], width)
            )
        else:
            lines = [self._bar(shown, elapsed, width), *self._metric(shown, width)]
            lines += _flow([(f"{name} {value:.3f}", "") for name, value in shown.tests], width)
        tokens = tokens_so_far(self._status, 0 if shown is None else shown.tokens)
        used = [(each, "") for each in spent(self._status, tokens, elapsed)]
        lines += _flow(used, width)
        lines += self._notices()
        return Group(*lines)

    def _bar(self, shown: _Shown, elapsed: float, width: int) -> RenderableType:
        done = shown.last_step + 1
        total = f"/{self._steps}" if self._steps else ""
        left = f"{duration(shown.seconds_left)} left" if shown.seconds_left is not None else ""
        gone = f"{duration(elapsed)} gone"
        times = (left or gone) if width < _NARROW else ", ".join(filter(None, (gone, left)))
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(no_wrap=True)
        table.add_column(ratio=1)
        table.add_column(no_wrap=True, justify="right")
        table.add_row(
            Text(f"step {done}{total}", style="bold"),
            ProgressBar(total=self._steps or done, completed=done),
            Text(times),
        )
        return table

    def _metric(self, shown: _Shown, width: int) -> Iterator[RenderableType]:
        parts: list[Part] = [
            (f"{shown.label} {shown.value:.3f}", "bold green"),
            (f"first {shown.first:.3f}", ""),
        ]
        if shown.seconds_per_step:
            parts.append((rate(shown.seconds_per_step), ""))
        *before, line = _flow(parts, width)
        yield from before
        room = width - len(line) - len(_GAP)
        if room < _SHORTEST_SPARKLINE:
            yield line
            line, room = Text(), width
        else:
            line.append(_GAP)
        line.append(sparkline(shown.values, min(room, _LONGEST_SPARKLINE)), style="cyan")
        yield line

    def _notices(self) -> Iterator[RenderableType]:
        """Say what holds the run up, what will end it, and where else it is to be seen."""
        status = self._status
        if status.waiting is not None:
            since = status.waiting_since
            lasts = "" if since is None else f" ({duration(time.monotonic() - since)})"
            yield Text(f"waiting{lasts}: {status.waiting}", style="yellow")
        if status.stopping is not None:
            yield Text(status.stopping, style="yellow")
        for name, link in dict(status.links).items():
            yield Text(f"{name}: {link}", style="dim", overflow="fold")


def _copied(curve: Curve, steps: int | None) -> _Shown | None:
    last, first = curve.last_step, curve.first()
    if last is None or first is None:
        return None
    recent = [seconds for seconds in curve.seconds_per_step[-10:] if seconds]
    return _Shown(
        last_step=last,
        label=curve.headline.label,
        value=curve.values[last],
        first=first,
        values=[curve.values[step] for step in sorted(curve.values)],
        tokens=curve.tokens,
        seconds_per_step=sum(recent) / len(recent) if recent else None,
        seconds_left=curve.seconds_left(steps),
        tests=curve.test_headlines(),
    )


def _flow(parts: Iterable[Part], width: int) -> list[Text]:
    """Set parts beside each other, in as many lines as they need; none is broken in two."""
    lines: list[Text] = []
    for text, style in parts:
        if lines and len(lines[-1]) + len(_GAP) + len(text) <= width:
            lines[-1].append(_GAP)
        else:
            lines.append(Text(no_wrap=True, overflow="ellipsis"))
        lines[-1].append(text, style=style or None)
    return lines
