"""From a file to a `Recipe`: read, merge, expand, render, validate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from recipe_runner.language.assignments import parse_overrides, parse_variables
from recipe_runner.language.composition import check_variables, drop_empty, require_known
from recipe_runner.language.diagnostics import Diagnostic, Place, RecipeError, Report, Severity
from recipe_runner.language.extends import read_recipe
from recipe_runner.language.files import shown
from recipe_runner.language.names import with_name
from recipe_runner.language.paths import resolve_paths
from recipe_runner.language.salvage import salvage
from recipe_runner.language.sections import starts_over
from recipe_runner.language.structure import check_structure
from recipe_runner.language.templates import render
from recipe_runner.language.tree import Entry, Node, merge, place_of, split_dotted
from recipe_runner.language.variants import Variant, expand, find_variant
from schemas import Recipe


@dataclass(frozen=True)
class LoadedRecipe:
    """A valid recipe and the places that its values came from.

    `text` is the file as written; `variant` the chosen variant's name. Paths in `recipe` hold
    from the working directory. `title` is the name for people:
    `gem-math[learning_rate=2e-05,lora_rank=8]`, where `recipe.name` is safe as a directory.
    `variants` are the names of all variants of the file. `invented` are the keys that a partial
    recipe (`RecipeError.partial`) has otherwise than written.
    """

    path: Path
    text: str
    recipe: Recipe
    variant: str | None
    title: str
    variants: tuple[str, ...]
    _tree: Node = field(repr=False, compare=False)
    invented: frozenset[str] = frozenset()

    def place(self, dotted: str, *, key: bool = False) -> Place:
        """Return where that value (or its key) was written; absent: the nearest parent's key."""
        return place_of(self._tree, split_dotted(self._tree, dotted), key=key)

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
        return Diagnostic(
            place.file, place.line, place.column, dotted, code, severity, message, hint
        )


@dataclass(frozen=True)
class _Parts:
    """A recipe with its parents and flags, before a variant is chosen."""

    path: Path
    text: str
    start: Place
    tree: Node
    overrides: Node
    variables: Node
    given_variables: dict[str, Entry]
    variants: list[Variant]


def load(
    path: str | Path,
    *,
    overrides: Sequence[str] = (),
    variables: Sequence[str] = (),
    variant: str | None = None,
) -> LoadedRecipe:
    """Read a recipe; `overrides` are KEY=VALUE, `variables` NAME=VALUE, as on the command line.

    Raises:
        RecipeError: with every mistake that was found.
    """
    report = Report()
    parts = _read(Path(path), overrides, variables, report)
    if parts is None:
        raise RecipeError(report.diagnostics)
    chosen = None
    if variant is not None:
        chosen = find_variant(parts.variants, variant, report, Place("--variant", 1, 1))
    recipe, tree = _resolve(parts, chosen, report)
    salvaged = (recipe, frozenset[str]()) if recipe else salvage(tree)
    loaded = None if salvaged is None else _loaded(parts, chosen, tree, *salvaged)
    if loaded is None or report.has_errors:
        raise RecipeError(report.diagnostics, partial=loaded)
    return loaded


def _loaded(
    parts: _Parts, variant: Variant | None, tree: Node, recipe: Recipe, invented: frozenset[str]
) -> LoadedRecipe:
    return LoadedRecipe(
        path=parts.path,
        text=parts.text,
        recipe=recipe,
        variant=variant.name if variant else None,
        title=_title(recipe.name, variant),
        variants=tuple(v.name for v in parts.variants),
        _tree=tree,
        invented=invented,
    )


def _title(name: str, variant: Variant | None) -> str:
    if variant is None:
        return name
    return f"{name.removesuffix(f'.{variant.suffix}')}[{variant.name}]"


def variant_names(
    path: str | Path, *, overrides: Sequence[str] = (), variables: Sequence[str] = ()
) -> list[str]:
    """Return the names that `variant` of `load` takes, empty where the recipe has no variants.

    Raises:
        RecipeError: the file cannot be read, or its variants are wrong.
    """
    report = Report()
    parts = _read(Path(path), overrides, variables, report)
    if parts is None or report.has_errors:
        raise RecipeError(report.diagnostics)
    return [v.name for v in parts.variants]


def _read(
    path: Path, overrides: Sequence[str], variables: Sequence[str], report: Report
) -> _Parts | None:
    flags = parse_overrides(overrides, report)
    given = parse_variables(variables, report)
    source = read_recipe(path, report)
    if source is None:
        return None
    start = Place(shown(path), 1, 1)
    entries = dict(source.tree.mapping or {})
    settings = dict(flags.mapping or {})
    composition = merge(
        Node(_take(entries), start), Node(_take(settings), flags.place), starts_over=starts_over
    )
    return _Parts(
        path=path,
        text=source.text,
        start=start,
        tree=Node(entries, source.tree.place, source.tree.broken),
        overrides=Node(settings, flags.place),
        variables=check_variables(composition.get("vars"), given, start, report),
        given_variables=given,
        variants=expand(composition.get("variants"), report),
    )


def _take(entries: dict[str, Entry]) -> dict[str, Entry]:
    """Remove and return the keys that are resolved before validation."""
    return {key: entries.pop(key) for key in ("vars", "variants") if key in entries}


def _resolve(parts: _Parts, variant: Variant | None, report: Report) -> tuple[Recipe | None, Node]:
    tree = parts.tree
    if variant is not None:
        tree = merge(tree, variant.tree, starts_over=starts_over)
    if parts.overrides.mapping:
        tree = merge(tree, parts.overrides, starts_over=starts_over)
    named_by_flag = "name" in (parts.overrides.mapping or {})
    tree = with_name(tree, parts.path, None if named_by_flag else variant, parts.start)
    read = render(tree, parts.variables, variant.name if variant else "", report)
    require_known(parts.given_variables, parts.variables, read, report)
    emptied = drop_empty(tree)
    resolve_paths(tree, report)
    return check_structure(tree, emptied, report), tree
