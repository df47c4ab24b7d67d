"""`data`: what a method trains on or asks. One model a kind, told apart by `kind`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from schemas.base import Cadence, FilePath, ImportPath, NamesDataset, NonEmpty, RecipeModel

# Data sets that the Cookbook has builders for, by what they hold.
COOKBOOK_CONVERSATIONS = ("tulu3", "no_robots", "openthoughts3")
COOKBOOK_COMPARISONS = ("hhh", "helpsteer3", "ultrafeedback")
COOKBOOK_PROMPTS = ("deepmath", "tulu3")
COOKBOOK_DEMONSTRATIONS = ("sciknoweval", "toolalpaca")
COOKBOOK_DATASETS = tuple(
    dict.fromkeys(
        (
            *COOKBOOK_CONVERSATIONS,
            *COOKBOOK_COMPARISONS,
            *COOKBOOK_PROMPTS,
            *COOKBOOK_DEMONSTRATIONS,
        )
    )
)


class ConversationsData(RecipeModel):
    """A JSONL file of chat conversations, one {"messages": [{"role", "content"}, …]} a line."""

    kind: Literal["conversations"]
    path: FilePath = Field(description="The JSONL file.", examples=["data/conversations.jsonl"])
    test_size: Cadence = Field(
        default=0, description="Number of conversations held out for the test loss."
    )


class ComparisonsData(RecipeModel):
    """A JSONL file of preferences, one {"prompt", "chosen", "rejected"} a line.

    Each is a text or a list of messages. The Cookbook's own form, {"comparison", "label"}, is read
    as well. In place of one file there may be two, of better and of worse replies: conversations,
    or {"prompt", "answer"}. Each reply is compared with the others' replies to the same prompt.
    """

    kind: Literal["comparisons"]
    path: FilePath | None = Field(
        default=None, description="The JSONL file.", examples=["data/comparisons.jsonl"]
    )
    chosen: FilePath | None = Field(
        default=None, description="JSONL of the better replies, in place of `path`."
    )
    rejected: FilePath | None = Field(
        default=None, description="JSONL of the worse replies, with `chosen`."
    )
    test_size: Cadence = Field(
        default=0, description="Number of comparisons held out for the test loss."
    )


class PromptsData(RecipeModel):
    """A JSONL file of prompts, one {"prompt": text} or {"messages": […]} a line.

    Messages end with the user's. `answer` beside the prompt is the demonstration that `sdft` learns
    from.
    """

    kind: Literal["prompts"]
    path: FilePath = Field(description="The JSONL file.", examples=["data/prompts.jsonl"])
    test_size: Cadence = Field(default=0, description="Number of prompts held out.")


class HuggingFaceData(RecipeModel):
    """A data set of the Hugging Face hub, or one that the Cookbook knows by name."""

    kind: Literal["huggingface"]
    dataset: Annotated[NonEmpty, NamesDataset()] = Field(
        description=f"One that the Cookbook has a builder for ({', '.join(COOKBOOK_DATASETS)}), "
        "or a hub id.",
        examples=["no_robots", "allenai/tulu-3-sft-mixture"],
    )
    config: NonEmpty | None = Field(
        default=None,
        description="Configuration of the hub data set; of sciknoweval: its domain.",
    )
    split: NonEmpty = Field(default="train", description="Split of the hub data set.")
    messages_column: NonEmpty = Field(
        default="messages",
        description="Column that holds the conversation, or for prompts also a text.",
    )
    test_size: Cadence = Field(
        default=0, description="Number of conversations held out for the test loss."
    )


class CustomData(RecipeModel):
    """A data set builder of the user's own."""

    kind: Literal["custom"]
    builder: ImportPath = Field(
        description="package.module:Name of what returns a SupervisedDatasetBuilder, or, where "
        "prompts are needed, a list of them; imported when the recipe runs, never before.",
        examples=["modules.memory:supervised_builder"],
    )
    kwargs: dict[str, Any] = Field(default={}, description="What the builder is called with.")


class WeightedData(RecipeModel):
    """Conversations, and how much they count."""

    data: Annotated[
        ConversationsData | HuggingFaceData | CustomData, Field(discriminator="kind")
    ] = Field(description="Conversations of any kind.")
    weight: Annotated[float, Field(gt=0)] = Field(
        default=1.0, description="Factor on the loss of these conversations."
    )


class MixtureData(RecipeModel):
    """Conversations from several places, shuffled together, each place with a weight."""

    kind: Literal["mixture"]
    parts: Annotated[list[WeightedData], Field(min_length=1)] = Field(
        description="Where the conversations come from."
    )


Data = Annotated[
    ConversationsData | ComparisonsData | PromptsData | HuggingFaceData | MixtureData | CustomData,
    Field(discriminator="kind"),
]


def holds_comparisons(data: Data) -> bool:
    """Whether a data section is about comparisons, in a file or by the Cookbook's name."""
    if isinstance(data, HuggingFaceData):
        return data.dataset in COOKBOOK_COMPARISONS
    return isinstance(data, ComparisonsData)
