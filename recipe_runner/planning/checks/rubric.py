"""`env.kind: rubric`: the evaluation's keys go together."""

from __future__ import annotations

from collections.abc import Iterator

from recipe_runner.language import Diagnostic, LoadedRecipe
from recipe_runner.planning.checks.effects import no_effect
from schemas.env import RubricEnv


def check_rubric(loaded: LoadedRecipe, env: RubricEnv) -> Iterator[Diagnostic]:
    """Yield what would be read by nothing."""
    if env.test_data is None and "test_group_size" in env.model_fields_set:
        yield no_effect(
            loaded, "env.test_group_size", "there is nothing to evaluate on", "set env.test_data"
        )
