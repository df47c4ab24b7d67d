"""What a plan will take, with its data measured: before a run in a process aside, or in the run."""

from __future__ import annotations

from recipe_runner.planning.estimate import Estimate
from recipe_runner.planning.estimating import estimate
from recipe_runner.planning.plan import Plan
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.estimates.aside import lengths_of
from recipe_runner.runs.estimates.seen import with_seen
from recipe_runner.runs.files import replace_atomically

__all__ = ["estimates_of", "read_estimate", "record_estimate"]

# By plan, so that what was estimated before the start is not measured again in the run.
_known: dict[str, Estimate] = {}


def estimates_of(plans: list[Plan]) -> list[Estimate]:
    """Return the estimates of plans, whose data is measured once where it is the same."""
    missing = [plan for plan in plans if plan.to_json() not in _known]
    for plan, lengths in zip(missing, lengths_of(missing), strict=True):
        _known[plan.to_json()] = estimate(plan, with_seen(plan, lengths))
    return [_known[plan.to_json()] for plan in plans]


def record_estimate(plan: Plan, run: RunDirectory) -> None:
    """Write a run's estimate where it has none, measured here: the run has imported what it takes.

    Raises:
        DataError: if the data ends before the steps that the recipe asks for.
    """
    if plan.from_base_weights or run.estimate_file.exists():
        return
    found = _known.get(plan.to_json())
    if found is None:
        from recipe_runner.runs.estimates.within import lengths_within

        found = estimate(plan, with_seen(plan, lengths_within(plan)))
    replace_atomically(run.estimate_file, found.model_dump_json(indent=2) + "\n")


def read_estimate(run: RunDirectory) -> Estimate | None:
    """Return what a run was expected to take, None where that is not on record."""
    try:
        return Estimate.model_validate_json(run.estimate_file.read_text("utf-8"))
    except (OSError, ValueError):
        return None
