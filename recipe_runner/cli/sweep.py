"""`recipe-run sweep`: the variants of a recipe, side by side."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recipe_runner.cli.options import all_overrides, options_of_every_variant
from recipe_runner.cli.sweep_cost import confirm_sweep
from recipe_runner.cli.trust import require_trusted_server

if TYPE_CHECKING:
    from recipe_runner.planning.plan import Plan
    from recipe_runner.sweeps.halving import Halving
    from recipe_runner.sweeps.metric import Metric
    from recipe_runner.sweeps.record import SweepRecord, VariantRecord
    from recipe_runner.sweeps.sweep import MakeExecutor, Sweep

# At once on a service; on this machine, as many as it has processors.
_PARALLEL_ON_A_SERVICE = 8
_EXIT_FAILED, _EXIT_BUDGET, _EXIT_INTERRUPTED = 3, 5, 130


@click.command("sweep")
@options_of_every_variant
@click.option(
    "--max-parallel",
    type=click.IntRange(min=1),
    help=f"Variants at once; default: {_PARALLEL_ON_A_SERVICE} on a service, as many as there are "
    "processors on the local backend.",
)
@click.option(
    "--executor",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Processes of this machine, or jobs of a Ray cluster (RAY_ADDRESS, or the one here).",
)
@click.option(
    "--sort",
    metavar="METRIC",
    help="Order by this key of metrics.jsonl; KEY:min or KEY:max says which is better. "
    "Default: the method's own.",
)
@click.option(
    "--halving",
    metavar="METRIC",
    help="End losers early, by successive halving on this metric; `headline` is the method's own.",
)
@click.option(
    "--halving-steps",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Steps before the first comparison.",
)
@click.option(
    "--halving-factor",
    type=click.IntRange(min=2),
    default=3,
    show_default=True,
    help="One in so many goes on from each comparison; the next comes so many times later.",
)
@click.option("--resume-losers", is_flag=True, help="Go on with what an earlier start ended early.")
@click.option("--yes", is_flag=True, help="Do not ask before runs that are paid for.")
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text")
@click.pass_context
def sweep(
    ctx: click.Context,
    recipe: Path,
    overrides: tuple[str, ...],
    variables: tuple[str, ...],
    backend: str | None,
    steps: int | None,
    max_parallel: int | None,
    executor: str,
    sort: str | None,
    halving: str | None,
    halving_steps: int,
    halving_factor: int,
    resume_losers: bool,
    yes: bool,
    output: str,
) -> None:
    """Run the variants of RECIPE side by side, those that are not done.

    Every variant is checked before the first starts. Ctrl-C has each of them save and stop; the
    same command goes on. Exit code 3 if any failed; the others are not touched by that.
    """
    from recipe_runner.cli.output import print_text
    from recipe_runner.sweeps.metric import headline_metric, parse_metric
    from recipe_runner.sweeps.sweep import Settings, Sweep
    from recipe_runner.sweeps.variants import load_variants

    flags = all_overrides(overrides, backend, steps)
    variants, warnings = load_variants(recipe, overrides=flags, variables=variables)
    print_text(warnings)
    plans = [variant.plan for variant in variants]
    _require_access(plans)
    for variant in variants:
        require_trusted_server(variant.loaded)
    metric = parse_metric(sort) if sort else headline_metric(plans)
    settings = Settings(
        max_parallel=max_parallel or _default_parallel(plans),
        metric=metric,
        executor=executor,
        halving=_halving(halving, plans, halving_steps, halving_factor),
        resume_losers=resume_losers,
    )
    make_executor = _executor(executor)
    confirm_sweep(variants, settings.max_parallel, yes=yes)
    record = _run(Sweep(variants, settings), make_executor, metric, output)
    _print_results(record, metric, output)
    ctx.exit(_exit_code(record))


def _require_access(plans: list[Plan]) -> None:
    from recipe_runner.backends import backend as backend_of
    from schemas.backend import backend_kind

    for kind in {backend_kind(plan.recipe.backend) for plan in plans}:
        backend_of(kind).check_access()


def _default_parallel(plans: list[Plan]) -> int:
    on_this_machine = all(plan.recipe.backend == "local" for plan in plans)
    wanted = (os.cpu_count() or 1) if on_this_machine else _PARALLEL_ON_A_SERVICE
    return min(wanted, len(plans))


def _halving(wanted: str | None, plans: list[Plan], min_steps: int, factor: int) -> Halving | None:
    if wanted is None:
        return None
    from recipe_runner.sweeps.halving import Halving
    from recipe_runner.sweeps.metric import headline_metric, parse_metric

    metric = headline_metric(plans) if wanted == "headline" else parse_metric(wanted)
    return Halving(metric, min_steps=min_steps, factor=factor)


def _executor(name: str) -> MakeExecutor:
    if name == "ray":
        from recipe_runner.sweeps.on_ray import ray_executor

        return ray_executor
    from recipe_runner.sweeps.local import local_executor

    return local_executor


def _run(sweep: Sweep, make_executor: MakeExecutor, metric: Metric, output: str) -> SweepRecord:
    from recipe_runner.sweeps.display import LiveDisplay, PlainDisplay

    # JSON has standard output to itself.
    out = sys.stderr if output == "json" else sys.stdout
    if not out.isatty():
        return sweep.run(make_executor, PlainDisplay(out, metric))
    live = LiveDisplay(out, sweep.record, metric)
    with live.shown():
        return sweep.run(make_executor, live)


def _print_results(record: SweepRecord, metric: Metric, output: str) -> None:
    from recipe_runner.sweeps.display import counts, ranked

    best_first = ranked(record.variants, metric)
    if output == "json":
        ordered = record.model_copy(update={"variants": best_first})
        click.echo(ordered.model_dump_json(indent=2))
        return
    from recipe_runner.cli.tables import columns

    header = ["variant", "state", "steps", metric.label, "tokens", "run"]
    click.echo("")
    for line in columns(header, [_row(each) for each in best_first]):
        click.echo(line)
    if sys.stdout.isatty():  # elsewhere each failure has had its line
        for each in best_first:
            if each.state == "failed":
                click.echo(f"{each.variant}: {each.error}")
    click.echo(f"\n{counts(record)}")
    if any(each.state == "interrupted" for each in record.variants):
        click.echo("the same command goes on with what is left")


def _row(variant: VariantRecord) -> list[str]:
    from recipe_runner.sweeps.display import state_of, steps_of, value_of

    return [
        variant.variant,
        state_of(variant),
        steps_of(variant),
        value_of(variant),
        f"{variant.tokens:,}" if variant.tokens else "",
        Path(variant.run).name if variant.run else "",
    ]


def _exit_code(record: SweepRecord) -> int:
    states = {variant.state for variant in record.variants}
    if "interrupted" in states:
        return _EXIT_INTERRUPTED
    if "failed" in states:
        return _EXIT_FAILED
    return _EXIT_BUDGET if "budget" in states else 0
