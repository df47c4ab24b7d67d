"""`method: sft`."""

from __future__ import annotations

from collections.abc import Iterator

from recipe_runner.language import Diagnostic, LoadedRecipe
from recipe_runner.planning.checks.data import check_data
from recipe_runner.planning.checks.effects import no_effect
from recipe_runner.planning.checks.preference import check_verdicts
from schemas.data import COOKBOOK_COMPARISONS, COOKBOOK_CONVERSATIONS, holds_comparisons
from schemas.sft import SftRecipe


def check_sft(loaded: LoadedRecipe) -> Iterator[Diagnostic]:
    """Yield what is wrong with an `sft` recipe's data."""
    assert isinstance(loaded.recipe, SftRecipe)
    if holds_comparisons(loaded.recipe.data):
        yield from _check_reward_model(loaded, loaded.recipe)
    yield from check_data(
        loaded,
        loaded.recipe.data,
        kinds=("conversations", "comparisons", "huggingface", "custom"),
        named=(*COOKBOOK_CONVERSATIONS, *COOKBOOK_COMPARISONS),
    )


def _check_reward_model(loaded: LoadedRecipe, recipe: SftRecipe) -> Iterator[Diagnostic]:
    yield from check_verdicts(loaded, recipe.model.name, recipe.renderer, "renderer")
    if "train_on" in recipe.model_fields_set:
        reason = "a reward model is trained on its verdict alone"
        yield no_effect(loaded, "train_on", reason, "remove it")
