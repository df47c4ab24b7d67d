"""A recipe against what a service says that it serves, where the catalog is only a snapshot."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from recipe_runner.catalog import models
from recipe_runner.language import Diagnostic, LoadedRecipe
from recipe_runner.planning.checks.limits import check_lengths
from recipe_runner.planning.marked import marked_places
from schemas.base import NamesModel
from schemas.common import ModelKeys, TrainingKeys


@dataclass(frozen=True)
class ServedModel:
    """A model as the service describes it; None where it does not say.

    Attributes:
        context: tokens of prompt and reply together.
    """

    name: str
    context: int | None
    trainable: bool | None
    sampleable: bool | None


def check_online(loaded: LoadedRecipe, served: Sequence[ServedModel]) -> Iterator[Diagnostic]:
    """Yield what a recipe, its stages included, asks of a service that does not offer it."""
    by_name = {model.name: model for model in served}
    recipe = loaded.recipe
    for path, name in marked_places(recipe, NamesModel):
        yield from _check_model(loaded, by_name, path, name)
    if isinstance(recipe, ModelKeys):
        known = _find(by_name, recipe.model.name)
        facts = models.find(recipe.model.name)
        if known is not None and known.context is not None:
            in_catalog = facts is not None and facts.context is not None
            # What the catalog says is reported already.
            if not in_catalog or known.context < (facts.context if facts and facts.context else 0):
                yield from check_lengths(loaded, recipe, known.name, known.context)
    for stage in loaded.stages.values():
        yield from check_online(stage, served)


def _check_model(
    loaded: LoadedRecipe, by_name: dict[str, ServedModel], path: str, name: str
) -> Iterator[Diagnostic]:
    known = _find(by_name, name)
    if known is None:
        near = difflib.get_close_matches(name, by_name, n=3)
        listed = ", ".join(sorted(by_name)[:5]) + (", …" if len(by_name) > 5 else "")
        hint = f"did you mean {' or '.join(near)}?" if near else f"it serves {listed or 'nothing'}"
        yield loaded.diagnostic(path, "not-served", f"the service does not serve {name}", hint=hint)
        return
    trains = path == "model.name" and isinstance(loaded.recipe, TrainingKeys)
    if trains and known.trainable is False:
        message = f"the service samples from {name}, and does not train it"
        yield loaded.diagnostic(path, "not-served", message)
    elif not trains and known.sampleable is False:
        message = f"the service does not sample from {name}"
        yield loaded.diagnostic(path, "not-served", message)


def _find(by_name: dict[str, ServedModel], name: str) -> ServedModel | None:
    """Return a model as served, with or without the context that its name may end in."""
    return by_name.get(name) or by_name.get(name.partition(":")[0])
