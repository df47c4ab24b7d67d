"""A finished run against what was expected of it before its first step."""

from __future__ import annotations

from pathlib import Path

from recipe_runner.planning.estimate import KINDS, Kind, of_kind
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.estimates import read_estimate
from recipe_runner.runs.usage import read_usage


def check_estimate(run: Path, *close: Kind) -> None:
    """Check that each kind was between low and high, and some within 15 % of what was expected."""
    estimate, usage = read_estimate(RunDirectory(run)), read_usage(RunDirectory(run))
    assert estimate is not None
    assert usage is not None
    assert set(usage.tokens) == set(estimate.tokens)
    for name, tokens in usage.tokens.items():
        for kind in KINDS:
            span, counted = estimate.tokens[name].of_kind(kind), of_kind(tokens, kind)
            assert span.low <= counted <= span.high, (name, kind, counted, span)
            if kind in close:
                assert abs(counted - span.expected) <= 0.15 * counted, (kind, counted, span)
