"""A recipe in the making, from a configuration of the Cookbook's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from recipe_runner.compile.from_cookbook.text import scalar

Tree = dict[str, Any]

# A field that one of two configurations has.
ABSENT = "(absent)"


class DataFile(str):
    """A path in a recipe's tree, relative to the working directory or absolute."""


@dataclass(frozen=True)
class Lost:
    """What a recipe does not say as its original does.

    Attributes:
        key: the original's name of it: a dotted field, or an argument of the command.
        value: as the original has it.
        why: the reason, and what holds in its place.
    """

    key: str
    value: Any
    why: str

    def __str__(self) -> str:
        shown = "" if self.value == ABSENT else f"={_shown(self.value)}"
        return f"{self.key}{shown}: {self.why}"


@dataclass(frozen=True)
class Draft:
    """What was made of a configuration.

    Attributes:
        recipe: the keys of the recipe, defaults among them.
        same: field of the compiled configuration -> why it may differ and mean the same.
        changed: the same, where a reader of the recipe should know of the difference.
        lost: what a comparison of the two configurations would not show.
        expected: dotted field of the compiled configuration -> the value that the original has for
            it, where the original is no configuration of the Cookbook's; None: the original itself.
    """

    recipe: Tree
    same: dict[str, str] = field(default_factory=dict)
    changed: dict[str, str] = field(default_factory=dict)
    lost: list[Lost] = field(default_factory=list)
    expected: Tree | None = None


def class_name(node: Tree) -> str:
    """Return the name of the class that a node of a configuration was made of."""
    return str(node["class"]).rpartition(":")[2]


def _shown(value: Any) -> str:
    """Return a value in a few words: an object as its class, a function as its name."""
    if isinstance(value, dict) and "class" in value:
        return class_name(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    if callable(value):
        return str(getattr(value, "__name__", "a function"))
    return scalar(value) if isinstance(value, dict | str | int | float | None) else repr(value)
