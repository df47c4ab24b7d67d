"""Figures of a run at work as people say them."""

from __future__ import annotations

from collections.abc import Iterator

from recipe_runner.planning.tokens import total
from recipe_runner.runs.progress.status import Status

_HOUR = 3600.0


def duration(seconds: float) -> str:
    """Return a duration as people say it: 45 s, 3 min 20 s, 2 h 05 min."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def rate(seconds_per_step: float) -> str:
    """Return how fast steps go: `2.4 s a step`, or `12 steps/s`."""
    if seconds_per_step >= 60:
        return f"{duration(seconds_per_step)} a step"
    if seconds_per_step >= 0.1:
        return f"{seconds_per_step:.1f} s a step"
    return f"{1 / seconds_per_step:.0f} steps/s"


def money(usd: float) -> str:
    """Return dollars, small amounts with what makes them differ from nothing."""
    return f"${usd:,.2f}" if usd >= 0.1 or usd == 0 else f"${usd:.3g}"


def tokens_so_far(status: Status, in_metrics: int) -> int:
    """Return the tokens counted at the service, else those that the metrics count."""
    return total(status.usage).total or in_metrics


def spent(status: Status, tokens: int, seconds: float) -> Iterator[str]:
    """Yield what was used, each beside its limit where there is one.

    Args:
        seconds: at work in this attempt.
    """
    limits = status.budget
    most_tokens = None if limits is None else limits.tokens
    most_usd = None if limits is None else limits.usd
    if tokens:
        of = f" of {most_tokens:,}" if most_tokens is not None else ""
        yield f"{tokens:,}{of} tokens"
    if status.usd is not None:
        yield money(status.usd) + (f" of {money(most_usd)}" if most_usd is not None else "")
    if limits is not None and limits.hours is not None:
        at_work = duration(status.seconds + seconds)
        yield f"{at_work} of {duration(limits.hours * _HOUR)}"
