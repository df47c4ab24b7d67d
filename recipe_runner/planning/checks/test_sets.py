"""Which recipes bring a test set of their own."""

from __future__ import annotations

from schemas import Recipe
from schemas.data import COOKBOOK_DATASETS, Data, HuggingFaceData
from schemas.distill import DistillRecipe, teachers_of
from schemas.env import GemEnv, MathEnv, PreferenceEnv

# The Cookbook's data sets that hold nothing back.
_WITHOUT_TEST_SET = ("openthoughts3",)


def has_test_set(recipe: Recipe) -> bool:
    """Whether the data or the environment holds something back for evaluation."""
    env = getattr(recipe, "env", None)
    if isinstance(env, GemEnv):
        return env.eval is not None
    if isinstance(env, MathEnv):
        return env.dataset in ("math", "gsm8k")
    if isinstance(env, PreferenceEnv):
        return env.eval_size > 0
    if env is not None:
        return True
    if isinstance(recipe, DistillRecipe):
        held_out = [_holds_out(teacher.data) for teacher in teachers_of(recipe)]
        return recipe.mode == "on_policy" and any(held_out)
    data = getattr(recipe, "data", None)
    if isinstance(data, HuggingFaceData) and data.dataset in COOKBOOK_DATASETS:
        return data.dataset not in _WITHOUT_TEST_SET
    return _holds_out(data)


def _holds_out(data: Data | None) -> bool:
    """Whether a test set is asked for; one of the user's own may bring one."""
    return bool(getattr(data, "test_size", 1) > 0)


def test_set_key(recipe: Recipe) -> str | None:
    """Return the key that would give the recipe a test set, if there is one."""
    if isinstance(getattr(recipe, "env", None), GemEnv):
        return "env.eval"
    if isinstance(getattr(recipe, "env", None), PreferenceEnv):
        return "env.eval_size"
    return "data.test_size" if hasattr(getattr(recipe, "data", None), "test_size") else None
