"""Checks across fields, from shipped facts alone: nothing heavy is imported, no data is read."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path

from recipe_runner.catalog import gem, models
from recipe_runner.language import Diagnostic, LoadedRecipe, RecipeError, load
from recipe_runner.planning.effects import check_effects
from schemas.backend import backend_kind
from schemas.env import GemEnv
from schemas.rl import RlRecipe


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
    try:
        loaded = load(path, overrides=overrides, variables=variables, variant=variant)
    except RecipeError as error:
        raise RecipeError([*error.diagnostics, *_check_partial(error.partial)]) from error
    found = check(loaded)
    if any(diagnostic.severity == "error" for diagnostic in found):
        raise RecipeError(found)
    return loaded, found


def _check_partial(partial: LoadedRecipe | None) -> list[Diagnostic]:
    """Return what is wrong with the keys that a wrong recipe has as they were written."""
    if partial is None:
        return []
    return [found for found in check(partial) if found.path not in partial.invented]


def check(loaded: LoadedRecipe) -> list[Diagnostic]:
    """Return what is wrong with a recipe whose every single key is right.

    Warnings (a retired model, say) come with the errors; `Diagnostic.severity` tells them apart.
    """
    found = [
        *_check_model(loaded),
        *_check_renderer(loaded),
        *_check_learning_rate(loaded),
        *check_effects(loaded),
    ]
    if isinstance(loaded.recipe, RlRecipe):
        found += [*_check_steps(loaded), *_check_minibatches(loaded)]
        if isinstance(loaded.recipe.env, GemEnv):
            found += _check_gem(loaded, loaded.recipe.env)
    return found


def _check_model(loaded: LoadedRecipe) -> Iterator[Diagnostic]:
    name = loaded.recipe.model.name
    if models.find(name) is None:
        yield from _check_unknown_model(loaded, name)
    if name == models.SHIPPED_MODEL and backend_kind(loaded.recipe.backend) == "tinker":
        yield loaded.diagnostic(
            "model.name",
            "model-backend",
            f"{name} is the model that recipe-run ships; hosted Tinker does not serve it",
            hint="write `backend: local`, or name a model of Tinker's",
        )
    retired = models.retirement(name)
    if retired is not None:
        instead = f"; use {retired.replacement}" if retired.replacement else ""
        yield loaded.diagnostic(
            "model.name",
            "retired-model",
            f"{name} was retired on {retired.date}, as far as the shipped snapshot knows",
            hint=f"hosted Tinker may refuse it{instead}",
            severity="warning",
        )


def _check_unknown_model(loaded: LoadedRecipe, name: str) -> Iterator[Diagnostic]:
    """An unknown model is a typo on hosted Tinker; elsewhere it only has no defaults."""
    near = models.near_names(name)
    if backend_kind(loaded.recipe.backend) == "tinker" or near:
        yield loaded.diagnostic(
            "model.name",
            "unknown-model",
            f"{name} is not in the catalog",
            hint=f"did you mean {' or '.join(near)}?" if near else None,
        )
    elif loaded.recipe.renderer == "auto":
        yield loaded.diagnostic(
            "model.name",
            "unknown-model",
            f"{name} is not in the catalog, so no renderer can be chosen for it",
            hint="write `renderer: NAME`",
        )


def _check_renderer(loaded: LoadedRecipe) -> Iterator[Diagnostic]:
    renderer = loaded.recipe.renderer
    facts = models.find(loaded.recipe.model.name)
    if renderer == "auto":
        return
    if renderer not in models.renderer_names():
        fitting = facts.renderers if facts else tuple(sorted(models.renderer_names()))
        near = difflib.get_close_matches(renderer, models.renderer_names(), n=1)
        yield loaded.diagnostic(
            "renderer",
            "unknown-renderer",
            f"there is no renderer {renderer!r}",
            hint=f"did you mean {near[0]}?" if near else f"one of {', '.join(fitting)}",
        )
    elif facts is not None and renderer not in facts.renderers:
        yield loaded.diagnostic(
            "renderer",
            "renderer-mismatch",
            f"renderer {renderer} does not fit {facts.name}",
            hint=f"use {' or '.join(facts.renderers)}",
        )


def _check_learning_rate(loaded: LoadedRecipe) -> Iterator[Diagnostic]:
    if isinstance(loaded.recipe.optimizer.learning_rate, float | int):
        return
    facts = models.find(loaded.recipe.model.name)
    if facts is None or facts.learning_rate is None:
        yield loaded.diagnostic(
            "optimizer.learning_rate",
            "learning-rate",
            f"the Cookbook's get_lr has no learning rate for {loaded.recipe.model.name}",
            hint="write a number, such as `learning_rate: 1e-4`",
        )


def _check_steps(loaded: LoadedRecipe) -> Iterator[Diagnostic]:
    recipe = loaded.recipe
    assert isinstance(recipe, RlRecipe)
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


def _check_minibatches(loaded: LoadedRecipe) -> Iterator[Diagnostic]:
    recipe = loaded.recipe
    assert isinstance(recipe, RlRecipe)
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


def _check_gem(loaded: LoadedRecipe, env: GemEnv) -> Iterator[Diagnostic]:
    if env.id not in gem.gem_ids():
        near = difflib.get_close_matches(env.id, gem.gem_ids(), n=3)
        yield loaded.diagnostic(
            "env.id",
            "unknown-env",
            f"GEM has no environment {env.id!r}",
            hint=f"did you mean {' or '.join(near)}?" if near else None,
        )
        return
    facts = gem.gem_facts(env.id)
    if facts.broken:
        yield loaded.diagnostic("env.id", "broken-env", f"{env.id} {facts.broken}")
    accepted = gem.gem_kwargs(env.id)
    for key in env.kwargs:
        if accepted is not None and key not in accepted:
            near = difflib.get_close_matches(key, accepted, n=1)
            names = ", ".join(sorted(accepted)) or "nothing"
            yield loaded.diagnostic(
                f"env.kwargs.{key}",
                "unknown-key",
                f"{env.id} takes no {key!r}",
                hint=f"did you mean {near[0]}?" if near else f"it takes {names}",
                key=True,
            )
