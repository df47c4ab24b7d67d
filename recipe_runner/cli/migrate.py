"""`recipe-run migrate`: recipes of an earlier version of the language, rewritten."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("migrate")
@click.argument("paths", nargs=-1, required=True, metavar="PATH…")
@click.option("--check", is_flag=True, help="Change nothing; exit code 1 if a file would change.")
@click.pass_context
def migrate(ctx: click.Context, paths: tuple[str, ...], check: bool) -> None:
    """Rewrite recipes of an earlier version of the language; comments stay."""
    from recipe_runner.language import find_recipes
    from recipe_runner.language.migrations import MigrationError, migrated
    from recipe_runner.language.structure import LATEST_VERSION
    from recipe_runner.runs.files import replace_atomically

    wrong = False
    for path in (recipe for given in paths for recipe in find_recipes([given])):
        try:
            text, version = migrated(Path(path).read_text("utf-8"))
        except (MigrationError, OSError, UnicodeDecodeError) as error:
            click.echo(f"{path}: {error}", err=True)
            wrong = True
            continue
        if version == LATEST_VERSION:
            click.echo(f"{path}: is of version {version} already")
            continue
        wrong = wrong or check
        if not check:
            replace_atomically(path, text)
        click.echo(f"{path}: version {version} -> {LATEST_VERSION}")
    if wrong:
        ctx.exit(1)
