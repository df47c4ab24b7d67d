"""`Curve`: what the metrics say of a run so far."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from recipe_runner.runs.metrics import is_training_row

WINDOW = 3
TOKENS_OF_A_STEP = ("env/all/total_ac_tokens", "env/all/total_ob_tokens", "num_tokens")
_BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Headline:
    """The one metric that a method is watched by.

    Attributes:
        otherwise: what another form of the method's loop reports in its place.
        lower_is_better: whether training is to bring it down.
    """

    key: str
    label: str
    otherwise: Headline | None = None
    lower_is_better: bool = False

    @property
    def forms(self) -> list[Headline]:
        """This one, and what other forms of the loop report in its place."""
        return [self, *(self.otherwise.forms if self.otherwise else [])]

    def of(self, row: dict[str, Any]) -> Headline:
        """Return the headline that a row of metrics has, this one if it has none."""
        return next((form for form in self.forms if form.key in row), self)


TEST_LABELS = {
    "test/env/all/reward/total": "test reward",
    "test/nll": "test loss",
    "test/accuracy": "test accuracy",
    "test/win_rate": "win rate",
    "test/teacher_kl": "test KL",
}

HEADLINES = {
    "distill": Headline(
        "teacher_kl",
        "KL to the teacher",
        Headline("train/loss:sum", "loss of a batch", lower_is_better=True),
        lower_is_better=True,
    ),
    "dpo": Headline("dpo_loss", "DPO loss", lower_is_better=True),
    "eval": Headline("score", "score"),
    "generate": Headline("replies/kept_frac", "replies kept"),
    "sdft": Headline(
        "sdft/forward_kl_mean",
        "KL to the teacher",
        Headline(
            "sdft/reverse_kl_mean",
            "KL to the teacher",
            Headline("sdft/mean_advantage", "the teacher's lead", lower_is_better=True),
            lower_is_better=True,
        ),
        lower_is_better=True,
    ),
    "reinforce": Headline("sampler/episode_return", "return"),
    "rl": Headline("env/all/reward/total", "reward"),
    "sft": Headline("train_mean_nll", "loss", lower_is_better=True),
}


def headline(method: str) -> Headline:
    return HEADLINES[method]


@dataclass
class Curve:
    """The headline metric over the steps, and what came with it.

    Attributes:
        values: the headline metric by step.
        tokens: tokens trained and sampled so far, prompts included, as the Cookbook counts them.
        seconds_per_step: duration of the latest steps.
        tests: the latest value of each evaluation metric.
        last_step: the latest of `values`; none before the first.
    """

    headline: Headline
    values: dict[int, float] = field(default_factory=dict)
    tokens: int = 0
    seconds_per_step: list[float] = field(default_factory=list)
    tests: dict[str, float] = field(default_factory=dict)
    last_step: int | None = field(init=False)

    def __post_init__(self) -> None:
        self.last_step = max(self.values, default=None)

    def add(self, row: dict[str, Any]) -> None:
        """Take in one row of metrics.jsonl."""
        self.tests |= {
            key: value
            for key, value in row.items()
            if key.startswith("test/") and isinstance(value, float | int)
        }
        if not is_training_row(row):
            return
        self.headline = self.headline.of(row)
        value = row.get(self.headline.key)
        if isinstance(value, float | int):
            step = row["step"]
            self.values[step] = float(value)
            self.last_step = step if self.last_step is None else max(self.last_step, step)
        self.tokens += _tokens(row)
        self.seconds_per_step.append(float(row.get("time/total", 0.0)))

    def first(self) -> float | None:
        """Mean of the headline metric over the first steps."""
        return _mean(self.values[step] for step in sorted(self.values)[:WINDOW])

    def last(self) -> float | None:
        """Mean of the headline metric over the last steps."""
        return _mean(self.values[step] for step in sorted(self.values)[-WINDOW:])

    def test_headlines(self) -> list[tuple[str, float]]:
        """Return the evaluation metrics that people watch, by short names."""
        return [(label, self.tests[key]) for key, label in TEST_LABELS.items() if key in self.tests]

    def seconds_left(self, steps: int | None) -> float | None:
        """Estimate from the latest steps; None before the first, or when the end is unknown."""
        recent = [seconds for seconds in self.seconds_per_step[-10:] if seconds]
        if steps is None or not recent or self.last_step is None:
            return None
        return (steps - 1 - self.last_step) * sum(recent) / len(recent)

    def sparkline(self, width: int) -> str:
        """Draw the headline metric in at most `width` characters, each the mean of its steps."""
        return sparkline([self.values[step] for step in sorted(self.values)], width)


def sparkline(values: Sequence[float], width: int) -> str:
    """Draw values in at most `width` characters, each the mean of its part of them."""
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return ""
    columns = min(width, len(known))
    edges = [round(i * len(known) / columns) for i in range(columns + 1)]
    means = [sum(known[a:b]) / (b - a) for a, b in itertools.pairwise(edges)]
    low, high = min(means), max(means)
    span = (high - low) or 1.0
    return "".join(_BARS[round((mean - low) / span * (len(_BARS) - 1))] for mean in means)


def _tokens(row: dict[str, Any]) -> int:
    return sum(int(row.get(key, 0)) for key in TOKENS_OF_A_STEP)


def _mean(values: Iterable[float]) -> float | None:
    collected = list(values)
    return sum(collected) / len(collected) if collected else None
