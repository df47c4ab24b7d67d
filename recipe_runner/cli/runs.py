"""`recipe-run runs`: what ran."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from recipe_runner.runs.directory import RunDirectory

_dir_option = click.option(
    "--dir",
    "root",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="Directory of the runs.",
)
_format_option = click.option(
    "--format", "output", type=click.Choice(["text", "json"]), default="text"
)


@click.group("runs")
def runs() -> None:
    """List runs, or show one."""


@runs.command("list")
@_dir_option
@_format_option
def list_runs(root: Path, output: str) -> None:
    """List the runs, oldest first."""
    from recipe_runner.runs.registry import runs_under

    rows = [_row(run) for run in runs_under(root)]
    if output == "json":
        click.echo(json.dumps(rows, indent=2))
        return
    if not rows:
        click.echo(f"no runs in {root}")
    for row in rows:
        click.echo("{name}/{id}  {state}  {steps} steps  {headline}".format(**row))


@runs.command("show")
@click.argument("reference", metavar="RUN")
@_dir_option
@_format_option
def show(reference: str, root: Path, output: str) -> None:
    """Show one run, by its id, its name (the newest of it) or its directory."""
    from recipe_runner.runs.registry import find_run

    run = find_run(root, reference)
    row = _row(run)
    if output == "json":
        click.echo(json.dumps(row, indent=2))
        return
    stages = row.pop("stages", {})
    for key, value in row.items():
        click.echo(f"{key:<12} {value}")
    for name, value in stages.items():
        click.echo(f"stage {name:<6} {value}")


def _row(run: RunDirectory) -> dict[str, Any]:
    from recipe_runner.runs.files import read_json_lines
    from recipe_runner.runs.progress.curve import Curve, headline

    manifest = run.read_manifest()
    plan = run.read_plan()
    if plan.stages:
        return _row_of_stages(run, [(name, _row(run.stage(name))) for name in plan.stages])
    curve = Curve(headline(plan.recipe.method))
    for row in read_json_lines(run.metrics_file):
        curve.add(row)
    first, last = curve.first(), curve.last()
    learned = "" if first is None else f"{curve.headline.label} {first:.3f} -> {last:.3f}"
    checkpoints = read_json_lines(run.checkpoints_file)
    return {
        "name": manifest.name,
        "id": manifest.id,
        "state": run.state(),
        "steps": len(curve.values),
        "headline": learned,
        "tokens": curve.tokens,
        "model": manifest.served.note,
        "created": manifest.created,
        "attempts": len(manifest.attempts),
        "error": manifest.attempts[-1].error if manifest.attempts else None,
        "checkpoints": [record["name"] for record in checkpoints],
        "directory": str(run.path),
    }


def _row_of_stages(run: RunDirectory, stages: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    manifest = run.read_manifest()
    done = sum(row["state"] == "done" for _, row in stages)
    return {
        "name": manifest.name,
        "id": manifest.id,
        "state": run.state(),
        "steps": sum(row["steps"] for _, row in stages),
        "headline": f"{done} of {len(stages)} stages done",
        "tokens": sum(row["tokens"] for _, row in stages),
        "model": manifest.served.note,
        "created": manifest.created,
        "attempts": len(manifest.attempts),
        "error": manifest.attempts[-1].error if manifest.attempts else None,
        "stages": {
            name: "{state}  {steps} steps  {headline}".format(**row).rstrip()
            for name, row in stages
        },
        "directory": str(run.path),
    }
