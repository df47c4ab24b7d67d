"""`env`: what a reinforcement-learning method plays. One model a kind, told apart by `kind`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from schemas.base import Count, FilePath, NonEmpty, RecipeModel


class EnvEval(RecipeModel):
    every: Count = Field(description="Evaluate every N steps.")
    size: Count = Field(description="Number of problems, from a seed range of their own.")


class GemEnv(RecipeModel):
    """A GEM environment, by its id."""

    kind: Literal["gem"]
    id: NonEmpty = Field(
        description="GEM's id of the environment.",
        examples=["math:Math12K", "rg:simple_equations", "game:Sudoku-v0-easy"],
    )
    kwargs: dict[str, Any] = Field(
        default={},
        description="What that environment takes; for rg: ids the reasoning_gym data set's keys.",
    )
    prompt: NonEmpty = Field(
        default="boxed",
        description="boxed (asks for \\boxed{}), none, or a template with {{ observation }}.",
        examples=["boxed", "none", "Solve: {{ observation }}"],
    )
    wrappers: list[NonEmpty] = Field(
        default=[], description="GEM's observation wrappers, innermost first."
    )
    max_turns: Count | None = Field(
        default=None, description="Turns after which an episode is cut off; none: the game's own."
    )
    dataset: FilePath | None = Field(
        default=None, description="A local data file in place of the hub's data set."
    )
    eval: EnvEval | None = Field(default=None, description="Evaluation on problems kept apart.")


class MathEnv(RecipeModel):
    """The Cookbook's arithmetic environment and its mathematics data sets."""

    kind: Literal["math"]
    dataset: Literal["arithmetic", "math", "polaris", "deepmath", "gsm8k"] = Field(
        description="arithmetic is procedural; the others are hub data sets of the Cookbook."
    )


Env = Annotated[GemEnv | MathEnv, Field(discriminator="kind")]
