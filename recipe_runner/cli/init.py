"""`recipe-run init`: a first recipe to change."""

from __future__ import annotations

from pathlib import Path

import click

from recipe_runner.errors import UsageError

# Where the schema is, unless the project has a copy of its own beside the recipes.
SCHEMA_FILE = "recipe.schema.json"


@click.command("init")
@click.argument("method", metavar="METHOD")
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE")
@click.option("--force", is_flag=True, help="Overwrite FILE.")
def init(method: str, path: Path, force: bool) -> None:
    """Write a commented recipe for METHOD to FILE, and the language's JSON Schema beside it."""
    from recipe_runner.cli.schema import schema_text
    from recipe_runner.language.names import default_name
    from recipe_runner.language.starter import STARTERS, starter

    if method not in STARTERS:
        raise UsageError(f"no method {method!r}: one of {', '.join(STARTERS)}")
    if path.exists() and not force:
        raise UsageError(f"{path} exists; give --force to overwrite it")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(starter(method, default_name(path), SCHEMA_FILE), "utf-8")
    (path.parent / SCHEMA_FILE).write_text(schema_text(), "utf-8")
    click.echo(f"wrote {path}, and {SCHEMA_FILE} for your editor")
    click.echo(f"next: recipe-run validate {path}")
