"""`method: reinforce`: GEM's own algorithm, REINFORCE with return batch normalization."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Count
from schemas.common import TrainingKeys
from schemas.env import GemEnv
from schemas.loss import LossOrCustom
from schemas.optimizer import Optimizer


class ReinforceRecipe(TrainingKeys):
    method: Literal["reinforce"]
    steps: Count = Field(description="Number of training steps.")
    env: GemEnv
    episodes_per_batch: Count = Field(description="Episodes played, concurrently, in one step.")
    max_tokens: Count = Field(description="Tokens a turn may have.")
    temperature: Annotated[float, Field(gt=0, le=2)] = Field(
        default=1.0, description="Sampling temperature."
    )
    gamma: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.9, description="Discount of later turns' rewards."
    )
    normalize_returns: bool = Field(
        default=True, description="Return batch normalization: mean 0, deviation 1 over a batch."
    )
    loss: LossOrCustom = Field(
        default="importance_sampling",
        description="A loss's name, {name, config}, or {custom: package.module:function}.",
    )
    optimizer: Optimizer = Field(default_factory=Optimizer)
