"""`env.kind: code`: every key changes something, and keys that nothing would read are errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import chz
import pytest
from tinker_cookbook.recipes.code_rl.code_env import DeepcoderDatasetBuilder

from recipe_runner.language import RecipeError
from recipe_runner.planning.checks import load_and_check
from schemas.env import CodeEnv
from tests.compile.keys import Table, assert_changes, entries, leaves

RECIPE = """\
version: 1
name: code
method: rl
model: {name: Qwen/Qwen3-8B}
env: {kind: code}
rollout: {groups_per_batch: 4, group_size: 2, max_tokens: 16}
optimizer: {learning_rate: 1e-3}
"""
PROBLEMS = '{"problem": "Print 1.", "tests": [{"input": "", "output": "1"}]}\n'
LOCAL = "env.dataset={here}/problems.jsonl"
KEYS: Table = {
    "env.kind": "is what tells the environments apart",
    "env.dataset": [LOCAL],
    "env.test_dataset": ["env.test_dataset={here}/problems.jsonl", LOCAL],
    "env.sandbox": ["env.sandbox=modal"],
    "env.timeout_s": ["env.timeout_s=3"],
    "env.max_turns": ["env.max_turns=3"],
    "env.format_coef": ["env.format_coef=0.5"],
    "env.memory_mb": ["env.memory_mb=256"],
    "env.allow_unsafe_execution": ["env.allow_unsafe_execution=true"],
}
# Fields of the Cookbook's builder that come from elsewhere than `env`, or from nowhere.
FROM_THE_RUN = {"model_name_for_tokenizer", "batch_size", "group_size", "renderer_name", "seed"}
UNEXPOSED = {"context_overflow_reward": "no option of the Cookbook's command either; -0.1"}


@pytest.fixture
def recipe(write_recipe: Callable[..., Path]) -> Path:
    path = write_recipe(RECIPE)
    path.with_name("problems.jsonl").write_text(PROBLEMS)
    return path


def test_the_table_names_every_key() -> None:
    assert set(KEYS) == set(leaves(CodeEnv, "env"))


@pytest.mark.parametrize("overrides", entries(KEYS))
def test_every_key_changes_something(recipe: Path, overrides: list[str]) -> None:
    assert_changes(recipe, overrides)


def test_every_field_of_the_cookbooks_builder_is_accounted_for() -> None:
    exposed = {"max_turns", "format_coef", "timeout", "sandbox_backend", "max_generation_tokens"}
    accounted = FROM_THE_RUN | exposed | set(UNEXPOSED)
    assert accounted == set(chz.chz_fields(DeepcoderDatasetBuilder))


@pytest.mark.parametrize(
    ("overrides", "path"),
    [
        (["env.sandbox=modal", "env.memory_mb=256"], "env.memory_mb"),
        (["env.sandbox=modal", "env.allow_unsafe_execution=true"], "env.allow_unsafe_execution"),
        (["env.test_dataset={here}/problems.jsonl"], "env.test_dataset"),
        (["eval={every: 2}", LOCAL], "eval.every"),
    ],
)
def test_keys_without_effect_are_errors(recipe: Path, overrides: list[str], path: str) -> None:
    placed = [each.replace("{here}", str(recipe.parent)) for each in overrides]
    with pytest.raises(RecipeError) as refused:
        load_and_check(recipe, overrides=placed)
    assert [(found.path, found.code) for found in refused.value.diagnostics] == [
        (path, "no-effect")
    ]
