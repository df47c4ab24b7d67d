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
    method: Literal["sdft"]
    data: Data = Field(description="Questions with a demonstration each.")
    top_k: Cadence = Field(
        default=20,
        description="The teacher's likeliest tokens at each position; 0: importance sampling on "
        "the sampled tokens alone.",
    )
    reverse: bool = Field(default=False, description="Reverse KL in place of forward KL.")
    teacher_sync_every: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Copy the student's weights to the teacher every N steps."
    )
    system_prompt: NonEmpty | None = Field(default=None, description="Before each question.")
    max_length: Count = Field(default=32768, description="Tokens of the teacher's context.")
    substeps: Count = Field(default=1, description="Optimizer steps that a batch is split into.")
    rollout: Rollout
    optimizer: Optimizer = Field(default_factory=Optimizer)
