"""`method: sdft`: self-distillation from demonstrations (arXiv 2601.19897)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Cadence, Count, NonEmpty
from schemas.common import TrainingKeys
from schemas.data import Data
from schemas.optimizer import Optimizer
from schemas.sampling import Rollout


class SdftRecipe(TrainingKeys):
    """The teacher is the model's base, which is shown the demonstration beside the question."""

    method: Literal["sdft"]
    data: Data = Field(description="Questions with a demonstration (`answer`) each.")
    top_k: Cadence = Field(
        default=20,
        description="The teacher's likeliest tokens that are learned at each position; 0: none but "
        "the sampled ones, by importance sampling.",
    )
    reverse: bool = Field(
        default=False, description="Reverse KL over these tokens in place of forward KL."
    )
    teacher_sync_every: Annotated[int, Field(ge=1)] | None = Field(
        default=None,
        description="Copy the student's weights to the teacher every N steps; none: never.",
    )
    teacher_prompt: NonEmpty | None = Field(
        default=None,
        description="What the teacher is asked, with {{ question }} and {{ answer }}; none: the "
        "Cookbook's wording.",
    )
    system_prompt: NonEmpty | None = Field(
        default=None, description="What the teacher is told first, and the student never sees."
    )
    max_length: Count = Field(
        default=32768, description="Tokens of the teacher's context: question, answer and reply."
    )
    substeps: Count = Field(default=1, description="Optimizer steps that a batch is split into.")
    rollout: Rollout
    optimizer: Optimizer = Field(default_factory=Optimizer)
