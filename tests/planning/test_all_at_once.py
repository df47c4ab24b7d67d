"""Mistakes of the language and mistakes across fields come in one go."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from recipe_runner.language import RecipeError
from recipe_runner.planning.checks import load_and_check
from tests.conftest import RL_RECIPE


def codes(recipe: Path) -> set[tuple[str, str]]:
    with pytest.raises(RecipeError) as caught:
        load_and_check(recipe)
    return {(found.code, found.path) for found in caught.value.diagnostics}


def test_both_kinds_are_reported(write_recipe: Callable[..., Path]) -> None:
    text = RL_RECIPE.replace("Qwen3-8B-Base", "Qwen3-8B-Bas")
    text = text.replace("groups_per_batch: 4", "groups_per_bach: 4")
    text = text.replace("learning_rate: 1e-3", "learning_rate: -1")
    text = text.replace("max_terms: 2", "max_term: 2")
    assert codes(write_recipe(text)) == {
        ("unknown-model", "model.name"),
        ("unknown-key", "rollout.groups_per_bach"),
        ("range", "optimizer.learning_rate"),
        ("unknown-key", "env.kwargs.max_term"),
    }


def test_a_wrong_value_is_reported_once(write_recipe: Callable[..., Path]) -> None:
    # Without its value the key falls back to auto, for which this model has no learning rate.
    text = RL_RECIPE.replace("Qwen/Qwen3-8B-Base", "openai/gpt-oss-20b")
    text = text.replace("learning_rate: 1e-3", "learning_rate: fast")
    assert [path for _, path in codes(write_recipe(text))] == ["optimizer.learning_rate"]


def test_a_duplicate_key_does_not_hide_the_rest(write_recipe: Callable[..., Path]) -> None:
    text = RL_RECIPE.replace("rg:chain_sum", "rg:chain_sun") + "steps: 4\n"
    assert codes(write_recipe(text)) == {("duplicate-key", "steps"), ("unknown-env", "env.id")}


def test_nothing_stands_in_for_a_missing_name(write_recipe: Callable[..., Path]) -> None:
    text = RL_RECIPE.replace("model: {name: Qwen/Qwen3-8B-Base}", "model: {}")
    assert codes(write_recipe(text)) == {("missing-key", "model.name")}
