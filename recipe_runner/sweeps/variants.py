"""The variants of a recipe, each checked and planned before the first is started."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recipe_runner.backends import backend
from recipe_runner.errors import UsageError
from recipe_runner.language import Diagnostic, LoadedRecipe, RecipeError, RecipeFile
from recipe_runner.language.diagnostics import sort_diagnostics
from recipe_runner.planning.checks import check_variant
from recipe_runner.planning.plan import Plan
from recipe_runner.planning.resolve import make_plan
from schemas.backend import backend_kind


@dataclass(frozen=True)
class Variant:
    """One variant, ready to run.

    Attributes:
        name: what `--variant` takes.
    """

    name: str
    loaded: LoadedRecipe
    plan: Plan


def load_variants(
    recipe: Path, *, overrides: Sequence[str] = (), variables: Sequence[str] = ()
) -> tuple[list[Variant], list[Diagnostic]]:
    """Return the variants in the order in which they are written, and what is worth a warning.

    Raises:
        RecipeError: with every mistake of every variant.
        UsageError: if the recipe has no variants.
    """
    file = RecipeFile(recipe, overrides=overrides, variables=variables)
    names = file.require_variants()
    if not names:
        # The recipe itself may be wrong, which is the better thing to say.
        check_variant(file)
        raise UsageError(
            f"{recipe} has no variants to sweep over. Add some, such as\n"
            "  variants: {matrix: {optimizer.learning_rate: [1e-5, 2e-5, 4e-5]}}\n"
            f"or run it as it is: recipe-run {recipe}"
        )
    variants: list[Variant] = []
    errors: list[Diagnostic] = []
    warnings: list[Diagnostic] = []
    for name in names:
        try:
            loaded, found = check_variant(file, name)
        except RecipeError as error:
            errors += error.diagnostics
            continue
        warnings += found
        if not errors:  # planning reads data files, in vain once the sweep cannot start
            served = backend(backend_kind(loaded.recipe.backend)).served
            variants.append(Variant(name, loaded, make_plan(loaded, served)))
    if errors:
        raise RecipeError(list(sort_diagnostics(dict.fromkeys(errors))))
    return variants, list(sort_diagnostics(dict.fromkeys(warnings)))
