"""Checks across fields, from shipped facts alone: nothing heavy is imported, no data is read.

A method's own checks are one module here and one entry of `OF_METHOD`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from recipe_runner.language import Diagnostic, LoadedRecipe, RecipeError, RecipeFile
from recipe_runner.planning.checks.distill import check_distill
from recipe_runner.planning.checks.dpo import check_dpo
from recipe_runner.planning.checks.evaluators import check_eval
from recipe_runner.planning.checks.generate import check_generate
from recipe_runner.planning.checks.limits import check_limits
from recipe_runner.planning.checks.model import check_model
from recipe_runner.planning.checks.reinforce import check_reinforce
from recipe_runner.planning.checks.rl import check_rl
from recipe_runner.planning.checks.sdft import check_sdft
from recipe_runner.planning.checks.sft import check_sft
from recipe_runner.planning.checks.silenced import without_silenced
from recipe_runner.planning.checks.training import check_training
from schemas.common import ModelKeys, TrainingKeys

Check = Callable[[LoadedRecipe], Iterator[Diagnostic]]

# method -> the checks of it alone
OF_METHOD: dict[str, Check] = {
    "distill": check_distill,
    "dpo": check_dpo,
    "eval": check_eval,
    "generate": check_generate,
    "reinforce": check_reinforce,
    "rl": check_rl,
    "sdft": check_sdft,
    "sft": check_sft,
}


def load_and_check(
    path: Path,
    *,
    overrides: Sequence[str] = (),
    variables: Sequence[str] = (),
    variant: str | None = None,
) -> tuple[LoadedRecipe, list[Diagnostic]]:
    """Load a recipe and check it, and return it with what is worth a warning.

    Raises:
        RecipeError: with every mistake, those of the language and those across fields.
    """
    return check_variant(RecipeFile(path, overrides=overrides, variables=variables), variant)


def check_variant(
    file: RecipeFile, variant: str | None = None
) -> tuple[LoadedRecipe, list[Diagnostic]]:
    """Load and check one variant of a recipe that was read, or the recipe as it stands.

    Raises:
        RecipeError: as `load_and_check`.
    """
    try:
        loaded = file.load(variant)
    except RecipeError as error:
        raise RecipeError([*error.diagnostics, *_check_partial(error.partial)]) from error
    found = [*loaded.warnings, *check(loaded)]
    if any(diagnostic.severity == "error" for diagnostic in found):
        raise RecipeError(found)
    return loaded, found


def _check_partial(partial: LoadedRecipe | None) -> list[Diagnostic]:
    """Return what is wrong with the keys that a wrong recipe has as they were written."""
    if partial is None:
        return []
    invented = {partial.shown_path(path) for path in partial.invented}
    found = [each for each in _check_own(partial) if each.path not in invented]
    return [*found, *(each for stage in partial.stages.values() for each in _check_partial(stage))]


def check(loaded: LoadedRecipe) -> list[Diagnostic]:
    """Return what is wrong with a recipe whose every single key is right.

    Warnings (a retired model, say) come with the errors; `Diagnostic.severity` tells them apart.
    """
    return [*_check_own(loaded), *(d for stage in loaded.stages.values() for d in check(stage))]


def _check_own(loaded: LoadedRecipe) -> list[Diagnostic]:
    """Check a recipe without the stages that it may have."""
    recipe = loaded.recipe
    found: list[Diagnostic] = []
    if isinstance(recipe, ModelKeys):
        found += check_model(loaded, recipe)
        found += check_limits(loaded, recipe)
    if isinstance(recipe, TrainingKeys):
        found += check_training(loaded, recipe)
    if recipe.method in OF_METHOD:
        found += OF_METHOD[recipe.method](loaded)
    return without_silenced(found)
