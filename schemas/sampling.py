"""How replies are sampled."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.base import Count, RecipeModel, Temperature


class Sampling(RecipeModel):
    max_tokens: Count = Field(description="Tokens a reply may have.")
    temperature: Temperature = Field(default=1.0, description="Sampling temperature.")
    top_p: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1.0, description="Sample from the likeliest tokens of this total probability."
    )
    top_k: Annotated[int, Field(ge=-1)] = Field(
        default=-1, description="Sample from the K likeliest tokens; -1: from all."
    )


class Rollout(RecipeModel):
    groups_per_batch: Count = Field(description="Problems in one step.")
    group_size: Count = Field(description="Rollouts of each problem.")
    max_tokens: Count = Field(description="Tokens a reply may have.")
    temperature: Annotated[float, Field(gt=0, le=2)] = Field(
        default=1.0, description="Sampling temperature."
    )
