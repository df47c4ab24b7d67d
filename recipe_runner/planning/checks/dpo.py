"""`method: dpo`."""

from __future__ import annotations

from collections.abc import Iterator

from recipe_runner.language import Diagnostic, LoadedRecipe
from recipe_runner.planning.checks.data import check_data
from schemas.data import COOKBOOK_COMPARISONS
from schemas.dpo import DpoRecipe


def check_dpo(loaded: LoadedRecipe) -> Iterator[Diagnostic]:
    """Yield what is wrong with a `dpo` recipe's data."""
    assert isinstance(loaded.recipe, DpoRecipe)
    yield from check_data(
        loaded,
        loaded.recipe.data,
        kinds=("comparisons", "huggingface"),
        named=COOKBOOK_COMPARISONS,
        hub_ids=False,
    )
