"""Evaluators: what a model is measured by, during training or alone. Told apart by `kind`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from schemas.base import (
    BringsCode,
    Count,
    FilePath,
    ImportPath,
    NonEmpty,
    RecipeModel,
    Seed,
    Temperature,
)
from schemas.model import AskedModel


class InspectEvaluator(RecipeModel):
    """Tasks of Inspect AI."""

    kind: Literal["inspect"]
    tasks: Annotated[list[NonEmpty], Field(min_length=1)] = Field(
        description="Inspect tasks by name: installed ones, or those in `file`.",
        examples=[["inspect_evals/ifeval"]],
    )
    file: Annotated[FilePath, BringsCode()] | None = Field(
        default=None, description="A Python file that defines the tasks; none: installed ones."
    )
    limit: Count | None = Field(default=None, description="Samples of each task; none: all.")
    max_tokens: Count = Field(default=1000, description="Tokens a reply may have.")
    temperature: Temperature = Field(default=1.0, description="Sampling temperature.")
    top_p: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1.0, description="Sample from the likeliest tokens of this total probability."
    )
    top_k: Annotated[int, Field(ge=-1)] = Field(
        default=-1, description="Sample from the K likeliest tokens; -1: from all."
    )
    choices: Count = Field(default=1, description="Replies to each prompt, for tasks that vote.")
    include_reasoning: bool = Field(
        default=False, description="Let the task see the model's reasoning too."
    )
    seed: Seed | None = Field(
        default=None, description="Seed of each request; none: the service's choice."
    )
    max_connections: Count = Field(default=512, description="Requests at once.")


class BenchmarkEvaluator(RecipeModel):
    """One of the Cookbook's benchmarks."""

    kind: Literal["benchmark"]
    name: NonEmpty = Field(description="The benchmark's name.", examples=["gsm8k", "math500"])
    max_examples: Count | None = Field(default=None, description="Examples; none: all.")
    samples_per_example: Count = Field(
        default=1, description="Replies to each example; more than one gives pass@k."
    )
    max_tokens: Count = Field(default=32768, description="Tokens a reply may have.")
    temperature: Temperature = Field(default=0.6, description="Sampling temperature.")
    system_prompt: NonEmpty | None = Field(
        default=None, description="What the model is told; none: the Cookbook's recommendation."
    )
    timeout_s: Count | None = Field(
        default=None,
        description="Seconds an example may take; none: the Cookbook's recommendation.",
    )
    judge: AskedModel | None = Field(
        default=None, description="The model that grades, for benchmarks that need one."
    )


class CustomEvaluator(RecipeModel):
    """An evaluator of the user's own: a callable that returns a SamplingClientEvaluator."""

    kind: Literal["custom"]
    builder: ImportPath
    kwargs: dict[str, Any] = Field(default={}, description="What the builder is called with.")


Evaluator = Annotated[
    InspectEvaluator | BenchmarkEvaluator | CustomEvaluator, Field(discriminator="kind")
]
