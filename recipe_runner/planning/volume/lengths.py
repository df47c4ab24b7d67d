"""`Lengths`: what was measured of a plan's data and environment, or taken for granted instead."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from recipe_runner.planning.estimate import Span
from recipe_runner.planning.plan import Plan
from recipe_runner.planning.volume.spans import between, exactly
from recipe_runner.planning.volume.turns import assumed_turns
from schemas.distill import DistillRecipe, teachers_of
from schemas.env import GemEnv, PreferenceEnv

# How a sentence starts that says what the sums leave out.
NOT_COUNTED = "not counted: "

# Where nothing could be measured: from a bare question to a long document.
PROMPT = Span(low=20, expected=200, high=4_000)
TEXT = Span(low=50, expected=500, high=8_000)


class Texts(BaseModel):
    """Lengths of one data set's texts, means over it, in tokens.

    Attributes:
        text: a whole row of what is trained on (both replies of a comparison), or a prompt.
        teacher: what a teacher reads before a reply, where that is another text than the prompt.
        held_out: rows of the test set; an environment's episodes.
        held_out_text: `text` of the test set.
        held_out_teacher: `teacher` of the test set.
    """

    model_config = ConfigDict(frozen=True)

    text: Span
    teacher: Span | None = None
    held_out: int = 0
    held_out_text: Span | None = None
    held_out_teacher: Span | None = None


class Lengths(BaseModel):
    """What an estimate knows of a plan's data.

    Attributes:
        steps: steps that the data gives, over all epochs; none: not known.
        rows: prompts of `generate`; none: not known.
        texts: of each data set: one, or one for each teacher.
        longest_prompt: tokens of the longest prompt that was looked at; none: not known.
        turns: replies of an episode.
        observation: tokens that the environment adds between two replies, markers included.
        rewritten: whether each turn's prompt is written anew, so that it does not continue the
            tokens before it.
        judged: what a judge reads beside the conversation, in tokens.
        judgements: verdicts on one reply.
        reply: tokens of a reply, as an earlier run of the recipe had them; none: not known.
        seen_turns: replies of an episode, as an earlier run had them; none: not known.
        assumptions: how it was measured, and what was not, in sentences.
    """

    model_config = ConfigDict(frozen=True)

    steps: int | None = None
    rows: int | None = None
    texts: list[Texts]
    longest_prompt: int | None = None
    turns: Span = exactly(1)
    observation: Span = exactly(0)
    rewritten: bool = False
    judged: Span = exactly(0)
    judgements: Span = exactly(1)
    reply: float | None = None
    seen_turns: float | None = None
    assumptions: list[str] = []


def assumed(plan: Plan, reason: str) -> Lengths:
    """Return lengths for data of which nothing could be measured."""
    recipe = plan.recipe
    longest: int | None = None if _asks(plan) else getattr(recipe, "max_length", None)
    trained = longest is not None
    span = PROMPT if longest is None else between(min(TEXT.low, longest), TEXT.expected, longest)
    texts = Texts(
        text=span,
        teacher=TEXT if recipe.method == "sdft" else None,
        held_out=known_held_out(plan) or 0,
        held_out_text=span,
    )
    said = (
        f"the lengths of the data are not known ({reason}): {'a text' if trained else 'a prompt'} "
        f"is taken to have {span.low:,.0f} to {span.high:,.0f} tokens, {span.expected:,.0f} "
        "expected"
    )
    count = len(teachers_of(recipe)) if isinstance(recipe, DistillRecipe) else 1
    lengths = Lengths(texts=[texts] * count, assumptions=[said])
    env = getattr(recipe, "env", None)
    if env is None:
        return lengths
    turns = assumed_turns(env)
    return lengths.model_copy(
        update={
            "turns": turns.replies,
            "observation": turns.observation,
            "rewritten": turns.rewritten,
            "assumptions": [said, *([turns.said] if turns.said else [])],
        }
    )


def known_held_out(plan: Plan) -> int | None:
    """Return how many rows or episodes the recipe itself says are held out; None: it does not."""
    env, data = getattr(plan.recipe, "env", None), getattr(plan.recipe, "data", None)
    if isinstance(env, GemEnv):
        return env.eval.size if env.eval else 0
    if isinstance(env, PreferenceEnv):
        return env.eval_size
    return getattr(data, "test_size", None) if env is None else None


def _asks(plan: Plan) -> bool:
    """Whether the data are prompts, though the recipe has a length that texts are cut off at."""
    recipe = plan.recipe
    on_policy = isinstance(recipe, DistillRecipe) and recipe.mode == "on_policy"
    return recipe.method == "sdft" or on_policy
