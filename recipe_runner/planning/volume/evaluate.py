"""`method: eval`: evaluators alone."""

from __future__ import annotations

from recipe_runner.planning.plan import Plan
from recipe_runner.planning.volume.evaluators import add_evaluation, evaluator_assumptions
from recipe_runner.planning.volume.lengths import Lengths
from recipe_runner.planning.volume.tally import Tally
from schemas.evaluate import EvalRecipe


def add(tally: Tally, plan: Plan, lengths: Lengths, steps: int) -> None:
    """Add the tokens of a run."""
    recipe = plan.recipe
    assert isinstance(recipe, EvalRecipe)
    add_evaluation(tally, recipe.evaluators, recipe.model.name, 1)


def rollouts(plan: Plan, lengths: Lengths, steps: int) -> int:
    """Nothing is trained."""
    return 0


def assumptions(plan: Plan, lengths: Lengths) -> list[str]:
    """Return what is taken for granted, and what is not counted."""
    recipe = plan.recipe
    assert isinstance(recipe, EvalRecipe)
    return list(evaluator_assumptions(recipe.evaluators))
