"""`recipe-run variants`: the variants of a recipe by name."""

from __future__ import annotations

import json
from pathlib import Path

import click

from recipe_runner.printable import printable


@click.command("variants")
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key.")
@click.option("--var", "variables", multiple=True, metavar="NAME=VALUE", help="Set a variable.")
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text")
def variants(
    recipe: Path, overrides: tuple[str, ...], variables: tuple[str, ...], output: str
) -> None:
    """Print the names that `--variant` takes for RECIPE, one a line."""
    from recipe_runner.language import variant_names

    names = variant_names(recipe, overrides=overrides, variables=variables)
    if output == "json":
        click.echo(json.dumps(names, indent=2))
        return
    for name in names:
        click.echo(printable(name))
    if not names:
        click.echo(f"{recipe} has no variants", err=True)
