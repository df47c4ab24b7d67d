"""`method: sft`."""

from __future__ import annotations

from collections.abc import Iterator

from recipe_runner.language import Diagnostic, LoadedRecipe
from recipe_runner.planning.checks.data import check_data
from recipe_runner.planning.checks.effects import no_effect
from recipe_runner.planning.checks.preference import check_verdicts
from schemas.data import (
    COOKBOOK_COMPARISONS,
    COOKBOOK_CONVERSATIONS,
    MixtureData,
    holds_comparisons,
)
from schemas.sft import SftRecipe


def check_sft(loaded: LoadedRecipe) -> Iterator[Diagnostic]:
    """Yield what is wrong with an `sft` recipe's data."""
    assert isinstance(loaded.recipe, SftRecipe)
    if holds_comparisons(loaded.recipe.data):
        yield from _check_reward_model(loaded, loaded.recipe)
    yield from check_data(
        loaded,
        loaded.recipe.data,
        kinds=("conversations", "comparisons", "huggingface", "mixture", "custom"),
        named=(*COOKBOOK_CONVERSATIONS, *COOKBOOK_COMPARISONS),
    )
    if isinstance(loaded.recipe.data, MixtureData):
        for index, part in enumerate(loaded.recipe.data.parts):
            yield from check_data(
                loaded,
                part.data,
                kinds=("conversations", "huggingface", "custom"),
                # A part is read in any order, and OpenThoughts 3 is a stream.
                named=[name for name in COOKBOOK_CONVERSATIONS if name != "openthoughts3"],
                path=f"data.parts.{index}.data",
            )


def _check_reward_model(loaded: LoadedRecipe, recipe: SftRecipe) -> Iterator[Diagnostic]:
    yield from check_verdicts(loaded, recipe.model.name, recipe.renderer, "renderer")
    if "train_on" in recipe.model_fields_set:
        reason = "a reward model is trained on its verdict alone"
        yield no_effect(loaded, "train_on", reason, "remove it")
