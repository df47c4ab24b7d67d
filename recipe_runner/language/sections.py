"""Which sections start over when they are overridden, instead of being merged key by key."""

from __future__ import annotations

from recipe_runner.language.grammar import discriminator_key, union_at
from recipe_runner.language.tree import Node, Path


def starts_over(path: Path, base: Node, over: Node) -> bool:
    """Whether the override changes what kind of section this is, say `env.kind`.

    The keys of the old kind would not fit the new one. Methods share most of their keys, so a
    recipe that changes `method` is merged as any other.
    """
    section = union_at(None, path) if len(path) == 1 else None
    key = None if section is None else discriminator_key(section)
    if key is None:
        return False
    before, after = base.get(key), over.get(key)
    return before is not None and after is not None and before.value != after.value
