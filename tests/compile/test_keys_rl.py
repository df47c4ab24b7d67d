"""`method: rl`: no key is accepted and then read by nothing, no Cookbook field is forgotten."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import chz
import pytest
from tinker_cookbook.rl.train import Config

from recipe_runner.compile import Target, compile_plan, rl
from recipe_runner.compile.export import to_json_tree
from recipe_runner.language import load
from recipe_runner.planning.plan import Served
from recipe_runner.planning.resolve import make_plan
from schemas.env import GemEnv, MathEnv
from schemas.rl import RlRecipe
from tests.compile.keys import (
    LEARNING_RATE,
    TRAINING,
    Table,
    assert_changes,
    assert_maps_every_field,
    entries,
    leaves,
)
from tests.conftest import RL_RECIPE

ASYNC = "execution={kind: async, max_steps_off_policy: 1}"
KEYS: Table = {
    **TRAINING,
    **LEARNING_RATE,
    "logging.rollouts": ["logging.rollouts=0"],
    "eval.every": ["eval={every: 4}", "env=null", "env={kind: math, dataset: gsm8k}"],
    "rollout.groups_per_batch": ["rollout.groups_per_batch=5"],
    "rollout.group_size": ["rollout.group_size=3"],
    "rollout.max_tokens": ["rollout.max_tokens=17"],
    "rollout.temperature": ["rollout.temperature=0.5"],
    "loss": ["loss=cispo"],
    "loss.name": ["loss={name: cispo}"],
    "loss.config.clip_low_threshold": ["loss.config.clip_low_threshold=0.9", "loss={name: ppo}"],
    "loss.config.clip_high_threshold": ["loss.config.clip_high_threshold=1.1", "loss={name: ppo}"],
    "loss.config.beta": ["loss.config.beta=0.1", "loss={name: dro}"],
    "kl.coef": ["kl={coef: 0.1}"],
    "kl.discount": ["kl.discount=0.9", "kl={coef: 0.1}"],
    "kl.reference.model": ["kl.reference={model: Qwen/Qwen3-32B}", "kl={coef: 0.1}"],
    "kl.reference.load_from": [
        "kl.reference={load_from: 'tinker://a/weights/b'}",
        "kl={coef: 0.1}",
    ],
    "kl.post_update": ["kl={post_update: true}"],
    "execution.kind": [ASYNC],
    "execution.max_steps_off_policy": ["execution.max_steps_off_policy=2", ASYNC],
    "execution.minibatches": [
        "execution.minibatches=2",
        "execution={kind: stream, minibatches: 1}",
    ],
    "substeps": ["substeps=2"],
    "drop_constant_groups": ["drop_constant_groups=true"],
}
GEM: Table = {
    "env.kind": "is what tells the environments apart",
    "env.id": ["env.id=rg:basic_arithmetic", "env.kwargs=null"],
    "env.kwargs": ["env.kwargs.max_terms=3"],
    "env.prompt": ["env.prompt=none"],
    "env.wrappers": ["env.wrappers=[python_tool]"],
    "env.allow_unsafe_execution": [
        "env.allow_unsafe_execution=true",
        "env.wrappers=[python_tool]",
    ],
    "env.max_turns": ["env.max_turns=2"],
    "env.eval.every": ["env.eval.every=3", "env.eval={every: 2, size: 2}"],
    "env.eval.size": ["env.eval.size=3", "env.eval={every: 2, size: 2}"],
    "env.dataset": "tests/envs/test_gem_dataset.py",
}
MATH: Table = {
    "env.kind": "is what tells the environments apart",
    "env.dataset": ["env.dataset=arithmetic", "env=null", "env={kind: math, dataset: gsm8k}"],
}


def test_the_tables_name_every_key() -> None:
    of_rl = {k for k in leaves(RlRecipe) if not k.startswith(("env.", "eval.evaluators"))}
    assert set(KEYS) == of_rl
    assert set(GEM) == set(leaves(GemEnv, "env"))
    assert set(MATH) == set(leaves(MathEnv, "env"))


@pytest.mark.parametrize("overrides", [*entries(KEYS), *entries(GEM), *entries(MATH)])
def test_every_key_changes_something(
    write_recipe: Callable[..., Path], overrides: list[str]
) -> None:
    assert_changes(write_recipe(RL_RECIPE), overrides)


def test_every_cookbook_field_is_mapped_or_listed() -> None:
    assert_maps_every_field(rl, Config)


def test_export_is_json_and_names_what_it_builds(write_recipe: Callable[..., Path]) -> None:
    plan = make_plan(load(write_recipe()), Served(kind="hosted", note=""))
    tree = to_json_tree(compile_plan(plan, Target(log_path=Path("here"))))
    assert json.loads(json.dumps(tree)) == tree
    assert tree["entry"] == "tinker_cookbook.rl.train:main"
    assert set(tree["config"]) == set(chz.chz_fields(Config))
    assert tree["config"]["dataset_builder"]["class"].endswith(":GemDatasetBuilder")
