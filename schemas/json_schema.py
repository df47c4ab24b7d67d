"""The JSON Schema of a recipe *file*, for editors.

A file is looser than the recipe it resolves to: the stem may name it, templates stand where
numbers will, and whatever it extends may hold the required keys.
"""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from schemas.variants import Composition

_TEMPLATE: JsonSchemaValue = {
    "type": "string",
    "pattern": r"\{[{%].*[%}]\}",
    "description": "A template, such as {{ vars.lr }}.",
}
_REF = "#/$defs/{model}"


class _FileSchema(GenerateJsonSchema):
    """Takes a template wherever it takes a number, a truth value or one of several words."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def int_schema(self, schema: core_schema.IntSchema) -> JsonSchemaValue:
        return _or_template(super().int_schema(schema))

    def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchemaValue:
        return _or_template(super().float_schema(schema))

    def bool_schema(self, schema: core_schema.BoolSchema) -> JsonSchemaValue:
        return _or_template(super().bool_schema(schema))

    def str_schema(self, schema: core_schema.StringSchema) -> JsonSchemaValue:
        text = super().str_schema(schema)
        return _or_template(text) if "pattern" in text else text

    def literal_schema(self, schema: core_schema.LiteralSchema) -> JsonSchemaValue:
        words = super().literal_schema(schema)
        return _or_template(words) if len(schema["expected"]) > 1 else words

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        union = super().tagged_union_schema(schema)
        # With templates a value can fit two forms, so "exactly one" would refuse it.
        return {"anyOf": union.pop("oneOf"), **union} if "oneOf" in union else union


def file_json_schema(recipe: TypeAdapter[Any], methods: list[str]) -> dict[str, Any]:
    """Return the JSON Schema; `methods` are the names of the methods' models."""
    resolved = recipe.json_schema(schema_generator=_FileSchema)
    composition = Composition.model_json_schema(schema_generator=_FileSchema)
    definitions = {**resolved["$defs"], **composition.get("$defs", {})}
    for method in methods:
        model = definitions[method]
        model["properties"].update(composition["properties"])
        model["required"].remove("name")
    definitions["RecipeWithParents"] = _with_parents([definitions[m] for m in methods])
    definitions = {"Template": _TEMPLATE, **_shared(definitions)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "recipe-run recipe, version 1",
        "if": {"required": ["extends"]},
        "then": {"$ref": _REF.format(model="RecipeWithParents")},
        "else": {"anyOf": [{"$ref": _REF.format(model=method)} for method in methods]},
        "$defs": definitions,
    }


def _with_parents(models: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the schema of a file whose parents may hold any part of its sections."""
    properties: dict[str, Any] = {}
    for model in models:
        for key, value in model["properties"].items():
            whole = "$ref" not in str(value) or key in Composition.model_fields
            properties.setdefault(key, value if whole else _description(value))
    methods = [model["properties"]["method"]["const"] for model in models]
    properties["method"] = {"enum": methods}
    return {
        "description": "A recipe that builds on other files.",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }


def _shared(schema: Any) -> Any:
    """Return the schema with one definition of a template in place of its copies."""
    if schema == _TEMPLATE:
        return {"$ref": _REF.format(model="Template")}
    if isinstance(schema, dict):
        return {key: _shared(value) for key, value in schema.items()}
    return [_shared(item) for item in schema] if isinstance(schema, list) else schema


def _description(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: schema[key] for key in ("description",) if key in schema}


def _or_template(schema: JsonSchemaValue) -> JsonSchemaValue:
    return {"anyOf": [schema, _TEMPLATE]}
