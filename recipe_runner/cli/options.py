"""The options that every command on one recipe shares, and the way from them to a plan."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from recipe_runner.language import LoadedRecipe
    from recipe_runner.planning.plan import Plan
    from schemas.backend import Backend

Command = TypeVar("Command", bound=Callable[..., Any])

_VARIANT = click.option("--variant", metavar="NAME", help="Use one variant of the recipe.")
_OPTIONS = [
    click.argument("recipe", type=click.Path(path_type=Path)),
    click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Override a key, such as optimizer.learning_rate=1e-4; null removes it.",
    ),
    click.option(
        "--var", "variables", multiple=True, metavar="NAME=VALUE", help="Set a template variable."
    ),
    _VARIANT,
    click.option(
        "--backend", metavar="tinker|local|URL", help="Execute there, whatever the recipe says."
    ),
    click.option("--steps", type=click.IntRange(min=1), help="Stop after N steps."),
]


def recipe_options(command: Command) -> Command:
    """Add RECIPE and the options that change it."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def options_of_every_variant(command: Command) -> Command:
    """Add RECIPE and the options that change it, without the one that picks a variant."""
    for option in reversed(_OPTIONS):
        command = command if option is _VARIANT else option(command)
    return command


def all_overrides(overrides: Sequence[str], backend: str | None, steps: int | None) -> list[str]:
    """Return what `--set`, `--backend` and `--steps` override, as `--set` has it."""
    return [*overrides, *_backend_override(backend), *([f"steps={steps}"] if steps else [])]


def plan_recipe(
    recipe: Path,
    overrides: tuple[str, ...],
    variables: tuple[str, ...],
    variant: str | None,
    backend: str | None,
    steps: int | None,
) -> tuple[LoadedRecipe, Plan]:
    """Load, check and resolve a recipe; print what is worth a warning.

    Raises:
        RecipeError: with every mistake in it.
    """
    from recipe_runner.backends import backend as backend_of
    from recipe_runner.planning.checks import load_and_check
    from recipe_runner.planning.resolve import make_plan
    from schemas.backend import backend_kind

    flags = all_overrides(overrides, backend, steps)
    loaded, warnings = load_and_check(recipe, overrides=flags, variables=variables, variant=variant)
    if warnings:
        from recipe_runner.cli.output import print_text
        from recipe_runner.language.diagnostics import sort_diagnostics

        print_text(sort_diagnostics(warnings), {"--set": flags, "--var": variables})
    chosen = backend_of(backend_kind(loaded.recipe.backend))
    return loaded, make_plan(loaded, chosen.served)


def require_runs(loaded: LoadedRecipe) -> None:
    """Refuse a recipe that starts from runs that are not here, or of other models.

    Raises:
        RecipeError: with each of them, at its place.
    """
    from recipe_runner.language import RecipeError
    from recipe_runner.runs.references import check_runs

    found = check_runs(loaded, required=True)
    if found:
        raise RecipeError(found)


def _backend_override(backend: str | None) -> list[str]:
    if backend is None:
        return []
    if backend.startswith(("http://", "https://")):
        return ["backend=" + json.dumps({"kind": "remote", "base_url": backend})]
    return [f"backend={backend}"]


def named_backend(given: str) -> Backend:
    """Return the backend that `--backend` names, where there is no recipe to put it into.

    Raises:
        UsageError: if it is neither a backend's name nor a URL, or a URL with a password.
    """
    from pydantic import ValidationError

    from recipe_runner.errors import UsageError
    from schemas.backend import RemoteBackend

    names: dict[str, Backend] = {"tinker": "tinker", "local": "local"}
    if given in names:
        return names[given]
    try:
        return RemoteBackend(kind="remote", base_url=given)
    except ValidationError:
        raise UsageError(
            f"--backend takes tinker, local or a URL without user name and password, not {given!r}"
        ) from None
