"""`recipe-run plan`: what will happen, every default resolved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recipe_runner.cli.estimates import each_lines, estimate_lines
from recipe_runner.cli.estimating import Estimated, estimated
from recipe_runner.cli.options import plan_recipe, recipe_options, require_runs
from recipe_runner.cli.tables import one_line
from recipe_runner.printable import printable

if TYPE_CHECKING:
    from recipe_runner.language import LoadedRecipe
    from recipe_runner.planning.plan import Plan


@click.command("plan")
@recipe_options
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text")
@click.option("--against", metavar="RUN", help="Say what differs from the plan of an earlier run.")
@click.option("--origin", is_flag=True, help="Say where each value was written.")
@click.option(
    "--no-estimate", is_flag=True, help="Leave tokens and cost out: no data is looked at."
)
def plan(
    recipe: Path,
    overrides: tuple[str, ...],
    variables: tuple[str, ...],
    variant: str | None,
    backend: str | None,
    steps: int | None,
    output: str,
    against: str | None,
    origin: bool,
    no_estimate: bool,
) -> None:
    """Print the resolved plan of RECIPE, with what it will take; nothing is started."""
    loaded, resolved = plan_recipe(recipe, overrides, variables, variant, backend, steps)
    require_runs(loaded)
    if output == "json":
        found = None if no_estimate else estimated(loaded, resolved, overrides, variables)
        click.echo(_json(resolved, found), nl=False)
        return
    if against is not None:
        _print_changes(loaded, resolved, against)
        return
    if origin:
        from recipe_runner.cli.origins import origins

        for line in origins(loaded):
            click.echo(printable(line))
        return
    for line in _lines(resolved):
        click.echo(printable(line))
    if not no_estimate:
        _print_estimate(estimated(loaded, resolved, overrides, variables))


def _json(plan: Plan, found: Estimated | None) -> str:
    """Return the plan as JSON, with `estimate`, and `variants` where the recipe has some."""
    tree = json.loads(plan.to_json())
    if found is not None:
        tree["estimate"] = found.plan.model_dump(mode="json")
        if found.variants:
            each = {name: one.model_dump(mode="json") for name, one in found.variants.items()}
            tree["variants"] = each
            tree["estimate_of_variants"] = found.all_variants.model_dump(mode="json")
    return json.dumps(tree, indent=2) + "\n"


def _print_estimate(found: Estimated) -> None:
    for line in estimate_lines(found.plan):
        click.echo(printable(line))
    if found.plan.stages:
        for line in each_lines("of these, by stage", found.plan.stages, found.plan):
            click.echo(printable(line))
    if found.variants:
        title = "a sweep over the variants"
        for line in each_lines(title, found.variants, found.all_variants):
            click.echo(printable(line))


def _print_changes(loaded: LoadedRecipe, plan: Plan, reference: str) -> None:
    """Print each key that differs from a run's plan: old, new, and where the new was written."""
    from recipe_runner.cli.origins import origin_of
    from recipe_runner.planning.changes import changes
    from recipe_runner.runs.registry import find_run

    run = find_run(Path(plan.recipe.logging.dir), reference)
    found = changes(run.read_plan(), plan)
    click.echo(f"{plan.source} against {run.path}: {len(found) or 'no'} changes")
    for change in found:
        place = origin_of(loaded, change.path)
        note = "" if change.changes_result else "  (the result stays the same)"
        line = f"  {change.path}: {change.before} -> {change.after}  {place}{note}"
        click.echo(printable(line))


def _lines(plan: Plan, title: str = "") -> Iterator[str]:
    tree = plan.recipe.model_dump(mode="json", exclude_none=True)
    tree.pop("stages", None)
    if "renderer" in tree:
        auto = "  (auto)" if tree["renderer"] == "auto" else ""
        tree["renderer"] = f"{plan.renderer}{auto}"
    rate = plan.learning_rate
    if rate is not None:
        tree["optimizer"]["learning_rate"] = f"{rate.value:.6g}  ({rate.source})"
    tree["served"] = plan.served.note
    rows = list(_flat(tree))
    width = max(len(key) for key, _ in rows)
    yield f"{title}plan of {plan.source}"
    for key, value in rows:
        yield f"  {key:<{width}}  {value}"
    for name, stage in plan.stages.items():
        yield ""
        yield from (f"  {line}" for line in _lines(stage, f"stage {name}: "))
    for note in plan.notes:
        yield f"note: {note}"
    yield f"hash: {plan.hash[:16]}  (what changes the result, and nothing else)"


def _flat(tree: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{key}.")
        elif value not in ({}, [], ""):
            yield f"{prefix}{key}", one_line(str(value))
