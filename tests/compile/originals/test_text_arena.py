"""text_arena.yaml against the Cookbook's multiplayer_rl.text_arena."""

from __future__ import annotations

from tests.compile.originals.games import game_config
from tests.compile.originals.originals import assert_equal_but_for, compiled

DIFFERENCES = {
    "dataset_builder.class": "a subclass, whose games start from the recipe's seed",
    "dataset_builder.seed": "the original's start from wherever Python's random state is",
}


def test_text_arena() -> None:
    assert_equal_but_for(compiled("text_arena.yaml"), game_config("text_arena"), DIFFERENCES)
