"""`recipe-run preflight`: the real loop for a few steps on this machine, before money is spent."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

import click

from recipe_runner.cli.options import plan_recipe


@click.command("preflight")
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key.")
@click.option("--var", "variables", multiple=True, metavar="NAME=VALUE", help="Set a variable.")
@click.option("--variant", metavar="NAME", help="Use one variant of the recipe.")
@click.option("--steps", type=click.IntRange(min=1), default=2, show_default=True)
def preflight(
    recipe: Path,
    overrides: tuple[str, ...],
    variables: tuple[str, ...],
    variant: str | None,
    steps: int,
) -> None:
    """Run RECIPE for real, small and here: same loop, environment, renderer and SDK."""
    from recipe_runner.runs.execute import execute
    from recipe_runner.runs.hub_samples import hub_samples
    from recipe_runner.runs.preflight import reduced
    from recipe_runner.runs.stand_ins import real_parts, stand_ins

    loaded, plan = plan_recipe(recipe, overrides, variables, variant, "local", None)
    started = time.monotonic()
    directory = Path(tempfile.mkdtemp(prefix="recipe-run-preflight-"))
    small, changes = reduced(plan, directory, steps)
    for change in changes:
        click.echo(f"reduced: {change}")
    with hub_samples() as samples:
        outcome = execute(
            small, loaded.text, files=loaded.files, on_existing="new", announce=click.echo
        )
    # What fails leaves its directory, whose log the error names.
    shutil.rmtree(directory)
    click.echo(f"real: {', '.join(real_parts(plan))}")
    for stand_in in stand_ins(plan, samples):
        click.echo(f"stand-in: {stand_in}")
    steps_done = outcome.steps_done
    click.echo(f"preflight passed: {steps_done} steps in {time.monotonic() - started:.0f} s")
