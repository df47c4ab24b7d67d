"""Which run a plan is executed in: a new one, or one of its recipe that has not come to its end."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from recipe_runner.errors import RunFailed, UsageError
from recipe_runner.planning.changes import Change, changes
from recipe_runner.planning.plan import Plan
from recipe_runner.runs import registry
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.resume import steps_logged

# `auto` is what a command without the option does.
OnExisting = Literal["auto", "resume", "new", "fail"]

_SHOWN_CHANGES = 5

# Unfinished runs of other plans, the newest first, that are compared with this one.
_LOOKED_AT = 20


@dataclass(frozen=True)
class Choice:
    """A run to execute a plan in.

    Attributes:
        resumed: whether it has been begun already.
        notes: what a person should know of the choice.
    """

    run: RunDirectory
    resumed: bool
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class _Candidate:
    """A run of the same recipe and variant, and what differs in its plan."""

    run: RunDirectory
    done: bool
    found: list[Change]

    @property
    def refused(self) -> list[Change]:
        return [change for change in self.found if not change.may_change_on_resume]

    @property
    def steps(self) -> Change | None:
        return next((change for change in self.found if change.path == "steps"), None)


def choose_run(
    plan: Plan,
    recipe_text: str,
    on_existing: OnExisting,
    files: Mapping[str, str] | None = None,
) -> Choice:
    """Pick the unfinished run that a plan goes on with, or make the directory of a new one.

    Raises:
        UsageError: if `on_existing` is `resume` and the unfinished run has another plan, or if it
            is `fail` and there is an unfinished run.
    """
    notes: list[str] = []
    if on_existing != "new":
        chosen, notes = _existing(plan, on_existing)
        if chosen is not None:
            if on_existing == "fail":
                raise UsageError(
                    f"{chosen.run.path} is an unfinished run of this plan; give --on-existing "
                    "resume to continue it, or --on-existing new to start over"
                )
            return chosen
    return Choice(RunDirectory.create(plan, recipe_text, files), False, notes)


def _existing(plan: Plan, on_existing: OnExisting) -> tuple[Choice | None, list[str]]:
    """Return the run to go on with, or none and what to say of the one that it cannot be."""
    unfinished = registry.unfinished_run(plan)
    if unfinished is not None:
        return Choice(unfinished, True), []
    others = (each for each in _candidates(plan) if not each.done)
    obstacles: list[tuple[_Candidate, str]] = []
    for other in itertools.islice(others, _LOOKED_AT):
        obstacle = _obstacle(other)
        if obstacle is None:
            return Choice(other.run, True, _of_other_length(plan, other)), []
        obstacles.append((other, obstacle))
    if not obstacles:
        return (_extended(plan) if on_existing == "resume" else None), []
    newest, obstacle = obstacles[0]
    if on_existing == "resume":
        raise UsageError(
            f"{newest.run.path} cannot go on under this plan: {obstacle}\n"
            "Undo that to resume it, `recipe-run runs resume` it under its own plan, or give "
            "--on-existing new"
        )
    return None, [
        f"note: the unfinished run {newest.run.path} has another plan, so this is a new one; "
        f"{obstacle}"
    ]


def _obstacle(candidate: _Candidate) -> str | None:
    """Return why an unfinished run cannot go on under a plan, none if it can."""
    if candidate.refused:
        more = len(candidate.refused) - _SHOWN_CHANGES
        lines = [f"\n  {change}" for change in candidate.refused[:_SHOWN_CHANGES]]
        return "it differs in" + "".join(lines) + (f"\n  and {more} more" if more > 0 else "")
    steps, done = candidate.steps, steps_logged(candidate.run)
    if steps is not None and steps.after is not None and steps.after < done:
        return f"it has done {done} steps, more than the {steps.after} of this plan"
    return None


def _extended(plan: Plan) -> Choice | None:
    """Return the newest run if it has come to its end and the plan asks for more steps of it."""
    newest = next(iter(_candidates(plan)), None)
    if newest is None or newest.refused or newest.steps is None:
        return None
    wanted = newest.steps.after
    if wanted is not None and wanted <= steps_logged(newest.run):
        return None
    return Choice(newest.run, True, _of_other_length(plan, newest))


def _of_other_length(plan: Plan, candidate: _Candidate) -> list[str]:
    notes = [f"note: the run goes on under a changed plan: {change}" for change in candidate.found]
    schedule = getattr(getattr(plan.recipe, "optimizer", None), "schedule", "constant")
    if candidate.steps is not None and schedule != "constant":
        notes.append(
            f"note: the learning rate's schedule is {schedule}: with other steps, it is another "
            "from here on than in a run of this length from the start"
        )
    return notes


def _candidates(plan: Plan) -> Iterator[_Candidate]:
    """Yield the runs of this recipe and variant whose plans can be read, the newest first."""
    for run in reversed(registry.runs_under(Path(plan.recipe.logging.dir), plan.recipe.name)):
        manifest = run.read_manifest()
        if manifest.variant != plan.variant:
            continue
        try:
            before = run.read_plan()
        except RunFailed:  # of another release
            continue
        yield _Candidate(run, manifest.state == "done", changes(before, plan))
