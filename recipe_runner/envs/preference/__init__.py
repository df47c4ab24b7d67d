"""Replies of a group, compared in pairs by a judge.

The loop of the Cookbook's preference recipes: `rl.preference_envs`, with reward models, prompted
judges, its `shorter` judge, or the user's own.
"""

from __future__ import annotations

from collections.abc import Callable

from tinker_cookbook.eval.evaluators import SamplingClientEvaluator
from tinker_cookbook.preference.preference_datasets import ComparisonDatasetBuilder
from tinker_cookbook.rl.preference_envs import TournamentPattern
from tinker_cookbook.rl.types import RLDatasetBuilder

from recipe_runner.envs import Rollouts
from recipe_runner.envs.preference.comparisons import (
    FilePromptBuilder,
    file_comparisons,
    named_comparisons,
)
from recipe_runner.envs.preference.dataset import JudgedDatasetBuilder
from recipe_runner.envs.preference.evaluation import win_rate
from recipe_runner.envs.preference.judges import judge_builder
from schemas.data import ComparisonsData, HuggingFaceData, PromptsData
from schemas.env import PreferenceEnv

PATTERNS = {
    "both_ways": TournamentPattern.ALL_PAIRS_BOTH_WAYS,
    "one_way": TournamentPattern.ALL_PAIRS_ONE_WAY,
}


def builder(env: PreferenceEnv, rollouts: Rollouts) -> RLDatasetBuilder:
    """Return the dataset builder of a preference environment."""
    return JudgedDatasetBuilder(
        comparison_builder=_comparisons(env, rollouts),
        batch_size=rollouts.groups_per_batch,
        policy_renderer_name=rollouts.renderer_name,
        policy_model_name=rollouts.model_name,
        tournament_pattern=PATTERNS[env.matches],
        group_size=rollouts.group_size,
        preference_model_builder=judge_builder(env.judge, rollouts),
    )


def evaluators(
    env: PreferenceEnv, rollouts: Rollouts
) -> list[Callable[[], SamplingClientEvaluator]]:
    """Return the builder of the win rate's evaluator, where comparisons are kept apart for it."""
    if env.eval_size == 0:
        return []
    comparisons = _comparisons(env, rollouts, test_size=env.eval_size)
    judge = judge_builder(env.judge, rollouts)
    return [win_rate(comparisons, judge, size=env.eval_size, rollouts=rollouts)]


def _comparisons(
    env: PreferenceEnv, rollouts: Rollouts, test_size: int | None = None
) -> ComparisonDatasetBuilder:
    """Return the comparisons; `test_size` is for named sets, whose test set does not cost any."""
    if env.data is None:
        from tinker_cookbook.recipes.preference.shorter.env import ShorterComparisonBuilder

        return ShorterComparisonBuilder()
    if isinstance(env.data, HuggingFaceData):
        return named_comparisons(env.data.dataset, test_size)
    groups, batches = rollouts.groups_per_batch, rollouts.num_batches
    at_least = groups if batches is None else 1
    num_rows = None if batches is None else groups * batches
    if isinstance(env.data, ComparisonsData):
        return file_comparisons(
            env.data,
            test_size=env.eval_size,
            seed=rollouts.seed,
            at_least=at_least,
            num_rows=num_rows,
        )
    assert isinstance(env.data, PromptsData), "check() refuses other kinds"
    return FilePromptBuilder(
        path=env.data.path, seed=rollouts.seed, at_least=at_least, num_rows=num_rows
    )
