"""Conversations: what is said first, what was said so far, and the next reply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from recipe_runner.runs.talk.targets import Target
from schemas import Recipe

if TYPE_CHECKING:
    from recipe_runner.loops.speaker import Reply, Sampling
    from recipe_runner.runs.talk.speaking import Talker

Message = Any
DEFAULT_MAX_TOKENS = 512


class Conversation:
    """One talker's conversation; several talkers have one each, as their replies differ.

    Attributes:
        system: what the model is told first.
        as_is: whether the first message goes without the wording that the recipe trained with.
    """

    def __init__(self, talker: Talker, *, system: str | None, as_is: bool) -> None:
        self.talker = talker
        self.system = system
        self._as_is = as_is
        self._said: list[Message] = []

    def reset(self) -> None:
        self._said = []

    async def answer(self, text: str, sampling: Sampling) -> tuple[Reply, list[Message]]:
        """Return the reply to what is said next, and what was said then; `keep` makes it so."""
        user = [{"role": "user", "content": text}]
        said = [*self._said, *user] if self._said else self._opening(user)
        messages = with_system(said, self.system)
        (reply,) = await self.talker.speaker.ask(messages, replace(sampling, num_samples=1))
        return reply, [*said, reply.message]

    def keep(self, said: list[Message]) -> None:
        self._said = said

    def _opening(self, user: list[Message]) -> list[Message]:
        return user if self._as_is else worded(user, self.talker.target.recipe)


def worded(messages: Sequence[Message], recipe: Recipe | None) -> list[Message]:
    """Return a conversation with its first question asked as the recipe's model was trained on it.

    One that has more than a question, or a system prompt, is left as it is.
    """
    if recipe is None or len(messages) != 1 or messages[0]["role"] != "user":
        return list(messages)
    from recipe_runner.envs.opening import opening

    return list(opening(recipe, messages[0]["content"]))


def rewords(target: Target) -> bool:
    """Whether a target's recipe trained with a wording of its own around each question."""
    question: list[Message] = [{"role": "user", "content": "?"}]
    return worded(question, target.recipe) != question


def with_system(messages: Sequence[Message], system: str | None) -> list[Message]:
    """Return the messages behind a system prompt; one that has its own keeps it."""
    if system is None or messages[0]["role"] == "system":
        return list(messages)
    return [{"role": "system", "content": system}, *messages]


def system_prompt(target: Target, given: str | None) -> str | None:
    """Return the system prompt: as given (empty: none), else the recipe's."""
    if given is not None:
        return given or None
    return getattr(target.recipe, "system_prompt", None) if _tells_the_model(target) else None


def _tells_the_model(target: Target) -> bool:
    """Whether `system_prompt` is for the recipe's model; `sdft` has it for the teacher alone."""
    return target.recipe is not None and target.recipe.method == "generate"


def default_max_tokens(targets: Sequence[Target]) -> int:
    """Return how long a reply may be: as long as in the first run's recipe, where it says."""
    for target in targets:
        for holder in (target.recipe, *_sections(target.recipe)):
            found = getattr(holder, "max_tokens", None)
            if isinstance(found, int):
                return found
    return DEFAULT_MAX_TOKENS


def _sections(recipe: Recipe | None) -> list[Any]:
    return [getattr(recipe, key, None) for key in ("rollout", "sampling")]
