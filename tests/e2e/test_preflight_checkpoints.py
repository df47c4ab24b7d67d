"""A preflight has no checkpoints: base weights stand in for those that a recipe names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.e2e.command import Result

RECIPE = """\
version: 1
name: against-a-judge
method: rl
model: {name: Qwen/Qwen3-8B-Base, load_from: "run:nowhere@final"}
env:
  kind: preference
  data: {kind: huggingface, dataset: hhh}
  judge: {kind: reward_model, load_from: "tinker://a/weights/judge"}
kl: {coef: 0.1, reference: {load_from: "tinker://a/weights/reference"}}
rollout: {groups_per_batch: 2, group_size: 2, max_tokens: 8}
optimizer: {learning_rate: 1e-5}
"""
NAMED = ("run:nowhere@final", "tinker://a/weights/judge", "tinker://a/weights/reference")


def test_base_weights_stand_in_for_every_checkpoint_and_it_says_so(
    write_recipe: Callable[..., Path], recipe_run: Callable[..., Result]
) -> None:
    done = recipe_run("preflight", write_recipe(RECIPE), "--steps", "1")
    assert done.returncode == 0, done.stderr
    for reference in NAMED:
        assert f"stand-in: base weights in place of {reference}" in done.stdout
