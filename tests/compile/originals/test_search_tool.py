"""search_tool.yaml against the Cookbook's search_tool."""

from __future__ import annotations

import pytest

from tests.compile.originals.originals import assert_equal_but_for, compiled, original_config

CLASS = {
    "dataset_builder.class": "a subclass, which can also take questions and passages from files",
}
FILES = {
    "dataset_builder.questions": "the original has its own data set alone",
    "dataset_builder.documents": "the original has its Chroma server alone",
    "dataset_builder.num_batches": "the recipe's `steps`, which are more than one pass",
}


def test_the_variant_wikipedia_is_the_original(monkeypatch: pytest.MonkeyPatch) -> None:
    original = original_config(
        monkeypatch,
        "tinker_cookbook.recipes.search_tool.train",
        loop="tinker_cookbook.rl.train:main",
    )
    job = compiled("search_tool.yaml", variant="wikipedia")
    assert_equal_but_for(job, original, CLASS)


def test_the_recipe_itself_is_smaller_and_embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    original = original_config(
        monkeypatch,
        "tinker_cookbook.recipes.search_tool.train",
        "batch_size=16",
        "max_steps=20",
        loop="tinker_cookbook.rl.train:main",
    )
    assert_equal_but_for(compiled("search_tool.yaml"), original, CLASS | FILES)
