"""What a person sees of a sweep at work: a live table on a terminal, a line a change elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from recipe_runner.sweeps.metric import Metric
from recipe_runner.sweeps.record import SweepRecord, VariantRecord
from recipe_runner.sweeps.schedule import State

_STYLES: dict[State, str] = {
    "waiting": "dim",
    "running": "bold",
    "done": "green",
    "failed": "red",
    "budget": "yellow",
    "stopped": "dim",
    "interrupted": "yellow",
}
_ORDER: tuple[State, ...] = (
    "done", "running", "waiting", "failed", "budget", "stopped", "interrupted",
)  # fmt: skip
# Lines that the live table needs besides its rows.
_FRAME = 4
_NARROW = 70


def ranked(variants: Sequence[VariantRecord], metric: Metric) -> list[VariantRecord]:
    """Return the variants, the best first; those without a value last, as they are written."""
    return sorted(variants, key=lambda variant: metric.rank(variant.value))


def state_of(variant: VariantRecord) -> str:
    """Return a variant's state in a word or two."""
    return "done before" if variant.skipped and variant.state == "done" else variant.state


def steps_of(variant: VariantRecord) -> str:
    total = f"/{variant.num_steps}" if variant.num_steps else ""
    return f"{variant.steps}{total}"


def value_of(variant: VariantRecord) -> str:
    return "" if variant.value is None else f"{variant.value:.4g}"


def counts(record: SweepRecord) -> str:
    """Return how many variants are in which state, in words."""
    number = Counter(variant.state for variant in record.variants)
    listed = [f"{number[state]} {state}" for state in _ORDER if number[state]]
    return f"{len(record.variants)} variants: {', '.join(listed)}"


class PlainDisplay:
    """One line for each change: for pipes, files and CI logs."""

    def __init__(self, out: TextIO, metric: Metric) -> None:
        self._out = out
        self._metric = metric

    def changed(self, variant: VariantRecord) -> None:
        print(self._line(variant), file=self._out, flush=True)

    def refresh(self) -> None:
        """Nothing is shown between changes."""

    def _line(self, variant: VariantRecord) -> str:
        start = f"{variant.variant}: {state_of(variant)}"
        if variant.state == "waiting":
            return f"{start} again, for the service is full: {variant.error}"
        if variant.state == "failed":
            return f"{start}: {variant.error}"
        if variant.state == "running" or variant.value is None:
            return start
        time_taken = f", {variant.seconds:.0f} s" if variant.seconds else ""
        return f"{start}, {self._metric.label} {value_of(variant)}{time_taken}"


class LiveDisplay:
    """A table that stays in place, the best variants first, as many as there is room for."""

    def __init__(self, out: TextIO, record: SweepRecord, metric: Metric) -> None:
        self._record = record
        self._metric = metric
        self._started = time.monotonic()
        self._console = Console(file=out)
        self._live = Live(
            console=self._console, get_renderable=self._render, refresh_per_second=2, transient=True
        )

    def changed(self, variant: VariantRecord) -> None:
        """The next refresh shows it."""

    def refresh(self) -> None:
        """The next refresh shows it."""

    @contextmanager
    def shown(self) -> Iterator[None]:
        with self._live:
            yield

    def _render(self) -> RenderableType:
        minutes, seconds = divmod(int(time.monotonic() - self._started), 60)
        head = Text(f"{counts(self._record)}  {minutes}:{seconds:02d}", style="bold")
        head.truncate(self._console.width, overflow="ellipsis")
        room = max(self._console.height - _FRAME, 3)
        chosen = self._shown(room)
        hidden = len(self._record.variants) - len(chosen)
        rest = [Text(f"… and {hidden} more", style="dim")] if hidden else []
        return Group(head, self._table(chosen), *rest)

    def _shown(self, room: int) -> list[VariantRecord]:
        """Return what is at work and then the best, in the order of the ranking."""
        order = ranked(self._record.variants, self._metric)
        by_interest = sorted(order, key=lambda variant: variant.state != "running")
        chosen = {variant.variant for variant in by_interest[:room]}
        return [variant for variant in order if variant.variant in chosen]

    def _table(self, variants: Sequence[VariantRecord]) -> Table:
        table = Table.grid(padding=(0, 2))
        table.add_column(overflow="ellipsis", no_wrap=True)
        wide = self._console.width >= _NARROW
        for _ in range(4 if wide else 3):
            table.add_column(no_wrap=True)
        for variant in variants:
            cells = [variant.variant, state_of(variant), steps_of(variant), value_of(variant)]
            if not wide:
                del cells[1]
            table.add_row(*cells, style=_STYLES[variant.state])
        return table
