"""What a finished run says at its end: where it is, what it learned, what to try next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from recipe_runner.cli.spending import spending
from recipe_runner.planning.marked import main_model

if TYPE_CHECKING:
    from recipe_runner.planning.plan import Plan
    from recipe_runner.runs.attempt import Outcome


def summary(outcome: Outcome, plan: Plan, recipe: Path) -> Iterator[str]:
    """Yield the lines that end a run."""
    run = outcome.run
    yield ""
    for name, stage in outcome.stages.items():
        yield f"stage {name}"
        yield from _indented(_results_of(stage, plan.stages[name]))
    if not outcome.stages:
        yield from _results_of(outcome, plan)
    yield from spending(run, plan)
    if plan.served.is_stand_in:
        what = main_model(plan.recipe) or "the models that the recipe names"
        yield f"{plan.served.note}: these figures say nothing about {what}"
    yield f"run: {run.path}"
    yield from (f"{name}: {link}" for name, link in run.read_manifest().links.items())
    yield "next:"
    yield f"  recipe-run {recipe} --set seed={plan.recipe.seed + 1}   again, on other problems"
    yield f"  recipe-run plan {recipe}   every setting, resolved"
    yield f"  recipe-run runs show {run.path.name}   what is on record"


def _indented(lines: Iterator[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)


def _results_of(outcome: Outcome, plan: Plan) -> Iterator[str]:
    return _results(outcome) if plan.recipe.method == "eval" else _learned(outcome)


def _learned(outcome: Outcome) -> Iterator[str]:
    curve = outcome.curve
    assert curve is not None, "only a pipeline has none"
    first, last = curve.first(), curve.last()
    counted = f", {curve.tokens:,} tokens" if curve.tokens else ""
    yield f"done: {len(curve.values)} steps{counted}"
    if first is not None and last is not None:
        label = curve.headline.label
        yield f"{label}: {first:.3f} -> {last:.3f}  (means of the first and last three steps)"
    for test, value in curve.test_headlines():
        yield f"{test}: {value:.3f}"


def _results(outcome: Outcome) -> Iterator[str]:
    from recipe_runner.cli.tables import columns
    from recipe_runner.runs.evaluations import HEADER, results

    yield from columns(HEADER, results(outcome.run))
