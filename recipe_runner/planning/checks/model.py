"""The model and its renderer, against the catalog."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from recipe_runner.catalog import models
from recipe_runner.language import Diagnostic, LoadedRecipe
from schemas.backend import backend_kind
from schemas.common import ModelKeys

# Methods that learn from replies that others wrote, thinking included.
_LEARN_FROM_DEMONSTRATIONS = ("sft", "dpo")


def check_model(loaded: LoadedRecipe, recipe: ModelKeys) -> Iterator[Diagnostic]:
    """Yield what is wrong with the model's name and its renderer."""
    yield from _check_name(loaded, recipe)
    yield from _check_renderer(loaded, recipe)


def _check_name(loaded: LoadedRecipe, recipe: ModelKeys) -> Iterator[Diagnostic]:
    name = recipe.model.name
    if models.find(name) is None:
        yield from _check_unknown_model(loaded, recipe)
    if name == models.SHIPPED_MODEL and backend_kind(recipe.backend) == "tinker":
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


def _check_unknown_model(loaded: LoadedRecipe, recipe: ModelKeys) -> Iterator[Diagnostic]:
    """An unknown model is a typo on hosted Tinker; elsewhere it only has no defaults."""
    name = recipe.model.name
    near = models.near_names(name)
    if backend_kind(recipe.backend) == "tinker" or near:
        yield loaded.diagnostic(
            "model.name",
            "unknown-model",
            f"{name} is not in the catalog",
            hint=f"did you mean {' or '.join(near)}?" if near else None,
        )
    elif recipe.renderer == "auto":
        yield loaded.diagnostic(
            "model.name",
            "unknown-model",
            f"{name} is not in the catalog, so no renderer can be chosen for it",
            hint="write `renderer: NAME`",
        )


def _check_renderer(loaded: LoadedRecipe, recipe: ModelKeys) -> Iterator[Diagnostic]:
    renderer = recipe.renderer
    facts = models.find(recipe.model.name)
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
    elif facts is not None and renderer not in (*facts.renderers, *_of_chat_models(facts)):
        yield loaded.diagnostic(
            "renderer",
            "renderer-mismatch",
            f"renderer {renderer} does not fit {facts.name}",
            hint=f"use {' or '.join(facts.renderers)}",
        )
    elif facts is not None and not facts.is_chat and _thinks(renderer):
        yield from _check_thinking(loaded, recipe, facts)


def _check_thinking(
    loaded: LoadedRecipe, recipe: ModelKeys, facts: models.ModelFacts
) -> Iterator[Diagnostic]:
    """A base model that is asked to think in a form that it has never seen does not.

    It can be shown the form, by demonstrations, or by a checkpoint to start from.
    """
    method = loaded.recipe.method
    shown = method in _LEARN_FROM_DEMONSTRATIONS or (
        method == "distill" and getattr(recipe, "mode", None) == "off_policy"
    )
    if shown or recipe.model.load_from is not None:
        return
    calm = [r for r in dict.fromkeys((*facts.renderers, *_of_chat_models(facts))) if not _thinks(r)]
    yield loaded.diagnostic(
        "renderer",
        "thinking-renderer",
        f"renderer {recipe.renderer} has the model think before it answers, and {facts.name} is a "
        "base model that never learned to",
        hint=f"use {' or '.join(calm[:3])}, or start from a checkpoint that has learned it",
    )


def _thinks(renderer: str) -> bool:
    """Whether a renderer has the model think: `NAME`, where there is `NAME_disable_thinking`."""
    if renderer.endswith("_disable_thinking"):
        return False
    off = f"{renderer.partition('_preserve')[0]}_disable_thinking"
    return off in models.renderer_names() or renderer.endswith(("_thinking", "_reasoning"))


def _of_chat_models(facts: models.ModelFacts) -> Iterator[str]:
    """Yield the renderers of a base model's family: it has seen their markers, and has no own."""
    if facts.is_chat:
        return
    for other in models.models().values():
        if other.is_chat and _family(other.name) == _family(facts.name):
            yield from other.renderers


def _family(model_name: str) -> str:
    """Return `Qwen/Qwen3` for `Qwen/Qwen3-8B-Base`."""
    owner, _, name = model_name.partition("/")
    return f"{owner}/{name.partition('-')[0]}"
