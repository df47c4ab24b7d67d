"""Preference learning on the shipped model: it learns, and a killed DPO run keeps its reference."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.command import Result, Start
from tests.e2e.conftest import only_run, rows, wait_for

DPO = """\
version: 1
name: pairs
method: dpo
backend: local
model: {name: recipe-run/tiny, lora_rank: 8}
data: {kind: comparisons, path: pairs.jsonl, test_size: 8}
batch_size: 8
epochs: 3
optimizer: {learning_rate: 3e-4, schedule: constant}
eval: {every: 4}
checkpoint: {every: 2}
"""
SHORTER = """\
version: 1
name: shorter
method: rl
backend: local
model: {name: recipe-run/tiny}
env: {kind: preference, judge: {kind: shorter}}
rollout: {groups_per_batch: 4, group_size: 8, max_tokens: 24}
optimizer: {learning_rate: 1e-3}
steps: 5
"""
REWARD_MODEL = """\
version: 1
name: judge
method: sft
backend: local
model: {name: recipe-run/tiny}
data: {kind: comparisons, path: pairs.jsonl}
batch_size: 16
max_length: 512
epochs: 4
optimizer: {learning_rate: 1e-3, schedule: constant}
"""
AGAINST_IT = """\
version: 1
name: judged
method: rl
backend: local
model: {name: recipe-run/tiny}
env:
  kind: preference
  data: {kind: comparisons, path: pairs.jsonl}
  judge: {kind: reward_model, load_from: "run:judge@final"}
  eval_size: 4
rollout: {groups_per_batch: 2, group_size: 4, max_tokens: 16}
optimizer: {learning_rate: 1e-4}
steps: 2
eval: {every: 1}
"""


@pytest.fixture
def write(write_recipe: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """Write a recipe, with forty comparisons beside it."""
    pairs = [
        {"prompt": f"What is {a} + {b}?", "chosen": f"It is {a + b}.", "rejected": "I do not know."}
        for a in range(3, 11)
        for b in range(11, 16)
    ]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    return write_recipe


def without_times(row: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in row.items() if not k.startswith(("time/", "batch_time", "state_path"))}


def test_dpo_learns_and_a_kill_changes_nothing(
    write: Callable[..., Path], recipe_run: Callable[..., Result], start: Start, tmp_path: Path
) -> None:
    recipe = write(DPO)
    done = recipe_run(recipe, "--set", "logging.dir=undisturbed")
    assert done.returncode == 0, done.stderr
    undisturbed = rows(next(tmp_path.glob("undisturbed/pairs/*")) / "metrics.jsonl")
    assert undisturbed[0]["dpo_loss"] == pytest.approx(0.693, abs=1e-3), "policy is the reference"
    assert undisturbed[-1]["test/margin"] > undisturbed[0]["test/margin"] + 0.2
    assert undisturbed[-1]["test/accuracy"] >= 0.9

    victim = start(recipe)
    run = wait_for(lambda: next(iter(tmp_path.glob("runs/pairs/*")), None))
    wait_for(lambda: len(rows(run / "metrics.jsonl")) >= 7)
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    done = recipe_run(recipe)
    assert done.returncode == 0, done.stderr
    assert "resuming the unfinished run of this plan after step" in done.stdout
    resumed = rows(only_run(tmp_path, "pairs") / "metrics.jsonl")
    assert [row["step"] for row in resumed] == list(range(12))
    for ours, theirs in zip(resumed, undisturbed, strict=True):
        assert without_times(ours) == pytest.approx(without_times(theirs), abs=1e-3)


def test_replies_get_shorter_against_the_judge_that_likes_them_short(
    write: Callable[..., Path], recipe_run: Callable[..., Result], tmp_path: Path
) -> None:
    done = recipe_run(write(SHORTER))
    assert done.returncode == 0, done.stderr
    metrics = rows(only_run(tmp_path, "shorter") / "metrics.jsonl")
    tokens = [row["env/all/ac_tokens_per_turn"] for row in metrics]
    assert tokens[-1] < 0.6 * tokens[0]
    assert metrics[0]["env/all/judge_unreadable"] == 0


def test_a_reward_model_learns_and_judges(
    write: Callable[..., Path], recipe_run: Callable[..., Result], tmp_path: Path
) -> None:
    done = recipe_run(write(REWARD_MODEL))
    assert done.returncode == 0, done.stderr
    losses = [row["train_mean_nll"] for row in rows(only_run(tmp_path, "judge") / "metrics.jsonl")]
    assert losses[-1] < 0.7 * losses[0]

    done = recipe_run(write(AGAINST_IT, "judged.yaml"))
    assert done.returncode == 0, done.stderr
    metrics = rows(only_run(tmp_path, "judged") / "metrics.jsonl")
    assert len(metrics) == 2
    assert 0 <= metrics[0]["test/win_rate"] <= 1


def test_a_wrong_line_is_named_without_a_traceback(
    write: Callable[..., Path], recipe_run: Callable[..., Result], tmp_path: Path
) -> None:
    recipe = write(DPO)
    with (tmp_path / "pairs.jsonl").open("a") as pairs:
        pairs.write('{"prompt": "What is 1 + 1?", "chosen": "2"}\n')
    done = recipe_run(recipe)
    assert done.returncode == 3
    assert (
        "pairs.jsonl:41: column 'rejected': is missing; the line has chosen, prompt" in done.stderr
    )
    assert "Traceback" not in done.stderr
