"""`recipe-run export`: the compiled Cookbook configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recipe_runner.cli.options import plan_recipe, recipe_options

if TYPE_CHECKING:
    from recipe_runner.planning.plan import Plan


@click.command("export")
@recipe_options
@click.option("--to", type=click.Choice(["json"]), default="json", show_default=True)
def export(
    recipe: Path,
    overrides: tuple[str, ...],
    variables: tuple[str, ...],
    variant: str | None,
    backend: str | None,
    steps: int | None,
    to: str,
) -> None:
    """Print the Cookbook configuration that RECIPE compiles to, field by field.

    Of a pipeline: that of each stage.
    """
    _, plan = plan_recipe(recipe, overrides, variables, variant, backend, steps)

    click.echo(json.dumps(_compiled(plan), indent=2))


def _compiled(plan: Plan) -> dict[str, Any]:
    if plan.stages:
        return {"stages": {name: _compiled(stage) for name, stage in plan.stages.items()}}

    from recipe_runner.compile import compile_plan
    from recipe_runner.compile.export import to_json_tree
    from recipe_runner.runs.training import unstarted_target
    from recipe_runner.user_code import search_path

    with search_path(plan.source):
        job = compile_plan(plan, unstarted_target(plan))
    return to_json_tree(job)
