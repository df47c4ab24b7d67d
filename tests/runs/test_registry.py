"""Checkpoints that recipes name by run: the path to train on from, and the one to sample from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from recipe_runner.compile import Target
from recipe_runner.errors import UsageError
from recipe_runner.language import load
from recipe_runner.planning.plan import Served
from recipe_runner.planning.resolve import make_plan
from recipe_runner.runs import registry
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.files import write_json_lines
from recipe_runner.runs.training import unstarted_target


@pytest.fixture
def runs(write_recipe: Callable[..., Path], tmp_path: Path) -> Path:
    """A directory of runs with one run, `sums`, that has a checkpoint and a rolling one."""
    root = tmp_path / "runs"
    loaded = load(write_recipe(), overrides=[f"logging.dir={root}"])
    run = RunDirectory.create(make_plan(loaded, Served(kind="hosted", note="")), "")
    records = [
        {"name": "000002", "state_path": "tinker://a/weights/x", "sampler_path": "tinker://a/s/y"},
        {"name": "000003", "state_path": "tinker://a/weights/z", "rolling": True},
    ]
    write_json_lines(run.checkpoints_file, records)
    return root


def test_a_checkpoint_has_two_paths(runs: Path) -> None:
    assert registry.checkpoint_path(runs, "run:sums@2") == "tinker://a/weights/x"
    assert registry.sampler_path(runs, "run:sums@2") == "tinker://a/s/y"
    assert registry.sampler_path(runs, "run:sums@3") is None


def test_what_is_not_there_is_named(runs: Path) -> None:
    with pytest.raises(UsageError, match=r"no run of 'sums' in .* has a checkpoint final"):
        registry.checkpoint_path(runs, "run:sums@final")
    with pytest.raises(UsageError, match="there are sums"):
        registry.sampler_path(runs, "run:other@final")


def test_a_target_knows_both(runs: Path, write_recipe: Callable[..., Path]) -> None:
    overrides = [f"logging.dir={runs}", "model.load_from=run:sums@2"]
    plan = make_plan(load(write_recipe(), overrides=overrides), Served(kind="hosted", note=""))
    target = unstarted_target(plan)
    assert target.checkpoint("run:sums@2") == "tinker://a/weights/x"
    assert target.sampler("run:sums@2") == "tinker://a/s/y"


def test_a_path_is_sampled_from_beside_the_state_that_it_names() -> None:
    target = Target(log_path=Path("here"))
    assert target.sampler(None) is None
    assert target.sampler("tinker://a:train:0/weights/b") == "tinker://a:train:0/sampler_weights/b"
    assert target.sampler("tinker://a/sampler_weights/b") == "tinker://a/sampler_weights/b"
