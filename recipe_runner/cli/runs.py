"""`recipe-run runs`: what ran, going on with it, and removing it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from recipe_runner.errors import UsageError
from recipe_runner.printable import printable

STATES = ("planned", "running", "interrupted", "failed", "budget", "done")

dir_option = click.option(
    "--dir",
    "root",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="Directory of the runs.",
)
format_option = click.option(
    "--format", "output", type=click.Choice(["text", "json"]), default="text"
)


@click.group("runs")
def runs() -> None:
    """List, show, resume and remove runs.

    RUN is an id, the start of one, a recipe's name (its newest run), NAME/ID or a directory; behind
    it, /STAGE names a stage of a pipeline.
    """


@runs.command("list")
@dir_option
@format_option
@click.option("--name", metavar="NAME", help="Of this recipe; * and ? match any characters.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="With this tag; with each given.")
@click.option("--state", "states", multiple=True, type=click.Choice(STATES))
@click.option("--method", "methods", multiple=True, metavar="METHOD")
@click.option("--limit", type=click.IntRange(min=1), help="The newest N alone.")
@click.option("--newest-first", is_flag=True, help="Instead of the oldest.")
def list_runs(
    root: Path,
    output: str,
    name: str | None,
    tags: tuple[str, ...],
    states: tuple[str, ...],
    methods: tuple[str, ...],
    limit: int | None,
    newest_first: bool,
) -> None:
    """List the runs, oldest first."""
    from recipe_runner.cli.run_tables import as_json, list_lines
    from recipe_runner.runs.overview import Wanted, rows

    found = list(rows(root, Wanted(name, tags, states, methods, limit)))
    if not newest_first:
        found.reverse()
    if output == "json":
        click.echo(json.dumps([as_json(row) for row in found], indent=2))
        return
    if not found:
        restricted = name or tags or states or methods
        click.echo(f"no runs in {root}" + (" that are so" if restricted else ""))
        return
    for line in list_lines(found):
        click.echo(printable(line))


@runs.command("show")
@click.argument("reference", metavar="RUN")
@dir_option
@format_option
def show(reference: str, root: Path, output: str) -> None:
    """Show what is on record of one run."""
    from recipe_runner.cli.run_page import lines
    from recipe_runner.cli.run_tables import as_json
    from recipe_runner.runs.overview import row_of
    from recipe_runner.runs.registry import find_run, require_record

    run = find_run(root, reference)
    row = row_of(run, require_record(run))
    if output == "json":
        click.echo(json.dumps({**as_json(row), "record": row.record}, indent=2))
        return
    for line in lines(row):
        click.echo(printable(line))


@runs.command("resume")
@click.argument("reference", metavar="RUN")
@dir_option
def resume_run(reference: str, root: Path) -> None:
    """Go on with a run under the plan that it began with, whatever became of its recipe's file."""
    from recipe_runner.cli.summary import summary
    from recipe_runner.runs.execute import resume
    from recipe_runner.runs.registry import find_run

    run = find_run(root, reference)
    outcome = resume(run, announce=click.echo)
    plan = run.read_plan()
    for line in summary(outcome, plan, Path(plan.source)):
        click.echo(printable(line))


@runs.command("rm")
@click.argument("references", metavar="RUN...", nargs=-1, required=True)
@dir_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove_runs(references: tuple[str, ...], root: Path, yes: bool) -> None:
    """Remove runs from this machine; a run at work never."""
    from recipe_runner.runs.registry import find_run
    from recipe_runner.runs.removal import left_on_service, remove, require_removable

    found = list(dict.fromkeys(find_run(root, reference) for reference in references))
    for run in found:
        require_removable(run)
        click.echo(str(run.path))
        for line in left_on_service(run):
            click.echo(f"  {line}")
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("runs rm asks before it removes; without a terminal, give --yes")
        count = "this run" if len(found) == 1 else f"these {len(found)} runs"
        if not click.confirm(f"Remove {count} from this machine?", default=False):
            raise UsageError("nothing removed")
    for run in found:
        remove(run)
    click.echo(f"removed {len(found)} run{'s' if len(found) != 1 else ''}")
