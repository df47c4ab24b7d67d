"""`method: pipeline`: recipes that run one after the other, each on what the earlier ones left."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from schemas.base import Count, FilePath, NonEmpty, RecipeModel
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
    recipe: StageRecipe = Field(
        description="A recipe file, or the keys of one. `backend`, `logging.dir` and, where the "
        "pipeline gives them, `logging`, `seed` and `steps` are the pipeline's."
    )
    variant: NonEmpty | None = Field(default=None, description="A variant of that recipe.")
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
        default=None, description="Steps of each stage that has steps; none: as they say."
    )
