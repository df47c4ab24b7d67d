"""`data`: what a supervised method trains on. One model a kind, told apart by `kind`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Cadence, FilePath, NonEmpty, RecipeModel


class ConversationsData(RecipeModel):
    """A JSONL file of chat conversations, one {"messages": [{"role", "content"}, …]} a line."""

    kind: Literal["conversations"]
    path: FilePath = Field(description="The JSONL file.", examples=["data/conversations.jsonl"])
    test_size: Cadence = Field(
        default=0, description="Number of conversations held out for the test loss."
    )


class HuggingFaceData(RecipeModel):
    """A data set of the Hugging Face hub, or one that the Cookbook knows by name."""

    kind: Literal["huggingface"]
    dataset: NonEmpty = Field(
        description="tulu3 or no_robots (the Cookbook's builders), or a hub id.",
        examples=["no_robots", "allenai/tulu-3-sft-mixture"],
    )
    config: NonEmpty | None = Field(default=None, description="Configuration of the hub data set.")
    split: NonEmpty = Field(default="train", description="Split of the hub data set.")
    messages_column: NonEmpty = Field(
        default="messages", description="Column that holds the conversation."
    )
    test_size: Cadence = Field(
        default=0, description="Number of conversations held out for the test loss."
    )


Data = Annotated[ConversationsData | HuggingFaceData, Field(discriminator="kind")]

COOKBOOK_DATASETS = ("tulu3", "no_robots")
