"""What the schemas say about a place in a recipe: its keys, its forms, the names of its branches.

Read off the Pydantic models, so that nothing about the language is written down twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, Discriminator, Tag
from pydantic.fields import FieldInfo

from recipe_runner.language.tree import Node, Path, node_at, plain
from schemas import METHODS, Recipe
from schemas.base import NamesDataset, NamesModel, RecipePath, RunsPath

Model = type[BaseModel]

PATH_MARKERS = (RecipePath, RunsPath, NamesDataset, NamesModel)


@dataclass(frozen=True)
class Slot:
    """A place in the language: a type with what annotates it. `required` only for fields.

    The schemas do not change, so what is read off them is kept: recipes have hundreds of variants.
    """

    type: Any
    metadata: tuple[Any, ...] = ()
    discriminator: Any = None
    required: bool = False

    @cached_property
    def model(self) -> Model | None:
        is_model = isinstance(self.type, type) and issubclass(self.type, BaseModel)
        return self.type if is_model else None

    @cached_property
    def is_union(self) -> bool:
        return get_origin(self.type) in (Union, UnionType)

    @property
    def nullable(self) -> bool:
        return self.type is NoneType or (self.is_union and NoneType in get_args(self.type))

    @property
    def literals(self) -> tuple[Any, ...]:
        return get_args(self.type) if get_origin(self.type) is Literal else ()

    @cached_property
    def path_marker(self) -> type | None:
        """What kind of path a text here, or in a branch of a union here, is; none if it is none."""
        parts = (self, *self.branches())
        found = {type(item) for part in parts for item in part.metadata}
        return next((marker for marker in PATH_MARKERS if marker in found), None)

    def branches(self) -> list[Slot]:
        """Return the members of a union (itself where it is none), without null."""
        return [*self._members] if self.is_union else [self]

    @cached_property
    def _members(self) -> tuple[Slot, ...]:
        return tuple(slot(member) for member in get_args(self.type) if member is not NoneType)

    @cached_property
    def flat(self) -> tuple[Slot, ...]:
        """The branches, with those of unions among them."""
        branches = self.branches()
        return tuple(d for b in branches for d in (b.flat if b.is_union else (b,)))

    @cached_property
    def tagged(self) -> dict[Any, list[Slot]]:
        """The branches by the values of the key that tells them apart."""
        found: dict[Any, list[Slot]] = {}
        if isinstance(self.discriminator, str):
            for branch in self.branches():
                for tag in tag_of(branch, self.discriminator):
                    found.setdefault(tag, []).append(branch)
        return found

    @cached_property
    def items(self) -> Slot | None:
        """What a list or a mapping of free keys holds, or none where this is neither."""
        arguments = get_args(self.type)
        if get_origin(self.type) not in (list, dict) or not arguments:
            return None
        return slot(arguments[-1])

    def branch_tag(self) -> tuple[Any, ...]:
        """Return how a union calls this branch in pydantic's locations, given its parent's key."""
        return tuple(item.tag for item in self.metadata if isinstance(item, Tag))


def slot(annotation: Any) -> Slot:
    """Return the slot of an annotation, with `Annotated` taken apart."""
    if get_origin(annotation) is not Annotated:
        return Slot(annotation)
    inner, *extra = get_args(annotation)
    base = slot(inner)
    metadata, discriminator = list(base.metadata), base.discriminator
    for item in extra:
        if isinstance(item, FieldInfo):
            metadata += item.metadata
            discriminator = item.discriminator or discriminator
        metadata.append(item)
    return Slot(base.type, tuple(metadata), discriminator or _callable_in(metadata))


def field_slot(info: FieldInfo) -> Slot:
    """Return the slot of a model's field."""
    metadata = (*info.metadata, info)
    discriminator = info.discriminator or _callable_in(metadata)
    return Slot(info.annotation, metadata, discriminator, info.is_required())


def _callable_in(metadata: Any) -> Any:
    return next((item for item in metadata if isinstance(item, Discriminator)), None)


ROOT = slot(Recipe)


def slot_of(method: Any) -> Slot:
    """Return the slot that `parse_recipe` validates: the method's model, all of them if unknown."""
    return Slot(METHODS[method]) if isinstance(method, str) and method in METHODS else ROOT


def tag_of(branch: Slot, discriminator: str) -> tuple[Any, ...]:
    """Return the values of `kind` (or whatever tells the branches apart) that choose a branch."""
    return () if branch.model is None else _literals(branch.model, discriminator)


