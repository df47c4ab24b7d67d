"""Which recipes bring a test set of their own."""

from __future__ import annotations

from schemas import Recipe
from schemas.data import COOKBOOK_DATASETS, HuggingFaceData
from schemas.env import GemEnv, MathEnv


def has_test_set(recipe: Recipe) -> bool:
    """Whether the data or the environment holds something back for evaluation."""
    env = getattr(recipe, "env", None)
    if isinstance(env, GemEnv):
        return env.eval is not None
    if isinstance(env, MathEnv):
        return env.dataset in ("math", "gsm8k")
    if env is not None:
        return True
    data = getattr(recipe, "data", None)
    if isinstance(data, HuggingFaceData) and data.dataset in COOKBOOK_DATASETS:
        return True
    return getattr(data, "test_size", 1) > 0


def test_set_key(recipe: Recipe) -> str | None:
    """Return the key that would give the recipe a test set, if there is one."""
    if isinstance(getattr(recipe, "env", None), GemEnv):
        return "env.eval"
    return "data.test_size" if hasattr(getattr(recipe, "data", None), "test_size") else None
