"""`Recipe`: the union of all methods, and its JSON Schema."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter

from schemas.distill import DistillRecipe
from schemas.dpo import DpoRecipe
from schemas.evaluate import EvalRecipe
from schemas.generate import GenerateRecipe
from schemas.pipeline import PipelineRecipe
from schemas.reinforce import ReinforceRecipe
from schemas.rl import RlRecipe
from schemas.sdft import SdftRecipe
from schemas.sft import SftRecipe

AnyRecipe = (
    SftRecipe
    | RlRecipe
    | ReinforceRecipe
    | DpoRecipe
    | DistillRecipe
    | SdftRecipe
    | GenerateRecipe
    | EvalRecipe
    | PipelineRecipe
)
Recipe = Annotated[AnyRecipe, Field(discriminator="method")]

METHODS: dict[str, type[AnyRecipe]] = {
    "sft": SftRecipe,
    "rl": RlRecipe,
    "reinforce": ReinforceRecipe,
    "dpo": DpoRecipe,
    "distill": DistillRecipe,
    "sdft": SdftRecipe,
    "generate": GenerateRecipe,
    "eval": EvalRecipe,
    "pipeline": PipelineRecipe,
}

_ADAPTER: TypeAdapter[AnyRecipe] = TypeAdapter(Recipe, config=ConfigDict(defer_build=True))


def parse_recipe(tree: dict[str, Any]) -> AnyRecipe:
    """Validate a resolved tree (no `extends`, `vars`, `variants`).

    Raises:
        pydantic.ValidationError: with every mistake that can be found in one pass.
    """
    method = tree.get("method")
    model = METHODS.get(method) if isinstance(method, str) else None
    # The union would build the validators of all methods to use one.
    return _ADAPTER.validate_python(tree) if model is None else model.model_validate(tree)


def recipe_json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a recipe file, for editors."""
    from schemas.json_schema import file_json_schema

    return file_json_schema(_ADAPTER, [model.__name__ for model in METHODS.values()])
