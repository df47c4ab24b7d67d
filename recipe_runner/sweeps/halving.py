"""Early stopping of losers: asynchronous successive halving, by optuna.

ASHA, Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020, algorithm 2:
at each rung (the first after `min_steps`, then `factor` times as late each time) a run goes on if
it is among the best 1/`factor` of those that have come that far.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recipe_runner.errors import UsageError
from recipe_runner.runs.metrics import Column
from recipe_runner.runs.progress.curve import WINDOW
from recipe_runner.sweeps.metric import Metric


class Halving:
    """Compares runs while they are at work.

    Args:
        min_steps: steps before the first comparison.
        factor: the share that goes on is 1/factor.

    Raises:
        UsageError: if optuna is not installed.
    """

    def __init__(self, metric: Metric, *, min_steps: int, factor: int) -> None:
        try:
            import optuna
        except ImportError as error:
            raise UsageError(
                "--halving needs optuna, which is not installed: pip install 'recipe-run[halving]'"
            ) from error
        self.metric = metric
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = optuna.create_study(
            direction="minimize" if metric.lower_is_better else "maximize",
            pruner=optuna.pruners.SuccessiveHalvingPruner(
                min_resource=min_steps, reduction_factor=factor
            ),
        )
        self._trials: dict[str, Any] = {}
        self._seen: dict[str, int] = {}
        self._losers: set[str] = set()

    def losers(self, columns: Mapping[str, Column]) -> set[str]:
        """Take in what runs have of the metric by now, and return which of them should end.

        Step by step, and of those that have come to the same step the best first: whoever comes to
        a rung first goes on, so the order would otherwise favour whatever is listed first.
        """
        news = [
            (step, self.metric.rank(_smoothed(column, step)), name)
            for name, column in columns.items()
            for step in column
            if step > self._seen.get(name, -1)
        ]
        for step, _, name in sorted(news):
            if name not in self._losers:
                self._take_in(name, columns[name], step)
        return self._losers & columns.keys()

    def _take_in(self, name: str, column: Column, step: int) -> None:
        trial = self._trials.get(name) or self._study.ask()
        self._trials[name] = trial
        self._seen[name] = step
        trial.report(_smoothed(column, step), step + 1)
        if trial.should_prune():
            self._losers.add(name)


def _smoothed(column: Column, step: int) -> float:
    """Return the mean over a step and the two before it: one batch alone is noisy."""
    values = [column[each] for each in range(step - WINDOW + 1, step + 1) if each in column]
    return sum(values) / len(values)
