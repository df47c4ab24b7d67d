"""No key is accepted and then read by nothing, and no field of the Cookbook is forgotten."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import chz
import pytest
from pydantic import BaseModel
from tinker_cookbook.rl.train import Config as RlConfig
from tinker_cookbook.supervised.train import Config as SftConfig

from recipe_runner.compile import Target, compile_plan, rl, sft
from recipe_runner.compile.export import to_json_tree
from recipe_runner.compile.job import METHODS as COMPILERS
from recipe_runner.language import load
from recipe_runner.planning.plan import Served
from recipe_runner.planning.resolve import make_plan
from recipe_runner.runs.loggers import wandb_environment
from recipe_runner.runs.manifest import new_manifest
from recipe_runner.runs.training import unstarted_target
from schemas import METHODS
from schemas.rl import RlRecipe
from schemas.sft import SftRecipe
from tests.conftest import RL_RECIPE, SFT_RECIPE

ASYNC = "execution={kind: async, max_steps_off_policy: 1}"
HUB = ["data=null", "data={kind: huggingface, dataset: a/b}"]

# key -> the override that changes it, then those that have to come before it
RL_KEYS = {
    "version": None,  # has one value
    "method": None,  # is what tells the tests apart
    "name": ["name=other"],
    "description": ["description=words"],
    "tags": ["tags=[a]"],
    "seed": ["seed=7"],
    "model.name": ["model.name=Qwen/Qwen3-32B"],
    "model.lora_rank": ["model.lora_rank=8"],
    "model.load_from": ["model.load_from=tinker://a/weights/b"],
    "renderer": ["renderer=qwen3_disable_thinking", "model.name=Qwen/Qwen3-32B"],
    "steps": ["steps=9"],
    "checkpoint.every": ["checkpoint.every=3"],
    "checkpoint.rolling_every": ["checkpoint.rolling_every=1"],
    "checkpoint.ttl_days": ["checkpoint.ttl_days=never"],
    "eval.every": ["eval={every: 4}", "env=null", "env={kind: math, dataset: gsm8k}"],
    "logging.dir": ["logging.dir=elsewhere"],
    "logging.wandb.project": ["logging.wandb={project: p}"],
    "logging.wandb.name": ["logging.wandb.name=n", "logging.wandb={project: p}"],
    "logging.wandb.mode": ["logging.wandb.mode=offline", "logging.wandb={project: p}"],
    "logging.wandb.tags": ["logging.wandb.tags=[t]", "logging.wandb={project: p}"],
    "logging.trackio.project": None,  # tests/runs/test_loggers.py
    "logging.trackio.name": None,  # tests/runs/test_loggers.py
    "logging.trace": ["logging.trace=true"],
    "logging.rollouts": ["logging.rollouts=0"],
    "backend": ["backend=local"],
    "backend.kind": None,  # is what tells the forms apart
    "backend.base_url": ["backend={kind: remote, base_url: 'http://127.0.0.1:1'}"],
    "env.kind": None,  # is what tells the environments apart
    "env.id": ["env.id=rg:basic_arithmetic", "env.kwargs=null"],
    "env.kwargs": ["env.kwargs.max_terms=3"],
    "env.prompt": ["env.prompt=none"],
    "env.wrappers": ["env.wrappers=[concat]"],
    "env.max_turns": ["env.max_turns=2"],
    "env.eval.every": ["env.eval.every=3", "env.eval={every: 2, size: 2}"],
    "env.eval.size": ["env.eval.size=3", "env.eval={every: 2, size: 2}"],
    "env.dataset": ["env.dataset=arithmetic", "env=null", "env={kind: math, dataset: gsm8k}"],
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
    "optimizer.learning_rate": ["optimizer.learning_rate=5e-5"],
    "optimizer.learning_rate.auto": ["optimizer.learning_rate={auto: 2.0}"],
}

COMMON = ("version", "method", "name", "description", "tags", "seed", "model", "renderer", "steps")
SFT_KEYS = {
    **{key: value for key, value in RL_KEYS.items() if key.startswith((*COMMON, "checkpoint"))},
    **{key: value for key, value in RL_KEYS.items() if key.startswith(("logging", "backend"))},
    "logging.rollouts": None,  # is refused for sft, which has none: planning/effects.py
    "eval.every": ["eval={every: 4}", "data.test_size=2"],
    "data.kind": None,  # is what tells the data apart
    "data.path": ["data.path={other}"],
    "data.test_size": ["data.test_size=2"],
    "data.dataset": ["data.dataset=no_robots", *HUB],
    "data.config": ["data.config=c", *HUB],
    "data.split": ["data.split=test", *HUB],
    "data.messages_column": ["data.messages_column=m", *HUB],
    "train_on": ["train_on=last_assistant_message"],
    "batch_size": ["batch_size=3"],
    "max_length": ["max_length=99"],
    "epochs": ["epochs=2"],
    "optimizer.learning_rate": ["optimizer.learning_rate=5e-5"],
    "optimizer.learning_rate.auto": ["optimizer.learning_rate={auto: 2.0}"],
    "optimizer.schedule": ["optimizer.schedule=cosine"],
    "optimizer.beta1": ["optimizer.beta1=0.8"],
    "optimizer.beta2": ["optimizer.beta2=0.9"],
    "optimizer.eps": ["optimizer.eps=1e-6"],
}
TABLES = {"rl": (RL_RECIPE, RL_KEYS, RlRecipe), "sft": (SFT_RECIPE, SFT_KEYS, SftRecipe)}


def leaves(annotation: Any, prefix: str = "") -> Iterator[str]:
    """Yield the dotted key of everything that a recipe of this model can say."""
    if get_origin(annotation) is Annotated:
        yield from leaves(get_args(annotation)[0], prefix)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            yield from leaves(field.annotation, f"{prefix}.{name}" if prefix else name)
    elif models := [item for item in get_args(annotation) if _holds_model(item)]:
        scalars = [item for item in get_args(annotation) if item not in models]
        if any(item is not type(None) for item in scalars):
            yield prefix
        for item in models:
            yield from leaves(item, prefix)
    else:
        yield prefix


def _holds_model(annotation: Any) -> bool:
    if get_origin(annotation) is Annotated or get_args(annotation):
        return any(_holds_model(item) for item in get_args(annotation))
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


@pytest.mark.parametrize("method", TABLES)
def test_the_table_names_every_key_of_the_language(method: str) -> None:
    _, table, model = TABLES[method]
    assert set(table) == set(leaves(model))


def effect(recipe: Path, *overrides: str) -> dict[str, Any]:
    """Everything that a key can change: config, environment, run record, where the run is."""
    plan = make_plan(load(recipe, overrides=overrides), Served(kind="hosted", note=""))
    manifest = new_manifest(plan, "id").model_dump(mode="json")
    for unstable in ("created", "plan_hash", "git"):
        del manifest[unstable]
    target = unstarted_target(plan)
    return {
        "config": to_json_tree(compile_plan(plan, target)),
        "environment": wandb_environment(plan, "id"),
        "record": manifest,
    }


def changing(method: str) -> list[Any]:
    text, table, _ = TABLES[method]
    return [pytest.param(text, table[key], id=f"{method}-{key}") for key in table if table[key]]


@pytest.mark.parametrize(("text", "overrides"), [*changing("rl"), *changing("sft")])
def test_every_key_changes_something(
    write_recipe: Callable[..., Path], tmp_path: Path, text: str, overrides: list[str]
) -> None:
    recipe = write_recipe(text)
    other = tmp_path / "other.jsonl"
    other.write_bytes((tmp_path / "talks.jsonl").read_bytes())
    change, *before = [override.replace("{other}", str(other)) for override in overrides]
    assert effect(recipe, *before, change) != effect(recipe, *before)


def test_methods_have_a_schema_and_a_compiler() -> None:
    assert set(METHODS) == set(COMPILERS)


@pytest.mark.parametrize(
    ("module", "config"), [(rl, RlConfig), (sft, SftConfig)], ids=["rl", "sft"]
)
def test_every_cookbook_field_is_mapped_or_listed(module: Any, config: type) -> None:
    source = (
        Path(module.__file__).read_text() + Path(module.__file__).with_name("shared.py").read_text()
    )
    for field in chz.chz_fields(config):
        mapped = f"{field}=" in source or f'"{field}": ' in source.partition("UNEXPOSED = ")[0]
        mapped = mapped or f'        "{field}": ' in source
        assert mapped != (field in module.UNEXPOSED), field


def test_export_is_json_and_names_what_it_builds(write_recipe: Callable[..., Path]) -> None:
    plan = make_plan(load(write_recipe()), Served(kind="hosted", note=""))
    tree = to_json_tree(compile_plan(plan, Target(log_path=Path("here"))))
    assert json.loads(json.dumps(tree)) == tree
    assert tree["entry"] == "tinker_cookbook.rl.train:main"
    assert set(tree["config"]) == set(chz.chz_fields(RlConfig))
    assert tree["config"]["dataset_builder"]["class"].endswith(":GemDatasetBuilder")
