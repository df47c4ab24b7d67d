"""`plan --origin`: each value with the file and line, or the flag, that it came from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from recipe_runner.cli.tables import one_line

if TYPE_CHECKING:
    from recipe_runner.language import LoadedRecipe


def origins(loaded: LoadedRecipe, prefix: str = "") -> Iterator[str]:
    """Yield `optimizer.learning_rate = 2e-05  recipes/gem_math.yaml:19` for each value.

    Defaults say so; a pipeline's stages follow it, their keys below `stages.NAME`.
    """
    tree = loaded.recipe.model_dump(mode="json", exclude={"stages"})
    rows = [
        (f"{prefix}{key} = {_shown(value)}", origin_of(loaded, key)) for key, value in _flat(tree)
    ]
    width = max(len(text) for text, _ in rows)
    for text, place in rows:
        yield f"{text:<{width}}  {place}"
    for name, stage in loaded.stages.items():
        yield from origins(stage, f"{prefix}stages.{name}.")


def origin_of(loaded: LoadedRecipe, key: str) -> str:
    """Return where a value was written, in words: FILE:LINE, a flag, or `default`.

    Empty for what no recipe says, such as the content of its data files.
    """
    section, _, rest = key.partition(".")
    if section == "stages" and loaded.stages:
        name, _, within = rest.partition(".")
        return origin_of(loaded.stages[name], within) if name in loaded.stages else ""
    if section not in type(loaded.recipe).model_fields:
        return ""
    place = loaded.origin(key)
    if place is None:
        return "default"
    return place.file if place.file.startswith("--") else f"{place.file}:{place.line}"


def _shown(value: Any) -> str:
    return one_line(json.dumps(value, ensure_ascii=False))


def _flat(tree: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
