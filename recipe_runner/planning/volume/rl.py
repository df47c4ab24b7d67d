"""`method: rl`: groups of episodes are sampled, then trained on once."""

from __future__ import annotations

from recipe_runner.planning.plan import Plan
from recipe_runner.planning.volume.asked import (
    add_asked,
    add_win_rate,
    asked_assumptions,
    comparisons_of_a_group,
)
from recipe_runner.planning.volume.cadence import evaluations
from recipe_runner.planning.volume.evaluators import add_evaluation, evaluator_assumptions
from recipe_runner.planning.volume.lengths import Lengths, Texts
from recipe_runner.planning.volume.replies import Episodes, episodes, reply_assumption
from recipe_runner.planning.volume.spans import exactly
from recipe_runner.planning.volume.tally import Tally
from schemas.env import GemEnv, PreferenceEnv
from schemas.rl import RlRecipe

# Asynchronous rollouts that are too old are thrown away and sampled again.
_SAMPLED_AGAIN = 2


def add(tally: Tally, plan: Plan, lengths: Lengths, steps: int) -> None:
    """Add the tokens of a run."""
    recipe = plan.recipe
    assert isinstance(recipe, RlRecipe)
    lengths = _with_judgements(recipe, lengths)
    texts, count = lengths.texts[0], rollouts(plan, lengths, steps)
    wasted = _SAMPLED_AGAIN if recipe.execution.kind == "async" and tally.case == "high" else 1
    played = _episodes(tally, recipe, lengths, texts, count * wasted)
    add_sampling(tally, recipe.model.name, played, recipe.rollout.group_size)
    add_asked(tally, recipe.env, lengths, played, recipe.model.name)
    _add_training(tally, recipe, _episodes(tally, recipe, lengths, texts, count), steps)
    _add_evaluation(tally, recipe, lengths, texts, steps)


def rollouts(plan: Plan, lengths: Lengths, steps: int) -> int:
    """Return the number of rollouts of the training itself."""
    recipe = plan.recipe
    assert isinstance(recipe, RlRecipe)
    return steps * recipe.rollout.groups_per_batch * recipe.rollout.group_size


def assumptions(plan: Plan, lengths: Lengths) -> list[str]:
    """Return what is taken for granted beside what was measured."""
    recipe = plan.recipe
    assert isinstance(recipe, RlRecipe)
    said = [reply_assumption(recipe.rollout.max_tokens, lengths), CACHE]
    if recipe.execution.kind == "async":
        said.append(
            "an asynchronous rollout that is too old is not trained on; high: each is so once and "
            "sampled again; low: those of all steps but one are, with no time left to sample again"
        )
    if recipe.drop_constant_groups:
        said.append("low: one group a step has unequal rewards and is trained on; expected: all")
    settings = recipe.eval
    return [
        *said,
        *asked_assumptions(recipe.env),
        *(evaluator_assumptions(settings.evaluators) if settings else ()),
    ]


CACHE = (
    "each member of a group sends the prompt anew, and each turn all before it; low: the service "
    "has what repeats in its cache, expected and high: it has not"
)


def add_sampling(tally: Tally, model: str, played: Episodes, group_size: int) -> None:
    """Add prompts and replies; in the low case what repeats is in the service's cache."""
    prompts, sampled = played.count * played.prompts, played.count * played.replies
    if tally.case != "low":
        tally.add(model, prefill=prompts, sampled=sampled)
        return
    new = played.prompt / group_size + (played.turns - 1) * (played.reply + played.observation)
    prefill = min(prompts, played.count * new)
    tally.add(model, prefill=prefill, cached=prompts - prefill, sampled=sampled)


def _with_judgements(recipe: RlRecipe, lengths: Lengths) -> Lengths:
    """Return the lengths with a judge's verdicts on each reply, which the group decides."""
    if not isinstance(recipe.env, PreferenceEnv):
        return lengths
    group = recipe.rollout.group_size
    each = exactly(comparisons_of_a_group(recipe.env, group) / group)
    return lengths.model_copy(update={"judgements": each})


def _episodes(
    tally: Tally, recipe: RlRecipe, lengths: Lengths, texts: Texts, count: float
) -> Episodes:
    return episodes(
        lengths,
        case=tally.case,
        count=count,
        prompt=texts.text,
        max_tokens=recipe.rollout.max_tokens,
        model_name=recipe.model.name,
        rewritten=_rewritten(tally, recipe, lengths),
    )


def _rewritten(tally: Tally, recipe: RlRecipe, lengths: Lengths) -> bool:
    """Some renderers drop earlier thinking from later prompts; the GEM environment does not."""
    return lengths.rewritten or (tally.case == "high" and not isinstance(recipe.env, GemEnv))


def _add_training(tally: Tally, recipe: RlRecipe, played: Episodes, steps: int) -> None:
    model, kl = recipe.model.name, recipe.kl
    kept = _kept(tally, recipe, steps)
    tally.add(model, trained=kept * played.trained)
    scored = kept * played.sequences, played.trained / played.sequences + 1
    if kl.coef > 0:
        tally.add_scored(kl.reference.model or model, *scored)
    if kl.post_update:
        tally.add_scored(model, *scored)


def _kept(tally: Tally, recipe: RlRecipe, steps: int) -> int:
    """Return how many rollouts are trained on."""
    kept = steps * recipe.rollout.groups_per_batch
    if tally.case == "low" and recipe.execution.kind == "async":
        kept = min(kept, recipe.rollout.groups_per_batch)
    if tally.case == "low" and recipe.drop_constant_groups:
        kept //= recipe.rollout.groups_per_batch
    return kept * recipe.rollout.group_size


def _add_evaluation(
    tally: Tally, recipe: RlRecipe, lengths: Lengths, texts: Texts, steps: int
) -> None:
    own = recipe.env.eval if isinstance(recipe.env, GemEnv) else None
    every = own.every if own else recipe.eval.every if recipe.eval else 0
    times, model = evaluations(steps, every), recipe.model.name
    if texts.held_out and times:
        held_out = texts.model_copy(update={"text": texts.held_out_text or texts.text})
        played = _episodes(tally, recipe, lengths, held_out, times * texts.held_out)
        add_sampling(tally, model, played, 1)
        if isinstance(recipe.env, PreferenceEnv):
            add_win_rate(tally, recipe.env, lengths, played, model)
        else:
            add_asked(tally, recipe.env, lengths, played, model)
    if recipe.eval:
        add_evaluation(tally, recipe.eval.evaluators, model, times)
