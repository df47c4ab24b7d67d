"""`recipe-run RECIPE`: validate, plan, run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from recipe_runner.cli.options import plan_recipe, recipe_options
from recipe_runner.cli.summary import summary
from recipe_runner.errors import UsageError

if TYPE_CHECKING:
    from recipe_runner.planning.plan import Plan


@click.command("run")
@recipe_options
@click.option(
    "--on-existing",
    type=click.Choice(["resume", "new", "fail"]),
    help="What to do with an unfinished run; default: resume it if its plan allows.",
)
@click.option("--yes", is_flag=True, help="Do not ask before a run that is paid for.")
def run(
    recipe: Path,
    overrides: tuple[str, ...],
    variables: tuple[str, ...],
    variant: str | None,
    backend: str | None,
    steps: int | None,
    on_existing: str | None,
    yes: bool,
) -> None:
    """Validate RECIPE, plan it, and run it to its end."""
    from recipe_runner.backends import backend as backend_of
    from schemas.backend import backend_kind

    loaded, plan = plan_recipe(recipe, overrides, variables, variant, backend, steps)
    backend_of(backend_kind(plan.recipe.backend)).check_access()
    if plan.served.kind == "hosted" and not yes:
        _confirm_paid_run(plan)

    from recipe_runner.runs.execute import OnExisting, execute

    outcome = execute(
        plan,
        loaded.text,
        files=loaded.files,
        on_existing=cast(OnExisting, on_existing or "auto"),
        announce=click.echo,
    )
    for line in summary(outcome, plan, recipe):
        click.echo(line)


def _confirm_paid_run(plan: Plan) -> None:
    """Ask a person at a terminal; a script has said what it wants by starting the command."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return
    from recipe_runner.planning.marked import main_model

    what = main_model(plan.recipe) or "its stages' models"
    question = f"{plan.recipe.name} uses {what} on hosted Tinker, for money."
    if not click.confirm(f"{question} Start?", default=True):
        raise UsageError("not started")
