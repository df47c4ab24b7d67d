"""Reading a recipe by dotted keys."""

from __future__ import annotations

from pydantic import BaseModel


def value_at(recipe: BaseModel, path: str, *, written: bool = False) -> object:
    """Return the value at a dotted key, which may hold the index of a list; None: no such key.

    written: only what the recipe itself says, no default.
    """
    value: object = recipe
    for key in path.split("."):
        if isinstance(value, list) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
            continue
        if not isinstance(value, BaseModel) or key not in type(value).model_fields:
            return None
        if written and key not in value.model_fields_set:
            return None
        value = getattr(value, key)
    return value
