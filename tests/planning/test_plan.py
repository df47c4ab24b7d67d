"""The plan: what is resolved, what its hash covers, what it remembers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from recipe_runner.language import RecipeError, load
from recipe_runner.planning.plan import Plan, Served
from recipe_runner.planning.resolve import make_plan
from tests.conftest import RL_RECIPE, SFT_RECIPE

HOSTED = Served(kind="hosted", note="hosted")


@pytest.fixture
def plan_of(write_recipe: Callable[..., Path]) -> Callable[..., Plan]:
    def plan(*overrides: str, text: str = RL_RECIPE, served: Served = HOSTED) -> Plan:
        return make_plan(load(write_recipe(text), overrides=overrides), served)

    return plan


def test_auto_renderer_is_the_recommended_one(plan_of: Callable[..., Plan]) -> None:
    assert plan_of().renderer == "role_colon"
    assert plan_of("model.name=Qwen/Qwen3-8B").renderer == "qwen3"


def test_auto_learning_rate_is_the_cookbooks(plan_of: Callable[..., Plan]) -> None:
    from tinker_cookbook.hyperparam_utils import get_lr

    auto = plan_of("optimizer.learning_rate=auto").learning_rate
    assert auto.value == get_lr("Qwen/Qwen3-8B-Base")
    assert "get_lr" in auto.source
    half = plan_of("optimizer.learning_rate={auto: 0.5}").learning_rate
    assert half.value == auto.value / 2


@pytest.mark.parametrize(
    "override",
    [
        "seed=1",
        "steps=4",
        "model.lora_rank=8",
        "optimizer.learning_rate=2e-3",
        "env.kwargs.max_terms=3",
        "rollout.temperature=0.5",
        "loss=ppo",
        "backend=local",
        "substeps=2",
    ],
)
def test_hash_changes_with_what_changes_the_result(
    plan_of: Callable[..., Plan], override: str
) -> None:
    assert plan_of(override).hash != plan_of().hash


@pytest.mark.parametrize(
    "override",
    [
        "description=other words",
        "tags=[a]",
        "checkpoint.every=5",
        "logging.dir=elsewhere",
        "logging.rollouts=0",
        "env.eval={every: 2, size: 2}",
        "optimizer.learning_rate=0.001",
        "renderer=role_colon",
    ],
)
def test_hash_stays_with_what_does_not(plan_of: Callable[..., Plan], override: str) -> None:
    assert plan_of(override).hash == plan_of().hash


def test_hash_follows_the_data_not_its_path(tmp_path: Path, plan_of: Callable[..., Plan]) -> None:
    before = plan_of(text=SFT_RECIPE).hash
    (tmp_path / "copy.jsonl").write_bytes((tmp_path / "talks.jsonl").read_bytes())
    moved = plan_of(f"data.path={tmp_path / 'copy.jsonl'}", text=SFT_RECIPE)
    assert moved.hash == before
    (tmp_path / "copy.jsonl").write_text('{"messages": []}\n' * 8)
    assert plan_of(f"data.path={tmp_path / 'copy.jsonl'}", text=SFT_RECIPE).hash != before


def test_plan_survives_json(plan_of: Callable[..., Plan]) -> None:
    for plan in (plan_of(), plan_of("loss={name: ppo}"), plan_of(text=SFT_RECIPE)):
        assert Plan.from_json(plan.to_json()) == plan
        assert Plan.from_json(plan.to_json()).hash == plan.hash


def test_a_stand_in_is_noted(plan_of: Callable[..., Plan]) -> None:
    served = Served(kind="stand-in", note="stand-in: something else under that name")
    assert served.note in plan_of(served=served).notes
    assert plan_of(served=served).hash != plan_of().hash


def test_wrong_recipes_have_no_plan(plan_of: Callable[..., Plan]) -> None:
    with pytest.raises(RecipeError) as caught:
        plan_of("model.name=Qwen/Qwen3-8B-Bas", "renderer=llama")
    assert {found.code for found in caught.value.diagnostics} == {
        "unknown-model",
        "unknown-renderer",
    }
