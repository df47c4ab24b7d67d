"""rlhf.yaml, stage by stage, against `tinker_cookbook.recipes.preference.rlhf.rlhf_pipeline`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from recipe_runner.compile import Job, Target, compile_plan
from recipe_runner.language import load
from recipe_runner.planning.plan import Plan, Served
from recipe_runner.planning.resolve import make_plan
from tests.compile.originals.originals import ROOT, assert_equal_but_for, original_config

STAGES = ("sft", "rm", "rl")
LOOPS = {
    "sft": "tinker_cookbook.supervised.train:main",
    "rm": "tinker_cookbook.supervised.train:main",
    "rl": "tinker_cookbook.rl.train:main",
}
# What the stages before leave, as the original finds it in its directory.
LEFT = {
    "sft": {"state_path": "tinker://a/weights/sft", "sampler_path": "tinker://a/sampler_weights/s"},
    "rm": {"state_path": "tinker://a/weights/rm", "sampler_path": "tinker://a/sampler_weights/rm"},
}
DIFFERENCES: dict[str, dict[str, str]] = {
    "sft": {},
    "rm": {
        "dataset_builder.common_config.train_on_what": "comparisons train on their verdict alone, "
        "whatever it says",
    },
    "rl": {
        "dataset_builder.class": "asks for a group's verdicts at once, and counts ties",
        "evaluator_builders": "the same evaluator, which the original makes in a local function",
    },
}


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(load(ROOT / "recipes/rlhf.yaml"), Served(kind="hosted", note=""))


def stage(plan: Plan, name: str) -> Job:
    """Return what a stage compiles to, after the stages before it."""
    target = Target(
        log_path=Path("runs/here"),
        checkpoints={f"stage:{each}@final": paths["state_path"] for each, paths in LEFT.items()},
        samplers={f"stage:{each}@final": paths["sampler_path"] for each, paths in LEFT.items()},
    )
    return compile_plan(plan.stages[name], target)


def original(monkeypatch: pytest.MonkeyPatch, runs: Path, name: str, *arguments: str) -> Any:
    """Return the configuration that the original's pipeline gives to the loop of one stage."""
    monkeypatch.setenv("TINKER_COOKBOOK_RUNS_DIR", str(runs))
    for each, paths in LEFT.items():
        record = runs / "rlhf-qwen3_5_9b_base" / each / "checkpoints.jsonl"
        record.parent.mkdir(parents=True)
        record.write_text(json.dumps({"name": "final", **paths}) + "\n")
    chosen = [f"run_{each}={each == name}" for each in STAGES]
    module = "tinker_cookbook.recipes.preference.rlhf.rlhf_pipeline"
    return original_config(monkeypatch, module, *chosen, *arguments, loop=LOOPS[name])


@pytest.mark.parametrize("name", STAGES)
def test_rlhf(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, plan: Plan, name: str) -> None:
    theirs = original(monkeypatch, tmp_path, name)
    assert_equal_but_for(stage(plan, name), theirs, DIFFERENCES[name])


def test_the_win_rate_is_measured_as_the_original_does(plan: Plan) -> None:
    (win_rate,) = stage(plan, "rl").config.evaluator_builders
    assert win_rate.comparison_builder.test_size == 256
    assert win_rate.max_tokens == 1024
    assert win_rate.preference_model_builder.rm_weights_path == LEFT["rm"]["sampler_path"]
