"""What a run keeps and where it logs: `checkpoint`, `eval`, `logging`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from schemas.base import Cadence, Count, NonEmpty, RecipeModel, RunsPath
from schemas.evaluators import Evaluator


def _lifetime_form(value: Any) -> str:
    return "never" if isinstance(value, str) else "days"


Lifetime = Annotated[
    Annotated[float, Field(gt=0, allow_inf_nan=False), Tag("days")]
    | Annotated[Literal["never"], Tag("never")],
    Discriminator(_lifetime_form),
]


class CheckpointSettings(RecipeModel):
    every: Cadence = Field(default=20, description="Save a checkpoint every N steps; 0: only last.")
    rolling_every: Cadence = Field(
        default=0, description="Save a resume-only checkpoint every N steps, replacing the last."
    )
    ttl_days: Lifetime = Field(
        default=7.0,
        description="Days until a periodic checkpoint expires, or never. The final one is kept.",
    )


class EvalSettings(RecipeModel):
    every: Count = Field(description="Evaluate every N steps.")
    evaluators: list[Evaluator] = Field(
        default=[], description="Evaluators beside the test set of the data or environment."
    )


class Wandb(RecipeModel):
    project: NonEmpty = Field(description="W&B project.")
    name: NonEmpty | None = Field(default=None, description="Name of the W&B run.")
    mode: Literal["online", "offline"] = Field(
        default="online", description="offline keeps the files for a later `wandb sync`."
    )
    tags: list[NonEmpty] = Field(default=[], description="Tags of the W&B run.")


class Trackio(RecipeModel):
    project: NonEmpty = Field(description="Trackio project.")
    name: NonEmpty | None = Field(default=None, description="Name of the Trackio run.")


class LoggingSettings(RecipeModel):
    dir: Annotated[NonEmpty, RunsPath()] = Field(
        default="runs", description="Directory of all runs, relative to the working directory."
    )
    wandb: Wandb | None = Field(default=None, description="Also log to Weights & Biases.")
    trackio: Trackio | None = Field(default=None, description="Also log to Trackio.")
    trace: bool = Field(default=False, description="Write the Cookbook's trace events.")
    rollouts: Cadence = Field(
        default=4, description="Number of groups a step whose rollouts are written out to read."
    )
