"""From a file to a `Recipe`: read, merge, expand, render, validate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from recipe_runner.language.assignments import parse_overrides, parse_variables
from recipe_runner.language.composition import require_known
from recipe_runner.language.diagnostics import Place, RecipeError, Report
from recipe_runner.language.extends import read_recipe
from recipe_runner.language.files import shown
from recipe_runner.language.loaded import LoadedRecipe
from recipe_runner.language.references import check_references
from recipe_runner.language.resolve import Parts, make_parts, resolve
from recipe_runner.language.stages import aim_at_stages, load_stages
from recipe_runner.language.tree import Entry
from recipe_runner.language.variants import Variant, find_variant


@dataclass(frozen=True)
class _Read:
    """A recipe as read; `given` are the variables of the command line."""

    parts: Parts
    given: dict[str, Entry]


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
    source = _read(Path(path), overrides, variables, report)
    if source is None:
        raise RecipeError(report.diagnostics)
    chosen = None
    if variant is not None:
        chosen = find_variant(source.parts.variants, variant, report, Place("--variant", 1, 1))
    loaded = _load(source, chosen, report)
    if loaded is None or report.has_errors:
        raise RecipeError(report.diagnostics, partial=loaded)
    return replace(loaded, files=dict(report.files))


def _load(source: _Read, variant: Variant | None, report: Report) -> LoadedRecipe | None:
    parts = source.parts
    resolved = resolve(parts, variant, report)
    stages = load_stages(resolved.tree, parts, variant.name if variant else "", report)
    if stages is None:
        check_references(resolved.tree, None, report)
    read = resolved.read | (stages.read if stages else frozenset())
    require_known(source.given, parts.variables, set(read), report)
    if resolved.loaded is None or stages is None:
        return resolved.loaded
    return replace(resolved.loaded, stages=stages.loaded)


def variant_names(
    path: str | Path, *, overrides: Sequence[str] = (), variables: Sequence[str] = ()
) -> list[str]:
    """Return the names that `variant` of `load` takes, empty where the recipe has no variants.

    Raises:
        RecipeError: the file cannot be read, or its variants are wrong.
    """
    report = Report()
    source = _read(Path(path), overrides, variables, report)
    if source is None or report.has_errors:
        raise RecipeError(report.diagnostics)
    return [v.name for v in source.parts.variants]


def _read(
    path: Path, overrides: Sequence[str], variables: Sequence[str], report: Report
) -> _Read | None:
    flags = parse_overrides(overrides, report)
    given = parse_variables(variables, report)
    source = read_recipe(path, report)
    if source is None:
        return None
    parts = make_parts(
        path=path,
        text=source.text,
        start=Place(shown(path), 1, 1),
        tree=source.tree,
        overrides=aim_at_stages(flags),
        given=given,
        report=report,
    )
    return _Read(parts, given)
