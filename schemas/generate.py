"""`method: generate`: replies to prompts, written as conversations."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Count, NonEmpty
from schemas.common import ModelKeys
from schemas.data import Data
from schemas.sampling import Sampling


class GenerateRecipe(ModelKeys):
    method: Literal["generate"]
    data: Data = Field(description="Prompts.")
    system_prompt: NonEmpty | None = Field(
        default=None, description="What the model is told, and what is not written out."
    )
    prompt: NonEmpty = Field(
        default="{{ prompt }}",
        description="What the model is asked, with {{ prompt }}; the prompt alone is written out.",
    )
    extract: NonEmpty | None = Field(
        default=None,
        description="Regular expression: its first group is the reply that is written out, and "
        "replies without a match are left out.",
        examples=[r"Final Answer: (\w+)"],
    )
    num_prompts: Count | None = Field(
        default=None, description="Answer only the first N prompts; none: all."
    )
    samples_per_prompt: Count = Field(default=1, description="Replies to each prompt.")
    sampling: Sampling
    output: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\.jsonl$")] = Field(
        default="conversations.jsonl", description="Name of the file in the run's directory."
    )
