"""sl_loop and rl_loop against the Cookbook's minimal loops, which have no configuration to compare.

Each setting of the loop's own Config is compared with the field that the recipe compiles to, and
what the loop has written into its code is looked up there.
"""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from tinker_cookbook.recipes.math_rl.math_env import MathEnv

from recipe_runner.compile import Job
from tests.compile.originals.originals import NAMES, compiled

ADAM = "beta1=0.9, beta2=0.95, eps=1e-8"
SHARED = {
    "base_url": "base_url",
    "model_name": "model_name",
    "learning_rate": "learning_rate",
    "lora_rank": "lora_rank",
    "save_every": "save_every",
    "ttl_seconds": "ttl_seconds",
    "wandb_project": "wandb_project",
}


def assert_settings(job: Job, loop: Any, fields: dict[str, str], differing: set[str]) -> None:
    """Assert that each setting of the loop's Config is the field of the job that `fields` names."""
    original = loop.Config()
    settings = set(type(original).__chz_fields__)
    assert settings == fields.keys() | (NAMES.keys() & settings)
    for setting, field in fields.items():
        value: Any = job.config
        for name in field.split("."):
            value = getattr(value, name)
        assert (value != getattr(original, setting)) == (setting in differing), setting


def test_sl_loop() -> None:
    loop = importlib.import_module("tinker_cookbook.recipes.sl_loop")
    job = compiled("sl_loop.yaml")
    fields = SHARED | {
        "batch_size": "dataset_builder.common_config.batch_size",
        "max_length": "dataset_builder.common_config.max_length",
        "train_on_what": "dataset_builder.common_config.train_on_what",
        "max_steps": "max_steps",
    }
    assert_settings(job, loop, fields, set())
    code = inspect.getsource(loop.main)
    assert ADAM in code
    assert (job.config.adam_beta1, job.config.adam_beta2, job.config.adam_eps) == (0.9, 0.95, 1e-8)
    assert "1.0 - step / n_train_batches" in code
    assert job.config.lr_schedule == "linear"
    assert 'load_dataset("HuggingFaceH4/no_robots")' in code
    assert type(job.config.dataset_builder).__name__ == "NoRobotsBuilder"
    # What the recipe's loop does besides: it also saves weights to sample from with each
    # checkpoint. The test set that NoRobotsBuilder has is not scored, as in the original.
    assert job.config.eval_every == 0


def test_rl_loop() -> None:
    loop = importlib.import_module("tinker_cookbook.recipes.rl_loop")
    job = compiled("rl_loop.yaml")
    fields = SHARED | {
        "batch_size": "dataset_builder.batch_size",
        "group_size": "dataset_builder.group_size",
        "max_tokens": "max_tokens",
        "max_steps": "max_steps",
    }
    # `steps: 58` leaves out the last batch, of 49 problems, as the loop itself does.
    assert_settings(job, loop, fields, {"max_steps"})
    assert job.config.max_steps == 7473 // 128
    code = inspect.getsource(loop.main)
    assert ADAM in code
    assert 'loss_fn="importance_sampling"' in code
    assert job.config.loss_fn == "importance_sampling"
    assert "Skip question because all advantages are the same" in code
    assert job.config.remove_constant_reward_groups
    example = MathEnv.standard_fewshot_prefix()[1]["content"]
    assert example.partition("\\")[0] in code
    assert job.config.dataset_builder.convo_prefix == "standard"
    assert job.config.eval_every == 0
    # What the recipe's loop does differently: problems come in the order of the recipe's seed, not
    # of the file; each reply is a request of its own; a reply without an answer in a box gets
    # -0.1, not 0; the question says "Write your answer in \boxed{} format".
