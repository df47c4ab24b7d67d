"""rubric.yaml against the Cookbook's rubric recipe."""

from __future__ import annotations

import pytest

from tests.compile.originals.originals import assert_equal_but_for, compiled, original_config

MODULE = "tinker_cookbook.recipes.rubric.train"
FILES = "the project's own examples; the original's are sums that a script of its own makes"
DIFFERENCES = {
    "dataset_builder.class": "a subclass: an order of the recipe's seed, any grader",
    "dataset_builder.train_datapoint_list_builder.class": "names the line of a mistake in the file",
    "dataset_builder.test_datapoint_list_builder.class": "names the line of a mistake in the file",
    "dataset_builder.train_datapoint_list_builder.jsonl_path": FILES,
    "dataset_builder.test_datapoint_list_builder.jsonl_path": FILES,
    "dataset_builder.seed": "seed 0 is the order of the file, which the original has always",
    "dataset_builder.num_batches": "the recipe's `steps`, for more than one pass",
    "dataset_builder.grader_max_tokens": "2048, which the original has in its code",
    "max_steps": "the example data are small; the original goes once through its 10,000 sums",
}


def test_rubric(monkeypatch: pytest.MonkeyPatch) -> None:
    original = original_config(monkeypatch, MODULE, loop=f"{MODULE}:main")
    assert_equal_but_for(compiled("rubric.yaml"), original, DIFFERENCES)
