"""`method: distill`: a student learns from one teacher or several."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from schemas.base import Checkpoint, Count, ModelName, RecipeModel
from schemas.common import TrainingKeys
from schemas.data import Data
from schemas.loss import Loss
from schemas.optimizer import Optimizer
from schemas.sampling import Rollout


class Teacher(RecipeModel):
    model: ModelName = Field(description="A Tinker model id.")
    load_from: Checkpoint | None = Field(default=None, description="Its checkpoint; none: base.")


class TeacherWithData(Teacher):
    data: Data = Field(description="What the student learns from this teacher.")
    groups_per_batch: Count | None = Field(
        default=None, description="Prompts of a step that go to this teacher; none: as the rollout."
    )


class DistillKl(RecipeModel):
    coef: Annotated[float, Field(ge=0)] = Field(
        default=1.0, description="Weight of the KL against the teacher."
    )
    discount: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.0, description="Discount over positions."
    )
    post_update: bool = Field(
        default=False, description="Also measure the KL of each update, at one more pass."
    )


def _teacher_form(value: Any) -> str:
    return "several" if isinstance(value, list) else "one"


Teachers = Annotated[
    Annotated[Teacher, Tag("one")]
    | Annotated[list[TeacherWithData], Field(min_length=1), Tag("several")],
    Discriminator(_teacher_form),
]


class DistillRecipe(TrainingKeys):
    method: Literal["distill"]
    mode: Literal["on_policy", "off_policy"] = Field(
        description="on_policy: the student samples and the teacher scores; off_policy: the "
        "student learns the teacher's distribution over given replies."
    )
    teacher: Teachers = Field(
        description="{model, load_from}, or a list of them with `data` for each."
    )
    data: Data | None = Field(default=None, description="Needed where there is one teacher.")
    rollout: Rollout | None = Field(default=None, description="Needed where mode is on_policy.")
    loss: Loss = Field(
        default="importance_sampling", description="on_policy: a loss's name, or {name, config}."
    )
    kl: DistillKl = Field(default_factory=DistillKl, description="on_policy: the teacher's pull.")
    substeps: Count = Field(
        default=1, description="on_policy: optimizer steps that a batch is split into."
    )
    batch_size: Count = Field(default=64, description="off_policy: conversations in one step.")
    max_length: Count = Field(default=16384, description="off_policy: tokens of a conversation.")
    top_k: Count = Field(
        default=20, description="off_policy: the teacher's likeliest tokens at each position."
    )
    optimizer: Optimizer = Field(default_factory=Optimizer)
