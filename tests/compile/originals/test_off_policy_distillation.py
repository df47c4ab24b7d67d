"""`off_policy_reasoning.yaml` is the Cookbook's command; `off_policy_distillation.yaml` is the
configuration of its loop that has no command."""

from __future__ import annotations

import pytest
from tinker_cookbook.distillation.datasets import TeacherConfig
from tinker_cookbook.distillation.train_off_policy import Config, DatasetWithTeacher
from tinker_cookbook.recipes.distillation.off_policy_reasoning import OpenThoughts3Builder
from tinker_cookbook.supervised.types import ChatDatasetBuilderCommonConfig

from tests.compile.originals.originals import assert_equal_but_for, compiled, original_config

TRAIN_ON = "written out; where the original has none, its builder takes the same"


def test_reasoning_is_equal_to_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = "tinker_cookbook.supervised.train:main"
    job = compiled("off_policy_reasoning.yaml")
    original = original_config(
        monkeypatch, "tinker_cookbook.recipes.distillation.off_policy_reasoning", loop=loop
    )
    assert job.entry == loop
    assert_equal_but_for(
        job,
        original,
        {
            "dataset_builder.common_config.train_on_what": TRAIN_ON,
            "eval_every": "nothing is evaluated: the command has a cadence and no test set",
        },
    )


def test_soft_targets_are_the_loops_defaults_with_that_data() -> None:
    """The loop's docstring puts a configuration together; so does this, for the same models."""
    job = compiled("off_policy_distillation.yaml")
    data = OpenThoughts3Builder(
        common_config=ChatDatasetBuilderCommonConfig(
            model_name_for_tokenizer="Qwen/Qwen3.5-9B-Base",
            renderer_name="qwen3_5",
            max_length=16384,
            batch_size=64,
        )
    )
    original = Config(
        learning_rate=1e-4,
        dataset_configs=[
            DatasetWithTeacher(
                dataset_builder=data, teacher_config=TeacherConfig(base_model="Qwen/Qwen3.5-9B")
            )
        ],
        model_name="Qwen/Qwen3.5-9B-Base",
        recipe_name="",
        renderer_name="qwen3_5",
        lora_rank=128,
        save_every=50,
        log_path="",
    )
    assert job.entry == "tinker_cookbook.distillation.train_off_policy:main"
    assert_equal_but_for(
        job,
        original,
        {
            "dataset_configs": TRAIN_ON,
            "eval_every": "nothing is evaluated: the loop has a cadence and no evaluators",
        },
    )
    ours, theirs = job.config.dataset_configs[0], original.dataset_configs[0]
    assert ours.teacher_config == theirs.teacher_config
    assert ours.weight == theirs.weight
    assert ours.dataset_builder.common_config.batch_size == 64
    assert type(ours.dataset_builder) is OpenThoughts3Builder
