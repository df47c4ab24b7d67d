"""`method: dpo` and comparisons: no key is read by nothing, no Cookbook field is forgotten."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from recipe_runner.compile import dpo
from recipe_runner.loops.dpo import Config
from schemas.data import ComparisonsData
from schemas.dpo import DpoRecipe
from tests.compile.keys import (
    SCHEDULED_OPTIMIZER,
    TRAINING,
    Table,
    assert_changes,
    assert_maps_every_field,
    entries,
    leaves,
)

DPO_RECIPE = """\
version: 1
name: pairs
method: dpo
model: {name: Qwen/Qwen3-8B-Base}
data: {kind: comparisons, path: pairs.jsonl}
batch_size: 2
"""
SFT_RECIPE = DPO_RECIPE.replace("dpo", "sft")
PAIR = {"prompt": "What is 1 + 2?", "chosen": "It is 3.", "rejected": "No."}
TWO_FILES = [
    "data.path=null",
    "data.chosen={here}/pairs.jsonl",
    "data.rejected={here}/pairs.jsonl",
]

KEYS: Table = {
    **TRAINING,
    **SCHEDULED_OPTIMIZER,
    "logging.rollouts": "is refused for dpo, which has none: planning/checks/training.py",
    "eval.every": ["eval={every: 4}", "data.test_size=2"],
    "beta": ["beta=0.3"],
    "reference.model": ["reference={model: Qwen/Qwen3-32B}"],
    "reference.load_from": ["reference={load_from: 'tinker://a/weights/b'}"],
    "batch_size": ["batch_size=3"],
    "max_length": ["max_length=99"],
    "epochs": ["epochs=2"],
}
COMPARISONS: Table = {
    "data.kind": "is what tells the data apart",
    "data.path": ["data.path={here}/others.jsonl"],
    "data.chosen": ["data.chosen={here}/others.jsonl", *TWO_FILES],
    "data.rejected": ["data.rejected={here}/others.jsonl", *TWO_FILES],
    "data.test_size": ["data.test_size=2"],
}


@pytest.fixture
def write(write_recipe: Callable[..., Path], tmp_path: Path) -> Callable[[str], Path]:
    for name in ("pairs.jsonl", "others.jsonl"):
        (tmp_path / name).write_text((json.dumps(PAIR) + "\n") * 16)
    return write_recipe


def test_the_tables_name_every_key() -> None:
    of_dpo = {k for k in leaves(DpoRecipe) if not k.startswith(("data.", "eval.evaluators"))}
    assert set(KEYS) == of_dpo
    assert set(COMPARISONS) == set(leaves(ComparisonsData, "data"))


@pytest.mark.parametrize("overrides", [*entries(KEYS), *entries(COMPARISONS)])
def test_every_key_changes_something(write: Callable[[str], Path], overrides: list[str]) -> None:
    assert_changes(write(DPO_RECIPE), overrides)


@pytest.mark.parametrize("overrides", entries(COMPARISONS))
def test_every_key_changes_a_reward_model(
    write: Callable[[str], Path], overrides: list[str]
) -> None:
    assert_changes(write(SFT_RECIPE), overrides)


def test_every_cookbook_field_is_mapped_or_listed() -> None:
    assert_maps_every_field(dpo, Config)
