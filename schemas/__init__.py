"""The recipe language, version 1, as Pydantic models.

Imports pydantic and the standard library, nothing else.

`Recipe` is the union of all methods' recipes, told apart by `method`. A method is one module here
(`sft`, `rl`), one entry of `recipe.METHODS`, and one module in `recipe_runner.compile`.
"""

from schemas.recipe import METHODS, Recipe, parse_recipe, recipe_json_schema

__all__ = ["METHODS", "Recipe", "parse_recipe", "recipe_json_schema"]
