"""`method: reinforce`."""

from __future__ import annotations

from collections.abc import Iterator

from recipe_runner.language import Diagnostic, LoadedRecipe
from recipe_runner.planning.checks.env import check_env
from schemas.reinforce import ReinforceRecipe


def check_reinforce(loaded: LoadedRecipe) -> Iterator[Diagnostic]:
    """Yield what is wrong across the fields of a `reinforce` recipe."""
    recipe = loaded.recipe
    assert isinstance(recipe, ReinforceRecipe)
    yield from check_env(loaded, recipe.env)
