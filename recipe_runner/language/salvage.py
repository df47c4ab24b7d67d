"""What is right in a wrong recipe, so that its other mistakes can be found in the same go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from annotated_types import Ge
from pydantic import ValidationError

from recipe_runner.language.diagnostics import dotted
from recipe_runner.language.grammar import ROOT, Slot, locate, slot_of, union_at
from recipe_runner.language.tree import Node, Path, plain
from schemas import Recipe, parse_recipe

# Removing a wrong value can leave a required key missing, which the next round fills in.
_MAX_ROUNDS = 3


def salvage(tree: Node) -> tuple[Recipe, frozenset[str]] | None:
    """Return the recipe without its wrong values, and the keys that are not as written.

    A wrong or unknown key falls back to its default, a missing number to the least it may be.
    None where that is not enough: nothing can stand in for a model's name, say.
    """
    values = plain(tree)
    changed: set[str] = set()
    for _ in range(_MAX_ROUNDS):
        try:
            return parse_recipe(values), frozenset(changed)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                path = locate(detail["loc"], slot_of(values.get("method")))
                changed.add(dotted(path))
                if not _mend(values, path, tree, missing=detail["type"] == "missing"):
                    return None
    return None


def _mend(values: Any, path: Path, tree: Node, *, missing: bool) -> bool:
    """Remove the value at `path`, or fill it in; say whether that could be done."""
    parent = _parent(values, path)
    if not isinstance(parent, dict):
        return False
    if not missing:
        parent.pop(str(path[-1]), None)
        return True
    least = _least(union_at(tree, path))
    if least is None:
        return False
    parent[str(path[-1])] = least
    return True


def _parent(values: Any, path: Sequence[str | int]) -> Any:
    if not path:
        return None
    for part in path[:-1]:
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):
            return None
    return values


def _least(slot: Slot | None) -> int | None:
    """Return the least whole number that a slot takes, None where it does not take one."""
    if slot is None or slot is ROOT or slot.type not in (int, float):
        return None
    bounds = [item.ge for item in slot.metadata if isinstance(item, Ge)]
    return bounds[0] if bounds and isinstance(bounds[0], int) else 1
