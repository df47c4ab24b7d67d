"""`env.kind: multiplayer`: each game has keys of its own."""

from __future__ import annotations

from collections.abc import Iterator

from recipe_runner.language import Diagnostic, LoadedRecipe
from recipe_runner.planning.checks.effects import no_effect
from schemas.env import MultiplayerEnv

# Key -> the games that read it.
_READ_BY = {
    "answerer": ("twenty_questions",),
    "id": ("text_arena",),
    "train_games": ("text_arena",),
    "test_opponent": ("text_arena",),
    "test_group_size": ("guess_number", "twenty_questions"),
}
_NEEDED = {
    "twenty_questions": (
        "answerer",
        "the model that answers",
        "answerer: {model: Qwen/Qwen3.5-9B}",
    ),
    "text_arena": ("id", "the game's id", "id: TicTacToe-v0"),
}
_GAMES_OF_OPTIMAL = ("TicTacToe-v0",)


def check_multiplayer(loaded: LoadedRecipe, env: MultiplayerEnv) -> Iterator[Diagnostic]:
    """Yield what is wrong with the keys of the game."""
    for key, games in _READ_BY.items():
        if key in env.model_fields_set and env.game not in games:
            yield no_effect(
                loaded,
                f"env.{key}",
                f"{env.game} does not read it",
                f"it is {' and '.join(games)}'s",
            )
    if env.game in _NEEDED:
        key, what, example = _NEEDED[env.game]
        if getattr(env, key) is None:
            yield loaded.diagnostic(
                "env", "missing-key", f"{env.game} needs {what}", hint=f"write `{example}`"
            )
    if env.game == "text_arena":
        yield from _check_text_arena(loaded, env)


def _check_text_arena(loaded: LoadedRecipe, env: MultiplayerEnv) -> Iterator[Diagnostic]:
    rollout = getattr(loaded.recipe, "rollout", None)
    if rollout is not None and rollout.group_size != 2:
        yield loaded.diagnostic(
            "rollout.group_size",
            "range",
            "a group of text_arena is one game, of which the policy plays both sides",
            hint="write `group_size: 2`",
        )
    if env.test_games is not None and env.test_games % 2:
        yield loaded.diagnostic(
            "env.test_games",
            "range",
            "the evaluation plays as many games from either side, so their number is even",
            hint=f"use {env.test_games + 1}",
        )
    if env.test_opponent == "optimal" and env.id not in (None, *_GAMES_OF_OPTIMAL):
        yield loaded.diagnostic(
            "env.test_opponent",
            "value",
            f"the optimal opponent does not know {env.id}",
            hint=f"it plays {' and '.join(_GAMES_OF_OPTIMAL)}; use base_model",
        )
