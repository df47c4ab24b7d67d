"""`method: generate`: no key is accepted and then read by nothing, no field is forgotten."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from recipe_runner.compile import compile_plan, generate
from recipe_runner.language import RecipeError
from recipe_runner.loops.generate import Config
from recipe_runner.planning.checks import load_and_check
from recipe_runner.planning.plan import Served
from recipe_runner.planning.resolve import make_plan
from recipe_runner.runs.training import unstarted_target
from schemas.data import CustomData, PromptsData
from schemas.generate import GenerateRecipe
from tests.compile.keys import (
    COMMON,
    MODEL,
    Table,
    assert_changes,
    assert_maps_every_field,
    effect,
    entries,
    leaves,
)

RECIPE = """\
version: 1
name: asked
method: generate
model: {name: Qwen/Qwen3-8B-Base}
data: {kind: prompts, path: questions.jsonl}
sampling: {max_tokens: 16}
"""
HUB = ["data=null", "data={kind: huggingface, dataset: a/b}"]
CUSTOM = ["data=null", "data={kind: custom, builder: 'some.module:prompts'}"]
KEYS: Table = {
    **COMMON,
    **MODEL,
    "model.lora_rank": "is refused: nothing is trained",
    "logging.rollouts": "is refused: all replies are kept",
    "logging.trace": "is refused: there is none",
    "system_prompt": ["system_prompt=Be brief."],
    "prompt": ["prompt='What is {{ prompt }}?'"],
    "extract": ["extract='(a+)'"],
    "num_prompts": ["num_prompts=3"],
    "samples_per_prompt": ["samples_per_prompt=3"],
    "sampling.max_tokens": ["sampling.max_tokens=17"],
    "sampling.temperature": ["sampling.temperature=0"],
    "sampling.top_p": ["sampling.top_p=0.5"],
    "sampling.top_k": ["sampling.top_k=5"],
    "output": ["output=others.jsonl"],
}
DATA: Table = {
    "data.path": ["data.path={here}/others.jsonl"],
    "data.dataset": ["data.dataset=c/d", *HUB],
    "data.config": ["data.config=c", *HUB],
    "data.split": ["data.split=test", *HUB],
    "data.messages_column": ["data.messages_column=question", *HUB],
    "data.builder": ["data.builder=other:prompts", *CUSTOM],
    "data.kwargs": ["data.kwargs={n: 3}", *CUSTOM],
}
SERVED = Served(kind="hosted", note="")


@pytest.fixture
def recipe(write_recipe: Callable[..., Path], tmp_path: Path) -> Path:
    for name in ("questions", "others"):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps({"prompt": name}) + "\n")
    return write_recipe(RECIPE)


def test_the_table_names_every_key() -> None:
    assert set(KEYS) == {key for key in leaves(GenerateRecipe) if not key.startswith("data.")}
    assert {"data.kind", "data.test_size", *DATA} >= set(leaves(PromptsData, "data"))
    assert {"data.kind", *DATA} >= set(leaves(CustomData, "data"))


@pytest.mark.parametrize("overrides", [*entries(KEYS), *entries(DATA)])
def test_every_key_changes_something(recipe: Path, overrides: list[str]) -> None:
    assert_changes(recipe, overrides)


def test_every_field_is_mapped_or_listed() -> None:
    assert_maps_every_field(generate, Config)


def test_a_stand_in_keeps_what_does_not_match(recipe: Path) -> None:
    assert effect(recipe)["config"]["config"]["keep_unmatched"] is False
    loaded, _ = load_and_check(recipe)
    plan = make_plan(loaded, Served(kind="stand-in", note=""))
    assert compile_plan(plan, unstarted_target(plan)).config.keep_unmatched is True


@pytest.mark.parametrize(
    ("override", "code", "path"),
    [
        ("model.lora_rank=8", "no-effect", "model.lora_rank"),
        ("logging.rollouts=1", "no-effect", "logging.rollouts"),
        ("logging.trace=true", "no-effect", "logging.trace"),
        ("data.test_size=1", "no-effect", "data.test_size"),
        ("data={kind: conversations, path: talks.jsonl}", "value", "data.kind"),
        ("data={kind: huggingface, dataset: hhh}", "value", "data.dataset"),
        ("extract='(a'", "pattern", "extract"),
        ("extract='a'", "pattern", "extract"),
        ("prompt='What?'", "template", "prompt"),
        ("prompt='{{ prompt }} {{ more }}'", "template", "prompt"),
        ("prompt='{{ prompt.upper() }}'", "template", "prompt"),
        ("output=../here.jsonl", "pattern", "output"),
    ],
)
def test_what_is_refused(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, override: str, code: str, path: str
) -> None:
    monkeypatch.chdir(recipe.parent)
    with pytest.raises(RecipeError) as refused:
        load_and_check(recipe, overrides=[override])
    assert [(d.code, d.path) for d in refused.value.diagnostics] == [(code, path)]
