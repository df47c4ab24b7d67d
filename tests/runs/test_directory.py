"""The run directory: what is in it, who may write it, and what happens when nobody can."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from recipe_runner.errors import RunFailed, UsageError
from recipe_runner.language import load
from recipe_runner.planning.plan import Plan, Served
from recipe_runner.planning.resolve import make_plan
from recipe_runner.runs.directory import RunDirectory


@pytest.fixture
def plan(write_recipe: Callable[..., Path], tmp_path: Path) -> Plan:
    loaded = load(write_recipe(), overrides=[f"logging.dir={tmp_path / 'runs'}"])
    return make_plan(loaded, Served(kind="hosted", note=""))


def test_a_new_run_has_recipe_plan_and_record(plan: Plan) -> None:
    run = RunDirectory.create(plan, "as written\n")
    assert run.recipe_file.read_text() == "as written\n"
    assert Plan.from_json(run.plan_file.read_text()) == plan
    assert run.read_manifest().plan_hash == plan.hash
    assert run.state() == "planned"


def test_a_place_that_cannot_be_written_is_an_error_with_a_way_on(
    plan: Plan, tmp_path: Path
) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(RunFailed, match=r"logging\.dir"):
        RunDirectory.create(plan, "")


def test_a_running_run_without_a_process_was_interrupted(plan: Plan) -> None:
    run = RunDirectory.create(plan, "")
    manifest = run.read_manifest()
    manifest.state = "running"
    run.write_manifest(manifest)
    with run.lock():
        assert run.state() == "running"
        with pytest.raises(UsageError, match="another process"), run.lock():
            pass
    assert run.state() == "interrupted"


def test_runs_are_named_in_the_order_that_they_are_made_in(plan: Plan) -> None:
    made = [RunDirectory.create(plan, "as written\n").path.name for _ in range(4)]
    assert made == sorted(set(made))


def test_a_run_is_the_newest_though_the_clock_was_set_back(plan: Plan, tmp_path: Path) -> None:
    """So that what a name stands for, and what is resumed, is the run that was made last."""
    directory = tmp_path / "runs" / "sums"
    for ahead in ("29990101-235959-fffe", "not-a-run", "29991399-000000-0000", ".removed-x"):
        (directory / ahead).mkdir(parents=True)
    made = [RunDirectory.create(plan, "").path.name for _ in range(3)]
    assert ["29990101-235959-fffe", *made] == sorted({"29990101-235959-fffe", *made})


def test_a_working_directory_that_cannot_go_on_record_is_refused(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = tmp_path / os.fsdecode(b"b\xff")
    named.mkdir()
    monkeypatch.chdir(named)
    with pytest.raises(UsageError, match="not UTF-8"):
        RunDirectory.create(plan, "")
