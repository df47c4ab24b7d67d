"""`method: sdft`: replies that the base model scores with the demonstration before its eyes."""

from __future__ import annotations

from recipe_runner.planning.plan import Plan
from recipe_runner.planning.volume.cadence import evaluations
from recipe_runner.planning.volume.evaluators import add_evaluation, evaluator_assumptions
from recipe_runner.planning.volume.lengths import TEXT, Lengths
from recipe_runner.planning.volume.replies import Episodes, episodes, reply_assumption
from recipe_runner.planning.volume.rl import CACHE, add_sampling
from recipe_runner.planning.volume.tally import Tally
from schemas.sdft import SdftRecipe


def add(tally: Tally, plan: Plan, lengths: Lengths, steps: int) -> None:
    """Add the tokens of a run; the teacher is the model itself."""
    recipe = plan.recipe
    assert isinstance(recipe, SdftRecipe)
    model, texts = recipe.model.name, lengths.texts[0]
    played = _played(tally, recipe, lengths, rollouts(plan, lengths, steps))
    add_sampling(tally, model, played, recipe.rollout.group_size)
    tally.add(model, trained=played.count * played.trained)
    teacher = tally.of(texts.teacher or TEXT)
    read = min(teacher + played.reply, max(recipe.max_length, teacher))
    tally.add_scored(model, played.count, read)
    if recipe.eval is None:
        return
    times = evaluations(steps, recipe.eval.every)
    if texts.held_out:
        test = _played(tally, recipe, lengths, times * texts.held_out)
        add_sampling(tally, model, test, 1)
        shown = tally.of(texts.held_out_teacher or texts.teacher or TEXT)
        tally.add_scored(model, test.count, shown + test.reply)
    add_evaluation(tally, recipe.eval.evaluators, model, times)


def rollouts(plan: Plan, lengths: Lengths, steps: int) -> int:
    """Return the number of replies of the training itself."""
    recipe = plan.recipe
    assert isinstance(recipe, SdftRecipe)
    return steps * recipe.rollout.groups_per_batch * recipe.rollout.group_size


def assumptions(plan: Plan, lengths: Lengths) -> list[str]:
    """Return what is taken for granted beside what was measured."""
    recipe = plan.recipe
    assert isinstance(recipe, SdftRecipe)
    settings = recipe.eval
    return [
        reply_assumption(recipe.rollout.max_tokens, lengths),
        "the teacher is the model itself, and reads question, demonstration and reply once",
        CACHE,
        *(evaluator_assumptions(settings.evaluators) if settings else ()),
    ]


def _played(tally: Tally, recipe: SdftRecipe, lengths: Lengths, count: float) -> Episodes:
    return episodes(
        lengths,
        case=tally.case,
        count=count,
        prompt=lengths.texts[0].text,
        max_tokens=recipe.rollout.max_tokens,
        model_name=recipe.model.name,
    )
