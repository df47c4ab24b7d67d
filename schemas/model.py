"""`model`: what is trained, and where its weights start."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.base import Count, NonEmpty, RecipeModel

Checkpoint = Annotated[
    str,
    Field(
        pattern=r"^(tinker://\S+|run:[a-z0-9][a-z0-9._-]*@(\d+|final))$",
        description="tinker://… or run:NAME@STEP or run:NAME@final.",
        examples=["run:sft-conversations@final"],
    ),
]


class Model(RecipeModel):
    name: NonEmpty = Field(
        description="A Tinker model id; a suffix such as :peft:131072 is allowed.",
        examples=["Qwen/Qwen3-8B-Base"],
    )
    lora_rank: Count = Field(default=32, description="Rank of the LoRA adapter.")
    load_from: Checkpoint | None = Field(
        default=None, description="Checkpoint whose weights training starts from."
    )
