"""How long replies and episodes are, which is the model's choice."""

from __future__ import annotations

from dataclasses import dataclass

from recipe_runner.catalog import models
from recipe_runner.planning.estimate import Case, Span
from recipe_runner.planning.volume.lengths import Lengths
from recipe_runner.planning.volume.spans import between


def reply_span(max_tokens: int, lengths: Lengths) -> Span:
    """Return the tokens of a reply: from one to all it may have; half, or as seen before."""
    expected = max_tokens / 2 if lengths.reply is None else lengths.reply
    return between(1, expected, max_tokens)


def turns_span(lengths: Lengths) -> Span:
    """Return the replies of an episode, as seen before where they were."""
    turns = lengths.turns
    if lengths.seen_turns is None:
        return turns
    return between(turns.low, lengths.seen_turns, turns.high)


def reply_assumption(max_tokens: int, lengths: Lengths) -> str:
    """Return what is taken for granted of a reply."""
    limits = f"between 1 and {max_tokens:,} tokens, the limit"
    if lengths.reply is not None:
        return f"a reply has {limits}; {lengths.reply:,.0f} expected, as in this recipe's last run"
    return f"how long replies get is the model's choice: {limits}; half of it is expected"


@dataclass(frozen=True)
class Episodes:
    """Episodes of the same shape.

    Attributes:
        count: how many.
        prompt: tokens of the first prompt.
        reply: tokens of a reply.
        turns: replies of an episode.
        observation: tokens that the environment adds between two replies.
        rewritten: whether each prompt is written anew.
        context: tokens that prompt and reply may have together; none: no limit.
    """

    count: float
    prompt: float
    reply: float
    turns: float
    observation: float
    rewritten: bool
    context: float | None

    @property
    def prompts(self) -> float:
        """Prompt tokens of all turns of one episode: each turn reads what was before."""
        grown = (self.reply + self.observation) * self.turns * (self.turns - 1) / 2
        total = self.turns * self.prompt + max(grown, 0.0)
        return total if self.context is None else min(total, self.turns * self.context)

    @property
    def replies(self) -> float:
        return self.turns * self.reply

    @property
    def text(self) -> float:
        """Tokens of one episode when each is counted once."""
        total = self.prompt + self.replies + max(self.turns - 1, 0.0) * self.observation
        return total if self.context is None else min(total, max(self.context, self.prompt))

    @property
    def trained(self) -> float:
        """Tokens of one episode's data: a sequence, or one a turn where prompts are rewritten.

        A sequence is as long as its input: all tokens but the last.
        """
        if self.rewritten:
            return max(self.prompts + self.replies - self.turns, 0.0)
        return max(self.text - 1, 0.0)

    @property
    def sequences(self) -> float:
        """Training sequences of one episode."""
        return self.turns if self.rewritten else 1.0


def episodes(
    lengths: Lengths,
    *,
    case: Case,
    count: float,
    prompt: Span,
    max_tokens: int,
    model_name: str,
    rewritten: bool | None = None,
) -> Episodes:
    """Return the episodes of one case."""
    facts = models.find(model_name)
    return Episodes(
        count=count,
        prompt=prompt.at(case),
        reply=reply_span(max_tokens, lengths).at(case),
        turns=turns_span(lengths).at(case),
        observation=lengths.observation.at(case),
        rewritten=lengths.rewritten if rewritten is None else rewritten,
        context=None if facts is None else facts.context,
    )
