"""Groups of replies whose rewards are their wins less their losses in pairwise comparisons."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import chz
from tinker_cookbook import renderers
from tinker_cookbook.preference.types import Comparison, LabeledComparison, PreferenceModel
from tinker_cookbook.rl.preference_envs import (
    PairwisePreferenceDataset,
    PairwisePreferenceGroupBuilder,
    PairwisePreferenceRLDatasetBuilder,
    get_pairs_chunked,
)
from tinker_cookbook.rl.types import Env, EnvGroupBuilder, Metrics, Trajectory
from tinker_cookbook.tokenizer_utils import get_tokenizer

from recipe_runner.envs.preference.prompted import PromptedJudge


class _Given(PreferenceModel):
    """Hands out verdicts that are known already, in order."""

    def __init__(self, verdicts: Sequence[float]) -> None:
        self._verdicts = iter(verdicts)

    async def __call__(self, comparison: Comparison) -> float:
        return next(self._verdicts)


@dataclass(frozen=True)
class JudgedGroupBuilder(PairwisePreferenceGroupBuilder):
    """The Cookbook's group, with all its comparisons asked for at once, and counted.

    Adds to each trajectory's metrics the share of its group's comparisons that were ties, and that
    had no verdict that could be read (and so count as ties in the reward).
    """

    async def compute_group_rewards(
        self, trajectory_group: list[Trajectory], env_group: Sequence[Env]
    ) -> list[tuple[float, Metrics]]:
        verdicts = await asyncio.gather(*map(self._verdict, self._comparisons(trajectory_group)))
        known: dict[str, Any] = {"preference_model": _Given([each or 0.0 for each in verdicts])}
        given = replace(self, **known)
        rewards = await PairwisePreferenceGroupBuilder.compute_group_rewards(
            given, trajectory_group, env_group
        )
        total = max(len(verdicts), 1)
        shares = {
            "judge_ties": verdicts.count(0.0) / total,
            "judge_unreadable": verdicts.count(None) / total,
        }
        return [(reward, {**metrics, **shares}) for reward, metrics in rewards]

    def _comparisons(self, trajectory_group: list[Trajectory]) -> list[Comparison]:
        """Return the comparisons in the order in which the Cookbook asks for them."""
        messages = [self.get_response_message(trajectory)[0] for trajectory in trajectory_group]
        pairs = get_pairs_chunked(len(messages), self.tournament_pattern, self.matchup_group_size)
        return [
            self.comparison_reward_for_second_messages(messages[i], messages[j]) for i, j in pairs
        ]

    async def _verdict(self, comparison: Comparison) -> float | None:
        judge = self.preference_model
        if isinstance(judge, PromptedJudge):
            return await judge.verdict(comparison)
        return await judge(comparison)


class JudgedDataset(PairwisePreferenceDataset):
    """The Cookbook's data set, of groups that count their judge's verdicts."""

    def _labeled_comparison_to_env_group(self, lc: LabeledComparison) -> EnvGroupBuilder:
        group = super()._labeled_comparison_to_env_group(lc)
        assert isinstance(group, PairwisePreferenceGroupBuilder)
        return JudgedGroupBuilder(
            **{each.name: getattr(group, each.name) for each in fields(group)}
        )


@chz.chz
class JudgedDatasetBuilder(PairwisePreferenceRLDatasetBuilder):
    """Builds a `JudgedDataset`."""

    async def __call__(self) -> tuple[JudgedDataset, None]:
        renderer = renderers.get_renderer(
            self.policy_renderer_name, get_tokenizer(self.policy_model_name)
        )
        dataset = JudgedDataset(
            comparison_builder=self.comparison_builder,
            renderer=renderer,
            batch_size=self.batch_size,
            preference_model=self.preference_model_builder(),
            tournament_pattern=self.tournament_pattern,
            group_size=self.group_size,
            content_preprocessor=self.content_preprocessor,
        )
        return dataset, None
