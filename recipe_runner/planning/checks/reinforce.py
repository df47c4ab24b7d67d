"""`method: reinforce`."""

from __future__ import annotations

from collections.abc import Iterator

from recipe_runner.language import Diagnostic, LoadedRecipe
from recipe_runner.planning.checks.effects import no_effect
from recipe_runner.planning.checks.env import check_env
from schemas.reinforce import ReinforceRecipe


def check_reinforce(loaded: LoadedRecipe) -> Iterator[Diagnostic]:
    """Yield what is wrong across the fields of a `reinforce` recipe."""
    recipe = loaded.recipe
    assert isinstance(recipe, ReinforceRecipe)
    yield from check_env(loaded, recipe.env)
    # Without a test set, check_training says so for every method.
    if recipe.eval is not None and not recipe.eval.evaluators and recipe.env.eval is not None:
        reason = "the environment's test set is played every `env.eval.every` steps"
        yield no_effect(loaded, "eval.every", reason, "remove it, or set `eval.evaluators`")
