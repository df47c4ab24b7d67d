"""`method: pipeline`: recipes that run one after the other, each on what the earlier ones left."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from schemas.base import Count, FilePath, RecipeModel
from schemas.common import CommonKeys
from schemas.variants import Overrides

StageName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]*$")]


def _recipe_form(value: Any) -> str:
    return "inline" if isinstance(value, dict) else "file"


StageRecipe = Annotated[
    Annotated[FilePath, Tag("file")] | Annotated[dict[str, Any], Tag("inline")],
    Discriminator(_recipe_form),
]


class Stage(RecipeModel):
    recipe: StageRecipe = Field(description="A recipe file, or the keys of one.")
    set: Overrides = Field(
        default={},
        description="Dotted key -> value; {{ stages.NAME.checkpoint }} and {{ stages.NAME.output }}"
        " are what an earlier stage left.",
    )


class PipelineRecipe(CommonKeys):
    method: Literal["pipeline"]
    stages: Annotated[dict[StageName, Stage], Field(min_length=1)] = Field(
        description="Name -> stage, run in the order that they are written in."
    )
    steps: Count | None = Field(
        default=None, description="Steps of each stage that trains; none: as the stages say."
    )
