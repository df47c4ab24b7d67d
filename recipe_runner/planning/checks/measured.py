"""What can be checked once the data has been looked at."""

from __future__ import annotations

from collections.abc import Iterator

from recipe_runner.language import Diagnostic, LoadedRecipe
from recipe_runner.planning.checks.limits import check_prompts
from recipe_runner.planning.checks.steps import check_steps
from recipe_runner.planning.estimate import Estimate


def check_measured(loaded: LoadedRecipe, estimate: Estimate) -> Iterator[Diagnostic]:
    """Yield an error where the data ends before the steps do, or its prompts leave no room."""
    yield from check_steps(loaded, estimate.data_steps)
    yield from check_prompts(loaded, estimate.longest_prompt)
