"""`method: reinforce`: GEM episodes, each of a problem of its own."""

from __future__ import annotations

from recipe_runner.planning.plan import Plan
from recipe_runner.planning.volume.cadence import evaluations
from recipe_runner.planning.volume.dpo import PASSES_OF_A_CUSTOM_LOSS
from recipe_runner.planning.volume.evaluators import add_evaluation, evaluator_assumptions
from recipe_runner.planning.volume.lengths import Lengths
from recipe_runner.planning.volume.replies import Episodes, episodes, reply_assumption
from recipe_runner.planning.volume.rl import CACHE, add_sampling
from recipe_runner.planning.volume.tally import Tally
from schemas.loss import CustomLoss, loss_name
from schemas.reinforce import ReinforceRecipe

# Losses of whole sequences, for which the loop keeps one sequence a turn.
_A_SEQUENCE_A_TURN = ("gspo", "dro")


def add(tally: Tally, plan: Plan, lengths: Lengths, steps: int) -> None:
    """Add the tokens of a run."""
    recipe = plan.recipe
    assert isinstance(recipe, ReinforceRecipe)
    model, texts = recipe.model.name, lengths.texts[0]
    played = _episodes(tally, recipe, lengths, rollouts(plan, lengths, steps))
    add_sampling(tally, model, played, 1)
    passes = PASSES_OF_A_CUSTOM_LOSS if isinstance(recipe.loss, CustomLoss) else 1
    tally.add(model, trained=passes * played.count * played.trained)
    if recipe.env.eval is not None:
        times = evaluations(steps, recipe.env.eval.every, also_last=True)
        test = _episodes(tally, recipe, lengths, times * texts.held_out)
        add_sampling(tally, model, test, 1)
    if recipe.eval is not None:
        times = evaluations(steps, recipe.eval.every, also_last=True)
        add_evaluation(tally, recipe.eval.evaluators, model, times)


def rollouts(plan: Plan, lengths: Lengths, steps: int) -> int:
    """Return the number of episodes of the training itself."""
    recipe = plan.recipe
    assert isinstance(recipe, ReinforceRecipe)
    return steps * recipe.episodes_per_batch


def assumptions(plan: Plan, lengths: Lengths) -> list[str]:
    """Return what is taken for granted beside what was measured."""
    recipe = plan.recipe
    assert isinstance(recipe, ReinforceRecipe)
    said = [reply_assumption(recipe.max_tokens, lengths)]
    if lengths.turns.high > 1:
        said.append(CACHE)
    if isinstance(recipe.loss, CustomLoss):
        said.append(
            "the loss of your own is computed here: a forward pass and a pass with its gradient, "
            "both charged as training"
        )
    settings = recipe.eval
    return [*said, *(evaluator_assumptions(settings.evaluators) if settings else ())]


def _episodes(tally: Tally, recipe: ReinforceRecipe, lengths: Lengths, count: float) -> Episodes:
    loss = recipe.loss
    apart = not isinstance(loss, CustomLoss) and loss_name(loss) in _A_SEQUENCE_A_TURN
    return episodes(
        lengths,
        case=tally.case,
        count=count,
        prompt=lengths.texts[0].text,
        max_tokens=recipe.max_tokens,
        model_name=recipe.model.name,
        rewritten=lengths.rewritten or apart,
    )
