"""Keys that a recipe sets and that nothing would read are errors: they look as if they did."""

from __future__ import annotations

from recipe_runner.language import Diagnostic, LoadedRecipe


def no_effect(loaded: LoadedRecipe, path: str, reason: str, hint: str) -> Diagnostic:
    """Return the error for a key without effect."""
    return loaded.diagnostic(
        path, "no-effect", f"`{path}` has no effect: {reason}", hint=hint, key=True
    )
