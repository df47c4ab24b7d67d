"""What supervised methods train on: conversations, from a file or from the hub."""

from __future__ import annotations

from typing import Any

import chz
from tinker_cookbook.supervised.types import (
    ChatDatasetBuilder,
    ChatDatasetBuilderCommonConfig,
    SupervisedDataset,
    SupervisedDatasetBuilder,
)

from recipe_runner.user_code import blamed
from recipe_runner.user_code.call import call_function
from schemas.data import (
    COOKBOOK_DATASETS,
    ConversationsData,
    CustomData,
    Data,
    HuggingFaceData,
    MixtureData,
    holds_comparisons,
)


def supervised_builder(
    data: Data, common: ChatDatasetBuilderCommonConfig, *, seed: int
) -> SupervisedDatasetBuilder:
    """Return the builder of what a supervised method trains on.

    Comparisons train a reward model: which of two replies is better.
    """
    if holds_comparisons(data):
        from recipe_runner.compile.data.comparisons import verdicts_builder

        return verdicts_builder(data, common, seed=seed)
    if isinstance(data, ConversationsData):
        from tinker_cookbook.supervised.data import FromConversationFileBuilder

        return FromConversationFileBuilder(
            common_config=common,
            file_path=data.path,
            test_size=data.test_size,
            shuffle_seed=seed,
        )
    if isinstance(data, MixtureData):
        return _mixture(data, common, seed=seed)
    if isinstance(data, CustomData):
        return CustomConversationsBuilder(
            common_config=common, reference=data.builder, kwargs=data.kwargs, seed=seed
        )
    assert isinstance(data, HuggingFaceData), "check() refuses other kinds"
    return _hub_builder(data, common, seed=seed)


@chz.chz
class CustomConversationsBuilder(ChatDatasetBuilder):
    """Calls what the recipe names, which gives a SupervisedDatasetBuilder, and builds that.

    Attributes:
        reference: `package.module:Name`, imported when the loop asks for its data, not before. Of
            the run it gets what its parameters name: `common_config`, that one's fields, `seed`.
        kwargs: what the recipe calls it with.
    """

    reference: str
    kwargs: dict[str, Any]
    seed: int

    def __call__(self) -> tuple[SupervisedDataset, SupervisedDataset | None]:
        common = self.common_config
        offered = {name: getattr(common, name) for name in chz.chz_fields(common)}
        offered |= {"common_config": common, "seed": self.seed}
        builder = call_function(
            self.reference, self.kwargs, offered, expected=SupervisedDatasetBuilder
        )
        with blamed(self.reference):
            train, test = builder()
        return train, test


def _mixture(
    data: MixtureData, common: ChatDatasetBuilderCommonConfig, *, seed: int
) -> SupervisedDatasetBuilder:
    from recipe_runner.compile.data.mixture import MixtureBuilder

    singly = chz.replace(common, batch_size=1)
    return MixtureBuilder(
        parts=[supervised_builder(part.data, singly, seed=seed) for part in data.parts],
        weights=[part.weight for part in data.parts],
        batch_size=common.batch_size,
        seed=seed,
    )


def _hub_builder(
    data: HuggingFaceData, common: ChatDatasetBuilderCommonConfig, *, seed: int
) -> SupervisedDatasetBuilder:
    if data.dataset in COOKBOOK_DATASETS:
        from tinker_cookbook.recipes.chat_sl.chat_datasets import NoRobotsBuilder, Tulu3Builder
        from tinker_cookbook.recipes.distillation.off_policy_reasoning import OpenThoughts3Builder

        named = {
            "tulu3": Tulu3Builder,
            "no_robots": NoRobotsBuilder,
            "openthoughts3": OpenThoughts3Builder,
        }
        return named[data.dataset](common_config=common)
    from tinker_cookbook.supervised.data import HFDatasetSource, InterleavedChatDatasetBuilder

    source = HFDatasetSource(
        path=data.dataset,
        name=data.config,
        split=data.split,
        message_field=data.messages_column,
    )
    return InterleavedChatDatasetBuilder(
        common_config=common, sources=[source], test_size=data.test_size, shuffle_seed=seed
    )