@cache
def _literals(model: Model, key: str) -> tuple[Any, ...]:
    return get_args(model.model_fields[key].annotation)


def tags(union: Slot) -> list[str]:
    """Return all values of the key that tells the branches apart."""
    key = discriminator_key(union)
    return [] if key is None else [t for b in union.branches() for t in tag_of(b, key)]


def discriminator_key(union: Slot) -> str | None:
    """Return the key that tells the branches of a union apart, such as `kind`."""
    if isinstance(union.discriminator, str):
        return union.discriminator
    nested = [b for b in union.branches() if b.is_union] if union.is_union else []
    return discriminator_key(nested[0]) if nested else None


def choose(union: Slot, node: Node | None) -> list[Slot]:
    """Return the branches that a value can mean: one where it says so, else all."""
    branches = union.branches()
    if len(branches) == 1 or node is None:
        return [*union.flat]
    if isinstance(union.discriminator, str):
        kind = node.get(union.discriminator)
        value = None if kind is None or isinstance(kind.value, dict | list) else kind.value
        return union.tagged.get(value, branches)
    if isinstance(union.discriminator, Discriminator):
        form = union.discriminator.discriminator(plain(node))  # type: ignore[operator]
        chosen = [b for b in branches if form in b.branch_tag()]
        return [deeper for b in chosen for deeper in choose(b, node)]
    return branches


def child(parent: Slot, part: str | int) -> Slot | None:
    """Return what may stand under a key or at an index, or none where the language ends."""
    return parent.items if parent.model is None else _field(parent.model, str(part))


@cache
def _field(model: Model, name: str) -> Slot | None:
    info = model.model_fields.get(name)
    return None if info is None else field_slot(info)


def slots_at(root: Node | None, path: Path, start: Slot = ROOT) -> list[Slot]:
    """Return what the language allows at a path; several where the recipe does not say which."""
    node = root
    current = choose(start, node)
    for part in path:
        node = None if node is None else node_at(node, (part,))
        below = [c for s in current if (c := child(s, part)) is not None]
        current = [deeper for c in below for deeper in choose(c, node)]
    return current


def union_at(root: Node | None, path: Path) -> Slot | None:
    """Return the slot of the field at a path before a branch of it is chosen."""
    if not path:
        return ROOT
    parents = slots_at(root, path[:-1])
    return next((c for p in parents if (c := child(p, path[-1])) is not None), None)


def keys_at(root: Node, path: Path) -> list[str]:
    """Return the keys that the section at a path may have."""
    return list(
        dict.fromkeys(k for s in slots_at(root, path) if s.model for k in s.model.model_fields)
    )


def walk(root: Node, start: Slot = ROOT, path: Path = ()) -> Iterator[tuple[Path, Slot, Node]]:
    """Yield every value of a recipe that the language describes, with its path and slot."""
    for branch in choose(start, root):
        yield path, branch, root
        for part, node in root.children():
            below = child(branch, part)
            if below is not None:
                yield (*path, part), below, node
                yield from walk(node, below, (*path, part))


def all_keys() -> dict[str, list[Path]]:
    """Return every key of the language with the paths at which it stands, method first."""
    found: dict[str, list[Path]] = {}
    for method, model in METHODS.items():
        for path in _key_paths(Slot(model), ()):
            found.setdefault(str(path[-1]), []).append((method, *path))
    return found


def _key_paths(start: Slot, path: Path) -> Iterator[Path]:
    for branch in start.flat:
        for key in branch.model.model_fields if branch.model else ():
            yield (*path, key)
            below = child(branch, key)
            if below is not None:
                yield from _key_paths(below, (*path, key))


def locate(location: tuple[str | int, ...], start: Slot = ROOT) -> Path:
    """Return the path that one of pydantic's locations means: without names of branches."""
    path: list[str | int] = []
    current: Slot | None = start
    parts = list(location)
    while parts:
        part = parts.pop(0)
        while current is not None and current.is_union and len(current.branches()) == 1:
            current = current.branches()[0]  # what is optional is a union with null
        if current is not None and current.is_union:
            current = _branch_called(current, part)
            continue
        if part == "[key]":
            continue
        path.append(part)
        current = None if current is None else child(current, part)
    return tuple(path)


def _branch_called(union: Slot, tag: str | int) -> Slot | None:
    for branch in union.branches():
        if tag in branch.branch_tag():
            return branch
        if isinstance(union.discriminator, str) and tag in tag_of(branch, union.discriminator):
            return branch
    return None
