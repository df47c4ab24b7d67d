"""`method: sft`: no key is accepted and then read by nothing, no Cookbook field is forgotten."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tinker_cookbook.supervised.train import Config

from recipe_runner.compile import sft
from schemas.data import ConversationsData, HuggingFaceData, MixtureData
from schemas.sft import SftRecipe
from tests.compile.keys import (
    SCHEDULED_OPTIMIZER,
    TRAINING,
    Table,
    assert_changes,
    assert_maps_every_field,
    entries,
    leaves,
)
from tests.conftest import SFT_RECIPE

HUB = ["data=null", "data={kind: huggingface, dataset: a/b}"]
KEYS: Table = {
    **TRAINING,
    **SCHEDULED_OPTIMIZER,
    "logging.rollouts": "is refused for sft, which has none: planning/checks/training.py",
    "eval.every": ["eval={every: 4}", "data.test_size=2"],
    "train_on": ["train_on=last_assistant_message"],
    "batch_size": ["batch_size=3"],
    "max_length": ["max_length=99"],
    "epochs": ["epochs=2"],
}
CONVERSATIONS: Table = {
    "data.kind": "is what tells the data apart",
    "data.path": ["data.path={here}/others.jsonl"],
    "data.test_size": ["data.test_size=2"],
}
HUGGINGFACE: Table = {
    "data.kind": "is what tells the data apart",
    "data.dataset": ["data.dataset=no_robots", *HUB],
    "data.config": ["data.config=c", *HUB],
    "data.split": ["data.split=test", *HUB],
    "data.messages_column": ["data.messages_column=m", *HUB],
    "data.test_size": ["data.test_size=2", *HUB],
}
MIXED = ["data=null", "data={kind: mixture, parts: [{data: {kind: huggingface, dataset: a/b}}]}"]
OTHER_PART = "{data: {kind: huggingface, dataset: c/d}}"
MIXTURE: Table = {
    "data.kind": "is what tells the data apart",
    "data.parts.data": [f"data.parts=[{OTHER_PART}]", *MIXED],
    "data.parts.weight": [
        "data.parts=[{data: {kind: huggingface, dataset: a/b}, weight: 0.5}]",
        *MIXED,
    ],
}


def test_the_tables_name_every_key() -> None:
    of_sft = {k for k in leaves(SftRecipe) if not k.startswith(("data.", "eval.evaluators"))}
    assert set(KEYS) == of_sft
    assert set(CONVERSATIONS) == set(leaves(ConversationsData, "data"))
    assert set(HUGGINGFACE) == set(leaves(HuggingFaceData, "data"))
    of_mixture = {k for k in leaves(MixtureData, "data") if not k.startswith("data.parts.data.")}
    assert {*MIXTURE} == {*of_mixture, "data.parts.data"}


@pytest.mark.parametrize(
    "overrides", [*entries(KEYS), *entries(CONVERSATIONS), *entries(HUGGINGFACE), *entries(MIXTURE)]
)
def test_every_key_changes_something(
    write_recipe: Callable[..., Path], tmp_path: Path, overrides: list[str]
) -> None:
    recipe = write_recipe(SFT_RECIPE)
    (tmp_path / "others.jsonl").write_bytes((tmp_path / "talks.jsonl").read_bytes())
    assert_changes(recipe, overrides)


def test_every_cookbook_field_is_mapped_or_listed() -> None:
    assert_maps_every_field(sft, Config)
