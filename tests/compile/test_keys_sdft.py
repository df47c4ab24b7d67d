"""`method: sdft`: no key is accepted and then read by nothing, no Cookbook field is forgotten."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tinker_cookbook.distillation.sdft import Config

from recipe_runner.compile import sdft
from recipe_runner.language import RecipeError
from recipe_runner.planning.checks import load_and_check
from schemas.data import PromptsData
from schemas.sdft import SdftRecipe
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

RECIPE = """\
version: 1
name: shown
method: sdft
model: {name: Qwen/Qwen3-8B-Base}
data: {kind: prompts, path: questions.jsonl}
rollout: {groups_per_batch: 4, group_size: 2, max_tokens: 16}
"""
SCIENCE = ["data=null", "data={kind: huggingface, dataset: sciknoweval}"]
KEYS: Table = {
    **TRAINING,
    **LEARNING_RATE,
    "checkpoint.rolling_every": "is refused: the Cookbook's loop has no setting for it",
    "checkpoint.ttl_days": "is refused: the loop keeps them for seven days",
    "logging.rollouts": "is refused for sdft: planning/checks/training.py",
    "eval.every": ["eval={every: 4}", "data.test_size=2"],
    "top_k": ["top_k=0"],
    "reverse": ["reverse=true"],
    "teacher_sync_every": ["teacher_sync_every=5"],
    "teacher_prompt": ["teacher_prompt='{{ question }} Hint: {{ answer }}'"],
    "system_prompt": ["system_prompt=Be brief."],
    "max_length": ["max_length=99"],
    "substeps": ["substeps=2"],
    "rollout.groups_per_batch": ["rollout.groups_per_batch=5"],
    "rollout.group_size": ["rollout.group_size=3"],
    "rollout.max_tokens": ["rollout.max_tokens=17"],
    "rollout.temperature": ["rollout.temperature=0.5"],
}
DATA: Table = {
    "data.path": ["data.path={here}/others.jsonl"],
    "data.test_size": ["data.test_size=2"],
    "data.config": ["data.config=Biology", *SCIENCE],
    "data.dataset": ["data.dataset=toolalpaca", *SCIENCE],
}


@pytest.fixture
def recipe(tmp_path: Path) -> Callable[[str], Path]:
    """Write a recipe with the data files that the tables name beside it."""

    def write(text: str = RECIPE) -> Path:
        for name in ("questions", "others"):
            (tmp_path / f"{name}.jsonl").write_text('{"prompt": "1 + 2 =", "answer": "3"}\n' * 4)
        path = tmp_path / "recipe.yaml"
        path.write_text(text)
        return path

    return write


def test_the_tables_name_every_key() -> None:
    keys = {k for k in leaves(SdftRecipe) if not k.startswith(("data.", "eval.evaluators"))}
    assert set(KEYS) == keys
    assert set(leaves(PromptsData, "data")) - {"data.kind"} <= set(DATA)


@pytest.mark.parametrize("overrides", [*entries(KEYS), *entries(DATA)])
def test_every_key_changes_something(recipe: Callable[..., Path], overrides: list[str]) -> None:
    assert_changes(recipe(), overrides)


def test_every_cookbook_field_is_mapped_or_listed() -> None:
    assert_maps_every_field(sdft, Config)


def test_the_teachers_prompt_in_the_cookbooks_form(recipe: Callable[..., Path]) -> None:
    change = "teacher_prompt='{{question}} {kept} {{ answer }}'"
    template = effect(recipe(), change)["config"]["config"]["sdft"]["demo_template"]
    filled = template.format(question="1 + 2 = {x}?", golden_answer="3")
    assert filled == "1 + 2 = {x}? {kept} 3"


WRONG = {
    "reverse KL over no tokens": ("top_k: 0\nreverse: true\n", "reverse", "value"),
    "a teacher without the answer": (
        "teacher_prompt: 'Think: {{ question }}'\n",
        "teacher_prompt",
        "value",
    ),
    "a lifetime that the loop cannot set": (
        "checkpoint: {ttl_days: 3.0}\n",
        "checkpoint.ttl_days",
        "no-effect",
    ),
    "an evaluation of nothing": ("eval: {every: 3}\n", "eval.every", "no-effect"),
}


@pytest.mark.parametrize(("text", "path", "code"), WRONG.values(), ids=WRONG)
def test_what_is_refused(recipe: Callable[..., Path], text: str, path: str, code: str) -> None:
    with pytest.raises(RecipeError) as error:
        load_and_check(recipe(RECIPE + text))
    found = [each for each in error.value.diagnostics if each.severity == "error"]
    assert [(each.path, each.code) for each in found] == [(path, code)]
