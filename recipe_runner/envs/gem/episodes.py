"""Episodes as GEM plays them: the code that runs in a worker process. gem is imported here and in
`tools` alone.

GEM seeds and draws from the global `random` and `numpy.random`, in `reset` and, in 2048 and
Minesweeper, in `step`. Here an episode's random state travels with it.
"""

from __future__ import annotations

import json
import pickle
import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from typing import Any

import gem
import numpy as np
import reasoning_gym
from gem.utils.math_grader import boxed_reward_fn
from gem.utils.parsing import extract_last_boxed_answer
from gem.wrappers.observation_wrapper import ObservationWrapper

from recipe_runner.envs.gem.protocol import Answer, EnvSpec, Move, Opening, ProblemEpisode, Turn
from recipe_runner.envs.gem.tools import SingleTurn, with_tool
from recipe_runner.envs.gem.wrappers import PROMPTS, prompt_of, tool_of


@dataclass(frozen=True)
class _ReasoningEpisode:
    name: str
    settings: str  # JSON, so that it can be a cache key
    entry: dict[str, Any]


@dataclass(frozen=True)
class _EnvEpisode:
    env: Any
    random_state: tuple[Any, ...]
    numpy_state: Any


def start(spec: EnvSpec, seed: int) -> Opening:
    """Reset the environment; the same spec and seed give the same opening in any process.

    seed: 0 to 2^32-1, numpy's range.
    """
    if spec.kind == "rg":
        return _start_reasoning(spec, seed)
    return _start_game(spec, seed)


def start_problem(spec: EnvSpec, question: str, answer: Answer) -> Opening:
    """Open an episode of a problem that is played with a tool."""
    return _start_env(spec, SingleTurn(question, partial(_grade_problem, answer)), seed=0)


def _start_reasoning(spec: EnvSpec, seed: int) -> Opening:
    name = spec.env_id.removeprefix("rg:")
    _seed_global(seed)
    entry = reasoning_gym.create_dataset(name, size=1, seed=seed, **spec.kwargs)[0]
    episode = _ReasoningEpisode(name, json.dumps(spec.kwargs, sort_keys=True), entry)
    if tool_of(spec.wrappers) is not None:
        env = SingleTurn(entry["question"], partial(_score_reasoning, episode))
        return _start_env(spec, env, seed)
    return Opening(entry["question"], "", pickle.dumps(episode))


def _start_game(spec: EnvSpec, seed: int) -> Opening:
    env = pickle.loads(_pristine_game(spec.env_id, json.dumps(spec.kwargs, sort_keys=True)))
    return _start_env(spec, env, seed)


def _start_env(spec: EnvSpec, env: Any, seed: int) -> Opening:
    tool, prompt = tool_of(spec.wrappers), prompt_of(spec.wrappers)
    if tool is not None:
        env = with_tool(env, tool, allow_unsafe=spec.allow_unsafe)
    if prompt is not None:
        env = ObservationWrapper(env, **PROMPTS[prompt])
    observation, info = env.reset(seed=seed)
    return Opening(observation, _board(env, info), _save(env))


def _board(env: Any, info: dict[str, Any]) -> str:
    """Return the board, unless a wrapper has put it into the observation."""
    return "" if isinstance(env, ObservationWrapper) else info.get("suffix", "")


@cache
def _pristine_game(env_id: str, kwargs: str) -> bytes:
    """Return a pickled game: GEM's constructors reset, and for Sokoban that takes seconds."""
    _seed_global(0)
    return pickle.dumps(gem.make(env_id, **json.loads(kwargs)))


def step(state: bytes, reply: str) -> Turn:
    """Play a reply. Raises whatever the environment raises."""
    episode = pickle.loads(state)
    if isinstance(episode, _ReasoningEpisode):
        return _graded(_score_reasoning(episode, reply))
    if isinstance(episode, ProblemEpisode):
        return _graded(_grade_problem(episode.answer, reply))
    return _play(episode, reply)


def _graded(reward: float) -> Turn:
    return Turn("", "", reward, done=True, truncated=False, state=b"")


def _score_reasoning(episode: _ReasoningEpisode, reply: str) -> float:
    answer = extract_last_boxed_answer(reply)
    if answer is None:
        return 0.0
    # Graders compare strings: `\boxed{ 95 }` would get half the reward.
    scorer = _scorer(episode.name, episode.settings)
    return float(scorer(answer=answer.strip(), entry=episode.entry))


def _grade_problem(answer: Answer, reply: str) -> float:
    """Grade as gem.envs.math_env does, without the `datasets` package that it imports."""
    answers = [answer] if isinstance(answer, str) else answer
    return max(boxed_reward_fn(reply, right, fast=False)[1] for right in answers)


@lru_cache(maxsize=256)
def _scorer(name: str, settings: str) -> Callable[..., float]:
    """Return the dataset's grader, which depends on its settings and the entry, not on its seed."""
    dataset = reasoning_gym.create_dataset(name, size=1, seed=0, **json.loads(settings))
    return dataset.score_answer


def _play(episode: _EnvEpisode, reply: str) -> Turn:
    random.setstate(episode.random_state)
    np.random.set_state(episode.numpy_state)
    env = episode.env
    observation, reward, terminated, truncated, info = env.step(reply)
    done = bool(terminated or truncated)
    return Turn(
        observation,
        _board(env, info),
        float(reward),
        done,
        bool(truncated),
        state=b"" if done else _save(env),
        played=info.get("parsed_action"),
        tool="tool_type" in info,
    )


def rehearse(state: bytes) -> Move | None:
    """Return a valid move, the same for the same state; None where none can be drawn."""
    episode = pickle.loads(state)
    if not isinstance(episode, _EnvEpisode):
        return None
    _seed_global(zlib.crc32(state))
    game = episode.env.unwrapped
    try:
        reply = str(game.sample_random_action())
    except NotImplementedError:
        return None
    return Move(reply, getattr(game, "max_turns", None))


def _save(env: Any) -> bytes:
    return pickle.dumps(_EnvEpisode(env, random.getstate(), np.random.get_state()))


def _seed_global(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)


JOBS: dict[str, Callable[..., Any]] = {
    "start": start,
    "start_problem": start_problem,
    "step": step,
    "rehearse": rehearse,
}
