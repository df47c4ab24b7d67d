"""Evaluators are checked against shipped facts, with the place and the nearest names."""

from __future__ import annotations

from pathlib import Path

import pytest

from recipe_runner.language import Diagnostic, load
from recipe_runner.planning.checks import check

EVAL = """\
version: 1
name: measured
method: eval
model: {{name: Qwen/Qwen3-8B-Base{model}}}
evaluators:
  - {{{evaluator}}}
{rest}
"""
TRAINING = """\
version: 1
name: trained
method: rl
model: {name: Qwen/Qwen3-8B-Base}
env: {kind: math, dataset: gsm8k}
rollout: {groups_per_batch: 4, group_size: 2, max_tokens: 16}
"""
GSM8K = "kind: benchmark, name: gsm8k"


def found(path: Path, text: str) -> list[Diagnostic]:
    path.write_text(text)
    return check(load(path))


@pytest.mark.parametrize(
    ("evaluator", "code", "place", "hint"),
    [
        ("kind: benchmark, name: gsm8", "unknown-benchmark", "name", "gsm8k"),
        ("kind: benchmark, name: zzzzz", "unknown-benchmark", "name", "one of aime"),
        ("kind: benchmark, name: arena_hard", "missing-key", "name", "judge"),
        (f"{GSM8K}, judge: {{model: Qwen/Qwen3-32B}}", "no-effect", "judge", "remove"),
        (
            "kind: benchmark, name: arena_hard, judge: {model: Qwen/Qwen3-8}",
            "unknown-model",
            "judge.model",
            "Qwen/Qwen3-8B",
        ),
        ("kind: inspect, tasks: [ifeval]", "unknown-task", "tasks.0", "inspect_evals/ifeval"),
        (
            "kind: inspect, tasks: [inspect_evals/gsm8k, inspect_evals/ifevl]",
            "unknown-task",
            "tasks.1",
            "inspect_evals/ifeval",
        ),
        ("kind: inspect, tasks: [a.py@b]", "value", "tasks.0", "file: a.py"),
        *(
            (f"kind: inspect, tasks: ['{path}']", "value", "tasks.0", "file: FILE.py")
            for path in ("../others", "/home/me/others", "~/others", "./others", "others/..", "a/*")
        ),
    ],
)
def test_a_wrong_evaluator_is_found(
    tmp_path: Path, evaluator: str, code: str, place: str, hint: str
) -> None:
    text = EVAL.format(model="", evaluator=evaluator, rest="")
    (diagnostic,) = found(tmp_path / "r.yaml", text)
    assert (diagnostic.code, diagnostic.path) == (code, f"evaluators.0.{place}")
    assert hint in str(diagnostic.hint)
    assert diagnostic.line == 6


@pytest.mark.parametrize(
    "evaluator", [GSM8K, "kind: inspect, tasks: [other_package/task]", "kind: custom, builder: a:b"]
)
def test_a_right_evaluator_is_left_alone(tmp_path: Path, evaluator: str) -> None:
    assert found(tmp_path / "r.yaml", EVAL.format(model="", evaluator=evaluator, rest="")) == []


@pytest.mark.parametrize(
    ("model", "rest", "path"),
    [
        (", lora_rank: 8", "", "model.lora_rank"),
        ("", "logging: {trace: true}", "logging.trace"),
        ("", "logging: {rollouts: 2}", "logging.rollouts"),
    ],
)
def test_keys_of_training_have_no_effect(tmp_path: Path, model: str, rest: str, path: str) -> None:
    text = EVAL.format(model=model, evaluator=GSM8K, rest=rest)
    assert [(d.code, d.path) for d in found(tmp_path / "r.yaml", text)] == [("no-effect", path)]


def test_two_evaluators_of_one_name_would_share_their_metrics(tmp_path: Path) -> None:
    one = f"{{{GSM8K}}}"
    text = f"{TRAINING}eval: {{every: 2, evaluators: [{one}, {one}]}}\n"
    (diagnostic,) = found(tmp_path / "r.yaml", text)
    assert (diagnostic.code, diagnostic.path) == ("value", "eval.evaluators.1.name")


def test_evaluation_has_one_cadence(tmp_path: Path) -> None:
    gem = 'env: {kind: gem, id: "rg:chain_sum", eval: {every: 3, size: 2}}\nsteps: 4'
    text = TRAINING.replace("env: {kind: math, dataset: gsm8k}", gem)
    (diagnostic,) = found(tmp_path / "r.yaml", f"{text}eval: {{every: 2}}\n")
    assert (diagnostic.code, diagnostic.path) == ("value", "eval.every")
