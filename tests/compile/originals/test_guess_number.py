"""guess_number.yaml against the Cookbook's multiplayer_rl.guess_number."""

from __future__ import annotations

from tests.compile.originals.games import game_config
from tests.compile.originals.originals import assert_equal_but_for, compiled

DIFFERENCES = {
    "dataset_builder.class": "a subclass, whose numbers come in the order of the recipe's seed",
    "dataset_builder.seed": "seed 0 is the original's order",
}


def test_guess_number() -> None:
    assert_equal_but_for(compiled("guess_number.yaml"), game_config("guess_number"), DIFFERENCES)


def test_the_numbers_are_the_originals() -> None:
    ours = compiled("guess_number.yaml").config.dataset_builder
    original = game_config("guess_number").dataset_builder
    assert ours._get_train_and_test_numbers() == original._get_train_and_test_numbers()
