"""Run directories to report on, a real one among them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recipe_runner.cli.options import plan_recipe
from recipe_runner.runs.directory import RunDirectory
from tests.conftest import RL_RECIPE
from tests.e2e.command import Command, environment
from tests.e2e.conftest import only_run

RECIPE = """\
version: 1
name: sums
method: rl
backend: local
model: {name: recipe-run/tiny}
env:
  kind: gem
  id: "rg:chain_sum"
  kwargs: {min_terms: 2, max_terms: 2, min_digits: 1, max_digits: 1}
  eval: {every: 1, size: 2}
rollout: {groups_per_batch: 3, group_size: 4, max_tokens: 12}
optimizer: {learning_rate: 6e-4}
steps: 2
logging: {rollouts: 2}
"""


@pytest.fixture(scope="session")
def real_run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """Two steps on the local backend, as a user would run them."""
    place = tmp_path_factory.mktemp("real")
    (place / "sums.yaml").write_text(RECIPE)
    done = Command(["sums.yaml"], place, environment(), place / "out").result(timeout=280)
    assert done.returncode == 0, done.stderr
    return RunDirectory(only_run(place, "sums"))


MakeRun = Callable[..., RunDirectory]


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Write the directory of a run that did not take place."""

    def make(
        metrics: list[dict[str, Any]] | None = None,
        rollouts: list[dict[str, Any]] | None = None,
        **overrides: object,
    ) -> RunDirectory:
        recipe = tmp_path / "recipe.yaml"
        recipe.write_text(RL_RECIPE)
        given = [f"{key}={value}" for key, value in overrides.items()]
        dotted = [each.replace("__", ".") for each in given]
        _, plan = plan_recipe(
            recipe, (f"logging.dir={tmp_path / 'runs'}", *dotted), (), None, None, None
        )
        run = RunDirectory.create(plan, RL_RECIPE)
        write_lines(run.metrics_file, metrics or [])
        write_lines(run.path / "rollouts.jsonl", rollouts or [])
        return run

    return make


def write_lines(path: Path, records: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(each) + "\n" for each in records))


def metrics_row(step: int, reward: float, **more: object) -> dict[str, Any]:
    done = {"progress/done_frac": 0.5, "time/total": 2.0}
    return {"step": step, **done, "env/all/reward/total": reward, **more}


def rollout(step: int, group: int, member: int, reward: float = 1.0, **more: Any) -> dict[str, Any]:
    """An episode as the recorder writes it."""
    pieces = [
        [f"What is {step} + {group}?", "shown", 5, None],
        [f"It is {step + group}. ", "trained", 4, reward - 0.5],
        ["Is it?", "untrained", 2, None],
    ]
    return {
        "step": step,
        "split": "train",
        "group": group,
        "member": member,
        "reward": reward,
        "advantage": reward - 0.5,
        "prompt_tokens": 5,
        "reply_tokens": 6,
        "metrics": {},
        "turns": [{"reward": reward, "metrics": {"correct": reward}, "logs": {}}],
        "sequences": [pieces],
        **more,
    }
