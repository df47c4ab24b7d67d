"""`env.kind: multiplayer`: the games of the Cookbook's multiplayer_rl, one module a game."""

from __future__ import annotations

from tinker_cookbook.rl.types import RLDatasetBuilder

from recipe_runner.envs import Rollouts
from schemas.env import MultiplayerEnv


def builder(env: MultiplayerEnv, rollouts: Rollouts) -> RLDatasetBuilder:
    """Return the dataset builder of a game.

    Raises:
        EnvironmentUnavailable: if the game's library is not installed.
        ValueError: if TextArena has no such game.
    """
    if env.game == "guess_number":
        from recipe_runner.envs.multiplayer import guess_number

        return guess_number.builder(env, rollouts)
    if env.game == "twenty_questions":
        from recipe_runner.envs.multiplayer import twenty_questions

        return twenty_questions.builder(env, rollouts)
    from recipe_runner.envs.multiplayer import text_arena

    return text_arena.builder(env, rollouts)
