"""`env`: one check for each kind that has something to check across its keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from recipe_runner.language import Diagnostic, LoadedRecipe
from recipe_runner.planning.checks.code import check_code
from recipe_runner.planning.checks.gem import check_gem
from recipe_runner.planning.checks.multiplayer import check_multiplayer
from recipe_runner.planning.checks.preference import check_preference
from recipe_runner.planning.checks.rubric import check_rubric
from recipe_runner.planning.checks.search import check_search
from recipe_runner.planning.checks.verifiers import check_verifiers

EnvCheck = Callable[[LoadedRecipe, Any], Iterator[Diagnostic]]

# kind of environment -> the checks of it alone
OF_KIND: dict[str, EnvCheck] = {
    "code": check_code,
    "gem": check_gem,
    "multiplayer": check_multiplayer,
    "preference": check_preference,
    "rubric": check_rubric,
    "search": check_search,
    "verifiers": check_verifiers,
}


def check_env(loaded: LoadedRecipe, env: Any) -> Iterator[Diagnostic]:
    """Yield what is wrong across the keys of an environment."""
    if env.kind in OF_KIND:
        yield from OF_KIND[env.kind](loaded, env)
