"""What every model of the recipe language has in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class RecipeModel(BaseModel):
    """Strict, immutable, and closed: unknown keys and types that merely look alike are errors."""

    # Validators are built on first use: most commands need those of one method alone.
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True
    )


class RecipePath:
    """Marks a field as a path, relative to the file that it is written in."""


FilePath = Annotated[str, Field(min_length=1), RecipePath()]
NonEmpty = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=1)]
Cadence = Annotated[int, Field(ge=0)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
