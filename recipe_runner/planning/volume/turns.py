"""How many turns episodes have, by the kind of environment, where no episode can be played."""

from __future__ import annotations

from dataclasses import dataclass

from recipe_runner.planning.estimate import Span
from recipe_runner.planning.volume.spans import between, exactly
from schemas.env import CodeEnv, CustomEnv, Env, GemEnv, MultiplayerEnv, SearchEnv, VerifiersEnv

# Uses of the Python tool in an episode, GEM's limit (`gem.tools.tool_env_wrapper`).
_TOOL_USES = 10
_TOOLS = ("python_tool", "python_tool_no_int_reward", "python_tool_no_int_reward_last_line_error")
# GEM's games without a limit of their own; games of two; environments that nothing is known of.
_MANY = 100
# What a guess is answered with, in the markers of a chat.
_ANSWER = Span(low=5, expected=30, high=200)
_MOVES = 30
_FEW = 10


@dataclass(frozen=True)
class Turns:
    """What an episode is taken to be.

    Attributes:
        replies: of an episode.
        observation: tokens that the environment adds between two of them.
        rewritten: whether each prompt is written anew.
        said: what is taken for granted, in a sentence; none where an episode has one turn.
    """

    replies: Span
    observation: Span
    rewritten: bool = False
    said: str | None = None


_ONE = Turns(replies=exactly(1), observation=exactly(0))


def assumed_turns(env: Env) -> Turns:
    """Return what is taken for granted of an environment's episodes."""
    if isinstance(env, GemEnv):
        return _gem(env)
    if isinstance(env, CodeEnv):
        return _some(env.max_turns, 1.5, Span(low=20, expected=300, high=2_000))
    if isinstance(env, SearchEnv):
        passages = env.n_results
        found = Span(low=20 * passages, expected=150 * passages, high=500 * passages)
        return _some(env.max_turns, 3, found)
    if isinstance(env, MultiplayerEnv):
        return _game(env)
    if isinstance(env, VerifiersEnv | CustomEnv):
        return _some(_FEW, 1, Span(low=0, expected=100, high=2_000))
    return _ONE


def _gem(env: GemEnv) -> Turns:
    anew = any(wrapper.startswith("concat") for wrapper in env.wrappers)
    if any(wrapper in _TOOLS for wrapper in env.wrappers):
        most = min(env.max_turns or _MANY, _TOOL_USES + 1)
        return _some(most, 2, Span(low=5, expected=100, high=2_000), rewritten=anew)
    if not env.id.startswith("game:"):
        return _ONE
    most = env.max_turns or _MANY
    return _some(most, most / 2, Span(low=5, expected=100, high=1_000), rewritten=anew)


def _game(env: MultiplayerEnv) -> Turns:
    if env.game == "guess_number":
        return _some(10, 7, _ANSWER)
    if env.game == "twenty_questions":
        return _some(20, 15, _ANSWER)
    return _some(_MOVES, 5, Span(low=10, expected=150, high=1_000), rewritten=True)


def _some(most: float, expected: float, observation: Span, *, rewritten: bool = False) -> Turns:
    replies = between(1, expected, most)
    said = (
        f"an episode has 1 to {replies.high:g} turns, {replies.expected:g} expected, and the "
        f"environment adds {observation.expected:g} tokens between two"
    )
    return Turns(replies, observation, rewritten, said)
