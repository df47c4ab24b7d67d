"""Making and combining `Span`s."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from recipe_runner.planning.estimate import Span

# Standard errors on each side of a sampled mean: three in a thousand lie outside. Besides, a
# hundredth: what was seen may vary less than what was not.
_ERRORS = 3.0
_UNSEEN = 0.01


def exactly(value: float) -> Span:
    """Return a quantity that is known."""
    return Span(low=value, expected=value, high=value)


def between(low: float, expected: float, high: float) -> Span:
    """Return a span whose middle is moved between its ends where it lies outside."""
    high = max(low, high)
    return Span(low=low, expected=min(max(expected, low), high), high=high)


def mean_of(values: Sequence[float], *, all_of_them: bool) -> Span:
    """Return the mean of what was measured, exact where that is everything there is.

    Otherwise low and high are three standard errors away, and hardly beyond what was seen; of one
    value, half and twice it.
    """
    mean = statistics.fmean(values)
    if all_of_them:
        return exactly(mean)
    if len(values) == 1:
        return Span(low=mean / 2, expected=mean, high=mean * 2)
    error = _ERRORS * statistics.stdev(values) / math.sqrt(len(values))
    return Span(
        low=max(min(values), mean - error) * (1 - _UNSEEN),
        expected=mean,
        high=min(max(values), mean + error) * (1 + _UNSEEN),
    )


def scaled(span: Span, low: float, high: float) -> Span:
    """Return a span made wider by these factors."""
    return Span(low=span.low * low, expected=span.expected, high=span.high * high)


def at_most(span: Span, limit: float) -> Span:
    """Return a span cut off at a limit."""
    return Span(
        low=min(span.low, limit), expected=min(span.expected, limit), high=min(span.high, limit)
    )
