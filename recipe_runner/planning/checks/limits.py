"""Numbers against what the catalog knows of the model: its context, its learning rate."""

from __future__ import annotations

from collections.abc import Iterator

from recipe_runner.catalog import models
from recipe_runner.language import Diagnostic, LoadedRecipe
from recipe_runner.planning.checks.places import value_at
from schemas.common import ModelKeys

# A prompt of a token at least comes before a reply.
_LENGTHS_OF_REPLIES = ("rollout.max_tokens", "sampling.max_tokens", "max_tokens")
_LENGTHS_OF_TEXTS = ("max_length", "env.max_trajectory_tokens")
FAR_OFF = 10.0
# Policy gradients, preferences and distillation are run far below get_lr: the Cookbook's and GEM's
# own commands at a tenth to a fiftieth of it. Only for sft does far below mean something.
_FAR_BELOW_IS_ODD = ("sft",)


def check_limits(loaded: LoadedRecipe, recipe: ModelKeys) -> Iterator[Diagnostic]:
    """Yield lengths that the model's context cannot hold, and odd learning rates."""
    yield from _check_context(loaded, recipe)
    yield from _check_learning_rate(loaded, recipe)


def _check_context(loaded: LoadedRecipe, recipe: ModelKeys) -> Iterator[Diagnostic]:
    facts = models.find(recipe.model.name)
    if facts is not None and facts.context is not None:
        yield from check_lengths(loaded, recipe, facts.name, facts.context)


def check_lengths(
    loaded: LoadedRecipe, recipe: ModelKeys, model: str, context: int
) -> Iterator[Diagnostic]:
    """Yield the lengths of a recipe that do not fit a model's context."""
    for paths, most in ((_LENGTHS_OF_REPLIES, context - 1), (_LENGTHS_OF_TEXTS, context)):
        for path in paths:
            tokens = value_at(recipe, path, written=True)
            if isinstance(tokens, int) and tokens > most:
                yield loaded.diagnostic(
                    path,
                    "context",
                    f"{tokens:,} tokens do not fit the context of {model}, "
                    f"{context:,} tokens with the prompt",
                    hint=f"at most {most:,}",
                )


def check_prompts(loaded: LoadedRecipe, longest: int | None) -> Iterator[Diagnostic]:
    """Yield replies that do not fit the model's context behind the prompts of the data.

    Args:
        longest: tokens of the longest prompt that was looked at; none where that is not known.
    """
    recipe = loaded.recipe
    facts = models.find(recipe.model.name) if isinstance(recipe, ModelKeys) else None
    if longest is None or facts is None or facts.context is None:
        return
    for path in _LENGTHS_OF_REPLIES:
        tokens = value_at(recipe, path)
        if isinstance(tokens, int) and tokens + longest > facts.context:
            yield loaded.diagnostic(
                path,
                "context",
                f"{tokens:,} tokens do not fit the context of {facts.name}, {facts.context:,} "
                f"tokens, behind the longest prompt that was looked at, {longest:,} tokens",
                hint=f"at most {max(facts.context - longest, 0):,}",
            )


def _check_learning_rate(loaded: LoadedRecipe, recipe: ModelKeys) -> Iterator[Diagnostic]:
    rate = value_at(recipe, "optimizer.learning_rate")
    facts = models.find(recipe.model.name)
    if facts is None or facts.learning_rate is None:
        return
    factor = value_at(recipe, "optimizer.learning_rate.auto")
    if isinstance(factor, float | int):
        rate = factor * facts.learning_rate
    if not isinstance(rate, float | int):
        return
    ratio = rate / facts.learning_rate
    below = ratio < 1 / FAR_OFF and loaded.recipe.method in _FAR_BELOW_IS_ODD
    if ratio > FAR_OFF or below:
        times = f"{ratio:.3g} times" if ratio > 1 else f"1/{1 / ratio:.3g} of"
        yield loaded.diagnostic(
            "optimizer.learning_rate",
            "odd-learning-rate",
            f"{rate:.3g} is {times} what the Cookbook's get_lr recommends for {facts.name}, "
            f"{facts.learning_rate:.2g}",
            hint="write `learning_rate: auto`, or `# recipe-run: ignore[odd-learning-rate]`",
            severity="warning",
        )
