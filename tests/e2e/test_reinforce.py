"""`method: reinforce` through the command: killed, it ends as if it had not been."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.e2e.command import Result, Start
from tests.e2e.conftest import rows, wait_for
from tests.e2e.estimated import check_estimate

RECIPE = """\
version: 1
name: NAME
method: reinforce
backend: local
model: {name: recipe-run/tiny, lora_rank: 8}
env:
  kind: gem
  id: rg:chain_sum
  kwargs: {min_terms: 2, max_terms: 2, min_digits: 1, max_digits: 1}
  eval: {every: 4, size: 3}
episodes_per_batch: 8
max_tokens: 12
optimizer: {learning_rate: 1e-3}
steps: 8
checkpoint: {every: 3}
"""


def _numbers(run: Path) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in row.items() if not key.startswith("time/")}
        for row in rows(run / "metrics.jsonl")
    ]


def test_killed_and_resumed_it_has_the_numbers_of_an_uninterrupted_run(
    write_recipe: Callable[..., Path],
    recipe_run: Callable[..., Result],
    start: Start,
    tmp_path: Path,
) -> None:
    whole = recipe_run(write_recipe(RECIPE.replace("NAME", "whole"), "whole.yaml"))
    assert whole.returncode == 0, whole.stderr
    recipe = write_recipe(RECIPE.replace("NAME", "killed"), "killed.yaml")
    victim = start(recipe)
    (run,) = wait_for(lambda: list(tmp_path.glob("runs/killed/*")))
    wait_for(lambda: len(rows(run / "metrics.jsonl")) >= 5)
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    done = recipe_run(recipe)
    assert done.returncode == 0, done.stderr
    assert "resuming the unfinished run of this plan after step" in done.stdout
    (uninterrupted,) = tmp_path.glob("runs/whole/*")
    assert [row["step"] for row in _numbers(run)] == list(range(8))
    assert _numbers(run) == _numbers(uninterrupted)
    check_estimate(uninterrupted, "prompts")
