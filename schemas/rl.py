"""`method: rl`: policy gradient with group-relative advantages."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Checkpoint, Count, ModelName, RecipeModel
from schemas.common import TrainingKeys
from schemas.env import Env
from schemas.loss import Loss
from schemas.optimizer import Optimizer
from schemas.sampling import Rollout


class KlReference(RecipeModel):
    model: ModelName | None = Field(default=None, description="Default: the model being trained.")
    load_from: Checkpoint | None = Field(default=None, description="Its checkpoint; none: base.")


class Kl(RecipeModel):
    coef: Annotated[float, Field(ge=0)] = Field(
        default=0.0, description="Weight of the KL penalty against the reference."
    )
    discount: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.0, description="Discount over positions of the penalty."
    )
    reference: KlReference = Field(
        default_factory=KlReference, description="The policy that the penalty measures against."
    )
    post_update: bool = Field(
        default=False, description="Also measure the KL of each update, at one more pass."
    )


class SyncExecution(RecipeModel):
    kind: Literal["sync"]


class AsyncExecution(RecipeModel):
    kind: Literal["async"]
    max_steps_off_policy: Annotated[int, Field(ge=0)] = Field(
        description="Steps that a rollout may lag behind the weights being trained."
    )


class StreamExecution(RecipeModel):
    kind: Literal["stream"]
    minibatches: Count = Field(description="Parts of a batch that are trained as they come in.")


Execution = Annotated[SyncExecution | AsyncExecution | StreamExecution, Field(discriminator="kind")]


class RlRecipe(TrainingKeys):
    method: Literal["rl"]
    env: Env
    rollout: Rollout
    loss: Loss = Field(
        default="importance_sampling", description="A loss's name, or {name, config}."
    )
    kl: Kl = Field(default_factory=Kl, description="KL penalty; off by default.")
    execution: Execution = Field(
        default_factory=lambda: SyncExecution(kind="sync"),
        description="How sampling and training overlap.",
    )
    substeps: Count = Field(default=1, description="Optimizer steps that a batch is split into.")
    drop_constant_groups: bool = Field(
        default=False, description="Leave out groups whose rewards are all equal."
    )
    optimizer: Optimizer = Field(default_factory=Optimizer)
