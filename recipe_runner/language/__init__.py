"""YAML text to a `Recipe` whose every value knows where it was written.

May import `schemas`, ruamel.yaml, jinja2 (only where a recipe holds a template) and pydantic.
"""

from recipe_runner.language.diagnostics import Diagnostic, Place, RecipeError
from recipe_runner.language.files import find_recipes
from recipe_runner.language.load import RecipeFile, load, variant_names
from recipe_runner.language.loaded import LoadedRecipe

__all__ = [
    "Diagnostic",
    "LoadedRecipe",
    "Place",
    "RecipeError",
    "RecipeFile",
    "find_recipes",
    "load",
    "variant_names",
]
