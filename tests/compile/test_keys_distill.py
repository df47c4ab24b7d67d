"""`method: distill`: no key is accepted and then read by nothing, no field is forgotten."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tinker_cookbook.distillation import train_off_policy, train_on_policy

from recipe_runner.compile import distill
from recipe_runner.language import RecipeError
from recipe_runner.planning.checks import load_and_check
from schemas.data import PromptsData
from schemas.distill import DistillRecipe
from tests.compile.keys import (
    LEARNING_RATE,
    TRAINING,
    Table,
    assert_changes,
    assert_maps_every_field,
    effect,
    entries,
    leaves,
)
from tests.conftest import CONVERSATION

ON_POLICY = """\
version: 1
name: distilled
method: distill
mode: on_policy
model: {name: Qwen/Qwen3-8B-Base}
teacher: {model: Qwen/Qwen3-8B}
data: {kind: prompts, path: prompts.jsonl}
rollout: {groups_per_batch: 4, group_size: 2, max_tokens: 16}
"""
OFF_POLICY = """\
version: 1
name: distilled
method: distill
mode: off_policy
model: {name: Qwen/Qwen3-8B-Base}
teacher: {model: Qwen/Qwen3-8B}
data: {kind: conversations, path: talks.jsonl}
"""
ONE = "{model: Qwen/Qwen3-8B, data: {kind: prompts, path: prompts.jsonl}"
TALKS = "{model: Qwen/Qwen3-8B, data: {kind: conversations, path: talks.jsonl}"


def several(one: str, first: str = "") -> str:
    """Override the teacher by two, the first of them with one more key."""
    return f"teacher=[{one}{first}}}, {one}}}]".replace("path: ", "path: {here}/")


NONE = ["data=null", "teacher=null"]

ON_KEYS: Table = {
    **TRAINING,
    **LEARNING_RATE,
    "checkpoint.rolling_every": "is refused: the Cookbook's loops have no setting for it",
    "checkpoint.ttl_days": "is refused: the loop keeps them for seven days",
    "logging.rollouts": "is refused for distill: planning/checks/training.py",
    "eval.every": ["eval={every: 4}", "data.test_size=2"],
    "mode": "is what tells the forms apart",
    "teacher.model": ["teacher.model=Qwen/Qwen3-32B"],
    "teacher.load_from": ["teacher.load_from=tinker://a/sampler_weights/b"],
    "teacher.groups_per_batch": [several(ONE, ", groups_per_batch: 3"), *NONE, several(ONE)],
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
    "kl.discount": ["kl={discount: 0.9}"],
    "kl.post_update": ["kl={post_update: true}"],
    "substeps": ["substeps=2"],
}
OFF_KEYS: Table = {
    **{key: value for key, value in TRAINING.items() if key.startswith(("model.", "checkpoint."))},
    **LEARNING_RATE,
    "checkpoint.rolling_every": "is refused: the Cookbook's loops have no setting for it",
    "renderer": TRAINING["renderer"],
    "seed": TRAINING["seed"],
    "steps": TRAINING["steps"],
    "teacher.model": ["teacher.model=Qwen/Qwen3-32B"],
    "teacher.load_from": ["teacher.load_from=tinker://a/sampler_weights/b"],
    "teacher.weight": [several(TALKS, ", weight: 2.0"), *NONE, several(TALKS)],
    "batch_size": ["batch_size=3"],
    "max_length": ["max_length=99"],
    "train_on": ["train_on=last_assistant_message"],
    "top_k": ["top_k=5"],
}
PROMPTS: Table = {
    "data.kind": "is what tells the data apart",
    "data.path": ["data.path={here}/others.jsonl"],
    "data.test_size": ["data.test_size=2"],
}


@pytest.fixture
def recipe(tmp_path: Path) -> Callable[[str], Path]:
    """Write a recipe with the data files that the tables name beside it."""

    def write(text: str) -> Path:
        for name in ("prompts", "others"):
            (tmp_path / f"{name}.jsonl").write_text('{"prompt": "1 + 2 ="}\n' * 512)
        (tmp_path / "talks.jsonl").write_text(CONVERSATION * 512)
        path = tmp_path / "recipe.yaml"
        path.write_text(text)
        return path

    return write


def test_the_tables_name_every_key() -> None:
    keys = {
        key
        for key in leaves(DistillRecipe)
        if not key.startswith(("data.", "teacher.data.", "eval.evaluators"))
    }
    assert set(ON_KEYS) | set(OFF_KEYS) == keys
    assert set(PROMPTS) == set(leaves(PromptsData, "data"))


@pytest.mark.parametrize("overrides", [*entries(ON_KEYS), *entries(PROMPTS)])
def test_every_key_of_on_policy_changes_something(
    recipe: Callable[[str], Path], overrides: list[str]
) -> None:
    assert_changes(recipe(ON_POLICY), overrides)


@pytest.mark.parametrize("overrides", entries(OFF_KEYS))
def test_every_key_of_off_policy_changes_something(
    recipe: Callable[[str], Path], overrides: list[str]
) -> None:
    assert_changes(recipe(OFF_POLICY), overrides)


def test_a_teacher_is_sampled_from(recipe: Callable[[str], Path]) -> None:
    path = recipe(OFF_POLICY)
    change = "teacher.load_from=tinker://a:train:0/weights/b"
    (dataset,) = effect(path, change)["config"]["config"]["dataset_configs"]
    teacher = dataset["teacher_config"]
    assert teacher["load_checkpoint_path"] == "tinker://a:train:0/sampler_weights/b"


@pytest.mark.parametrize("config", [train_on_policy.Config, train_off_policy.Config])
def test_every_cookbook_field_is_mapped_or_listed(config: type) -> None:
    assert_maps_every_field(distill, config)


WRONG = {
    "the other mode's key": (ON_POLICY + "batch_size: 8\n", "batch_size", "no-effect"),
    "the other mode's section": (
        OFF_POLICY + "rollout: {groups_per_batch: 4, group_size: 2, max_tokens: 16}\n",
        "rollout",
        "no-effect",
    ),
    "no rollout": (
        "".join(line for line in ON_POLICY.splitlines(True) if "rollout" not in line),
        "rollout",
        "missing-key",
    ),
    "no data": (
        "".join(line for line in OFF_POLICY.splitlines(True) if "data:" not in line),
        "data",
        "missing-key",
    ),
    "data of one and of several": (
        ON_POLICY.replace("{model: Qwen/Qwen3-8B}", f"[{ONE}}}]"),
        "data",
        "no-effect",
    ),
    "conversations to sample from": (
        ON_POLICY.replace("kind: prompts", "kind: conversations"),
        "data.kind",
        "value",
    ),
    "prompts without replies": (
        OFF_POLICY.replace("kind: conversations", "kind: prompts"),
        "data.kind",
        "value",
    ),
    "a teacher's prompts of the wrong kind": (
        OFF_POLICY.replace("{model: Qwen/Qwen3-8B}", f"[{TALKS}}}, {ONE}}}]").replace(
            "data: {kind: conversations, path: talks.jsonl}\n", "", 1
        ),
        "teacher.1.data.kind",
        "value",
    ),
    "a test set that nothing reads": (
        OFF_POLICY.replace("talks.jsonl", "talks.jsonl, test_size: 2"),
        "data.test_size",
        "no-effect",
    ),
    "more teachers than conversations": (
        OFF_POLICY.replace("{model: Qwen/Qwen3-8B}", f"[{TALKS}}}, {TALKS}}}]").replace(
            "data: {kind: conversations, path: talks.jsonl}\n", "batch_size: 1\n", 1
        ),
        "batch_size",
        "range",
    ),
    "rolling checkpoints": (
        OFF_POLICY + "checkpoint: {rolling_every: 2}\n",
        "checkpoint.rolling_every",
        "no-effect",
    ),
}


@pytest.mark.parametrize(("text", "path", "code"), WRONG.values(), ids=WRONG)
def test_what_is_refused(recipe: Callable[[str], Path], text: str, path: str, code: str) -> None:
    with pytest.raises(RecipeError) as error:
        load_and_check(recipe(text))
    found = [each for each in error.value.diagnostics if each.severity == "error"]
    assert [(each.path, each.code) for each in found] == [(path, code)]


def test_a_teacher_of_another_maker_is_worth_a_warning(recipe: Callable[[str], Path]) -> None:
    text = ON_POLICY.replace("{model: Qwen/Qwen3-8B}", "{model: meta-llama/Llama-3.1-8B-Instruct}")
    _, found = load_and_check(recipe(text))
    assert ("teacher.model", "tokenizer-mismatch", "warning") in {
        (each.path, each.code, each.severity) for each in found
    }
