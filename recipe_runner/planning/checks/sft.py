"""`method: sft`."""

from __future__ import annotations

from collections.abc import Iterator

from recipe_runner.language import Diagnostic, LoadedRecipe
from recipe_runner.planning.checks.data import check_data
from schemas.data import COOKBOOK_COMPARISONS, COOKBOOK_CONVERSATIONS
from schemas.sft import SftRecipe


def check_sft(loaded: LoadedRecipe) -> Iterator[Diagnostic]:
    """Yield what is wrong with an `sft` recipe's data."""
    assert isinstance(loaded.recipe, SftRecipe)
    yield from check_data(
        loaded,
        loaded.recipe.data,
        kinds=("conversations", "comparisons", "huggingface", "custom"),
        named=(*COOKBOOK_CONVERSATIONS, *COOKBOOK_COMPARISONS),
    )
