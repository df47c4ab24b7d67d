"""What a recipe names, wherever it stands: models, checkpoints, data files, code.

Read off the markers of `schemas.base`, so that a new key needs no entry here.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel

from schemas.base import (
    STAGE,
    BringsCode,
    NamesCheckpoint,
    NamesCode,
    NamesModel,
    RecipePath,
)
from schemas.common import ModelKeys


def main_model(recipe: BaseModel) -> str | None:
    """Return the model that the recipe is about; a pipeline has one in each stage instead."""
    return recipe.model.name if isinstance(recipe, ModelKeys) else None


def model_names(recipe: BaseModel) -> list[str]:
    """Return every model that the recipe names, each once, sorted."""
    return sorted(set(_marked(recipe, NamesModel)))


def checkpoint_references(recipe: BaseModel) -> list[str]:
    """Return every checkpoint that the recipe names, each once, sorted."""
    return sorted(set(_marked(recipe, NamesCheckpoint)))


def data_files(recipe: BaseModel) -> list[Path]:
    """Return the local data files that the recipe names, each once, sorted.

    A file that a stage of a pipeline has yet to write is not one.
    """
    paths = sorted(set(_marked(recipe, RecipePath)))
    return [Path(path) for path in paths if not path.startswith(STAGE)]


def stage_outputs(recipe: BaseModel) -> list[str]:
    """Return the names of the files that earlier stages of a pipeline have yet to write."""
    return sorted({path for path in _marked(recipe, RecipePath) if path.startswith(STAGE)})


def code_references(recipe: BaseModel) -> list[str]:
    """Return the `package.module:Name` values that the recipe names, each once, sorted."""
    return sorted(set(_marked(recipe, NamesCode)))


def brings_code(recipe: BaseModel) -> bool:
    """Whether a run of the recipe imports what may lie beside it, or in the working directory."""
    return any(any(_marked(recipe, marker)) for marker in (NamesCode, BringsCode))


def marked_places(recipe: BaseModel, marker: type) -> list[tuple[str, str]]:
    """Return the dotted key and the value of everything in the recipe that has a marker."""
    return list(_places(recipe, marker, ""))


def _marked(model: BaseModel, marker: type) -> Iterator[str]:
    for _, value in _places(model, marker, ""):
        yield value


def _places(model: BaseModel, marker: type, prefix: str) -> Iterator[tuple[str, str]]:
    marked = _fields(type(model), marker)
    for name, value in model:
        if isinstance(value, str):
            if name in marked:
                yield f"{prefix}{name}", value
        elif isinstance(value, BaseModel | list | tuple | dict):
            yield from _inside(value, marker, f"{prefix}{name}")


@cache
def _fields(model: type[BaseModel], marker: type) -> frozenset[str]:
    """Return the names of the fields of which a text carries the marker."""
    return frozenset(
        name
        for name, info in model.model_fields.items()
        if any(isinstance(item, marker) for item in info.metadata)
        or _holds(info.annotation, marker)
    )


def _inside(value: Any, marker: type, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, BaseModel):
        yield from _places(value, marker, f"{path}.")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _inside(item, marker, f"{path}.{index}")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _inside(item, marker, f"{path}.{key}")


def _holds(annotation: Any, marker: type) -> bool:
    """Whether a text of this annotation carries the marker, in a union too."""
    if get_origin(annotation) is Annotated:
        inner, *extra = get_args(annotation)
        return any(isinstance(item, marker) for item in extra) or _holds(inner, marker)
    return any(_holds(item, marker) for item in get_args(annotation) if not isinstance(item, str))
