"""`recipes/multi_teacher.yaml` is the Cookbook's command."""

from __future__ import annotations

import pytest

from tests.compile.originals.originals import assert_equal_but_for, compiled, original_config

MODULE = "tinker_cookbook.recipes.distillation.on_policy_multi_teacher"
LOOP = "tinker_cookbook.distillation.train_on_policy:main"
DIFFERENCES = {"eval_every": "nothing is evaluated: the command has a cadence and no test set"}


def test_equal_to_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    job = compiled("multi_teacher.yaml")
    original = original_config(monkeypatch, MODULE, loop=LOOP)
    assert job.entry == LOOP
    assert_equal_but_for(job, original, DIFFERENCES)


def test_shares_of_a_step_by_teacher(monkeypatch: pytest.MonkeyPatch) -> None:
    teachers = (
        "teacher=[{model: Qwen/Qwen3.6-27B, groups_per_batch: 256, "
        "data: {kind: huggingface, dataset: deepmath}}, {model: Qwen/Qwen3.5-397B-A17B, "
        "groups_per_batch: 128, data: {kind: huggingface, dataset: tulu3}}]"
    )
    job = compiled("multi_teacher.yaml", teachers)
    original = original_config(
        monkeypatch,
        MODULE,
        "deepmath_groups_per_batch=256",
        "tulu3_groups_per_batch=128",
        loop=LOOP,
    )
    assert_equal_but_for(job, original, DIFFERENCES)
