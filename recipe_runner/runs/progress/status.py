"""`Status`: what is known of a run at work, beside its metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from recipe_runner.planning.tokens import Tokens
from schemas.budget import Budget


@dataclass
class Status:
    """What the displays read; each field is replaced as a whole, from whichever thread knows it.

    Attributes:
        usage: tokens counted so far, by model, over all attempts.
        usd: what they cost; none without a price, or where nothing is charged.
        seconds: time at work, over all attempts, without this one's.
        budget: the run's limits.
        waiting: why the run waits for the service, in words; none while it is at work.
        waiting_since: when that began, on `time.monotonic()`'s clock.
        stopping: why the run will stop after the step under way, in words.
        links: name -> URL of the run elsewhere (W&B, Trackio, the service).
    """

    usage: Mapping[str, Tokens] = field(default_factory=dict)
    usd: float | None = None
    seconds: float = 0.0
    budget: Budget | None = None
    waiting: str | None = None
    waiting_since: float | None = None
    stopping: str | None = None
    links: Mapping[str, str] = field(default_factory=dict)
