"""twenty_questions.yaml against the Cookbook's multiplayer_rl.twenty_questions."""

from __future__ import annotations

from tests.compile.originals.games import game_config
from tests.compile.originals.originals import assert_equal_but_for, compiled

DIFFERENCES = {
    "dataset_builder.class": "a subclass: words in the order of the recipe's seed, any answerer",
    "dataset_builder.seed": "seed 0 is the original's order",
    "dataset_builder.num_batches": "the recipe's `steps`",
    "dataset_builder.num_epochs": "the original's 100 passes are 214 steps",
    "max_steps": "the original's 100 passes are 214 steps",
}


def test_twenty_questions() -> None:
    original = game_config("twenty_questions")
    assert_equal_but_for(compiled("twenty_questions.yaml"), original, DIFFERENCES)


def test_the_words_are_the_originals_for_all_steps() -> None:
    config = compiled("twenty_questions.yaml").config
    original = game_config("twenty_questions").dataset_builder
    train, test = config.dataset_builder._get_train_and_test_words()
    original_train, original_test = original._get_train_and_test_words()
    games = config.max_steps * config.dataset_builder.batch_size
    assert train[:games] == original_train[:games]
    assert config.max_steps == len(original_train) // original.batch_size
    assert test == original_test
