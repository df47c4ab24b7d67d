"""`recipe-run export`: the compiled Cookbook configuration."""

from __future__ import annotations

import json
from pathlib import Path

import click

from recipe_runner.cli.options import plan_recipe, recipe_options


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
    """Print the Cookbook configuration that RECIPE compiles to, field by field."""
    _, plan = plan_recipe(recipe, overrides, variables, variant, backend, steps)

    from recipe_runner.compile import compile_plan
    from recipe_runner.compile.export import to_json_tree
    from recipe_runner.runs.training import unstarted_target
    from recipe_runner.user_code import search_path

    with search_path(plan.source):
        job = compile_plan(plan, unstarted_target(plan))
    click.echo(json.dumps(to_json_tree(job), indent=2))
