"""Tables of keys that show that each key of a recipe changes something, and how to read them.

A table has an entry for each key: the override that changes it, then those that have to come
before it; or why there is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import chz
import pytest
from pydantic import BaseModel

from recipe_runner.compile import compile_plan
from recipe_runner.compile.export import to_json_tree
from recipe_runner.language import load
from recipe_runner.planning.plan import Served
from recipe_runner.planning.resolve import make_plan
from recipe_runner.runs.loggers import wandb_environment
from recipe_runner.runs.manifest import new_manifest
from recipe_runner.runs.training import unstarted_target

Table = dict[str, list[str] | str]

LEARNING_RATE: Table = {
    "optimizer.learning_rate": ["optimizer.learning_rate=5e-5"],
    "optimizer.learning_rate.auto": ["optimizer.learning_rate={auto: 2.0}"],
}
SCHEDULED_OPTIMIZER: Table = {
    **LEARNING_RATE,
    "optimizer.schedule": ["optimizer.schedule=cosine"],
    "optimizer.beta1": ["optimizer.beta1=0.8"],
    "optimizer.beta2": ["optimizer.beta2=0.9"],
    "optimizer.eps": ["optimizer.eps=1e-6"],
}
# CommonKeys of the schemas, but for `logging.rollouts`.
COMMON: Table = {
    "version": "has one value",
    "method": "is what tells the tests apart",
    "name": ["name=other"],
    "description": ["description=words"],
    "tags": ["tags=[a]"],
    "seed": ["seed=7"],
    "budget.usd": "tests/runs/test_budget.py",
    "budget.hours": "tests/runs/test_budget.py",
    "budget.tokens": "tests/runs/test_budget.py",
    "logging.dir": ["logging.dir=elsewhere"],
    "logging.wandb.project": ["logging.wandb={project: p}"],
    "logging.wandb.name": ["logging.wandb.name=n", "logging.wandb={project: p}"],
    "logging.wandb.mode": ["logging.wandb.mode=offline", "logging.wandb={project: p}"],
    "logging.wandb.tags": ["logging.wandb.tags=[t]", "logging.wandb={project: p}"],
    "logging.trackio.project": "tests/runs/test_loggers.py",
    "logging.trackio.name": "tests/runs/test_loggers.py",
    "logging.trace": ["logging.trace=true"],
    "backend": ["backend=local"],
    "backend.kind": "is what tells the forms apart",
    "backend.base_url": ["backend={kind: remote, base_url: 'http://127.0.0.1:1'}"],
}
MODEL: Table = {
    "model.name": ["model.name=Qwen/Qwen3-32B"],
    "model.load_from": ["model.load_from=tinker://a/weights/b"],
    "renderer": ["renderer=qwen3_disable_thinking", "model.name=Qwen/Qwen3-32B"],
}
TRAINING: Table = {
    **COMMON,
    **MODEL,
    "model.lora_rank": ["model.lora_rank=8"],
    "steps": ["steps=1"],
    "checkpoint.every": ["checkpoint.every=3"],
    "checkpoint.rolling_every": ["checkpoint.rolling_every=1"],
    "checkpoint.ttl_days": ["checkpoint.ttl_days=never"],
}


def under(table: Table, section: str) -> Table:
    """Return the entries of one section, or of the key itself."""
    return {k: v for k, v in table.items() if k == section or k.startswith(f"{section}.")}


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


def effect(recipe: Path, *overrides: str) -> dict[str, Any]:
    """Everything that a key can change: config, environment, run record, where the run is."""
    plan = make_plan(load(recipe, overrides=overrides), Served(kind="hosted", note=""))
    manifest = new_manifest(plan, "id", git=None).model_dump(mode="json")
    for unstable in ("created", "plan_hash"):
        del manifest[unstable]
    target = unstarted_target(plan)
    return {
        "config": to_json_tree(compile_plan(plan, target)),
        "environment": wandb_environment(plan, "id"),
        "record": manifest,
    }


def entries(table: Table) -> list[Any]:
    """Return the keys that have an override, as parameters of a test."""
    return [pytest.param(v, id=k) for k, v in table.items() if isinstance(v, list)]


def assert_changes(recipe: Path, overrides: list[str]) -> None:
    """Assert that the first override changes something, given the others."""
    change, *before = [o.replace("{here}", str(recipe.parent)) for o in overrides]
    assert effect(recipe, *before, change) != effect(recipe, *before)


def assert_maps_every_field(module: Any, config: type) -> None:
    """Assert that each field of a Cookbook config is set by the module, or listed as unexposed."""
    path = Path(module.__file__)
    source = path.read_text() + path.with_name("shared.py").read_text()
    for field in chz.chz_fields(config):
        mapped = f"{field}=" in source or f'"{field}": ' in source.partition("UNEXPOSED = ")[0]
        mapped = mapped or f'        "{field}": ' in source
        assert mapped != (field in module.UNEXPOSED), field
