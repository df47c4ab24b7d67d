"""`Lengths`: what was measured of a plan's data and environment, or taken for granted instead."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from recipe_runner.planning.estimate import Span
from recipe_runner.planning.plan import Plan
from recipe_runner.planning.volume.spans import between, exactly

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
    turns: Span = exactly(1)
    observation: Span = exactly(0)
    rewritten: bool = False
    judged: Span = exactly(0)
    judgements: Span = exactly(1)
    reply: float | None = None
    seen_turns: float | None = None
    assumptions: list[str] = []


def assumed(plan: Plan, reason: str, num_texts: int = 1) -> Lengths:
    """Return lengths for data of which nothing could be measured."""
    longest = getattr(plan.recipe, "max_length", None)
    if longest is None or plan.recipe.method == "sdft":
        texts = Texts(text=PROMPT, teacher=TEXT if plan.recipe.method == "sdft" else None)
        what, span = "a prompt", PROMPT
    else:
        span = between(min(TEXT.low, longest), TEXT.expected, longest)
        texts, what = Texts(text=span), "a text"
    said = (
        f"the lengths of the data are not known ({reason}): {what} is taken to have "
        f"{span.low:,.0f} to {span.high:,.0f} tokens, {span.expected:,.0f} expected"
    )
    return Lengths(texts=[texts] * num_texts, assumptions=[said])
