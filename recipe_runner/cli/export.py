"""`recipe-run export`: the compiled Cookbook configuration, as JSON or as a script."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recipe_runner.cli.options import plan_recipe, recipe_options
from recipe_runner.errors import UsageError

if TYPE_CHECKING:
    from recipe_runner.compile import Job
    from recipe_runner.planning.plan import Plan


@click.command("export")
@recipe_options
@click.option("--to", type=click.Choice(["json", "python"]), default="json", show_default=True)
def export(
    recipe: Path,
    overrides: tuple[str, ...],
    variables: tuple[str, ...],
    variant: str | None,
    backend: str | None,
    steps: int | None,
    to: str,
) -> None:
    """Print the Cookbook configuration that RECIPE compiles to.

    As JSON, field by field; of a pipeline, that of each stage. As Python: a script that runs it
    with the Cookbook alone.
    """
    loaded, plan = plan_recipe(recipe, overrides, variables, variant, backend, steps)

    if to == "python":
        click.echo(_script(plan, loaded.text), nl=False)
    else:
        click.echo(json.dumps(_tree(plan), indent=2))


def _tree(plan: Plan) -> dict[str, Any]:
    if plan.stages:
        return {"stages": {name: _tree(stage) for name, stage in plan.stages.items()}}

    from recipe_runner.compile.export import to_json_tree

    with _importing(plan):
        return to_json_tree(_compiled(plan))


def _script(plan: Plan, written: str) -> str:
    if plan.stages:
        raise UsageError(
            "a pipeline hands checkpoints from stage to stage, for which the Cookbook has no "
            "loop: export the recipe of one stage, or the whole pipeline with `--to json`"
        )

    from recipe_runner.compile.script import script

    with _importing(plan):
        return script(plan, _compiled(plan), written=written)


def _importing(plan: Plan) -> AbstractContextManager[None]:
    """Find the code that the recipe names, where it names any."""
    from recipe_runner.planning.marked import brings_code
    from recipe_runner.user_code import search_path

    return search_path(plan.source) if brings_code(plan.recipe) else nullcontext()


def _compiled(plan: Plan) -> Job:
    from recipe_runner.compile import compile_plan
    from recipe_runner.runs.training import unstarted_target

    return compile_plan(plan, unstarted_target(plan))
