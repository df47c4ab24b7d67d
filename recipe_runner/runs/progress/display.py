"""Which display a run has: a live block on a terminal, plain lines everywhere else."""

from __future__ import annotations

from typing import Protocol, TextIO

from recipe_runner.runs.progress.curve import Curve
from recipe_runner.runs.progress.status import Status


class Display(Protocol):
    def update(self, curve: Curve) -> None:
        """Show how things stand; called several times a second, from one thread."""
        ...

    def close(self) -> None: ...


def make_display(terminal: TextIO, steps: int | None, first_step: int, status: Status) -> Display:
    """Return the display that fits what `terminal` is."""
    if terminal.isatty():
        from recipe_runner.runs.progress.live import LiveDisplay

        return LiveDisplay(terminal, steps, first_step, status)
    from recipe_runner.runs.progress.plain import PlainDisplay

    return PlainDisplay(terminal, steps, status)
