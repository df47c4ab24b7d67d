"""From a file to a `Recipe`: read, merge, expand, render, validate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from recipe_runner.language.assignments import parse_overrides, parse_variables
from recipe_runner.language.boundary import Boundary
from recipe_runner.language.composition import require_known
from recipe_runner.language.diagnostics import Place, RecipeError, Report, sort_diagnostics
from recipe_runner.language.extends import read_recipe
from recipe_runner.language.files import shown
from recipe_runner.language.loaded import LoadedRecipe
from recipe_runner.language.project import Project
from recipe_runner.language.references import check_references
from recipe_runner.language.resolve import Parts, make_parts, resolve
from recipe_runner.language.stages import aim_at_stages, load_stages
from recipe_runner.language.tree import Entry, copied
from recipe_runner.language.variants import Variant, find_variant


class RecipeFile:
    """A recipe as read, with its parents and the flags, before a variant is chosen.

    `variants` are the names that `load` takes; empty where it has none, or they are wrong.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        overrides: Sequence[str] = (),
        variables: Sequence[str] = (),
    ) -> None:
        """Read the file; `overrides` are KEY=VALUE, `variables` NAME=VALUE, as on a command line.

        What is wrong with it is raised by `load`.
        """
        self._boundary = Boundary(Project.of(path))
        self._report = Report(self._boundary)
        self._given: dict[str, Entry] = {}
        self._parts = self._read(Path(path), overrides, variables)

    @property
    def variants(self) -> tuple[str, ...]:
        return self._parts.variant_names if self._parts else ()

    @cached_property
    def _named(self) -> dict[str, Variant]:
        return {variant.name: variant for variant in self._parts.variants} if self._parts else {}

    def require_variants(self) -> tuple[str, ...]:
        """Return the variants' names.

        Raises:
            RecipeError: the file cannot be read, or its variants are wrong.
        """
        if self._parts is None or self._report.has_errors:
            raise RecipeError(self._report.diagnostics)
        return self.variants

    def load(self, variant: str | None = None) -> LoadedRecipe:
        """Return the recipe, or one of its variants.

        Raises:
            RecipeError: with every mistake that was found.
        """
        report = self._report.copy()
        if self._parts is None:
            raise RecipeError(report.diagnostics)
        chosen = None
        if variant is not None:
            place = Place("--variant", 1, 1)
            chosen = self._named.get(variant) or find_variant(
                self._parts.variants, variant, report, place
            )
        loaded = _load(_own(self._parts), chosen, self._given, report)
        if loaded is None or report.has_errors:
            raise RecipeError(report.diagnostics, partial=loaded)
        warnings = tuple(sort_diagnostics(report.diagnostics))
        return replace(loaded, files=report.files, warnings=warnings)

    def _read(self, path: Path, overrides: Sequence[str], variables: Sequence[str]) -> Parts | None:
        flags = parse_overrides(overrides, self._report)
        self._given = parse_variables(variables, self._report)
        self._boundary.cross(shown(path), Place(shown(path), 1, 1), (), self._report)
        source = read_recipe(path, self._report)
        if source is None:
            return None
        return make_parts(
            path=path,
            text=source.text,
            start=Place(shown(path), 1, 1),
            tree=source.tree,
            overrides=aim_at_stages(flags),
            given=self._given,
            report=self._report,
        )


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
    return RecipeFile(path, overrides=overrides, variables=variables).load(variant)


def variant_names(
    path: str | Path, *, overrides: Sequence[str] = (), variables: Sequence[str] = ()
) -> list[str]:
    """Return the names that `variant` of `load` takes, empty where the recipe has no variants.

    Raises:
        RecipeError: the file cannot be read, or its variants are wrong.
    """
    return [*RecipeFile(path, overrides=overrides, variables=variables).require_variants()]


def _own(parts: Parts) -> Parts:
    """Return parts whose trees can be changed: rendering and validating do."""
    return replace(
        parts,
        tree=copied(parts.tree),
        overrides=copied(parts.overrides),
        variables=copied(parts.variables),
    )


def _load(
    parts: Parts, variant: Variant | None, given: dict[str, Entry], report: Report
) -> LoadedRecipe | None:
    if variant is not None:
        variant = replace(variant, tree=copied(variant.tree))
    resolved = resolve(parts, variant, report)
    stages = load_stages(resolved.tree, parts, variant.name if variant else "", report)
    if stages is None:
        check_references(resolved.tree, None, report)
    read = resolved.read | (stages.read if stages else frozenset())
    require_known(given, parts.variables, set(read), report)
    if resolved.loaded is None or stages is None:
        return resolved.loaded
    return replace(resolved.loaded, stages=stages.loaded)
