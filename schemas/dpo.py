"""`method: dpo`: direct preference optimization on pairs of replies."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Checkpoint, Count, ModelName, RecipeModel
from schemas.common import TrainingKeys
from schemas.data import Data
from schemas.optimizer import ScheduledOptimizer


class DpoReference(RecipeModel):
    """A frozen policy other than the weights that training starts from."""

    model: ModelName | None = Field(default=None, description="Default: the model being trained.")
    load_from: Checkpoint | None = Field(default=None, description="Its checkpoint; none: base.")


class DpoRecipe(TrainingKeys):
    method: Literal["dpo"]
    data: Data = Field(description="Comparisons.")
    beta: Annotated[float, Field(gt=0)] = Field(
        default=0.1, description="Strength of the pull towards the reference."
    )
    reference: DpoReference | None = Field(
        default=None, description="The frozen policy; none: the weights that training starts from."
    )
    batch_size: Count = Field(default=256, description="Comparisons in one step.")
    max_length: Count = Field(default=8192, description="Tokens after which a text is cut off.")
    epochs: Count = Field(default=1, description="Passes over the data.")
    optimizer: ScheduledOptimizer = Field(default_factory=ScheduledOptimizer)
