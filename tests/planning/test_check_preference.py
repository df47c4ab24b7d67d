"""Preferences are checked across their keys: data, judge, evaluation, renderer, group."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from recipe_runner.language import load
from recipe_runner.planning.checks import check

RL = """\
version: 1
name: judged
method: rl
model: {name: Qwen/Qwen3-8B-Base}
env:
  kind: preference
  data: {kind: comparisons, path: pairs.jsonl}
  judge: {kind: shorter}
rollout: {groups_per_batch: 4, group_size: 4, max_tokens: 16}
optimizer: {learning_rate: 1e-5}
"""
DPO = """\
version: 1
name: pairs
method: dpo
model: {name: Qwen/Qwen3-8B-Base}
data: {kind: comparisons, path: pairs.jsonl}
"""
REWARD_MODEL = "env.judge={kind: reward_model, load_from: 'tinker://a/weights/b'}"
PROMPTED = "env.judge={kind: prompted, principles: [Be kind.], model: %s}"
THINKING = ["model.name=Qwen/Qwen3-8B", "env.judge=null", REWARD_MODEL]


@pytest.fixture
def found(write_recipe: Callable[..., Path], tmp_path: Path) -> Callable[..., list[str]]:
    """Return `path code` of each thing wrong with a recipe."""

    def problems(text: str, *overrides: str) -> list[str]:
        pair = {"prompt": "Hi", "chosen": "Hello", "rejected": "Go away"}
        (tmp_path / "pairs.jsonl").write_text((json.dumps(pair) + "\n") * 256)
        loaded = load(write_recipe(text), overrides=overrides)
        return [f"{each.path} {each.code}" for each in check(loaded)]

    return problems


@pytest.mark.parametrize(
    ("overrides", "wrong"),
    [
        ([], []),
        (["env.data=null"], []),
        (["env.data=null", "env.judge=null", PROMPTED % "Qwen/Qwen3-32B"], ["env missing-key"]),
        (["env.judge=null", PROMPTED % "Qwen/Qwen3-33B"], ["env.judge.model unknown-model"]),
        (["env.data.test_size=3"], ["env.data.test_size no-effect"]),
        (["env.eval_size=3"], ["env.eval_size no-effect"]),
        (["env.eval_size=3", "eval={every: 2}"], []),
        (["eval={every: 2}"], ["eval.every no-effect"]),
        (["rollout.group_size=1"], ["rollout.group_size range"]),
        (["rollout.group_size=5"], ["rollout.group_size range"]),
        (["env.judge=null", REWARD_MODEL], []),
        (THINKING, ["env.judge.renderer renderer-mismatch"]),
        ([*THINKING, "renderer=qwen3_disable_thinking"], []),
        (["env.data.path=null"], ["env.data missing-key"]),
        (["env.data.chosen={here}/pairs.jsonl"], ["env.data missing-key"]),
    ],
)
def test_preference_environments(
    found: Callable[..., list[str]], tmp_path: Path, overrides: list[str], wrong: list[str]
) -> None:
    assert found(RL, *(each.replace("{here}", str(tmp_path)) for each in overrides)) == wrong


@pytest.mark.parametrize(
    ("overrides", "wrong"),
    [
        ([], []),
        (["data=null", "data={kind: huggingface, dataset: hhh}"], []),
        (["data=null", "data={kind: huggingface, dataset: no_robots}"], ["data.dataset value"]),
        (["data=null", "data={kind: huggingface, dataset: a/b}"], ["data.dataset value"]),
        (["eval={every: 2}"], ["eval.every no-effect"]),
        (["method=sft", "train_on=all_tokens"], ["train_on no-effect"]),
        (["method=sft", "model.name=Qwen/Qwen3-8B"], ["renderer renderer-mismatch"]),
    ],
)
def test_comparisons(
    found: Callable[..., list[str]], overrides: list[str], wrong: list[str]
) -> None:
    assert found(DPO, *overrides) == wrong
