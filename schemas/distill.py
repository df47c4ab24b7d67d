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
from schemas.sft import TrainOn


class Teacher(RecipeModel):
    model: ModelName = Field(
        description="A Tinker model id whose tokenizer is the student's.",
        examples=["Qwen/Qwen3.5-9B"],
    )
    load_from: Checkpoint | None = Field(default=None, description="Its checkpoint; none: base.")


class TeacherWithData(Teacher):
    data: Data = Field(description="What the student learns from this teacher.")
    groups_per_batch: Count | None = Field(
        default=None,
        description="on_policy: prompts of a step that go to this teacher; none: as in rollout.",
    )
    weight: Annotated[float, Field(gt=0)] = Field(
        default=1.0, description="off_policy: this teacher's share of batch_size, next to others'."
    )


class DistillKl(RecipeModel):
    coef: Annotated[float, Field(gt=0)] = Field(
        default=1.0, description="Weight of the KL against the teacher."
    )
    discount: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.0, description="Discount over the positions after a token; 0: its own KL alone."
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
    rollout: Rollout | None = Field(
        default=None, description="on_policy: what the student samples in a step; needed there."
    )
    loss: Loss = Field(
        default="importance_sampling", description="on_policy: a loss's name, or {name, config}."
    )
    kl: DistillKl = Field(default_factory=DistillKl, description="on_policy: the teacher's pull.")
    substeps: Count = Field(
        default=1, description="on_policy: optimizer steps that a batch is split into."
    )
    batch_size: Count = Field(default=64, description="off_policy: conversations in one step.")
    max_length: Count = Field(
        default=16384, description="off_policy: tokens after which a conversation is cut off."
    )
    train_on: TrainOn = Field(
        default="all_assistant_messages", description="off_policy: which tokens are learned."
    )
    top_k: Count = Field(
        default=20, description="off_policy: the teacher's likeliest tokens at each position."
    )
    optimizer: Optimizer = Field(default_factory=Optimizer)


def teachers_of(recipe: DistillRecipe) -> list[TeacherWithData]:
    """Return the teachers, one too, each with what is learned from it."""
    if isinstance(recipe.teacher, list):
        return recipe.teacher
    if recipe.data is None:
        return []
    one = recipe.teacher
    return [TeacherWithData(model=one.model, load_from=one.load_from, data=recipe.data)]
