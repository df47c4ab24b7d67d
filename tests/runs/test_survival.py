"""A run's files after a kill between any two writes, and on a disk that is full."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recipe_runner.errors import RunFailed
from recipe_runner.language import load
from recipe_runner.planning.plan import Plan, Served
from recipe_runner.planning.resolve import make_plan
from recipe_runner.runs import registry
from recipe_runner.runs.attempt import recorded
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.files import append_json_line, read_json_lines

WRITES = ("open", "os.rename", "os.mkdir", "os.remove", "os.truncate", "fcntl.flock")
KILLED = 9
# Of the moments, so that the test takes seconds; 1 tries them all.
EVERY = 16
PIPELINE = """\
version: 1
name: chain
method: pipeline
stages:
  first: {recipe: recipe.yaml}
  second: {recipe: recipe.yaml}
"""


@pytest.fixture
def plan(
    write_recipe: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Plan:
    monkeypatch.chdir(tmp_path)
    write_recipe()
    loaded = load(write_recipe(PIPELINE, "pipeline.yaml"))
    return make_plan(loaded, Served(kind="hosted", note=""))


def live(plan: Plan) -> None:
    run = registry.unfinished_run(plan) or RunDirectory.create(plan, "recipe")
    with run.lock(), recorded(plan, run, 0):
        for name, stage in plan.stages.items():
            own = run.stage(name)
            if own.read_manifest().state == "done":
                continue
            with own.lock(), recorded(stage, own, 0):
                append_json_line(own.metrics_file, {"step": 0, "progress/done_frac": 1.0})


def in_child(work: Callable[[], Any]) -> int:
    """Call a function in a fork of this process; return its exit code."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def killed_at(moment: int, work: Callable[[], Any]) -> Callable[[], None]:
    """Return the work, ended as by SIGKILL before so many of its calls that change files."""

    def run() -> None:
        left = moment

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal left
            if event in WRITES and not str(arguments[0]).endswith((".py", ".pyc")):
                left -= 1
                if left < 0:
                    os._exit(KILLED)

        sys.addaudithook(hook)
        work()

    return run


def test_a_kill_between_any_two_writes_leaves_a_run_that_goes_on(
    plan: Plan, tmp_path: Path
) -> None:
    live(plan)  # what is imported on the way is imported now
    root, moment, status = tmp_path / "runs", 0, KILLED
    while status == KILLED:
        root.rename(tmp_path / f"runs{moment}")
        status = in_child(killed_at(moment, lambda: live(plan)))
        moment += EVERY
        for run in registry.runs_under(root):
            assert run.state() in ("planned", "interrupted", "done")
            assert run.read_plan() == plan
            assert {run.stage(name).read_manifest().name for name in plan.stages} == {"sums"}
        if not any(run.state() == "done" for run in registry.runs_under(root)):
            assert in_child(lambda: live(plan)) == 0
        (run,) = registry.runs_under(root)
        assert run.state() == "done"
        for name in plan.stages:
            assert run.stage(name).state() == "done"
            assert [row["event"] for row in read_json_lines(run.stage(name).events_file)][
                -1
            ] == "done"
        assert read_json_lines(run.events_file)[-1]["event"] == "done"
        assert not list(run.path.glob("**/.*.part"))
    assert status == 0
    assert moment > 4 * EVERY


def test_a_disk_without_room_leaves_a_run_that_goes_on(plan: Plan, tmp_path: Path) -> None:
    """A limit on the size of files is met as a full disk is: by a write, which raises."""
    run = RunDirectory.create(plan, "recipe")
    append_json_line(run.events_file, {"event": "early"})
    size = run.events_file.stat().st_size + 40

    def without_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        with pytest.raises(OSError, match=r"large|space"):
            append_json_line(run.events_file, {"event": "x" * 100})
        with pytest.raises(OSError, match=r"large|space"):
            run.write_plan(plan)
        with pytest.raises(RunFailed, match="larger than allowed"):
            RunDirectory.create(plan, "recipe")

    assert in_child(without_room) == 0
    assert read_json_lines(run.events_file) == [{"event": "early"}]
    assert run.read_plan() == plan
    live(plan)
    assert run.state() == "done"
