"""`recipe-run RECIPE`: validate, plan, run."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import click

from recipe_runner.cli.options import plan_recipe, recipe_options, require_runs
from recipe_runner.cli.summary import summary
from recipe_runner.cli.trust import require_trusted_server
from recipe_runner.printable import printable


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
    require_runs(loaded)
    require_trusted_server(loaded)
    backend_of(backend_kind(plan.recipe.backend)).check_access()
    if plan.served.kind == "hosted":
        from recipe_runner.cli.confirm import confirm_paid_run

        confirm_paid_run(loaded, plan, yes=yes)

    from recipe_runner.runs.execute import OnExisting, execute

    outcome = execute(
        plan,
        loaded.text,
        files=loaded.files,
        on_existing=cast(OnExisting, on_existing or "auto"),
        announce=click.echo,
    )
    for line in summary(outcome, plan, recipe):
        click.echo(printable(line))
