"""`recipes/on_policy_distillation.yaml` is the Cookbook's command."""

from __future__ import annotations

import pytest

from tests.compile.originals.originals import assert_equal_but_for, compiled, original_config

MODULE = "tinker_cookbook.recipes.distillation.on_policy_distillation"
LOOP = "tinker_cookbook.distillation.train_on_policy:main"
DIFFERENCES = {"eval_every": "nothing is evaluated: the command has a cadence and no test set"}


@pytest.mark.parametrize("dataset", ["deepmath", "tulu3"])
def test_equal_to_the_command(monkeypatch: pytest.MonkeyPatch, dataset: str) -> None:
    job = compiled("on_policy_distillation.yaml", f"data.dataset={dataset}")
    original = original_config(monkeypatch, MODULE, f"dataset={dataset}", loop=LOOP)
    assert job.entry == LOOP
    assert_equal_but_for(job, original, DIFFERENCES)
    builder = job.config.dataset_configs[0].dataset_builder
    assert builder == original.dataset_configs[0].dataset_builder


def test_a_teachers_checkpoint_and_other_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    path = "tinker://a:train:0/sampler_weights/b"
    job = compiled(
        "on_policy_distillation.yaml",
        f"teacher.load_from={path}",
        "kl={coef: 0.5, discount: 0.9, post_update: true}",
        "loss=ppo",
        "substeps=2",
        "steps=7",
        "model.load_from=tinker://a:train:0/weights/c",
        "renderer=qwen3_5",
    )
    original = original_config(
        monkeypatch,
        MODULE,
        f"teacher_checkpoint={path}",
        "kl_penalty_coef=0.5",
        "kl_discount_factor=0.9",
        "compute_post_kl=True",
        "loss_fn=ppo",
        "num_substeps=2",
        "max_steps=7",
        "load_checkpoint_path=tinker://a:train:0/weights/c",
        "renderer_name=qwen3_5",
        loop=LOOP,
    )
    assert_equal_but_for(job, original, DIFFERENCES)
