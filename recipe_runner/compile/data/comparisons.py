"""Comparisons, as pairs for DPO or as verdicts that a reward model learns."""

from __future__ import annotations

from tinker_cookbook.preference.dpo_datasets import DPODatasetBuilderFromComparisons
from tinker_cookbook.preference.preference_datasets import (
    ChatDatasetBuilderFromComparisons,
    ComparisonDatasetBuilder,
)
from tinker_cookbook.supervised.types import ChatDatasetBuilder, ChatDatasetBuilderCommonConfig

from recipe_runner.envs.preference.comparisons import file_comparisons, named_comparisons
from schemas.data import ComparisonsData, Data, HuggingFaceData


def pairs_builder(
    data: Data, common: ChatDatasetBuilderCommonConfig, *, seed: int
) -> ChatDatasetBuilder:
    """Return the builder of pairs of datums: the chosen reply, then the rejected one.

    Ties are left out: the Cookbook would take the second reply for the chosen one.
    """
    comparisons = _comparisons(data, seed=seed, ties=False, at_least=common.batch_size)
    return DPODatasetBuilderFromComparisons(common_config=common, comparison_builder=comparisons)


def verdicts_builder(
    data: Data, common: ChatDatasetBuilderCommonConfig, *, seed: int
) -> ChatDatasetBuilder:
    """Return the builder of datums that end with the verdict, which alone is trained on."""
    comparisons = _comparisons(data, seed=seed, ties=True, at_least=common.batch_size)
    return ChatDatasetBuilderFromComparisons(common_config=common, comparison_builder=comparisons)


def _comparisons(data: Data, *, seed: int, ties: bool, at_least: int) -> ComparisonDatasetBuilder:
    if isinstance(data, HuggingFaceData):
        return named_comparisons(data.dataset)
    assert isinstance(data, ComparisonsData), "check() refuses other kinds"
    return file_comparisons(data, test_size=data.test_size, seed=seed, ties=ties, at_least=at_least)
