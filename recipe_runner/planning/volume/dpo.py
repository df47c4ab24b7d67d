"""`method: dpo`: both replies of each pair, by the policy and by the frozen reference."""

from __future__ import annotations

from recipe_runner.planning.plan import Plan
from recipe_runner.planning.volume import sft
from recipe_runner.planning.volume.cadence import evaluations
from recipe_runner.planning.volume.evaluators import add_evaluation
from recipe_runner.planning.volume.lengths import Lengths
from recipe_runner.planning.volume.tally import Tally
from schemas.dpo import DpoRecipe

# The loss is computed on this machine: the SDK asks for a forward pass, then for a forward and
# backward pass with the loss's gradient.
PASSES_OF_A_CUSTOM_LOSS = 2
_REPLIES = 2


def add(tally: Tally, plan: Plan, lengths: Lengths, steps: int) -> None:
    """Add the tokens of a run."""
    recipe = plan.recipe
    assert isinstance(recipe, DpoRecipe)
    model, texts = recipe.model.name, lengths.texts[0]
    reference = (recipe.reference.model if recipe.reference else None) or model
    pairs = steps * recipe.batch_size
    pair = tally.of(texts.text)
    tally.add(model, trained=PASSES_OF_A_CUSTOM_LOSS * pairs * pair)
    _add_scored_pairs(tally, reference, pairs, pair)
    if recipe.eval is None:
        return
    times = evaluations(steps, recipe.eval.every, also_last=True)
    if texts.held_out_text is not None and times:
        held_out = tally.of(texts.held_out_text)
        _add_scored_pairs(tally, model, times * texts.held_out, held_out)
        _add_scored_pairs(tally, reference, texts.held_out, held_out)
    add_evaluation(tally, recipe.eval.evaluators, model, times)


def rollouts(plan: Plan, lengths: Lengths, steps: int) -> int:
    """Nothing is sampled."""
    return 0


def assumptions(plan: Plan, lengths: Lengths) -> list[str]:
    """Return what is taken for granted beside what was measured."""
    return [
        "DPO's loss is computed here: a forward pass and a pass with its gradient, both charged as "
        "training",
        *sft.assumptions(plan, lengths),
    ]


def _add_scored_pairs(tally: Tally, model: str, pairs: float, tokens: float) -> None:
    tally.add_scored(model, pairs * _REPLIES, tokens / _REPLIES + 1)
