"""The two displays: a live block on a terminal, and plain lines everywhere else."""

from __future__ import annotations

import time
from typing import Protocol, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from recipe_runner.runs.progress.curve import Curve
from recipe_runner.runs.progress.status import Status


class Display(Protocol):
    def update(self, curve: Curve) -> None:
        """Show the curve after a new step."""
        ...

    def close(self) -> None: ...


def make_display(terminal: TextIO, steps: int | None, first_step: int, status: Status) -> Display:
    """Return the display that fits what `terminal` is."""
    if terminal.isatty():
        return LiveDisplay(terminal, steps, first_step, status)
    return PlainDisplay(terminal, steps, status)


class PlainDisplay:
    """One line a step: for pipes, files and CI logs."""

    def __init__(self, out: TextIO, steps: int | None, status: Status) -> None:
        self._out = out
        self._status = status
        self._steps = steps
        self._shown = -1

    def update(self, curve: Curve) -> None:
        for step in sorted(step for step in curve.values if step > self._shown):
            self._shown = step
            print(self._line(curve, step), file=self._out)

    def close(self) -> None:
        self._out.flush()

    def _line(self, curve: Curve, step: int) -> str:
        total = f"/{self._steps}" if self._steps else ""
        value = f"{curve.headline.label} {curve.values[step]:.3f}"
        left = _duration(curve.seconds_left(self._steps))
        # Off-policy distillation counts no tokens.
        tokens = f"  {curve.tokens:,} tokens" if curve.tokens else ""
        return f"step {step + 1}{total}  {value}{tokens}" + (f"  {left} left" if left else "")


class LiveDisplay:
    """A block of three lines that stays in place: bar, headline metric, counters."""

    def __init__(self, out: TextIO, steps: int | None, first_step: int, status: Status) -> None:
        self._status = status
        self._steps = steps
        self._first_step = first_step
        self._started = time.monotonic()
        self._curve: Curve | None = None
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
        self._curve = curve

    def close(self) -> None:
        self._live.stop()

    def _render(self) -> RenderableType:
        elapsed = _duration(time.monotonic() - self._started)
        curve = self._curve
        if curve is None or curve.last_step is None:
            return Text(f"starting: step {self._first_step + 1} is under way  {elapsed}")
        return Group(self._bar(curve, elapsed or ""), self._metric(curve), *self._tests(curve))

    def _bar(self, curve: Curve, elapsed: str) -> RenderableType:
        done = (curve.last_step or 0) + 1
        left = _duration(curve.seconds_left(self._steps))
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(no_wrap=True)
        table.add_column(ratio=1)
        table.add_column(no_wrap=True, justify="right")
        total = f"/{self._steps}" if self._steps else ""
        table.add_row(
            Text(f"step {done}{total}", style="bold"),
            ProgressBar(total=self._steps or done, completed=done),
            Text(f"{elapsed} gone" + (f", {left} left" if left else "")),
        )
        return table

    def _metric(self, curve: Curve) -> RenderableType:
        label = curve.headline.label
        text = Text(f"{label} {curve.values[curve.last_step or 0]:.3f}", style="bold green")
        tokens = f"{curve.tokens:,} tokens  " if curve.tokens else ""
        text.append(f"  first {curve.first():.3f}  {tokens}", style="default")
        room = max(8, self._console.width - len(text) - 1)
        text.append(curve.sparkline(min(room, 60)), style="cyan")
        text.truncate(self._console.width)
        return text

    def _tests(self, curve: Curve) -> list[RenderableType]:
        shown = [f"{key} {value:.3f}" for key, value in curve.test_headlines()]
        return [Text("  ".join(shown), style="dim")] if shown else []


def _duration(seconds: float | None) -> str | None:
    """Format a duration as people say it: 45 s, 3 min 20 s, 2 h 05 min."""
    if seconds is None:
        return None
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
