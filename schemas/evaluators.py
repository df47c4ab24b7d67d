"""Evaluators: what a model is measured by, during training or alone. Told apart by `kind`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from schemas.base import Count, ImportPath, NonEmpty, RecipeModel, Temperature


class InspectEvaluator(RecipeModel):
    """Tasks of Inspect AI."""

    kind: Literal["inspect"]
    tasks: Annotated[list[NonEmpty], Field(min_length=1)] = Field(
        description="Inspect tasks by name, or file.py@task.", examples=[["inspect_evals/ifeval"]]
    )
    limit: Count | None = Field(default=None, description="Samples of each task; none: all.")
    max_tokens: Count = Field(default=1000, description="Tokens a reply may have.")
    temperature: Temperature = Field(default=1.0, description="Sampling temperature.")


class BenchmarkEvaluator(RecipeModel):
    """One of the Cookbook's benchmarks."""

    kind: Literal["benchmark"]
    name: NonEmpty = Field(description="The benchmark's name.", examples=["gsm8k", "math500"])
    max_examples: Count | None = Field(default=None, description="Examples; none: all.")
    max_tokens: Count = Field(default=32768, description="Tokens a reply may have.")
    temperature: Temperature = Field(default=0.6, description="Sampling temperature.")


class CustomEvaluator(RecipeModel):
    """An evaluator of the user's own: a callable that returns a SamplingClientEvaluator."""

    kind: Literal["custom"]
    builder: ImportPath
    kwargs: dict[str, Any] = Field(default={}, description="What the builder is called with.")


Evaluator = Annotated[
    InspectEvaluator | BenchmarkEvaluator | CustomEvaluator, Field(discriminator="kind")
]
