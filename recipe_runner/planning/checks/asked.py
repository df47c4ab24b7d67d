"""A model that is asked and not trained: a judge, a grader, an opponent."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from recipe_runner.catalog import models
from recipe_runner.language import Diagnostic, LoadedRecipe
from schemas.backend import backend_kind
from schemas.common import CommonKeys


def check_asked(
    loaded: LoadedRecipe, model: str, renderer: str, *, path: str
) -> Iterator[Diagnostic]:
    """Yield what is wrong with the model's name and its renderer.

    Args:
        path: where the section with `model` and `renderer` is.
    """
    facts = models.find(model)
    if facts is None:
        yield from _check_unknown(loaded, model, renderer, path)
    if renderer != "auto" and renderer not in models.renderer_names():
        near = difflib.get_close_matches(renderer, models.renderer_names(), n=1)
        yield loaded.diagnostic(
            f"{path}.renderer",
            "unknown-renderer",
            f"there is no renderer {renderer!r}",
            hint=f"did you mean {near[0]}?" if near else None,
        )
    elif renderer != "auto" and facts is not None and renderer not in facts.renderers:
        yield loaded.diagnostic(
            f"{path}.renderer",
            "renderer-mismatch",
            f"renderer {renderer} does not fit {facts.name}",
            hint=f"use {' or '.join(facts.renderers)}",
        )
    yield from _check_retired(loaded, model, path)


def _check_unknown(
    loaded: LoadedRecipe, model: str, renderer: str, path: str
) -> Iterator[Diagnostic]:
    """An unknown model is a typo on hosted Tinker; elsewhere it only has no renderer."""
    assert isinstance(loaded.recipe, CommonKeys)
    near = models.near_names(model)
    if near or backend_kind(loaded.recipe.backend) == "tinker":
        yield loaded.diagnostic(
            f"{path}.model",
            "unknown-model",
            f"{model} is not in the catalog",
            hint=f"did you mean {' or '.join(near)}?" if near else None,
        )
    elif renderer == "auto":
        yield loaded.diagnostic(
            f"{path}.model",
            "unknown-model",
            f"{model} is not in the catalog, so no renderer can be chosen for it",
            hint=f"write `renderer: NAME` in `{path}`",
        )


def _check_retired(loaded: LoadedRecipe, model: str, path: str) -> Iterator[Diagnostic]:
    retired = models.retirement(model)
    if retired is not None:
        instead = f"; use {retired.replacement}" if retired.replacement else ""
        yield loaded.diagnostic(
            f"{path}.model",
            "retired-model",
            f"{model} was retired on {retired.date}, as far as the shipped snapshot knows",
            hint=f"hosted Tinker may refuse it{instead}",
            severity="warning",
        )
