"""`recipe-run import`: a recipe from a command of the Cookbook's or of GEM's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from recipe_runner.cli.init import SCHEMA_FILE
from recipe_runner.errors import UsageError

if TYPE_CHECKING:
    from recipe_runner.compile.from_cookbook.imported import Imported


@click.command("import", context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="-- COMMAND… | RUN_DIR")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE")
@click.option("--data", metavar="NAME", help="What the data of RUN_DIR are, where it cannot tell.")
@click.option("--force", is_flag=True, help="Overwrite FILE.")
def import_(words: tuple[str, ...], output: Path | None, data: str | None, force: bool) -> None:
    """Print the recipe that does what COMMAND does: `python -m MODULE key=value…`.

    Or that does what a run did, of which the Cookbook wrote a log directory with a config.json.
    What a recipe cannot say stands in its comments, and on standard error.
    """
    from recipe_runner.language.names import default_name

    if not words:
        raise click.UsageError("give a command after `--`, or a log directory of the Cookbook's")
    if output is not None and output.exists() and not force:
        raise UsageError(f"{output} exists; give --force to overwrite it")
    imported = _imported(words, None if output is None else default_name(output), data)
    directory = Path.cwd() if output is None else output.parent
    text = imported.text(schema=SCHEMA_FILE, directory=directory)
    if output is None:
        click.echo(text, nl=False)
    else:
        _write(output, text)
    _report(imported)


def _write(output: Path, text: str) -> None:
    from recipe_runner.cli.schema import schema_text

    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(text, "utf-8")
    schema = output.parent / SCHEMA_FILE
    if not schema.exists():
        schema.write_text(schema_text(), "utf-8")
    click.echo(f"wrote {output}; next: recipe-run validate {output}", err=True)


def _imported(words: tuple[str, ...], name: str | None, data: str | None) -> Imported:
    from recipe_runner.compile.from_cookbook.imported import import_command, import_original

    if len(words) == 1 and (Path(words[0]).exists() or words[0].endswith(".json")):
        from recipe_runner.compile.from_cookbook.saved import read_saved

        return import_original(read_saved(Path(words[0]), data), words[0], name=name)
    return import_command(words, name=name)


def _report(imported: Imported) -> None:
    """Say on standard error what was lost; differences without a known reason are ours to fix."""
    for file in imported.data_files:
        if not Path(file).exists():
            click.echo(f"note: {file} is not there from here", err=True)
    if imported.lost:
        click.echo(f"not carried over ({len(imported.lost)}, also in the recipe):", err=True)
    for lost in imported.lost:
        click.echo(f"  {lost}", err=True)
