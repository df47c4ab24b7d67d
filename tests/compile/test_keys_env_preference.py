"""`env.kind: preference`: no key is accepted and then read by nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.env import CustomJudge, PreferenceEnv, PromptedJudge, RewardModelJudge, ShorterJudge
from tests.compile.keys import Table, assert_changes, entries, leaves

RECIPE = """\
version: 1
name: judged
method: rl
model: {name: Qwen/Qwen3-8B-Base}
env:
  kind: preference
  data: {kind: comparisons, path: pairs.jsonl}
  judge: {kind: shorter}
rollout: {groups_per_batch: 4, group_size: 2, max_tokens: 16}
optimizer: {learning_rate: 1e-3}
steps: 3
eval: {every: 2}
"""
PAIR = {"prompt": "What is 1 + 2?", "chosen": "It is 3.", "rejected": "No."}


def judged_by(judge: str) -> list[str]:
    """Return the overrides that put another judge in place."""
    return ["env.eval_size=2", "env.judge=null", f"env.judge={judge}"]


PROMPTED = judged_by("{kind: prompted, model: Qwen/Qwen3-32B, principles: [Be kind.]}")
REWARD_MODEL = judged_by("{kind: reward_model, load_from: 'tinker://a/weights/b'}")
CUSTOM = judged_by("{kind: custom, builder: 'a.b:C'}")

ENV: Table = {
    "env.kind": "is what tells the environments apart",
    "env.data": ["env.data.path={here}/others.jsonl", "env.eval_size=2"],
    "env.judge": "the tables of the judges",
    "env.matches": ["env.matches=one_way", "env.eval_size=2"],
    "env.eval_size": ["env.eval_size=3", "env.eval_size=2"],
}
JUDGES: Table = {
    "env.judge.kind": "is what tells the judges apart",
    "env.judge.model": ["env.judge.model=Qwen/Qwen3-8B", *PROMPTED],
    "env.judge.load_from": ["env.judge.load_from=tinker://a/weights/b", *PROMPTED],
    "env.judge.renderer": ["env.judge.renderer=qwen3_disable_thinking", *PROMPTED],
    "env.judge.principles": ["env.judge.principles=[Be brief.]", *PROMPTED],
    "env.judge.max_tokens": ["env.judge.max_tokens=9", *PROMPTED],
    "env.judge.temperature": ["env.judge.temperature=0.5", *PROMPTED],
}
REWARD: Table = {
    "env.judge.model": [
        "env.judge={model: Qwen/Qwen3-32B, renderer: qwen3_disable_thinking}",
        *REWARD_MODEL,
    ],
    "env.judge.load_from": ["env.judge.load_from=tinker://c/weights/d", *REWARD_MODEL],
    "env.judge.renderer": [
        "env.judge.renderer=llama3",
        *REWARD_MODEL,
        "model.name=recipe-run/tiny",
        "backend=local",
    ],
}
USERS: Table = {
    "env.judge.builder": ["env.judge.builder=a.b:D", *CUSTOM],
    "env.judge.kwargs": ["env.judge.kwargs={size: 2}", *CUSTOM],
}


@pytest.fixture
def recipe(write_recipe: Callable[..., Path], tmp_path: Path) -> Path:
    for name in ("pairs.jsonl", "others.jsonl"):
        (tmp_path / name).write_text(json.dumps(PAIR) + "\n")
    return write_recipe(RECIPE)


def test_the_tables_name_every_key() -> None:
    of_env = {key.split(".")[1] for key in leaves(PreferenceEnv, "env")}
    assert {key.split(".")[1] for key in ENV} == of_env
    assert set(JUDGES) == set(leaves(PromptedJudge, "env.judge"))
    assert set(REWARD) == set(leaves(RewardModelJudge, "env.judge")) - {"env.judge.kind"}
    assert set(USERS) == set(leaves(CustomJudge, "env.judge")) - {"env.judge.kind"}
    assert set(leaves(ShorterJudge, "env.judge")) == {"env.judge.kind"}


@pytest.mark.parametrize(
    "overrides", [*entries(ENV), *entries(JUDGES), *entries(REWARD), *entries(USERS)]
)
def test_every_key_changes_something(recipe: Path, overrides: list[str]) -> None:
    assert_changes(recipe, overrides)
