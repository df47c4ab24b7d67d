"""Samples stand for the hub's data sets in a preflight, in their own columns, and only there."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

from recipe_runner.runs.hub_samples import SAMPLES, hub_samples, sample_file

FILES = sorted(SAMPLES.glob("*/*.jsonl"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_every_row_of_a_sample_has_the_same_columns(file: Path) -> None:
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert 1 <= len(rows) <= 64
    assert all(row.keys() == rows[0].keys() for row in rows)


def test_the_cookbooks_loaders_read_the_samples() -> None:
    chat = importlib.import_module("tinker_cookbook.recipes.chat_sl.chat_datasets")
    math = importlib.import_module("tinker_cookbook.recipes.math_rl.math_env")
    distillation = importlib.import_module("tinker_cookbook.distillation.datasets")
    loaded = chat.datasets.load_dataset
    with hub_samples() as used:
        assert len(math._get_hendrycks_math_train()) == 35
        assert len(math._get_hendrycks_math_test()) == 8
        assert distillation.load_deepmath_prompts() is not None
        assert len(distillation.load_tulu3_prompts()) == 24
        tulu = chat.datasets.load_dataset("allenai/tulu-3-sft-mixture")["train"].shuffle(seed=0)
        assert len(tulu.take(1024)) == len(tulu.skip(1024)) == 24
        assert len(tulu.skip(4)) == 20
        assert set(chat.datasets.load_dataset("HuggingFaceH4/no_robots")) == {"train", "test"}
    assert "EleutherAI/hendrycks_math" in used
    assert "zwhe99/DeepMath-103K" in used
    assert chat.datasets.load_dataset is loaded
    assert math.load_dataset is loaded


def test_a_data_set_without_a_sample_is_asked_of_the_hub() -> None:
    import datasets

    with hub_samples() as used, pytest.raises(Exception, match="nobody/nothing"):
        datasets.load_dataset("nobody/nothing")
    assert used == []


def test_a_sample_of_one_configuration_stands_for_no_other() -> None:
    assert sample_file("openai/gsm8k", "main", "test") is not None
    assert sample_file("openai/gsm8k", "socratic", "test") is None
    assert sample_file("zwhe99/DeepMath-103K", None, "train[:10]") is not None
