"""Episodes as GEM plays them: the code that runs in a worker process, and the only place that
imports gem.

GEM seeds and draws from the global `random` and `numpy.random`, in `reset` and, in 2048 and
Minesweeper, in `step`. Here an episode's random state travels with it.
"""

from __future__ import annotations

import json
import pickle
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import gem
import numpy as np
import reasoning_gym
from gem.utils.math_grader import boxed_reward_fn
from gem.utils.parsing import extract_last_boxed_answer
from gem.wrappers.observation_wrapper import ObservationWrapper

from recipe_runner.envs.gem.protocol import Answer, EnvSpec, Opening, ProblemEpisode, Turn
from recipe_runner.envs.gem.wrappers import WRAPPERS


@dataclass(frozen=True)
class _ReasoningEpisode:
    name: str
    settings: str  # JSON, so that it can be a cache key
    entry: dict[str, Any]


@dataclass(frozen=True)
class _GameEpisode:
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


def _start_reasoning(spec: EnvSpec, seed: int) -> Opening:
    name = spec.env_id.removeprefix("rg:")
    _seed_global(seed)
    entry = reasoning_gym.create_dataset(name, size=1, seed=seed, **spec.kwargs)[0]
    episode = _ReasoningEpisode(name, json.dumps(spec.kwargs, sort_keys=True), entry)
    return Opening(entry["question"], "", pickle.dumps(episode))


def _start_game(spec: EnvSpec, seed: int) -> Opening:
    env = pickle.loads(_pristine_game(spec.env_id, json.dumps(spec.kwargs, sort_keys=True)))
    for name in spec.wrappers:
        env = ObservationWrapper(env, **WRAPPERS[name])
    observation, info = env.reset(seed=seed)
    board = "" if spec.wrappers else info.get("suffix", "")
    return Opening(observation, board, _save_game(env))


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


def _play(episode: _GameEpisode, reply: str) -> Turn:
    random.setstate(episode.random_state)
    np.random.set_state(episode.numpy_state)
    observation, reward, terminated, truncated, info = episode.env.step(reply)
    done = bool(terminated or truncated)
    board = "" if isinstance(episode.env, ObservationWrapper) else info.get("suffix", "")
    state = b"" if done else _save_game(episode.env)
    return Turn(observation, board, float(reward), done, bool(truncated), state)


def _save_game(env: Any) -> bytes:
    return pickle.dumps(_GameEpisode(env, random.getstate(), np.random.get_state()))


def _seed_global(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)


JOBS: dict[str, Callable[..., Any]] = {"start": start, "step": step}
