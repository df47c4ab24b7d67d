"""`optimizer`: the learning rate and, for supervised methods, Adam's other settings."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from schemas.base import RecipeModel

PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Beta = Annotated[float, Field(ge=0, lt=1)]


class ScaledLearningRate(RecipeModel):
    auto: PositiveFloat = Field(
        description="Factor on the Cookbook's recommended learning rate of the model."
    )


def _learning_rate_form(value: Any) -> str:
    if isinstance(value, str):
        return "auto"
    return "factor" if isinstance(value, dict | ScaledLearningRate) else "number"


LearningRate = Annotated[
    Annotated[PositiveFloat, Tag("number")]
    | Annotated[Literal["auto"], Tag("auto")]
    | Annotated[ScaledLearningRate, Tag("factor")],
    Discriminator(_learning_rate_form),
]


class Optimizer(RecipeModel):
    learning_rate: LearningRate = Field(
        default="auto",
        description="A number; or auto: the Cookbook's hyperparam_utils.get_lr of the model; "
        "or {auto: FACTOR}: that times FACTOR.",
        examples=[2e-5, "auto", {"auto": 0.5}],
    )


class ScheduledOptimizer(Optimizer):
    schedule: Literal["linear", "cosine", "constant"] = Field(
        default="linear", description="How the learning rate changes over the run."
    )
    beta1: Beta = Field(default=0.9, description="Adam's beta1.")
    beta2: Beta = Field(default=0.95, description="Adam's beta2.")
    eps: PositiveFloat = Field(default=1e-8, description="Adam's epsilon.")
