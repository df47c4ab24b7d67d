"""`method: distill`: a student's replies, or given ones, scored by teachers."""

from __future__ import annotations

from recipe_runner.planning.plan import Plan
from recipe_runner.planning.shares import share_out
from recipe_runner.planning.volume.cadence import evaluations
from recipe_runner.planning.volume.evaluators import add_evaluation, evaluator_assumptions
from recipe_runner.planning.volume.lengths import Lengths, Texts
from recipe_runner.planning.volume.replies import Episodes, episodes, reply_assumption
from recipe_runner.planning.volume.rl import CACHE, add_sampling
from recipe_runner.planning.volume.tally import Tally
from schemas.distill import DistillRecipe, TeacherWithData, teachers_of


def add(tally: Tally, plan: Plan, lengths: Lengths, steps: int) -> None:
    """Add the tokens of a run."""
    recipe = plan.recipe
    assert isinstance(recipe, DistillRecipe)
    if recipe.mode == "off_policy":
        _add_given(tally, recipe, lengths, steps)
    else:
        for teacher, texts in zip(teachers_of(recipe), lengths.texts, strict=True):
            _add_sampled(tally, recipe, lengths, teacher, texts, steps)
    if recipe.eval is not None:
        times = evaluations(steps, recipe.eval.every)
        add_evaluation(tally, recipe.eval.evaluators, recipe.model.name, times)


def rollouts(plan: Plan, lengths: Lengths, steps: int) -> int:
    """Return the number of the student's replies."""
    recipe = plan.recipe
    assert isinstance(recipe, DistillRecipe)
    return sum(_replies(recipe, teacher, steps) for teacher in teachers_of(recipe))


def assumptions(plan: Plan, lengths: Lengths) -> list[str]:
    """Return what is taken for granted beside what was measured."""
    recipe = plan.recipe
    assert isinstance(recipe, DistillRecipe)
    said = ["a teacher reads each whole text once, to give log-probabilities"]
    if recipe.rollout is not None:
        said += [reply_assumption(recipe.rollout.max_tokens, lengths), CACHE]
    settings = recipe.eval
    return [*said, *(evaluator_assumptions(settings.evaluators) if settings else ())]


def _replies(recipe: DistillRecipe, teacher: TeacherWithData, steps: int) -> int:
    if recipe.rollout is None:
        return 0
    groups = teacher.groups_per_batch or recipe.rollout.groups_per_batch
    return steps * groups * recipe.rollout.group_size


def _add_given(tally: Tally, recipe: DistillRecipe, lengths: Lengths, steps: int) -> None:
    teachers = teachers_of(recipe)
    shares = share_out(recipe.batch_size, [each.weight for each in teachers])
    for teacher, texts, share in zip(teachers, lengths.texts, shares, strict=True):
        text, rows = tally.of(texts.text), steps * max(share, 0)
        tally.add(recipe.model.name, trained=rows * text)
        tally.add_scored(teacher.model, rows, text + 1)


def _add_sampled(
    tally: Tally,
    recipe: DistillRecipe,
    lengths: Lengths,
    teacher: TeacherWithData,
    texts: Texts,
    steps: int,
) -> None:
    assert recipe.rollout is not None, "check() asks for it"
    model = recipe.model.name
    played = _played(tally, recipe, lengths, texts, _replies(recipe, teacher, steps))
    add_sampling(tally, model, played, recipe.rollout.group_size)
    tally.add(model, trained=played.count * played.trained)
    tally.add_scored(teacher.model, played.count, played.text)
    if recipe.kl.post_update:
        tally.add_scored(model, played.count, played.text)
    if recipe.eval is None or texts.held_out == 0:
        return
    count = evaluations(steps, recipe.eval.every) * texts.held_out
    held_out = texts.model_copy(update={"text": texts.held_out_text or texts.text})
    test = _played(tally, recipe, lengths, held_out, count)
    add_sampling(tally, model, test, 1)
    tally.add_scored(teacher.model, test.count, test.text)


def _played(
    tally: Tally, recipe: DistillRecipe, lengths: Lengths, texts: Texts, count: float
) -> Episodes:
    assert recipe.rollout is not None, "check() asks for it"
    return episodes(
        lengths,
        case=tally.case,
        count=count,
        prompt=texts.text,
        max_tokens=recipe.rollout.max_tokens,
        model_name=recipe.model.name,
    )
