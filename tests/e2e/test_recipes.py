"""The shipped recipes, run as the README says, at sizes that fit a test."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.command import Result
from tests.e2e.conftest import only_run, rows
from tests.e2e.estimated import check_estimate

SMALL = (
    "--set",
    "rollout={groups_per_batch: 2, group_size: 2, max_tokens: 24}",
    "--steps",
    "2",
)
KEY = "tml-not-a-real-key-0123456789"


@pytest.mark.parametrize("recipe", ["gem_math", "gem_reasoning_gym"])
def test_without_a_key_both_ways_on_are_named(
    recipe_run: Callable[..., Result], root: Path, tmp_path: Path, recipe: str
) -> None:
    done = recipe_run(root / f"recipes/{recipe}.yaml")
    assert done.returncode == 4
    assert "TINKER_API_KEY" in done.stderr
    assert "--backend local" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_gem_math_on_a_local_file(
    recipe_run: Callable[..., Result], root: Path, tmp_path: Path
) -> None:
    sample = root / "recipes/data/math_sample.jsonl"
    done = recipe_run(
        root / "recipes/gem_math.yaml",
        *("--backend", "local", "--set", f"env.dataset={sample}", *SMALL),
        TINKER_API_KEY=KEY,
    )
    assert done.returncode == 0, done.stderr
    run = only_run(tmp_path, "gem-math")
    assert len(rows(run / "metrics.jsonl")) == 2
    assert "stand-in" in done.stdout
    record = json.loads((run / "run.json").read_text())
    assert record["served"]["kind"] == "stand-in"
    assert "stand-in" in (run / "plan.json").read_text()
    assert "stand-in" in (run / "backend.log").read_text()
    for path in run.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path


def test_gem_math_without_its_data_set_says_what_to_do(
    recipe_run: Callable[..., Result], root: Path, tmp_path: Path
) -> None:
    done = recipe_run(root / "recipes/gem_math.yaml", "--backend", "local", *SMALL)
    assert done.returncode == 3
    assert "env.dataset" in done.stderr
    assert "Traceback" not in done.stderr
    run = only_run(tmp_path, "gem-math")
    assert json.loads((run / "run.json").read_text())["state"] == "failed"


def test_sft_learns_its_conversations(
    recipe_run: Callable[..., Result], root: Path, tmp_path: Path
) -> None:
    done = recipe_run(root / "recipes/sft_conversations.yaml")
    assert done.returncode == 0, done.stderr
    metrics = rows(only_run(tmp_path, "sft-conversations") / "metrics.jsonl")
    losses = [row["train_mean_nll"] for row in metrics]
    assert sum(losses[-3:]) < 0.7 * sum(losses[:3])
    tests = [row["test/nll"] for row in metrics if "test/nll" in row]
    assert tests[-1] < tests[0]
    assert "loss:" in done.stdout
    # No length here is the model's choice.
    check_estimate(only_run(tmp_path, "sft-conversations"), "prompts", "trained", "sampled")
    shown = recipe_run("runs", "show", "sft-conversations")
    assert shown.returncode == 0, shown.stderr
    assert "done" in shown.stdout


def test_arithmetic_with_kl_and_streaming(
    write_recipe: Callable[..., Path], recipe_run: Callable[..., Result], tmp_path: Path
) -> None:
    text = """\
version: 1
name: arithmetic
method: rl
backend: local
model: {name: recipe-run/tiny}
env: {kind: math, dataset: arithmetic}
rollout: {groups_per_batch: 4, group_size: 4, max_tokens: 12}
loss: {name: ppo, config: {clip_low_threshold: 0.9, clip_high_threshold: 1.1}}
kl: {coef: 0.01, post_update: true}
execution: {kind: stream, minibatches: 2}
optimizer: {learning_rate: 1e-4}
steps: 2
"""
    done = recipe_run(write_recipe(text))
    assert done.returncode == 0, done.stderr
    last = rows(only_run(tmp_path, "arithmetic") / "metrics.jsonl")[-1]
    assert any("kl" in key for key in last)


def test_wandb_offline(
    write_recipe: Callable[..., Path], recipe_run: Callable[..., Result], tmp_path: Path, root: Path
) -> None:
    done = recipe_run(
        root / "recipes/quickstart.yaml",
        *SMALL,
        *("--set", "logging.wandb={project: p, mode: offline, tags: [t]}"),
    )
    assert done.returncode == 0, done.stderr
    assert list(only_run(tmp_path, "quickstart").glob("wandb/offline-run-*"))
    assert "wandb" not in done.stderr


def test_load_from_an_earlier_run(
    recipe_run: Callable[..., Result], root: Path, tmp_path: Path
) -> None:
    recipe = root / "recipes/quickstart.yaml"
    first = recipe_run(recipe, *SMALL, "--set", "name=first")
    assert first.returncode == 0, first.stderr
    second = recipe_run(recipe, *SMALL, "--set", "model.load_from=run:first@final")
    assert second.returncode == 0, second.stderr
    assert (
        "Loaded weights from tinker://"
        in (only_run(tmp_path, "quickstart") / "logs.log").read_text()
    )
    missing = recipe_run("export", recipe, "--set", "model.load_from=run:nothing@final")
    assert missing.returncode == 2
    assert "nothing" in missing.stderr
    assert "Traceback" not in missing.stderr


def test_an_unreachable_server_is_exit_code_4(
    recipe_run: Callable[..., Result], root: Path
) -> None:
    done = recipe_run(
        root / "recipes/gem_reasoning_gym.yaml", *SMALL, "--backend", "http://127.0.0.1:9"
    )
    assert done.returncode == 4
    assert "Traceback" not in done.stderr
