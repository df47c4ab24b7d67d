"""The basic recipes, math_rl and the asynchronous sweep against the Cookbook's commands."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from tests.compile.originals.originals import assert_equal_but_for, compiled, original_config


def blueprint_config(module: str) -> Any:
    """Return the configuration that `python -m module` makes from its blueprint."""
    return importlib.import_module(module).build_config_blueprint().make()


def test_sl_basic() -> None:
    original = blueprint_config("tinker_cookbook.recipes.sl_basic")
    assert_equal_but_for(compiled("sl_basic.yaml"), original, {})


def test_rl_basic() -> None:
    original = blueprint_config("tinker_cookbook.recipes.rl_basic")
    assert_equal_but_for(compiled("rl_basic.yaml"), original, {})


def test_chat_sl(monkeypatch: pytest.MonkeyPatch) -> None:
    original = original_config(
        monkeypatch,
        "tinker_cookbook.recipes.chat_sl.train",
        "dataset=tulu3",
        loop="tinker_cookbook.supervised.train:main",
    )
    differences = {
        "dataset_builder.common_config.train_on_what": "what Tulu3Builder takes for none: "
        "the last assistant message"
    }
    assert_equal_but_for(compiled("chat_sl.yaml"), original, differences)


def math_rl(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Any:
    module = "tinker_cookbook.recipes.math_rl.train"
    return original_config(monkeypatch, module, *arguments, loop=f"{module}:main")


def test_math_rl(monkeypatch: pytest.MonkeyPatch) -> None:
    differences = {
        "dataset_builder.class": "the same sums, but from the recipe's seed",
        "dataset_builder.seed": "the original's depend on the index of the batch alone",
        "eval_every": "sums have no test set, so the original's 20 does nothing",
        "max_steps": "the original's 100 batches, which both data set builders have too",
    }
    assert_equal_but_for(compiled("math_rl.yaml"), math_rl(monkeypatch), differences)


# As in the README of the Cookbook's math_rl; the last two with its defaults.
DATA_SETS = {
    "math": ["group_size=16", "groups_per_batch=64", "learning_rate=2e-5", "max_tokens=512"],
    "gsm8k": ["group_size=64", "groups_per_batch=32", "learning_rate=8e-5", "max_tokens=1024"],
    "polaris": ["max_tokens=2048"],
    "deepmath": ["max_tokens=2048"],
}


@pytest.mark.parametrize("data_set", DATA_SETS)
def test_math_rl_data_sets(monkeypatch: pytest.MonkeyPatch, data_set: str) -> None:
    original = math_rl(monkeypatch, f"env={data_set}", *DATA_SETS[data_set])
    differences = {}
    if data_set in ("polaris", "deepmath"):
        differences["eval_every"] = "this data set has no test set, so the original's does nothing"
    assert_equal_but_for(compiled("math_rl.yaml", variant=data_set), original, differences)


@pytest.mark.parametrize("lag", [0, 1, 2, 4, 8, 16])
def test_async_rl(lag: int) -> None:
    module = importlib.import_module("tinker_cookbook.xmux.examples.async_rl_sweep")
    name = f"off_policy_{lag}" if lag else "on_policy"
    original = module.build_rl_basic_config(max_steps_off_policy=lag, name=name)
    differences = {"max_steps": "59, where both end: the original has 59 batches"}
    if lag:
        differences["dataset_builder.batch_size"] = (
            "the original reads the data set in batches of 128 and trains on 16 groups for each; "
            "here `groups_per_batch` is both, and `steps` ends it at the same step"
        )
    assert_equal_but_for(compiled("async_rl.yaml", variant=name), original, differences)
