"""The keys that recipes have in common: all of them, those with a model, those that train one."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.backend import Backend
from schemas.base import Count, NonEmpty, RecipeModel, Seed
from schemas.budget import Budget
from schemas.model import Model
from schemas.run_settings import CheckpointSettings, EvalSettings, LoggingSettings

RecipeName = Annotated[
    str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", description="Lower-case letters, digits, . _ -")
]


class CommonKeys(RecipeModel):
    """What every method's recipe has."""

    version: Literal[1] = Field(description="Version of the recipe language.")
    name: RecipeName = Field(
        description="Names the runs: lower-case letters, digits, . _ -. Default: the file's stem."
    )
    description: str = Field(default="", description="What the experiment is about.")
    tags: list[NonEmpty] = Field(default=[], description="Words to find the run by.")
    seed: Seed = Field(default=0, description="Seed of data order, problems and local sampling.")
    logging: LoggingSettings = Field(default_factory=LoggingSettings)
    budget: Budget | None = Field(
        default=None,
        description="Limits that a run keeps: at one it saves a checkpoint and stops.",
    )
    backend: Backend = Field(default="tinker", description="Where the recipe is executed.")


class ModelKeys(CommonKeys):
    """What a recipe of one model has."""

    model: Model
    renderer: NonEmpty = Field(
        default="auto",
        description="auto: the Cookbook's recommended renderer of the model; or its name.",
    )


class TrainingKeys(ModelKeys):
    """What a recipe that trains its model has."""

    steps: Count | None = Field(
        default=None, description="Number of training steps; none: the whole data set."
    )
    checkpoint: CheckpointSettings = Field(default_factory=CheckpointSettings)
    eval: EvalSettings | None = Field(default=None, description="Evaluation during training.")
