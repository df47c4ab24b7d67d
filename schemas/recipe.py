"""`Recipe`: the union of all methods, and its JSON Schema."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from schemas.rl import RlRecipe
from schemas.sft import SftRecipe
from schemas.variants import Composition

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

_ADAPTER: TypeAdapter[SftRecipe | RlRecipe] = TypeAdapter(Recipe)


def parse_recipe(tree: dict[str, Any]) -> SftRecipe | RlRecipe:
    """Validate a resolved tree (no `extends`, `vars`, `variants`).

    Raises:
        pydantic.ValidationError: with every mistake that can be found in one pass.
    """
    return _ADAPTER.validate_python(tree)


def recipe_json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a recipe file, for editors."""
    schema = _ADAPTER.json_schema()
    composition = Composition.model_json_schema()
    for branch in METHODS.values():
        definition = schema["$defs"][branch.__name__]
        definition["properties"].update(composition["properties"])
        # The file's stem names a recipe that does not name itself.
        definition["required"] = [key for key in definition["required"] if key != "name"]
    schema["$defs"].update(composition.get("$defs", {}))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "recipe-run recipe, version 1",
        **schema,
    }
