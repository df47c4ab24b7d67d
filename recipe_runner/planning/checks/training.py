"""What every method that trains has: the learning rate, evaluation, steps against the data."""

from __future__ import annotations

from collections.abc import Iterator

from recipe_runner.catalog import models
from recipe_runner.language import Diagnostic, LoadedRecipe
from recipe_runner.planning.checks.effects import no_effect
from recipe_runner.planning.checks.evaluators import check_distinct, check_evaluators
from recipe_runner.planning.checks.rows import steps_of_files
from recipe_runner.planning.checks.steps import check_steps
from recipe_runner.planning.checks.test_sets import has_test_set, test_set_key
from schemas.common import TrainingKeys
from schemas.run_settings import EvalSettings

# Methods whose loops have rollouts to write out.
_WITH_ROLLOUTS = ("rl", "reinforce")


def check_training(loaded: LoadedRecipe, recipe: TrainingKeys) -> Iterator[Diagnostic]:
    """Yield what is wrong with the learning rate, the evaluation, and steps beyond the data."""
    yield from _check_learning_rate(loaded, recipe)
    yield from _check_evaluation(loaded, recipe)
    yield from check_steps(loaded, steps_of_files(loaded.recipe))
    method = loaded.recipe.method
    if "rollouts" in recipe.logging.model_fields_set and method not in _WITH_ROLLOUTS:
        reason = f"{method} writes no rollouts"
        yield no_effect(loaded, "logging.rollouts", reason, "remove it")


def _check_learning_rate(loaded: LoadedRecipe, recipe: TrainingKeys) -> Iterator[Diagnostic]:
    optimizer = getattr(recipe, "optimizer", None)
    if optimizer is None or isinstance(optimizer.learning_rate, float | int):
        return
    facts = models.find(recipe.model.name)
    if facts is None or facts.learning_rate is None:
        yield loaded.diagnostic(
            "optimizer.learning_rate",
            "learning-rate",
            f"the Cookbook's get_lr has no learning rate for {recipe.model.name}",
            hint="write a number, such as `learning_rate: 1e-4`",
        )


def _check_evaluation(loaded: LoadedRecipe, recipe: TrainingKeys) -> Iterator[Diagnostic]:
    if recipe.eval is None:
        return
    evaluators = recipe.eval.evaluators
    yield from check_evaluators(loaded, evaluators, "eval.evaluators")
    yield from check_distinct(loaded, evaluators, "eval.evaluators")
    yield from _check_cadence(loaded, recipe.eval)
    if evaluators or has_test_set(loaded.recipe):
        return
    wanted = test_set_key(loaded.recipe)
    hint = f"set {wanted}, or `eval.evaluators`" if wanted else "set `eval.evaluators`"
    yield no_effect(loaded, "eval.every", "there is nothing to evaluate on", hint)


def _check_cadence(loaded: LoadedRecipe, settings: EvalSettings) -> Iterator[Diagnostic]:
    """An environment with a cadence of its own is evaluated together with everything else."""
    own = getattr(getattr(loaded.recipe, "env", None), "eval", None)
    if own is not None and own.every != settings.every:
        yield loaded.diagnostic(
            "eval.every",
            "value",
            f"`env.eval.every` is {own.every}, and one cadence of evaluation is all there is",
            hint=f"write `every: {own.every}` in both",
        )
