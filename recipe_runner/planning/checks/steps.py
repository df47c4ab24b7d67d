"""Steps against the data: a loop that runs out of data ends early, without a word."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from recipe_runner.language import Diagnostic, LoadedRecipe
from schemas import Recipe
from schemas.common import TrainingKeys


@dataclass(frozen=True)
class Shortage:
    """Data that ends before the steps do.

    Attributes:
        path: the key that says what cannot be had.
        message: what is wrong.
        hint: what to write instead.
    """

    path: str
    message: str
    hint: str


def shortage(recipe: Recipe, given: int | None) -> Shortage | None:
    """Return what is wrong with the steps that a recipe asks for, None where nothing is.

    Args:
        given: steps that the data gives, over all epochs; none where that is not known.
    """
    if given is None or not isinstance(recipe, TrainingKeys):
        return None
    size = "batch_size" if hasattr(recipe, "batch_size") else "rollout.groups_per_batch"
    if given == 0:
        message = f"the data does not fill one batch of {_at(recipe, size)}: nothing would be done"
        return Shortage(size, message, f"lower `{size}`, or give more data")
    if recipe.steps is None or recipe.steps <= given:
        return None
    message = (
        f"the data gives {given:,} steps, and {recipe.steps:,} are asked for: the run would end "
        "early"
    )
    lower = f"lower `steps` to {given}, or leave it out for all the data"
    epochs: int | None = getattr(recipe, "epochs", None)
    if epochs is None:
        return Shortage("steps", message, lower)
    needed = -(-recipe.steps * epochs // given)
    return Shortage("steps", message, f"raise `epochs` to {needed}, or {lower}")


def check_steps(loaded: LoadedRecipe, given: int | None) -> Iterator[Diagnostic]:
    """Yield an error where the data ends before the steps do."""
    short = shortage(loaded.recipe, given)
    if short is not None:
        yield loaded.diagnostic(short.path, "data-length", short.message, hint=short.hint)


def _at(recipe: TrainingKeys, path: str) -> object:
    value: object = recipe
    for name in path.split("."):
        value = getattr(value, name)
    return value
