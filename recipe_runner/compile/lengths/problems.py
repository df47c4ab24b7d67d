"""Lengths of an environment's prompts, and of episodes played with random valid moves."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import tinker
from tinker_cookbook.rl.types import (
    EnvGroupBuilder,
    InitialObservationOverflow,
    RLDataset,
)

from recipe_runner.compile.lengths.limits import Limits
from recipe_runner.compile.lengths.ruler import Ruler
from recipe_runner.envs.gem.env import GemEnv
from recipe_runner.planning.estimate import Span
from recipe_runner.planning.volume.spans import between, mean_of

Found = TypeVar("Found")

# A worker process of GEM's imports for seconds, on a busy machine for many.
_AT_LEAST_ONE_S = 60.0


@dataclass(frozen=True)
class Prompts:
    """Prompts of a data set of environments.

    Attributes:
        text: their mean tokens.
        group_size: the mean number of environments of a group.
        opened: how many were opened.
        longest: tokens of the longest; none where tokens are not counted by the model's tokenizer.
    """

    text: Span
    group_size: float
    opened: int
    longest: int | None


@dataclass(frozen=True)
class Rehearsed:
    """Episodes that were played.

    Attributes:
        turns: replies of an episode: from one to the game's limit, as many as random moves took.
        observation: tokens that the environment adds between two replies.
        played: how many episodes.
    """

    turns: Span
    observation: Span
    played: int


class NothingOpened(ValueError):
    """No environment gave a prompt; the message has the reason."""


async def measured_prompts(dataset: RLDataset, *, ruler: Ruler, limits: Limits) -> Prompts:
    """Open the first problems that the run opens, and measure their prompts.

    Raises:
        NothingOpened: if none gives a prompt in time.
    """
    groups, whole = _first_groups(dataset, limits.problems)
    found = await _in_time([_prompt(group, ruler) for group in groups], limits)
    lengths = [length for length, _ in found]
    if not lengths:
        raise NothingOpened("no problem could be opened in time")
    everything = whole and len(lengths) == len(groups)
    return Prompts(
        text=ruler.widened(mean_of(lengths, all_of_them=everything)),
        group_size=sum(size for _, size in found) / len(found),
        opened=len(lengths),
        longest=ruler.longest(lengths),
    )


async def rehearsed(dataset: RLDataset, *, ruler: Ruler, limits: Limits) -> Rehearsed | None:
    """Play the first problems with random valid moves; None where no move can be had."""
    groups, _ = _first_groups(dataset, limits.rehearsals)
    played = await _in_time([_rehearsal(group, ruler, limits) for group in groups], limits)
    whole = [each for each in played if each is not None]
    if not whole:
        return None
    turns = [float(each.turns) for each in whole]
    added = [length for each in whole for length in each.observations]
    most = max([*turns, *(each.most for each in whole)])
    mean = sum(turns) / len(turns)
    return Rehearsed(
        turns=between(1, mean, most),
        observation=_observation(added, ruler),
        played=len(whole),
    )


def _observation(added: Sequence[float], ruler: Ruler) -> Span:
    """Return the mean of what was added; replies that are no valid moves may be told more."""
    if not added:
        return Span(low=0, expected=0, high=0)
    mean = sum(added) / len(added)
    return ruler.widened(Span(low=min(added), expected=mean, high=2 * max(added)))


def _first_groups(dataset: RLDataset, wanted: int) -> tuple[list[EnvGroupBuilder], bool]:
    """Return the first groups of a run, and whether these are all."""
    groups: list[EnvGroupBuilder] = []
    for index in range(len(dataset)):
        groups += dataset.get_batch(index)
        if len(groups) >= wanted:
            return groups[:wanted], len(groups) <= wanted and index == len(dataset) - 1
    return groups, True


async def _in_time(jobs: Sequence[Coroutine[Any, Any, Found]], limits: Limits) -> list[Found]:
    """Return what is there when the time is up, and something at least; who fails gives nothing.

    Raises:
        Exception: the first failure, where nothing but failures is there.
    """
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        done, _ = await asyncio.wait(tasks, timeout=limits.seconds_left)
        if not done:  # the first has started what the others wait for
            done, _ = await asyncio.wait(
                tasks, timeout=_AT_LEAST_ONE_S, return_when=asyncio.FIRST_COMPLETED
            )
    finally:
        for task in tasks:
            task.cancel()
    finished = [task for task in tasks if task in done]
    found = [task.result() for task in finished if task.exception() is None]
    failures = [error for task in finished if (error := task.exception()) is not None]
    if failures and not found:
        raise failures[0]
    return found


async def _prompt(group: EnvGroupBuilder, ruler: Ruler) -> tuple[float, int]:
    envs = await group.make_envs()
    if not envs:
        raise NothingOpened("the environment opens no problem before it is played")
    first = await envs[0].initial_observation()
    if isinstance(first, InitialObservationOverflow):
        raise NothingOpened("a problem does not start")
    observation, _ = first
    return ruler.length(observation), len(envs)


@dataclass(frozen=True)
class _Rehearsal:
    turns: int
    most: float
    observations: list[float]


async def _rehearsal(group: EnvGroupBuilder, ruler: Ruler, limits: Limits) -> _Rehearsal | None:
    """Play one episode; one that is not over by then is taken to go on to its end."""
    envs = await group.make_envs()
    env = envs[0] if envs else None
    if not isinstance(env, GemEnv):
        return None
    first = await env.initial_observation()
    if isinstance(first, InitialObservationOverflow):
        return None
    seen, turns = ruler.length(first[0]), 0
    added: list[float] = []
    most = float(limits.turns)
    while turns < limits.turns and not limits.is_over():
        move = await env.rehearse()
        if move is None:
            return None
        most = float(move.max_turns or most)
        reply = _as_tokens(move.reply, env, ruler)
        result = await env.step(reply)
        turns += 1
        if result.episode_done:
            return _Rehearsal(turns, most, added)
        now = ruler.length(result.next_observation)
        added.append(max(0.0, now - seen - _length_of(reply, ruler)))
        seen = now
    return _Rehearsal(round(most), most, added)


def _as_tokens(text: str, env: GemEnv, ruler: Ruler) -> list[int]:
    """Return a reply's tokens, ended as the renderer wants it."""
    tokens: list[int] = ruler.tokenizer.encode(text, add_special_tokens=False)
    stop: Any = env.stop_condition
    last = stop[0] if stop else None
    if isinstance(last, int):
        return [*tokens, last]
    if isinstance(last, str):
        return [*tokens, *ruler.tokenizer.encode(last, add_special_tokens=False)]
    return tokens


def _length_of(tokens: list[int], ruler: Ruler) -> float:
    return ruler.length(tinker.ModelInput.from_ints(tokens))
