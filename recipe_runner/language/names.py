"""The name of a recipe: as written, or the file's stem; with a variant's suffix."""

from __future__ import annotations

from pathlib import Path

from recipe_runner.language.diagnostics import Place
from recipe_runner.language.tree import Entry, Node
from recipe_runner.language.variants import Variant, safe


def default_name(path: Path) -> str:
    """Return the file's stem as a name: lower-case, other characters as `-`."""
    return safe(path.stem).lstrip("._-") or "recipe"


def with_name(root: Node, path: Path, variant: Variant | None, start: Place) -> Node:
    """Return the tree with its name filled in.

    A variant's runs are called NAME.SUFFIX, such as `gem-math.lora_rank-8`, unless the variant
    gives a name of its own.
    """
    entry = (root.mapping or {}).get("name")
    if entry is None or (entry.node.value is None and not entry.node.broken):
        entry = Entry(start, Node(default_name(path), start))
    name = entry.node
    if variant is not None and variant.tree.get("name") is None and isinstance(name.value, str):
        entry = Entry(entry.key_place, Node(f"{name.value}.{variant.suffix}", name.place))
        entry.node.broken = name.broken
    return Node({**(root.mapping or {}), "name": entry}, root.place, root.broken)
