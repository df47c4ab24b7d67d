"""Which modules workers share: what the loops of these plans import."""

from __future__ import annotations

from collections.abc import Iterable

from recipe_runner.compile.job import METHODS
from recipe_runner.envs import ENVS
from recipe_runner.planning.plan import Plan

# What every run comes to import, and what an SDK's client imports as it is made.
_ALWAYS = (
    "recipe_runner.runs.execute",
    "recipe_runner.runs.training",
    "recipe_runner.runs.failures",
    "recipe_runner.runs.progress.display",
    "recipe_runner.backends.local.backend",
    "recipe_runner.sweeps.worker",
    "transformers.tokenization_utils_tokenizers",
    "pyqwest.httpx",
    "anyio._backends._asyncio",
)


def modules_for(plans: Iterable[Plan]) -> list[str]:
    """Return the modules that runs of these plans have in common, by name."""
    found = dict.fromkeys(_ALWAYS)
    for plan in plans:
        for recipe in plan.recipes:
            found[METHODS[recipe.method]] = None
            env = getattr(recipe, "env", None)
            if env is not None:
                found[ENVS[env.kind]] = None
    return list(found)
