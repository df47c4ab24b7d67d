"""Many prompts at once, to one talker or more."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from recipe_runner.errors import DataError, RunnerError
from recipe_runner.runs.talk.answers import Answers, row_of
from recipe_runner.runs.talk.conversation import Message, system_prompt, with_system, worded

if TYPE_CHECKING:
    from recipe_runner.compile.data.prompts import Prompt
    from recipe_runner.loops.speaker import Reply, Sampling
    from recipe_runner.runs.talk.speaking import Talker


@dataclass
class Progress:
    """How far it is; `already` were in the file from before."""

    total: int
    already: int = 0
    answered: int = 0
    tokens: int = 0

    def __post_init__(self) -> None:
        self._start = time.monotonic()

    @property
    def tokens_per_s(self) -> float:
        return self.tokens / max(time.monotonic() - self._start, 1e-9)


@dataclass(frozen=True)
class Asking:
    """What is asked how.

    Attributes:
        system: in place of the recipes' own; empty: none.
        as_is: whether prompts go without the wording that a recipe trained with.
        max_in_flight: prompts that are asked at the same time.
        token_ids: whether the file has the replies' tokens too.
    """

    sampling: Sampling
    system: str | None
    as_is: bool
    max_in_flight: int
    token_ids: bool


def sample(
    talkers: Sequence[Talker],
    prompts: Sequence[Prompt],
    answers: Answers,
    asking: Asking,
    show: Callable[[Progress], None],
) -> Progress:
    """Ask every talker every prompt that the file has no answer to.

    Args:
        show: called after each answer, and before the first.

    Raises:
        RunnerError: what went wrong; what was answered is in the file.
    """
    asked = [
        (talker, prompt, row_of(talker, prompt, index, _messages(talker, prompt, asking), sampling))
        for index, prompt in enumerate(prompts)
        for sampling in [replace(asking.sampling, seed=seed_of(asking.sampling.seed or 0, index))]
        for talker in talkers
    ]
    lacking = [each for each in asked if not answers.has(each[2])]
    progress = Progress(len(asked), already=len(asked) - len(lacking))
    show(progress)
    with answers.open():
        asyncio.run(_ask_all(lacking, answers, asking, progress, show))
    return progress


async def _ask_all(
    lacking: Sequence[tuple[Talker, Prompt, dict[str, Any]]],
    answers: Answers,
    asking: Asking,
    progress: Progress,
    show: Callable[[Progress], None],
) -> None:
    room = asyncio.Semaphore(asking.max_in_flight)

    async def ask(talker: Talker, prompt: Prompt, row: dict[str, Any]) -> None:
        async with room:
            replies = await _replies(talker, prompt, row, asking.sampling)
        answers.write(row, replies, token_ids=asking.token_ids)
        progress.answered += 1
        progress.tokens += sum(len(reply.tokens) for reply in replies)
        show(progress)

    async with asyncio.TaskGroup() as group:
        for talker, prompt, row in lacking:
            group.create_task(ask(talker, prompt, row))


async def _replies(
    talker: Talker, prompt: Prompt, row: dict[str, Any], sampling: Sampling
) -> list[Reply]:
    try:
        return await talker.speaker.ask(
            row["prompt"], replace(sampling, seed=row["sampling"]["seed"])
        )
    except RunnerError as error:
        raise DataError(f"{prompt.place}: {error}") from error


def _messages(talker: Talker, prompt: Prompt, asking: Asking) -> list[Message]:
    recipe = None if asking.as_is else talker.target.recipe
    system = system_prompt(talker.target, asking.system)
    return with_system(worded(prompt.messages, recipe), system)


def seed_of(seed: int, index: int) -> int:
    """Return a seed of its own for each prompt, the same whoever is asked it, and whenever."""
    digest = hashlib.sha256(f"{seed}:{index}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
