"""`LoadedRecipe`: a valid recipe that knows where each of its values was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from recipe_runner.language.boundary import Boundary
from recipe_runner.language.diagnostics import Diagnostic, Place, Severity
from recipe_runner.language.tree import Node, node_at, place_of, split_dotted
from schemas import Recipe


@dataclass(frozen=True)
class Within:
    """How a key of a stage's recipe is called in the pipeline's file.

    A key of a recipe file of its own is called as that file calls it.
    """

    stage: str
    inline: frozenset[Place]
    overridden: frozenset[Place]

    def path(self, dotted: str, place: Place) -> str:
        """Return the dotted path, given where the key or value was written."""
        below = f".{dotted}" if dotted else ""
        if place in self.overridden:
            return f"stages.{self.stage}.set{below}"
        return f"stages.{self.stage}.recipe{below}" if place in self.inline else dotted


@dataclass(frozen=True)
class LoadedRecipe:
    """A valid recipe and the places that its values came from.

    `text` is the file as written; `variant` the chosen variant's name. Paths in `recipe` hold
    from the working directory. `title` is the name for people:
    `gem-math[learning_rate=2e-05,lora_rank=8]`, where `recipe.name` is safe as a directory.
    `variants` are the names of all variants of the file. `invented` are the keys that a partial
    recipe (`RecipeError.partial`) has otherwise than written. `stages` are a pipeline's, by name,
    each with its place in the pipeline (`within`). `files` are the texts of all files that it was
    made from, by path: the file itself, what it extends, the recipes of stages. `warnings` are what
    reading it gave, those of its stages with them.
    """

    path: Path
    text: str
    recipe: Recipe
    variant: str | None
    title: str
    variants: tuple[str, ...]
    _tree: Node = field(repr=False, compare=False)
    invented: frozenset[str] = frozenset()
    stages: Mapping[str, LoadedRecipe] = field(default_factory=dict)
    within: Within | None = field(default=None, repr=False, compare=False)
    files: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    warnings: tuple[Diagnostic, ...] = field(default=(), repr=False, compare=False)
    boundary: Boundary | None = field(default=None, repr=False, compare=False)

    def place(self, dotted: str, *, key: bool = False) -> Place:
        """Return where that value (or its key) was written; absent: the nearest parent's key."""
        return place_of(self._tree, split_dotted(self._tree, dotted), key=key)

    def origin(self, dotted: str) -> Place | None:
        """Return where that value was written, None where it is a default."""
        path = split_dotted(self._tree, dotted)
        return None if node_at(self._tree, path) is None else place_of(self._tree, path)

    def shown_path(self, dotted: str, *, key: bool = False) -> str:
        """Return that key as the file calls it that it stands in."""
        return self.within.path(dotted, self.place(dotted, key=key)) if self.within else dotted

    def diagnostic(
        self,
        dotted: str,
        code: str,
        message: str,
        *,
        hint: str | None = None,
        severity: Severity = "error",
        key: bool = False,
    ) -> Diagnostic:
        """Return a diagnostic at the place of that value (or its key)."""
        place = self.place(dotted, key=key)
        path = self.shown_path(dotted, key=key)
        found = Diagnostic(
            place.file, place.line, place.column, path, code, severity, message, hint
        )
        return self.boundary.discreet(found) if self.boundary else found
