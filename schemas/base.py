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


class RunsPath:
    """Marks a field as a directory to write to, relative to the working directory."""


class NamesDataset:
    """Marks a field as a data set of the hub; its library takes a local directory as well."""


class NamesModel:
    """Marks a field as the name of a model that the backend has to serve."""


class NamesCheckpoint:
    """Marks a field as a checkpoint: `tinker://…`, or one that a run or a stage left."""


class NamesCode:
    """Marks a field as code to import when the recipe runs."""


class BringsCode:
    """Marks a field as the name of something whose code may lie beside the recipe."""


# What an earlier stage of a pipeline left is named by this prefix until the stage has run.
STAGE = "stage:"


def stage_checkpoint(stage: str) -> str:
    """Return the `load_from` value that stands for a stage's final checkpoint."""
    return f"{STAGE}{stage}@final"


def stage_output(stage: str) -> str:
    """Return the path that stands for the file that a stage writes."""
    return f"{STAGE}{stage}/output"


NonEmpty = Annotated[str, Field(min_length=1)]
FilePath = Annotated[str, Field(min_length=1), RecipePath()]
ModelName = Annotated[str, Field(min_length=1), NamesModel()]
Checkpoint = Annotated[
    str,
    Field(
        pattern=r"^(tinker://\S+|(run|stage):[a-z0-9][a-z0-9._-]*@(\d+|final))$",
        description="tinker://… or run:NAME@STEP or run:NAME@final.",
        examples=["run:sft-conversations@final"],
    ),
    NamesCheckpoint(),
]
ImportPath = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$",
        description="package.module:Name, imported when the recipe runs, never before.",
    ),
    NamesCode(),
]
Count = Annotated[int, Field(ge=1)]
Cadence = Annotated[int, Field(ge=0)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
Temperature = Annotated[float, Field(ge=0, le=2)]
