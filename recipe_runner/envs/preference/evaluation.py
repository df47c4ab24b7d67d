"""How often the policy's reply beats the one that a comparison holds."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import chz
import tinker
from tinker_cookbook.preference.comparison_policy_evaluator import ComparisonEvaluator
from tinker_cookbook.preference.preference_datasets import ComparisonDatasetBuilder
from tinker_cookbook.preference.types import PreferenceModelBuilder

from recipe_runner.envs import Rollouts


def win_rate(
    comparisons: ComparisonDatasetBuilder,
    judge: PreferenceModelBuilder,
    *,
    size: int,
    rollouts: Rollouts,
) -> Callable[[], WinRate]:
    """Return the builder of an evaluator on the first `size` comparisons of a test set."""
    # chz makes the constructor, which type checkers cannot see.
    builder: Any = WinRateBuilder
    made: Callable[[], WinRate] = builder(
        comparison_builder=comparisons,
        preference_model_builder=judge,
        size=size,
        renderer_name=rollouts.renderer_name,
        model_name=rollouts.model_name,
        max_tokens=rollouts.max_tokens,
    )
    return made


class WinRate(ComparisonEvaluator):
    """The Cookbook's evaluator, with its metrics named as those of a test set."""

    async def __call__(self, sampling_client: tinker.SamplingClient) -> dict[str, float]:
        metrics = await super().__call__(sampling_client)
        return {
            "test/win_rate": metrics["win_rate"],
            "test/win_rate_stderr": metrics["stderr"],
        }


@chz.chz
class WinRateBuilder:
    """Builds a `WinRate` on the first comparisons of a test set.

    Attributes:
        size: number of comparisons.
        max_tokens: of the policy's replies.
    """

    comparison_builder: ComparisonDatasetBuilder
    preference_model_builder: PreferenceModelBuilder
    size: int
    renderer_name: str
    model_name: str
    max_tokens: int

    def __call__(self) -> WinRate:
        _, test = self.comparison_builder.get_train_and_test_datasets()
        assert test is not None, "check() refuses an evaluation on data without a test set"
        labeled = map(self.comparison_builder.example_to_labeled_comparison, test)
        valid = (each.comparison for each in labeled if each is not None)
        return WinRate(
            preference_model_builder=self.preference_model_builder,
            comparisons=list(itertools.islice(valid, self.size)),
            renderer_name=self.renderer_name,
            model_name_for_tokenizer=self.model_name,
            max_tokens=self.max_tokens,
        )
