"""The tree that YAML is read into: plain values, each with the place where it was written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from recipe_runner.language.diagnostics import Place

Scalar = str | int | float | bool | None
Path = tuple[str | int, ...]


@dataclass(slots=True)
class Entry:
    """One key of a mapping."""

    key_place: Place
    node: Node


@dataclass(slots=True)
class Node:
    """A value. `broken` marks one that was already reported, so that it is reported once.

    `text` is a plain scalar as written (`1e3`), for hints.
    """

    value: Scalar | list[Node] | dict[str, Entry]
    place: Place
    broken: bool = False
    text: str | None = field(default=None, repr=False)

    @property
    def mapping(self) -> dict[str, Entry] | None:
        return self.value if isinstance(self.value, dict) else None

    def get(self, key: str) -> Node | None:
        """Return the value under `key` where this is a mapping that has it."""
        if not isinstance(self.value, dict) or key not in self.value:
            return None
        return self.value[key].node

    def children(self) -> Iterator[tuple[str | int, Node]]:
        if isinstance(self.value, dict):
            for key, entry in self.value.items():
                yield key, entry.node
        elif isinstance(self.value, list):
            yield from enumerate(self.value)


def descend(root: Node, start: Path = ()) -> Iterator[tuple[Path, Node]]:
    """Yield every node with its path, parents first; one changed meanwhile as it is then."""
    pending = [(start, root)]
    while pending:
        path, node = pending.pop()
        yield path, node
        if isinstance(node.value, dict):
            below = [((*path, key), entry.node) for key, entry in node.value.items()]
        elif isinstance(node.value, list):
            below = [((*path, index), item) for index, item in enumerate(node.value)]
        else:
            continue
        pending += reversed(below)


def count_values(node: Node) -> int:
    """Return how many values a tree has, mappings and lists included."""
    return 1 + sum(count_values(child) for _, child in node.children())


def plain(node: Node) -> Any:
    """Return the value without places: dictionaries, lists and scalars."""
    if isinstance(node.value, dict):
        return {key: plain(entry.node) for key, entry in node.value.items()}
    if isinstance(node.value, list):
        return [plain(item) for item in node.value]
    return node.value


def copied(node: Node) -> Node:
    """Return a tree of its own that can be changed: a recipe's text is read once for all variants.

    What was reported stays marked.
    """
    value = node.value
    if isinstance(value, dict):
        value = {key: Entry(entry.key_place, copied(entry.node)) for key, entry in value.items()}
    elif isinstance(value, list):
        value = [copied(item) for item in value]
    return Node(value, node.place, node.broken, node.text)


def from_plain(value: Any, place: Place) -> Node:
    """Return the tree of a plain value, all of it at one place."""
    if isinstance(value, dict):
        return Node(
            {str(key): Entry(place, from_plain(item, place)) for key, item in value.items()}, place
        )
    if isinstance(value, list | tuple):
        return Node([from_plain(item, place) for item in value], place)
    return Node(value, place)


def nested(keys: Sequence[tuple[str, Place]], value: Node) -> Node:
    """Return `value` below a chain of mappings, one a key."""
    node = value
    for key, place in reversed(keys):
        node = Node({key: Entry(place, node)}, place)
    return node


def place_of(root: Node, path: Path, *, key: bool = False) -> Place:
    """Return where the value at `path` (or its key) was written.

    Where the path leads out of the tree, the nearest existing parent's key stands in for it.
    """
    node, key_place = root, root.place
    for part in path:
        if isinstance(node.value, dict) and part in node.value:
            entry = node.value[str(part)]
            node, key_place = entry.node, entry.key_place
        elif isinstance(node.value, list) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            key_place = node.place
        else:
            return key_place
    return key_place if key else node.place


def node_at(root: Node, path: Path) -> Node | None:
    """Return the node at `path`, or none."""
    node = root
    for part in path:
        if isinstance(node.value, dict) and part in node.value:
            node = node.value[str(part)].node
        elif isinstance(node.value, list) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
        else:
            return None
    return node


def is_broken(root: Node, path: Path) -> bool:
    """Whether the value at `path`, or anything above it, was already reported."""
    node = root
    for part in path:
        if node.broken:
            return True
        child = node_at(node, (part,))
        if child is None:
            return False
        node = child
    return node.broken


def split_dotted(root: Node, text: str) -> Path:
    """Split a dotted key along the tree, so that keys that hold a dot are found whole."""
    parts = text.split(".") if text else []
    path: list[str | int] = []
    node: Node | None = root
    while parts:
        part, used = _next_part(node, parts)
        path.append(part)
        parts = parts[used:]
        node = None if node is None else node_at(node, (part,))
    return tuple(path)


def _next_part(node: Node | None, parts: list[str]) -> tuple[str | int, int]:
    if node is not None and isinstance(node.value, list) and parts[0].isdigit():
        return int(parts[0]), 1
    if node is not None and isinstance(node.value, dict):
        for used in range(1, len(parts) + 1):
            if ".".join(parts[:used]) in node.value:
                return ".".join(parts[:used]), used
    return parts[0], 1


StartsOver = Callable[[Path, Node, Node], bool]


def merge(base: Node, over: Node, *, starts_over: StartsOver, path: Path = ()) -> Node:
    """Lay `over` on `base`: mappings merge, null removes, everything else replaces.

    `starts_over(path, base, over)` says whether a mapping replaces the one below it: so does a
    section that changes its `kind`, whose other keys would not fit.
    """
    below, above = base.mapping, over.mapping
    if below is None or above is None or starts_over(path, base, over):
        return over
    merged = dict(below)
    for key, entry in above.items():
        if key not in merged:
            merged[key] = entry
        elif entry.node.value is None and not entry.node.broken:
            del merged[key]
        else:
            merged[key] = Entry(
                entry.key_place,
                merge(merged[key].node, entry.node, starts_over=starts_over, path=(*path, key)),
            )
    return Node(merged, over.place, over.broken or base.broken)
