"""`env.kind: code`."""

from __future__ import annotations

from collections.abc import Iterator

from recipe_runner.language import Diagnostic, LoadedRecipe
from recipe_runner.planning.checks.effects import no_effect
from schemas.env import CodeEnv

_OF_THE_ISOLATED_RUNNER = ("memory_mb", "allow_unsafe_execution")


def check_code(loaded: LoadedRecipe, env: CodeEnv) -> Iterator[Diagnostic]:
    """Yield the keys that nothing would read."""
    if env.test_dataset is not None and env.dataset is None:
        reason = "the DeepCoder data set brings its own test set"
        hint = "set env.dataset, or remove it"
        yield no_effect(loaded, "env.test_dataset", reason, hint)
    if env.sandbox == "isolated":
        return
    for key in _OF_THE_ISOLATED_RUNNER:
        if key in env.model_fields_set:
            reason = f"programs run in {env.sandbox}"
            hint = "remove it, or write `sandbox: isolated`"
            yield no_effect(loaded, f"env.{key}", reason, hint)
