"""Before a run that is paid for: what it will take, on one screen, and a question."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recipe_runner.errors import UsageError
from recipe_runner.printable import printable

if TYPE_CHECKING:
    from recipe_runner.language import LoadedRecipe
    from recipe_runner.planning.estimate import Estimate
    from recipe_runner.planning.plan import Plan
    from schemas.budget import Budget

# Lines for what differs from the last run: more would not fit one screen.
_MOST_CHANGES = 6


def confirm_paid_run(loaded: LoadedRecipe, plan: Plan, *, yes: bool) -> None:
    """Estimate a run, refuse one that its budget cannot hold, and ask before it spends.

    A person at a terminal is asked unless `yes`. A script has a budget to go by; without one, it
    has to say `--yes`.

    Raises:
        RecipeError: if even the low estimate is above the budget, or the data ends too early.
        UsageError: if the answer is no, or nobody can be asked and there is no budget.
    """
    asks = sys.stdin.isatty() and sys.stdout.isatty()
    if not yes and not asks and plan.recipe.budget is None:
        raise UsageError(
            f"{plan.recipe.name} would spend money without a limit, and there is no terminal to "
            "ask at. Write `budget: {usd: …}` in the recipe (--set budget.usd=10 does), or give "
            "--yes"
        )
    if yes and plan.recipe.budget is None:
        return  # nothing to ask, nothing to hold it to: the run estimates itself
    estimate = _estimate(loaded, plan)
    if yes:
        return
    for line in summary_lines(plan, estimate):
        click.echo(printable(line))
    if asks and not click.confirm("Start?", default=True):
        raise UsageError("not started")


def _estimate(loaded: LoadedRecipe, plan: Plan) -> Estimate:
    from recipe_runner.cli.estimating import estimated_plan
    from recipe_runner.language import RecipeError
    from recipe_runner.planning.checks.budget import check_budget

    estimate = estimated_plan(loaded, plan)
    found = list(check_budget(loaded, estimate))
    if found:
        raise RecipeError(found)
    return estimate


def summary_lines(plan: Plan, estimate: Estimate) -> Iterator[str]:
    """Yield what a person should know before money is spent."""
    from recipe_runner.cli.estimates import cost, count, size

    recipe = plan.recipe
    yield f"{recipe.name}: {recipe.method}, {plan.served.note}"
    yield f"  what     {size(estimate)}"
    whole = estimate.total
    if whole.high.total:
        low, expected, high = (each.total for each in (whole.low, whole.expected, whole.high))
        yield f"  tokens   {count(low)} to {count(high)}, {count(expected)} expected"
    yield f"  cost     {cost(estimate)}"
    yield f"  budget   {_budget(recipe.budget)}"
    yield f"  record   {_record(plan)}"
    yield from (f"  {line}" for line in _changes(plan))
    for each in estimate.uncounted:
        yield f"  not counted: {each}"


def _budget(budget: Budget | None) -> str:
    if budget is None:
        return "none: only the steps end the run"
    limits = [
        "" if budget.usd is None else f"${budget.usd:,.2f}",
        "" if budget.hours is None else f"{budget.hours:g} hours",
        "" if budget.tokens is None else f"{budget.tokens:,} tokens",
    ]
    return f"{', '.join(filter(None, limits))}; the run saves a checkpoint and stops there"


def _record(plan: Plan) -> str:
    logging = plan.recipe.logging
    places = [f"{Path(logging.dir) / plan.recipe.name}/"]
    if logging.wandb is not None:
        places.append(f"W&B project {logging.wandb.project}")
    if logging.trackio is not None:
        places.append(f"Trackio project {logging.trackio.project}")
    return ", ".join(places)


def _changes(plan: Plan) -> Iterator[str]:
    """Yield what differs from the newest run of this recipe that can be read."""
    from recipe_runner.planning.changes import changes
    from recipe_runner.runs import registry

    runs = registry.runs_under(Path(plan.recipe.logging.dir), plan.recipe.name)
    if not runs:
        yield "changed  this recipe has not run here before"
        return
    found = changes(runs[-1].read_plan(), plan)
    yield f"changed  {len(found) or 'nothing'} since the run {runs[-1].path.name}"
    for change in found[:_MOST_CHANGES]:
        yield f"           {change.path}: {change.before} -> {change.after}"
    if len(found) > _MOST_CHANGES:
        yield f"           and {len(found) - _MOST_CHANGES} more (recipe-run plan --against)"
