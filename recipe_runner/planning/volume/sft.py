"""`method: sft`: whole texts are trained; held-out ones get log-probabilities."""

from __future__ import annotations

from recipe_runner.planning.plan import Plan
from recipe_runner.planning.volume.cadence import evaluations
from recipe_runner.planning.volume.evaluators import add_evaluation, evaluator_assumptions
from recipe_runner.planning.volume.lengths import Lengths
from recipe_runner.planning.volume.tally import Tally
from schemas.sft import SftRecipe


def add(tally: Tally, plan: Plan, lengths: Lengths, steps: int) -> None:
    """Add the tokens of a run."""
    recipe = plan.recipe
    assert isinstance(recipe, SftRecipe)
    model, texts = recipe.model.name, lengths.texts[0]
    tally.add(model, trained=steps * recipe.batch_size * tally.of(texts.text))
    if recipe.eval is None:
        return
    times = evaluations(steps, recipe.eval.every)
    if texts.held_out_text is not None:
        # The text that is scored has the last token too, which is no input of training.
        tally.add_scored(model, times * texts.held_out, tally.of(texts.held_out_text) + 1)
    add_evaluation(tally, recipe.eval.evaluators, model, times)


def rollouts(plan: Plan, lengths: Lengths, steps: int) -> int:
    """Nothing is sampled."""
    return 0


def assumptions(plan: Plan, lengths: Lengths) -> list[str]:
    """Return what is taken for granted beside what was measured."""
    settings = getattr(plan.recipe, "eval", None)
    said = [] if settings is None else list(evaluator_assumptions(settings.evaluators))
    return ["a sequence is charged whole, its prompt included", *said]
