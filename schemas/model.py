"""`model`: what is trained, and where its weights start; and models that are only asked."""

from __future__ import annotations

from pydantic import Field

from schemas.base import Checkpoint, Count, ModelName, NonEmpty, RecipeModel


class Model(RecipeModel):
    name: ModelName = Field(
        description="A Tinker model id; a suffix such as :peft:131072 is allowed.",
        examples=["Qwen/Qwen3-8B-Base"],
    )
    lora_rank: Count = Field(default=32, description="Rank of the LoRA adapter.")
    load_from: Checkpoint | None = Field(
        default=None, description="Checkpoint whose weights training starts from."
    )


class AskedModel(RecipeModel):
    """A model that is sampled from and never trained: a grader, a judge, an opponent."""

    model: ModelName = Field(description="A Tinker model id.")
    load_from: Checkpoint | None = Field(default=None, description="Its checkpoint; none: base.")
    renderer: NonEmpty = Field(
        default="auto", description="auto: the Cookbook's recommended renderer of that model."
    )
