"""`recipe-run reproduce`: a run again, from its record."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recipe_runner.cli.runs import dir_option
from recipe_runner.errors import RunFailed, UsageError

if TYPE_CHECKING:
    from recipe_runner.runs.equality import Equality
    from recipe_runner.runs.reproduce import Repetition


@click.command("reproduce")
@click.argument("reference", metavar="RUN")
@dir_option
@click.option("--check", is_flag=True, help="Say what could not be held equal; start nothing.")
@click.option("--exact", is_flag=True, help="End with 3 unless all metrics are equal.")
@click.option("--yes", is_flag=True, help="Do not ask before a run that is paid for.")
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text")
def reproduce(reference: str, root: Path, check: bool, exact: bool, yes: bool, output: str) -> None:
    """Run RUN again from its record, say what could not be held equal, and compare the metrics."""
    from recipe_runner.runs.registry import find_run
    from recipe_runner.runs.reproduce import prepared, repeat

    def say(line: str) -> None:
        click.echo(line, err=output == "json")

    with prepared(find_run(root, reference)) as repetition:
        for line in _introduction(repetition):
            say(line)
        if check:
            _print_json(repetition, {}, None, output)
            return
        if repetition.plan.served.kind == "hosted" and not yes:
            _confirm(repetition)
        with _kept_for_json() if output == "json" else nullcontext():
            outcome = repeat(repetition, announce=say)

        from recipe_runner.runs.equality import compare_metrics

        found = compare_metrics(repetition.original, outcome.run)
        say(f"\nreproduced: {outcome.run.path}")
        for name, equality in found.items():
            for line in _verdict(equality):
                say(f"{name}: {line}" if name else line)
        _print_json(repetition, found, outcome.run.path.resolve(), output)
    if exact and not all(equality.holds for equality in found.values()):
        raise RunFailed("the metrics are not equal, and --exact asks for that")


@contextmanager
def _kept_for_json() -> Iterator[None]:
    """Send what the run shows to standard error: standard output is for the result alone."""
    sys.stdout.flush()
    saved = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(saved, 1)
        os.close(saved)


def _introduction(repetition: Repetition) -> Iterator[str]:
    yield f"reproducing {repetition.original.path}"
    if not repetition.differences:
        yield "held equal: plan, packages, machine, commit and files, data, code"
        return
    yield "not held equal:"
    for difference in repetition.differences:
        yield f"  {difference}"


def _verdict(equality: Equality) -> Iterator[str]:
    if equality.holds:
        yield (
            f"metrics: equal to the last digit in all {equality.steps} steps "
            f"({equality.keys} metrics; times aside)"
        )
        return
    parting = equality.parting
    if parting is None:
        yield f"metrics: equal in the {equality.steps} steps that both have"
    else:
        yield (
            f"metrics: they part at step {parting.step + 1}: {parting.key} "
            f"{parting.before} -> {parting.after}"
        )
        yield f"  {len(equality.differing)} of {equality.keys} metrics differ in some step"
    if equality.missing:
        yield f"  {equality.missing} steps are in one of the runs alone"
    for name in equality.outputs:
        yield f"  {name} differs"


def _print_json(
    repetition: Repetition, found: Mapping[str, Equality], run: Path | None, output: str
) -> None:
    if output != "json":
        return
    from dataclasses import asdict

    result = {
        "original": str(repetition.original.path),
        "run": None if run is None else str(run),
        "differences": [difference.as_dict() for difference in repetition.differences],
        "metrics": {
            name: {"equal": equality.holds, **asdict(equality)} for name, equality in found.items()
        },
    }
    click.echo(json.dumps(result, indent=2))


def _confirm(repetition: Repetition) -> None:
    """Ask a person at a terminal, with what the original took; a script needs a budget or `--yes`.

    Raises:
        UsageError: if the answer is no, or nobody can be asked.
    """
    from recipe_runner.runs.progress.words import money
    from recipe_runner.runs.usage import read_usage

    used = read_usage(repetition.original)
    took = "" if used is None else f"The original took {used.total.total:,} tokens"
    if used is not None and used.usd is not None:
        took += f", {money(used.usd)} by the shipped prices"
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        if repetition.plan.recipe.budget is None:
            raise UsageError(
                "this would spend money without a limit, and there is no terminal to ask at; give "
                "--yes"
            )
        return
    if not click.confirm(f"{took}. Start, on hosted Tinker?".lstrip(". "), default=True):
        raise UsageError("not started")
