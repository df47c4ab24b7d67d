"""Which recipes bring a test set of their own."""

from __future__ import annotations

from schemas import Recipe
from schemas.data import COOKBOOK_DATASETS, CustomData, Data, HuggingFaceData, MixtureData
from schemas.distill import DistillRecipe, teachers_of
from schemas.env import (
    CodeEnv,
    GemEnv,
    MathEnv,
    PreferenceEnv,
    RubricEnv,
    SearchEnv,
    VerifiersEnv,
)

# The Cookbook's data sets that hold nothing back.
_WITHOUT_TEST_SET = ("openthoughts3",)
# Methods whose own data are prompts, of which `custom` holds nothing back.
_OF_PROMPTS = ("sdft",)


def has_test_set(recipe: Recipe) -> bool:
    """Whether the data or the environment holds something back for evaluation."""
    env = getattr(recipe, "env", None)
    if isinstance(env, GemEnv):
        return env.eval is not None
    if isinstance(env, MathEnv):
        return env.dataset in ("math", "gsm8k")
    if isinstance(env, PreferenceEnv):
        return env.eval_size > 0
    if isinstance(env, CodeEnv):
        return env.dataset is None or env.test_dataset is not None
    if isinstance(env, RubricEnv):
        return env.test_data is not None
    if isinstance(env, SearchEnv | VerifiersEnv):
        return False
    if env is not None:
        return True
    if isinstance(recipe, DistillRecipe):
        held_out = [_test_size(teacher.data) for teacher in teachers_of(recipe)]
        return recipe.mode == "on_policy" and any(held_out)
    data = getattr(recipe, "data", None)
    parts = [part.data for part in data.parts] if isinstance(data, MixtureData) else [data]
    return any(_holds_out(part, recipe.method) for part in parts)


def _holds_out(data: Data | None, method: str) -> bool:
    if isinstance(data, HuggingFaceData) and data.dataset in COOKBOOK_DATASETS:
        return data.dataset not in _WITHOUT_TEST_SET
    if isinstance(data, CustomData):
        return method not in _OF_PROMPTS
    return _test_size(data) > 0


def _test_size(data: Data | None) -> int:
    return int(getattr(data, "test_size", 0))


def test_set_key(recipe: Recipe) -> str | None:
    """Return the key that would give the recipe a test set, if there is one."""
    if isinstance(getattr(recipe, "env", None), GemEnv):
        return "env.eval"
    if isinstance(getattr(recipe, "env", None), CodeEnv):
        return "env.test_dataset"
    if isinstance(getattr(recipe, "env", None), PreferenceEnv):
        return "env.eval_size"
    if isinstance(getattr(recipe, "env", None), RubricEnv):
        return "env.test_data"
    return "data.test_size" if hasattr(getattr(recipe, "data", None), "test_size") else None
