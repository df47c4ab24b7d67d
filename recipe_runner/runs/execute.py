"""Plan -> a finished run: picks or makes its directory, and runs the plan or its stages there."""

from __future__ import annotations

from typing import Literal

from recipe_runner.backends import backend
from recipe_runner.errors import UsageError
from recipe_runner.planning.plan import Plan
from recipe_runner.runs import registry
from recipe_runner.runs.attempt import Announce, Outcome, attempt
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.pipeline import run_stages
from schemas.backend import backend_kind

OnExisting = Literal["resume", "new", "fail"]


def execute(
    plan: Plan, recipe_text: str, *, on_existing: OnExisting = "resume", announce: Announce
) -> Outcome:
    """Run a plan to its end, or resume the run of it that has not come to its end.

    Args:
        announce: takes the lines that a person should read before the display starts.

    Raises:
        RunnerError: what stopped the run, with the next step; the run directory has the details.
    """
    backend(backend_kind(plan.recipe.backend)).check_access()
    run, resumed = _choose_run(plan, recipe_text, on_existing)
    with run.lock():
        run_it = run_stages if plan.stages else attempt
        return run_it(plan, run, resumed=resumed, announce=announce)


def _choose_run(plan: Plan, recipe_text: str, on_existing: OnExisting) -> tuple[RunDirectory, bool]:
    unfinished = registry.unfinished_run(plan)
    if unfinished is None or on_existing == "new":
        return RunDirectory.create(plan, recipe_text), False
    if on_existing == "fail":
        raise UsageError(
            f"{unfinished.path} is an unfinished run of this plan; give --on-existing resume to "
            "continue it, or --on-existing new to start over"
        )
    return unfinished, True
