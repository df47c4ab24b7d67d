"""Before a sweep that is paid for: what its variants take together, and a question."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from recipe_runner.errors import UsageError

if TYPE_CHECKING:
    from recipe_runner.planning.estimate import Estimate
    from recipe_runner.sweeps.variants import Variant


def confirm_sweep(variants: list[Variant], max_parallel: int, *, yes: bool) -> None:
    """Say what starts; estimate what is paid for, hold it to its budgets, and ask.

    As with a run: a person at a terminal is asked unless `yes`; a script needs a budget in each
    variant, or `yes`.

    Raises:
        RecipeError: if even the low estimate of a variant is above its budget.
        UsageError: if the answer is no, or nobody can be asked.
    """
    at_once = min(max_parallel, len(variants))
    click.echo(f"{len(variants)} variants, {at_once} at once", err=True)
    paid = [variant for variant in variants if variant.plan.served.kind == "hosted"]
    if not paid:
        return
    unlimited = sum(variant.plan.recipe.budget is None for variant in paid)
    asks = sys.stdin.isatty() and sys.stdout.isatty()
    if unlimited and not yes and not asks:
        raise UsageError(
            f"{unlimited} variants would spend money without a limit, and there is no terminal to "
            "ask at. Write `budget: {usd: …}` in the recipe, which each variant has for itself, "
            "or give --yes"
        )
    _say_what_it_costs(paid, unlimited)
    if asks and not yes and not click.confirm("Start?", default=True):
        raise UsageError("not started")


def _say_what_it_costs(paid: list[Variant], unlimited: int) -> None:
    from recipe_runner.cli.estimates import each_lines
    from recipe_runner.planning.estimating import total

    estimates = _estimates(paid)
    everything = total(estimates.values())
    for line in each_lines("what the variants take", estimates, everything):
        click.echo(line, err=True)
    limits = [v.plan.recipe.budget for v in paid if v.plan.recipe.budget is not None]
    dollars = [each.usd for each in limits if each.usd is not None]
    if dollars and len(dollars) == len(paid):
        click.echo(f"budget: ${sum(dollars):,.2f} at most; each variant has its own", err=True)
    elif unlimited:
        click.echo(f"budget: none in {unlimited} of them: only their steps end them", err=True)


def _estimates(variants: list[Variant]) -> dict[str, Estimate]:
    """Return the variants' estimates, each of which its budget could hold."""
    from recipe_runner.language import RecipeError
    from recipe_runner.planning.checks.budget import check_budget
    from recipe_runner.planning.checks.measured import check_measured
    from recipe_runner.runs.estimates import estimates_of

    found = list(zip(variants, estimates_of([v.plan for v in variants]), strict=True))
    wrong = [
        diagnostic
        for variant, estimate in found
        for diagnostic in (
            *check_measured(variant.loaded, estimate),
            *check_budget(variant.loaded, estimate),
        )
    ]
    if wrong:
        raise RecipeError(list(dict.fromkeys(wrong)))
    return {variant.name: estimate for variant, estimate in found}
