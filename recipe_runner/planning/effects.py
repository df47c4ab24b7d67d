"""Finds keys that a recipe sets and that nothing would read."""

from __future__ import annotations

from collections.abc import Iterator

from recipe_runner.language import Diagnostic, LoadedRecipe
from schemas.data import COOKBOOK_DATASETS, HuggingFaceData
from schemas.rl import RlRecipe
from schemas.sft import SftRecipe

# What the Cookbook's own data-set builders decide themselves.
_FIXED_BY_THE_COOKBOOK = ("config", "split", "messages_column", "test_size")


def check_effects(loaded: LoadedRecipe) -> Iterator[Diagnostic]:
    """Yield an error for each key without effect: it would look as if it did something."""
    recipe = loaded.recipe
    if isinstance(recipe, RlRecipe):
        yield from _check_kl(loaded, recipe)
    if isinstance(recipe, SftRecipe):
        yield from _check_sft(loaded, recipe)
    if recipe.eval is not None and not _has_test_set(recipe):
        needed = "env.eval" if isinstance(recipe, RlRecipe) else "data.test_size"
        yield _no_effect(loaded, "eval.every", "there is nothing to evaluate on", f"set {needed}")


def _check_kl(loaded: LoadedRecipe, recipe: RlRecipe) -> Iterator[Diagnostic]:
    if recipe.kl.coef > 0:
        return
    for key in ("discount", "reference"):
        if key in recipe.kl.model_fields_set:
            yield _no_effect(loaded, f"kl.{key}", "there is no KL penalty", "set kl.coef above 0")


def _check_sft(loaded: LoadedRecipe, recipe: SftRecipe) -> Iterator[Diagnostic]:
    if "rollouts" in recipe.logging.model_fields_set:
        yield _no_effect(loaded, "logging.rollouts", "sft has no rollouts", "remove it")
    if isinstance(recipe.data, HuggingFaceData):
        yield from _check_named_dataset(loaded, recipe.data)


def _check_named_dataset(loaded: LoadedRecipe, data: HuggingFaceData) -> Iterator[Diagnostic]:
    if data.dataset not in COOKBOOK_DATASETS:
        return
    for key in _FIXED_BY_THE_COOKBOOK:
        if key in data.model_fields_set:
            yield _no_effect(
                loaded,
                f"data.{key}",
                f"the Cookbook's {data.dataset} decides it itself",
                "remove it, or name the data set by its hub id",
            )


def _has_test_set(recipe: RlRecipe | SftRecipe) -> bool:
    if isinstance(recipe, SftRecipe):
        return recipe.data.test_size > 0 or (
            isinstance(recipe.data, HuggingFaceData) and recipe.data.dataset in COOKBOOK_DATASETS
        )
    if recipe.env.kind == "gem":
        return recipe.env.eval is not None
    return recipe.env.dataset in ("math", "gsm8k")


def _no_effect(loaded: LoadedRecipe, path: str, reason: str, hint: str) -> Diagnostic:
    return loaded.diagnostic(
        path, "no-effect", f"`{path}` has no effect: {reason}", hint=hint, key=True
    )
