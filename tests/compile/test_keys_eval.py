"""`method: eval` and `eval.evaluators`: no key is accepted and then read by nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import chz
import pytest

from recipe_runner.compile import evaluate
from recipe_runner.loops.evaluate import Config
from recipe_runner.loops.evaluators.benchmarks import BenchmarkBuilder
from schemas.evaluate import EvalRecipe
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
from tests.conftest import RL_RECIPE, SFT_RECIPE

RECIPE = """\
version: 1
name: measured
method: eval
model: {name: Qwen/Qwen3-8B-Base}
evaluators: [{kind: benchmark, name: gsm8k}]
"""


def inspect(**keys: object) -> str:
    return _one(kind="inspect", **{"tasks": ["inspect_evals/gsm8k"], **keys})


def benchmark(**keys: object) -> str:
    return _one(kind="benchmark", **{"name": "gsm8k", **keys})


def judged(**keys: object) -> str:
    return benchmark(name="arena_hard", judge={"model": "Qwen/Qwen3-32B", **keys})


def custom(**keys: object) -> str:
    return _one(kind="custom", **{"builder": "a.b:C", **keys})


def _one(**evaluator: object) -> str:
    return "evaluators=" + json.dumps([evaluator])


REFUSED = "is refused, tests/planning/test_check_evaluators.py"
KEYS: Table = {
    **COMMON,
    **MODEL,
    "model.lora_rank": REFUSED,
    "logging.trace": REFUSED,
    "logging.rollouts": REFUSED,
    "evaluators.kind": "is what tells the evaluators apart",
    "evaluators.tasks": [inspect(tasks=["inspect_evals/mmlu_0_shot"]), inspect()],
    "evaluators.file": [inspect(file="{here}/talks.jsonl", tasks=["a"]), inspect()],
    "evaluators.limit": [inspect(limit=3), inspect()],
    "evaluators.top_p": [inspect(top_p=0.9), inspect()],
    "evaluators.top_k": [inspect(top_k=4), inspect()],
    "evaluators.choices": [inspect(choices=2), inspect()],
    "evaluators.include_reasoning": [inspect(include_reasoning=True), inspect()],
    "evaluators.seed": [inspect(seed=0), inspect()],
    "evaluators.max_connections": [inspect(max_connections=2), inspect()],
    "evaluators.name": [benchmark(name="aime")],
    "evaluators.max_examples": [benchmark(max_examples=3)],
    "evaluators.samples_per_example": [benchmark(samples_per_example=2)],
    "evaluators.max_tokens": [benchmark(max_tokens=5)],
    "evaluators.temperature": [benchmark(temperature=0.1)],
    "evaluators.system_prompt": [benchmark(system_prompt="be brief")],
    "evaluators.timeout_s": [benchmark(timeout_s=5)],
    "evaluators.judge.model": [judged(model="Qwen/Qwen3-8B"), judged()],
    "evaluators.judge.load_from": [judged(load_from="tinker://a/sampler_weights/b"), judged()],
    "evaluators.judge.renderer": [judged(renderer="qwen3_disable_thinking"), judged()],
    "evaluators.builder": [custom(builder="a.b:D"), custom()],
    "evaluators.kwargs": [custom(kwargs={"x": 1}), custom()],
}
# Keys that two kinds have, in the other one.
ALSO: Table = {
    "inspect max_tokens": [inspect(max_tokens=5), inspect()],
    "inspect temperature": [inspect(temperature=0.1), inspect()],
}


def test_the_table_names_every_key() -> None:
    assert set(KEYS) == set(leaves(EvalRecipe))


@pytest.mark.parametrize("overrides", [*entries(KEYS), *entries(ALSO)])
def test_every_key_changes_something(
    write_recipe: Callable[..., Path], overrides: list[str]
) -> None:
    assert_changes(write_recipe(RECIPE), overrides)


def test_every_field_of_the_loop_is_mapped() -> None:
    assert_maps_every_field(evaluate, Config)


@pytest.mark.parametrize("base", [RL_RECIPE, SFT_RECIPE], ids=["rl", "sft"])
def test_training_loops_get_the_evaluators_of_the_recipe(
    write_recipe: Callable[..., Path], base: str
) -> None:
    (one,) = json.loads(benchmark(max_examples=3).partition("=")[2])
    config = effect(
        write_recipe(base),
        "eval.every=2",
        f"eval.evaluators={json.dumps([one, {'kind': 'custom', 'builder': 'a.b:C'}])}",
    )["config"]["config"]
    builders = config["evaluator_builders"]
    assert [builder["class"].rpartition(":")[2] for builder in builders] == [
        "BenchmarkBuilder",
        "CustomBuilder",
    ]
    assert builders[0]["max_examples"] == 3
    assert builders[0]["model_name"] == "Qwen/Qwen3-8B-Base"
    assert config["eval_every"] == 2


def test_a_benchmark_has_every_setting_of_the_cookbook_or_a_reason() -> None:
    from dataclasses import fields

    from tinker_cookbook.eval.benchmarks import BenchmarkConfig

    left_out = {
        "concurrency": "the Cookbook's: 64 requests at once",
        "agent_concurrency": "the Cookbook's: 8 episodes at once",
        "max_trajectory_tokens": "only for benchmarks in a sandbox; the context length bounds them",
        "max_generation_tokens": "goes with max_trajectory_tokens",
        "judge_sampling_client": "made of `judge`",
        "judge_renderer": "made of `judge`",
        "sandbox_factory": "the Cookbook's own, on Modal",
        "grade_fn": "a custom evaluator grades as it likes",
    }
    ours = set(chz.chz_fields(BenchmarkBuilder))
    assert {field.name for field in fields(BenchmarkConfig)} - ours == set(left_out)
