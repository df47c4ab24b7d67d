"""What supervised methods train on: conversations, from a file or from the hub."""

from __future__ import annotations

from tinker_cookbook.supervised.types import (
    ChatDatasetBuilderCommonConfig,
    SupervisedDatasetBuilder,
)

from schemas.data import COOKBOOK_DATASETS, ConversationsData, Data, HuggingFaceData


def supervised_builder(
    data: Data, common: ChatDatasetBuilderCommonConfig, *, seed: int
) -> SupervisedDatasetBuilder:
    """Return the builder of what a supervised method trains on."""
    if isinstance(data, ConversationsData):
        from tinker_cookbook.supervised.data import FromConversationFileBuilder

        return FromConversationFileBuilder(
            common_config=common,
            file_path=data.path,
            test_size=data.test_size,
            shuffle_seed=seed,
        )
    assert isinstance(data, HuggingFaceData), "check() refuses other kinds"
    return _hub_builder(data, common, seed=seed)


def _hub_builder(
    data: HuggingFaceData, common: ChatDatasetBuilderCommonConfig, *, seed: int
) -> SupervisedDatasetBuilder:
    if data.dataset in COOKBOOK_DATASETS:
        from tinker_cookbook.recipes.chat_sl.chat_datasets import NoRobotsBuilder, Tulu3Builder

        named = {"tulu3": Tulu3Builder, "no_robots": NoRobotsBuilder}
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
