"""gem_math and gem_reasoning_gym against GEM's example for the Cookbook.

GEM's package does not ship its examples, and this one stops at once on the Cookbook of today, whose
configuration wants a `recipe_name`. So the original is written down here: what
`examples/train_tinker/tinker_cookbook_train.py` (axon-rl/gem at 4069f2f, December 2025) hands to
the Cookbook, defaults of its CLIConfig and the arguments of its README together.
"""

from __future__ import annotations

from typing import Any

import chz
import pytest
from tinker_cookbook.model_info import get_recommended_renderer_name
from tinker_cookbook.rl.train import Config
from tinker_cookbook.rl.types import RLDatasetBuilder

from tests.compile.originals.originals import assert_equal_but_for, compiled

MODEL = "Qwen/Qwen3-8B-Base"


@chz.chz
class GemsBuilder(RLDatasetBuilder):
    """The fields that GEM's own builder has, under the names that ours have for them."""

    env_id: str
    kwargs: dict[str, Any]
    group_size: int
    model_name: str = MODEL
    renderer_name: str = get_recommended_renderer_name(MODEL)
    groups_per_batch: int = 64
    num_batches: int = 200
    prompt: str = "general"


def original(builder: GemsBuilder) -> Config:
    return Config(
        dataset_builder=builder,
        learning_rate=2e-5,
        max_tokens=2048,
        model_name=MODEL,
        recipe_name="",
        log_path="",
        lora_rank=32,
        kl_penalty_coef=0.0,
        num_substeps=1,
        compute_post_kl=False,
        eval_every=0,
        save_every=25,
        async_config=None,
    )


BUILDERS = {
    "gem_math.yaml": GemsBuilder(env_id="math:Math12K", group_size=16, kwargs={"use_mp": False}),
    "gem_reasoning_gym.yaml": GemsBuilder(env_id="rg:simple_equations", group_size=8, kwargs={}),
}
DIFFERENCES = {
    "renderer_name": "said to the Cookbook as well, which keeps it with the checkpoints",
    "max_steps": "the original's 200 batches, which both builders have too",
    "dataset_builder.class": "items by seed and index: the original repeats 63 of 64 questions "
    "from batch to batch, and a resumed run sees others",
    "dataset_builder.seed": "the original takes the clock's",
    "dataset_builder.prompt": "`boxed` is what the original calls `general`, word for word",
    "dataset_builder.wrappers": "a key of ours; none here",
    "dataset_builder.eval_size": "a key of ours; no evaluation here",
    "dataset_builder.allow_unsafe": "a key of ours; no tool here",
}


@pytest.mark.parametrize("recipe", BUILDERS)
def test_equal_to_gems_example(recipe: str) -> None:
    assert_equal_but_for(compiled(recipe), original(BUILDERS[recipe]), DIFFERENCES)
