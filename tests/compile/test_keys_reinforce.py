"""`method: reinforce`: no key is accepted and then read by nothing, no field is forgotten."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from recipe_runner.compile import reinforce
from recipe_runner.loops.reinforce.config import Config
from schemas.env import GemEnv
from schemas.reinforce import ReinforceRecipe
from tests.compile.keys import (
    LEARNING_RATE,
    TRAINING,
    Table,
    assert_changes,
    assert_maps_every_field,
    entries,
    leaves,
)

RECIPE = """\
version: 1
name: sums
method: reinforce
model: {name: Qwen/Qwen3-8B-Base}
env: {kind: gem, id: "rg:chain_sum", kwargs: {min_terms: 2, max_terms: 2}}
episodes_per_batch: 4
max_tokens: 16
optimizer: {learning_rate: 1e-3}
steps: 3
"""
TEST_SET = "env.eval={every: 2, size: 2}"
KEYS: Table = {
    **TRAINING,
    **LEARNING_RATE,
    "logging.rollouts": ["logging.rollouts=0"],
    "eval.every": [
        "eval.every=4",
        "eval={every: 2, evaluators: [{kind: benchmark, name: gsm8k}]}",
    ],
    "episodes_per_batch": ["episodes_per_batch=5"],
    "max_tokens": ["max_tokens=17"],
    "temperature": ["temperature=0.5"],
    "gamma": ["gamma=0.5"],
    "normalize_returns": ["normalize_returns=false"],
    "loss": ["loss=cispo"],
    "loss.name": ["loss={name: cispo}"],
    "loss.config.clip_low_threshold": ["loss.config.clip_low_threshold=0.9", "loss={name: ppo}"],
    "loss.config.clip_high_threshold": ["loss.config.clip_high_threshold=1.1", "loss={name: ppo}"],
    "loss.config.beta": ["loss.config.beta=0.1", "loss={name: dro}"],
    "loss.custom": ["loss={custom: 'a.b:c'}"],
    "env.kind": "is the one kind that the loop plays",
    "env.id": ["env.id=rg:basic_arithmetic", "env.kwargs=null"],
    "env.kwargs": ["env.kwargs.max_terms=3"],
    "env.prompt": ["env.prompt=none"],
    "env.wrappers": ["env.wrappers=[python_tool]"],
    "env.max_turns": ["env.max_turns=2"],
    "env.allow_unsafe_execution": [
        "env.allow_unsafe_execution=true",
        "env.wrappers=[python_tool]",
    ],
    "env.eval.every": ["env.eval.every=3", TEST_SET],
    "env.eval.size": ["env.eval.size=3", TEST_SET],
    "env.dataset": "tests/envs/test_gem_dataset.py",
}


def test_the_table_names_every_key() -> None:
    own = {
        key for key in leaves(ReinforceRecipe) if not key.startswith(("env.", "eval.evaluators"))
    }
    assert set(KEYS) == own | set(leaves(GemEnv, "env"))


@pytest.mark.parametrize("overrides", entries(KEYS))
def test_every_key_changes_something(
    write_recipe: Callable[..., Path], overrides: list[str]
) -> None:
    assert_changes(write_recipe(RECIPE), overrides)


def test_every_field_of_the_loop_is_mapped() -> None:
    assert_maps_every_field(reinforce, Config)
