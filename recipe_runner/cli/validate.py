"""`recipe-run validate`: every mistake in recipes, before anything is spent."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recipe_runner.errors import BackendError

if TYPE_CHECKING:
    from recipe_runner.cli.output import Flags
    from recipe_runner.language import Diagnostic, LoadedRecipe
    from recipe_runner.planning.checks.online import ServedModel


@contextmanager
def _collecting_rarely() -> Iterator[None]:
    """Look for garbage rarely: nothing that is imported is any, and looking takes a tenth of it."""
    before = gc.get_threshold()
    gc.set_threshold(50_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


@click.command("validate")
@click.argument("paths", nargs=-1, required=True, metavar="PATH…")
@click.option(
    "--format",
    "output",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    help="text for people; json: an array on standard output; github: annotations.",
)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key.")
@click.option("--var", "variables", multiple=True, metavar="NAME=VALUE", help="Set a variable.")
@click.option("--variant", metavar="NAME", help="Check one variant; default: all of them.")
@click.option(
    "--online", is_flag=True, help="Also ask the service which models it serves; needs its key."
)
@click.pass_context
@_collecting_rarely()
def validate(
    ctx: click.Context,
    paths: tuple[str, ...],
    output: str,
    overrides: tuple[str, ...],
    variables: tuple[str, ...],
    variant: str | None,
    online: bool,
) -> None:
    """Check recipes and their variants; PATH is a file, or a directory to search.

    Exit code 1 if any recipe is wrong.
    """
    # Plugins of pydantic have no part in this; looking for them costs a tenth of the time.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from recipe_runner.language import RecipeError, find_recipes
    from recipe_runner.language.diagnostics import sort_diagnostics

    services = _Services() if online else None
    problems: dict[Path, list[Diagnostic]] = {}
    for path in paths:
        try:
            for recipe in find_recipes([path]):
                problems[recipe] = _check(recipe, overrides, variables, variant, services)
        except RecipeError as error:
            problems[Path(path)] = error.diagnostics
    found = sort_diagnostics(d for diagnostics in problems.values() for d in diagnostics)
    flags = {"--set": overrides, "--var": variables, "--variant": [variant or ""]}
    _print(found, output, flags)
    if output == "text":
        wrong = sum(any(d.severity == "error" for d in listed) for listed in problems.values())
        click.echo(_summary(found, wrong, len(problems)), err=True)
    if services is not None and services.unanswered:
        raise next(iter(services.unanswered.values()))
    if any(d.severity == "error" for d in found):
        ctx.exit(1)


class _Services:
    """What the services of recipes serve, each asked once."""

    def __init__(self) -> None:
        self._answers: dict[str, Sequence[ServedModel]] = {}
        self.unanswered: dict[str, BackendError] = {}

    def check(self, loaded: LoadedRecipe) -> list[Diagnostic]:
        """Return what the recipe's service does not serve; the local backend serves any name."""
        from recipe_runner.backends.capabilities import served_models
        from recipe_runner.cli.trust import require_trusted_server
        from recipe_runner.planning.checks.online import check_online

        backend = loaded.recipe.backend
        if backend == "local":
            return []
        name = backend if isinstance(backend, str) else backend.base_url
        if name in self.unanswered:
            return []
        if name not in self._answers:
            try:
                require_trusted_server(loaded)
                self._answers[name] = served_models(backend)
            except BackendError as error:
                self.unanswered[name] = error
                return []
        return list(check_online(loaded, self._answers[name]))


def _check(
    path: Path,
    overrides: tuple[str, ...],
    variables: tuple[str, ...],
    variant: str | None,
    services: _Services | None,
) -> list[Diagnostic]:
    """Return what is wrong with a recipe as it stands and with each of its variants."""
    from recipe_runner.language import RecipeError, RecipeFile
    from recipe_runner.planning.checks import check_variant

    file = RecipeFile(path, overrides=overrides, variables=variables)
    found: list[Diagnostic] = []
    for name in [variant] if variant is not None else [None, *file.variants]:
        try:
            loaded, warnings = check_variant(file, name)
        except RecipeError as error:
            found += error.diagnostics
            continue
        found += warnings
        found += _check_runs(loaded)
        if services is not None:
            found += services.check(loaded)
    return list(dict.fromkeys(found))


def _check_runs(loaded: LoadedRecipe) -> list[Diagnostic]:
    """Return which runs on this machine do not fit; most recipes name none, and need no look."""
    from recipe_runner.planning.marked import checkpoint_references

    recipes = [loaded.recipe, *(stage.recipe for stage in loaded.stages.values())]
    if not any(name.startswith("run:") for each in recipes for name in checkpoint_references(each)):
        return []
    from recipe_runner.runs.references import check_runs

    return check_runs(loaded, required=False)


def _print(found: list[Diagnostic], output: str, flags: Flags) -> None:
    from recipe_runner.cli.output import as_github, as_json, print_text

    if output == "json":
        click.echo(as_json(found))
    elif output == "github":
        for diagnostic in found:
            click.echo(as_github(diagnostic))
    else:
        print_text(found, flags)


def _summary(found: list[Diagnostic], wrong: int, total: int) -> str:
    errors = sum(d.severity == "error" for d in found)
    warnings = len(found) - errors
    tail = f", {_count(warnings, 'warning')}" if warnings else ""
    if errors:
        return f"{_count(errors, 'error')} in {wrong} of {_count(total, 'recipe')}{tail}"
    return f"{_count(total, 'recipe')} {'is' if total == 1 else 'are'} valid{tail}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
