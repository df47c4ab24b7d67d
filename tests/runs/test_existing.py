"""Which run a plan goes on with: under a changed plan, from the record, and never two at once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from recipe_runner.errors import UsageError
from recipe_runner.language import load
from recipe_runner.planning.plan import Plan, Served
from recipe_runner.planning.resolve import make_plan
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.execute import resume
from recipe_runner.runs.existing import choose_run
from recipe_runner.runs.files import append_json_line
from recipe_runner.runs.manifest import State
from tests.conftest import SFT_RECIPE

PlanOf = Callable[..., Plan]


@pytest.fixture
def plan_of(
    write_recipe: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> PlanOf:
    monkeypatch.chdir(tmp_path)

    def plan(*overrides: str) -> Plan:
        return make_plan(
            load(write_recipe(SFT_RECIPE + "epochs: 5\n"), overrides=overrides),
            Served(kind="hosted", note=""),
        )

    return plan


def begun(plan: Plan, state: State = "interrupted", steps: int = 0) -> RunDirectory:
    """Make a run that has logged some steps."""
    run = RunDirectory.create(plan, "recipe")
    for step in range(steps):
        append_json_line(run.metrics_file, {"step": step, "epoch": 0, "progress": 0.5})
    manifest = run.read_manifest()
    manifest.state = state
    run.write_manifest(manifest)
    return run


@pytest.mark.parametrize(
    "override",
    ["checkpoint.every=3", "logging.trace=true", "tags=[a]", "budget={tokens: 9}", "steps=9"],
)
def test_what_may_change_does_not_stand_in_the_way(plan_of: PlanOf, override: str) -> None:
    run = begun(plan_of("steps=6"), steps=2)
    choice = choose_run(plan_of("steps=6", override), "", "auto")
    assert choice.resumed
    assert choice.run == run


def test_other_steps_are_said_with_what_they_do_to_the_schedule(plan_of: PlanOf) -> None:
    begun(plan_of("steps=6"), steps=2)
    choice = choose_run(plan_of("steps=9"), "", "auto")
    assert "steps: 6 -> 9" in choice.notes[0]
    assert "linear" in choice.notes[1]


def test_another_plan_is_refused_with_what_differs(plan_of: PlanOf) -> None:
    begun(plan_of())
    other = plan_of("batch_size=4", "seed=2")
    with pytest.raises(UsageError) as refused:
        choose_run(other, "", "resume")
    assert "batch_size: 2 -> 4" in str(refused.value)
    assert "seed: 0 -> 2" in str(refused.value)
    choice = choose_run(other, "", "auto")
    assert not choice.resumed
    assert "batch_size: 2 -> 4" in choice.notes[0]


def test_fewer_steps_than_are_done_start_anew(plan_of: PlanOf) -> None:
    begun(plan_of("steps=6"), steps=4)
    choice = choose_run(plan_of("steps=3"), "", "auto")
    assert not choice.resumed
    assert "it has done 4 steps" in choice.notes[0]


def test_a_finished_run_goes_on_only_when_asked_and_for_more_steps(plan_of: PlanOf) -> None:
    run = begun(plan_of("steps=4"), "done", steps=4)
    assert choose_run(plan_of("steps=9"), "", "resume").run == run
    assert not choose_run(plan_of("steps=3"), "", "resume").resumed


def test_a_finished_run_is_left_alone_otherwise(plan_of: PlanOf) -> None:
    begun(plan_of("steps=4"), "done", steps=4)
    assert not choose_run(plan_of("steps=9"), "", "auto").resumed


def test_other_data_under_the_same_name_are_refused(plan_of: PlanOf, tmp_path: Path) -> None:
    run = begun(plan_of("backend=local"))
    talks = tmp_path / "talks.jsonl"
    talks.write_text(talks.read_text() * 2)
    with pytest.raises(Exception, match="has changed"):
        resume(run, announce=print)


def test_a_finished_run_is_not_resumed_from_its_record(plan_of: PlanOf) -> None:
    with pytest.raises(UsageError, match="more steps"):
        resume(begun(plan_of(), "done"), announce=print)


HOLDER = """\
import sys, time
from pathlib import Path
from recipe_runner.runs.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_two_processes_never_hold_one_run_and_a_dead_one_holds_nothing(plan_of: PlanOf) -> None:
    run = begun(plan_of(), "running")
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(run.path / ".lock")], stdout=subprocess.PIPE
    )
    with other:
        assert other.stdout is not None
        other.stdout.readline()
        assert run.state() == "running"
        with pytest.raises(UsageError, match=f"{other.pid} on "), run.lock():
            pass
        other.kill()
    assert run.state() == "interrupted"
    with run.lock():
        assert str(os.getpid()) in (run.path / ".lock").read_text()
