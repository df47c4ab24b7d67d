"""What the training process and its worker processes say to each other. Standard library only.

An episode is a value: a worker turns (state, reply) into (state, observation, reward) and keeps
nothing, so any worker can take any turn, a lost worker loses no episode, and the members of a group
share one opening.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["rg", "game", "math"]
"""How an environment is driven: reasoning_gym, a game, or a data set of maths problems."""

Answer = str | list[str]
"""A problem's reference answer, or all answers that count as right."""


@dataclass(frozen=True)
class EnvSpec:
    """An environment without its seed.

    Attributes:
        kwargs: for `rg` the settings of the reasoning_gym dataset, for `game` the constructor's.
        wrappers: names that `wrappers.check_wrappers` accepts, the innermost first.
        allow_unsafe: run the programs of a tool without isolation where there is none.
    """

    kind: Kind
    env_id: str
    kwargs: dict[str, Any]
    wrappers: tuple[str, ...] = ()
    allow_unsafe: bool = False


@dataclass(frozen=True)
class Opening:
    """A freshly reset episode.

    Attributes:
        board: what GEM keeps in `info["suffix"]`: the state of the game as the player sees it.
        state: the pickled episode, opaque to the training process.
    """

    observation: str
    board: str
    state: bytes


@dataclass(frozen=True)
class ProblemEpisode:
    """The state of an episode of kind `math`: all that its grader needs."""

    answer: Answer


def open_problem(question: str, answer: Answer) -> Opening:
    """Open an episode without a worker: the data set already has the problem."""
    return Opening(question, "", pickle.dumps(ProblemEpisode(answer)))


@dataclass(frozen=True)
class Turn:
    """What a reply led to.

    Attributes:
        truncated: the environment's own turn limit ended it.
        played: the part of the reply that counts, where that is not all of it.
        tool: whether the observation is what a tool gave.
    """

    observation: str
    board: str
    reward: float
    done: bool
    truncated: bool
    state: bytes
    played: str | None = None
    tool: bool = False


@dataclass(frozen=True)
class Move:
    """A valid move, drawn at random.

    Attributes:
        max_turns: the game's own limit on the turns of an episode; None: it has none.
    """

    reply: str
    max_turns: int | None


@dataclass(frozen=True)
class Job:
    """One call of a worker; `cpu_seconds` is how much processor time it may use."""

    name: Literal["start", "start_problem", "step", "rehearse"]
    arguments: tuple[Any, ...]
    cpu_seconds: float


@dataclass(frozen=True)
class Failure:
    """A job that raised: the exception's class and the first line of its message."""

    error_type: str
    message: str
    timed_out: bool = False
