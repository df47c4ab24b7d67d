"""Reading a recipe by dotted keys."""

from __future__ import annotations

from pydantic import BaseModel


def value_at(recipe: BaseModel, path: str, *, written: bool = False) -> object:
    """Return the value at a dotted key; None where the recipe has no such key.

    written: only what the recipe itself says, no default.
    """
    value: object = recipe
    for key in path.split("."):
        if not isinstance(value, BaseModel) or key not in type(value).model_fields:
            return None
        if written and key not in value.model_fields_set:
            return None
        value = getattr(value, key)
    return value
