"""`Recipe`: the union of all methods, and its JSON Schema."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter

from schemas.rl import RlRecipe
from schemas.sft import SftRecipe

Recipe = Annotated[SftRecipe | RlRecipe, Field(discriminator="method")]

METHODS: dict[str, type[SftRecipe] | type[RlRecipe]] = {"sft": SftRecipe, "rl": RlRecipe}

# Parts of language version 1 that this release does not run yet: key or value -> what to do now.
FUTURE_METHODS = ("reinforce", "dpo", "distill", "sdft", "generate", "eval", "pipeline")
FUTURE_ENVS = ("code", "search", "multiplayer", "preference", "rubric", "verifiers", "custom")
FUTURE_DATA = ("comparisons", "prompts", "custom")
FUTURE_KEYS = {
    "budget": "budgets are not enforced by this release; bound the run with `steps`",
    "eval.evaluators": "evaluators are not run by this release; use `env.eval` or `data.test_size`",
}

_ADAPTER: TypeAdapter[SftRecipe | RlRecipe] = TypeAdapter(
    Recipe, config=ConfigDict(defer_build=True)
)


def parse_recipe(tree: dict[str, Any]) -> SftRecipe | RlRecipe:
    """Validate a resolved tree (no `extends`, `vars`, `variants`).

    Raises:
        pydantic.ValidationError: with every mistake that can be found in one pass.
    """
    return _ADAPTER.validate_python(tree)


def recipe_json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a recipe file, for editors."""
    from schemas.json_schema import file_json_schema

    return file_json_schema(_ADAPTER, [model.__name__ for model in METHODS.values()])
