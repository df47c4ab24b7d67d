"""The metric by which variants are compared, and what a run has of it so far."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from recipe_runner.planning.plan import Plan
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.metrics import Column, scan
from recipe_runner.runs.progress.curve import WINDOW, headline

# Of a metric that is no headline, by what its name has in it.
_TO_BE_LOW = re.compile(r"(^|[/_:])(nll|loss|kl|perplexity|ppl|error|errors)($|[/_:])")


@dataclass(frozen=True)
class Metric:
    """A key of metrics.jsonl.

    Attributes:
        keys: the first that a run has counts.
        label: what people call it.
    """

    keys: tuple[str, ...]
    label: str
    lower_is_better: bool

    def column(self, plan: Plan, run: RunDirectory) -> Column:
        """Return the values by step; of a pipeline, of its last stage that has any."""
        directories = [run.stage(name) for name in reversed(plan.stages)] or [run]
        for directory in directories:
            columns = scan(directory.metrics_file, columns=self.keys).columns
            for key in self.keys:
                if found := columns[key]:
                    return found
        return {}

    def value(self, column: Column) -> float | None:
        """Return what a run is compared by: the mean over its last three values."""
        last = [column[step] for step in sorted(column)[-WINDOW:]]
        return sum(last) / len(last) if last else None

    def rank(self, value: float | None) -> float:
        """Return a number that is lower for the better; what has no value comes last."""
        if value is None or math.isnan(value):
            return math.inf
        return value if self.lower_is_better else -value


def parse_metric(text: str) -> Metric:
    """Read KEY, or KEY:min or KEY:max where the name does not tell which is better."""
    key, colon, direction = text.rpartition(":")
    if not colon or direction not in ("min", "max"):
        return Metric((text,), text, bool(_TO_BE_LOW.search(text)))
    return Metric((key,), key, direction == "min")


def headline_metric(plans: Iterable[Plan]) -> Metric:
    """Return what the first plan's method is watched by; of a pipeline, its last stages'."""
    recipes = next(iter(plans)).recipes
    heads = [form for recipe in reversed(recipes) for form in headline(recipe.method).forms]
    keys: Sequence[str] = list(dict.fromkeys(form.key for form in heads))
    return Metric(tuple(keys), heads[0].label, heads[0].lower_is_better)
