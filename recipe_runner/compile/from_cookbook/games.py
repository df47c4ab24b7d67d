"""The Cookbook's games -> `env.kind: multiplayer`."""

from __future__ import annotations

import importlib
from typing import Any

from recipe_runner.compile.from_cookbook.draft import Tree
from recipe_runner.compile.from_cookbook.environment import BUILDER, SEED, STEPS, Environment

_GAMES = {
    f"{BUILDER}.class": "a subclass, with an order of the seed's",
    f"{BUILDER}.test_games": "none: all, as in the original",
}


def guess_number(builder: Tree) -> Environment:
    """Return the environment of a number that is guessed."""
    return Environment(
        env={
            "kind": "multiplayer",
            "game": "guess_number",
            "test_group_size": _unless(4, builder["test_group_size"]),
        },
        groups_per_batch=builder["batch_size"],
        group_size=builder["train_group_size"],
        same=SEED | STEPS | _GAMES,
    )


def twenty_questions(builder: Tree) -> Environment:
    """Return the environment of a word that is asked for."""
    words = len(_made(builder)._get_train_and_test_words()[0])
    return Environment(
        env={
            "kind": "multiplayer",
            "game": "twenty_questions",
            "answerer": {"model": builder["answerer_base_model"]},
            "test_group_size": _unless(32, builder["test_group_size"]),
        },
        groups_per_batch=builder["batch_size"],
        group_size=builder["group_size"],
        steps=max(words // builder["batch_size"], 1),
        same={
            **SEED,
            **STEPS,
            **_GAMES,
            f"{BUILDER}.answerer_path": "none: the base model's weights",
            f"{BUILDER}.answerer_renderer_name": "none: as the original chooses",
            f"{BUILDER}.num_epochs": "passes over the words, which are `steps` here",
        },
    )


def text_arena(builder: Tree) -> Environment:
    """Return the environment of a game of TextArena."""
    return Environment(
        env={
            "kind": "multiplayer",
            "game": "text_arena",
            "id": builder["game_name"],
            "train_games": builder["num_train_datapoints"] // 2,
            "test_games": _unless(128, builder["num_test_datapoints"]),
            "test_opponent": builder["test_opponent"],
        },
        groups_per_batch=builder["batch_size"] // 2,
        group_size=2,
        same={
            f"{BUILDER}.class": "a subclass, whose games start from the recipe's seed",
            f"{BUILDER}.seed": "the original's start from wherever Python's random state is",
        },
        changed={
            f"{BUILDER}.batch_size": "two players a game",
            f"{BUILDER}.num_train_datapoints": "at least as many games as `steps` plays",
        },
    )


def _unless(default: int, value: int) -> int | None:
    return None if value == default else value


def _made(builder: Tree) -> Any:
    """Return the builder itself, of the class that it names."""
    module, _, name = builder["class"].partition(":")
    fields = {key: value for key, value in builder.items() if key != "class"}
    return getattr(importlib.import_module(module), name)(**fields)
