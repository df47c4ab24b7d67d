"""Checkpoints that recipes name by run: the path to train on from, and the one to sample from."""

from __future__ import annotations

import json
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


def make_run(root: Path, name: str, run_id: str, **record: object) -> RunDirectory:
    """Make a run directory of a chosen id."""
    run = RunDirectory(root / name / run_id)
    run.path.mkdir(parents=True)
    given = {"id": run_id, "name": name, "state": "done", "plan_hash": "0", "created": ""}
    run.manifest_file.write_text(json.dumps(given | {"attempts": []} | record))
    return run


def test_a_run_is_found_by_whatever_a_person_calls_it(tmp_path: Path) -> None:
    old = make_run(tmp_path, "sums", "20260101-000000-aaaa")
    new = make_run(tmp_path, "sums", "20260102-000000-abcd")
    other = make_run(tmp_path, "words", "20260103-000000-bbbb")
    for reference in ("sums", new.run_id, "20260102", f"sums/{new.run_id}", "sums/20260102"):
        assert registry.find_run(tmp_path, reference) == new, reference
    assert registry.find_run(tmp_path, "sums/20260101") == old
    assert registry.find_run(tmp_path, str(other.path)) == other
    with pytest.raises(UsageError, match="the start of 3 runs' ids"):
        registry.find_run(tmp_path, "2026")
    with pytest.raises(UsageError, match="did you mean words"):
        registry.find_run(tmp_path, "wrds")


def test_a_directory_that_is_no_run_is_passed_over(tmp_path: Path) -> None:
    old = make_run(tmp_path, "sums", "20260101-000000-aaaa")
    broken = make_run(tmp_path, "sums", "20260102-000000-bbbb")
    broken.manifest_file.write_text("{")
    (tmp_path / "sums" / "20260103-000000-cccc").mkdir()
    assert registry.find_run(tmp_path, "sums") == old
    assert registry.runs_under(tmp_path) == [old]


def test_a_stage_of_a_pipeline_is_a_run(tmp_path: Path) -> None:
    run = make_run(tmp_path, "both", "20260101-000000-aaaa")
    run.plan_file.write_text('{"stages": {"one": {}, "two": {}}}')
    for stage in ("one", "two"):
        make_run(run.path, "stages", stage)
    assert registry.stage_names(run) == ["one", "two"]
    assert registry.find_run(tmp_path, "both/two") == run.stage("two")
    assert registry.find_run(tmp_path, "both/20260101/stages/one") == run.stage("one")
    with pytest.raises(UsageError, match="no stage 'three'; it has one, two"):
        registry.find_run(tmp_path, "both/three")


def test_a_checkpoint_is_found_by_run_and_step(runs: Path) -> None:
    run = registry.find_run(runs, "sums")
    second = registry.find_checkpoint(runs, f"{run.run_id}@2")
    assert (second.run, second.name, second.sampler_path) == (run, "000002", "tinker://a/s/y")
    assert registry.find_checkpoint(runs, "sums").name == "000003"
    with pytest.raises(UsageError, match="no checkpoint final; it has 000002, 000003"):
        registry.find_checkpoint(runs, f"{run.path}@final")
    run.checkpoints_file.unlink()
    with pytest.raises(UsageError, match="has no checkpoint"):
        registry.find_checkpoint(runs, "sums")


def test_a_pipeline_stands_for_its_last_checkpoint(tmp_path: Path) -> None:
    run = make_run(tmp_path, "both", "20260101-000000-aaaa")
    for stage in ("a", "b", "c"):
        made = make_run(run.path, "stages", stage)
        if stage != "c":
            write_json_lines(made.checkpoints_file, [{"name": "final", "state_path": "tinker://p"}])
    assert registry.find_checkpoint(tmp_path, "both").run == run.stage("b")
