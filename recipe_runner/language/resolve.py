"""One recipe's tree to a `LoadedRecipe`: merged, rendered, its paths resolved, validated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recipe_runner.language.composition import check_variables, drop_empty
from recipe_runner.language.diagnostics import Place, Report
from recipe_runner.language.loaded import LoadedRecipe
from recipe_runner.language.names import with_name
from recipe_runner.language.paths import resolve_paths
from recipe_runner.language.salvage import salvage
from recipe_runner.language.sections import starts_over
from recipe_runner.language.structure import check_structure
from recipe_runner.language.templates import render
from recipe_runner.language.tree import Entry, Node, count_values, merge
from recipe_runner.language.variants import Variant, expand

# The keys that are resolved before validation.
_COMPOSITION = ("vars", "variants")


@dataclass(frozen=True)
class Parts:
    """A recipe with its parents and overrides, before a variant is chosen.

    `overrides` win over `tree`, and over a variant. The stem of `path` names a recipe without a
    name. `scope` is what templates see beside `vars`, `recipe` and `variant`.
    """

    path: Path
    text: str
    start: Place
    tree: Node
    overrides: Node
    variables: Node
    variants: list[Variant]
    variant_names: tuple[str, ...]
    scope: Mapping[str, Any] = field(default_factory=dict)


def make_parts(
    *,
    path: Path,
    text: str,
    start: Place,
    tree: Node,
    overrides: Node,
    given: dict[str, Entry],
    report: Report,
    scope: Mapping[str, Any] | None = None,
) -> Parts:
    """Take a tree and what overrides it apart; `given` are variables that win over its own."""
    entries = dict(tree.mapping or {})
    settings = dict(overrides.mapping or {})
    composition = merge(
        Node(_take(entries), start),
        Node(_take(settings), overrides.place),
        starts_over=starts_over,
    )
    rest = Node(entries, tree.place, tree.broken)
    variables = check_variables(composition.get("vars"), given, start, report)
    num_values = count_values(rest) + count_values(variables)
    variants = expand(composition.get("variants"), report, num_values=num_values)
    return Parts(
        path=path,
        text=text,
        start=start,
        tree=rest,
        overrides=Node(settings, overrides.place),
        variables=variables,
        variants=variants,
        variant_names=tuple(variant.name for variant in variants),
        scope=scope or {},
    )


def _take(entries: dict[str, Entry]) -> dict[str, Entry]:
    return {key: entries.pop(key) for key in _COMPOSITION if key in entries}


@dataclass(frozen=True)
class Resolved:
    """A resolved tree; `loaded` is none where nothing can be made of it.

    `read` are the variables that templates read.
    """

    tree: Node
    loaded: LoadedRecipe | None
    read: frozenset[str]


def resolve(parts: Parts, variant: Variant | None, report: Report) -> Resolved:
    """Return the recipe that the parts make; what is wrong with it is reported and left out."""
    tree = parts.tree
    if variant is not None:
        tree = merge(tree, variant.tree, starts_over=starts_over)
    if parts.overrides.mapping:
        tree = merge(tree, parts.overrides, starts_over=starts_over)
    named_by_flag = "name" in (parts.overrides.mapping or {})
    tree = with_name(tree, parts.path, None if named_by_flag else variant, parts.start)
    name = variant.name if variant else ""
    read = render(tree, parts.variables, name, report, scope=parts.scope)
    emptied = drop_empty(tree)
    resolve_paths(tree, report)
    recipe = check_structure(tree, emptied, report)
    salvaged = (recipe, frozenset[str]()) if recipe else salvage(tree)
    if salvaged is None:
        return Resolved(tree, None, frozenset(read))
    recipe, invented = salvaged
    loaded = LoadedRecipe(
        path=parts.path,
        text=parts.text,
        recipe=recipe,
        variant=variant.name if variant else None,
        title=_title(recipe.name, variant),
        variants=parts.variant_names,
        _tree=tree,
        invented=invented,
        boundary=report.boundary,
    )
    return Resolved(tree, loaded, frozenset(read))


def _title(name: str, variant: Variant | None) -> str:
    if variant is None:
        return name
    return f"{name.removesuffix(f'.{variant.suffix}')}[{variant.name}]"
