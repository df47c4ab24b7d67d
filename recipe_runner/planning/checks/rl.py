"""`method: rl`."""

from __future__ import annotations

from collections.abc import Iterator

from recipe_runner.language import Diagnostic, LoadedRecipe
from recipe_runner.planning.checks.effects import no_effect
from recipe_runner.planning.checks.env import check_env
from recipe_runner.planning.checks.substeps import check_substeps
from schemas.rl import RlRecipe


def check_rl(loaded: LoadedRecipe) -> Iterator[Diagnostic]:
    """Yield what is wrong across the fields of an `rl` recipe."""
    recipe = loaded.recipe
    assert isinstance(recipe, RlRecipe)
    yield from check_env(loaded, recipe.env)
    yield from _check_steps(loaded, recipe)
    yield from _check_minibatches(loaded, recipe)
    yield from check_substeps(loaded, recipe.rollout, recipe.substeps)
    yield from _check_kl(loaded, recipe)


def _check_steps(loaded: LoadedRecipe, recipe: RlRecipe) -> Iterator[Diagnostic]:
    if recipe.steps is not None:
        return
    endless = recipe.env.dataset == "arithmetic" if recipe.env.kind == "math" else False
    if recipe.env.kind == "gem":
        endless = recipe.env.id.partition(":")[0] in ("rg", "game")
    if endless:
        yield loaded.diagnostic(
            "steps",
            "missing-key",
            "this environment makes problems without end, so the recipe has to say `steps`",
            hint="write `steps: 100`, say",
        )


def _check_minibatches(loaded: LoadedRecipe, recipe: RlRecipe) -> Iterator[Diagnostic]:
    if recipe.execution.kind != "stream":
        return
    parts = recipe.execution.minibatches * recipe.substeps
    if recipe.rollout.groups_per_batch % parts:
        yield loaded.diagnostic(
            "rollout.groups_per_batch",
            "range",
            f"{recipe.rollout.groups_per_batch} groups do not divide into {recipe.substeps} "
            f"substeps of {recipe.execution.minibatches} minibatches",
            hint=f"use a multiple of {parts}",
        )


def _check_kl(loaded: LoadedRecipe, recipe: RlRecipe) -> Iterator[Diagnostic]:
    if recipe.kl.coef > 0:
        return
    for key in ("discount", "reference"):
        if key in recipe.kl.model_fields_set:
            yield no_effect(loaded, f"kl.{key}", "there is no KL penalty", "set kl.coef above 0")
