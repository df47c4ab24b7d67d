"""`kill -9` in the middle of off-policy distillation, whose checkpoints the Cookbook misnumbers."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

from tests.e2e.command import Result, Start
from tests.e2e.conftest import only_run, rows, wait_for

RECIPE = """\
version: 1
name: killed
method: distill
mode: off_policy
backend: local
model: {name: recipe-run/tiny, lora_rank: 8}
teacher: {model: recipe-run/tiny}
data: {kind: conversations, path: talks.jsonl}
batch_size: 2
max_length: 128
optimizer: {learning_rate: 1e-4}
steps: 60
checkpoint: {every: 4}
"""


def test_each_step_is_trained_and_logged_once(
    write_recipe: Callable[..., Path],
    recipe_run: Callable[..., Result],
    start: Start,
    tmp_path: Path,
) -> None:
    recipe = write_recipe(RECIPE)
    talks = tmp_path / "talks.jsonl"
    talks.write_text(talks.read_text() * 15)
    victim = start(recipe)
    run = wait_for(lambda: next(iter(tmp_path.glob("runs/killed/*")), None))
    wait_for(lambda: len(rows(run / "metrics.jsonl")) >= 10)
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    done = recipe_run(recipe)
    assert done.returncode == 0, done.stderr
    assert only_run(tmp_path, "killed") == run
    assert [row["step"] for row in rows(run / "metrics.jsonl")] == list(range(60))
    resumed_from = json.loads((run / "run.json").read_text())["attempts"][1]["from_step"]
    # The checkpoint named 8 was saved after the step of that index: nine steps are in it.
    assert resumed_from > 0
    assert resumed_from % 4 == 1
