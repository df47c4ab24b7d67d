"""Measuring inside a run, once, before its loop starts: quick, and without a trace."""

from __future__ import annotations

from recipe_runner.errors import DataError
from recipe_runner.planning.checks.steps import shortage
from recipe_runner.planning.plan import Plan
from recipe_runner.planning.volume.lengths import Lengths, assumed
from recipe_runner.planning.volume.pipeline import reads_a_stage
from recipe_runner.runs.estimates.measuring import why_not


def lengths_within(plan: Plan) -> dict[str, Lengths]:
    """Return the lengths of a plan, or of a pipeline's stages that have their data already.

    Raises:
        DataError: if the data ends before the steps that the recipe asks for.
    """
    found = {
        name: _measured(part)
        for name, part in (plan.stages or {"": plan}).items()
        if not reads_a_stage(part) and part.recipe.method != "eval"
    }
    for name, lengths in found.items():
        short = shortage((plan.stages[name] if name else plan).recipe, lengths.steps)
        if short is not None:
            raise DataError(f"{short.message}; {short.hint}")
    return found


def _measured(plan: Plan) -> Lengths:
    reason = why_not(plan)
    if reason is not None:
        return assumed(plan, reason)
    from recipe_runner.compile.lengths import Limits, measure

    try:
        return measure(plan, limits=Limits(problems=16, rehearsals=4, texts=256, seconds=2.0))
    except Exception as error:  # the loop's own builders say it again, where it ends the run
        return assumed(plan, " ".join(str(error).split())[:160] or type(error).__name__)
