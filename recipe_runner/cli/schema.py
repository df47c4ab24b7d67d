"""`recipe-run schema`: the JSON Schema of recipes, for editors."""

from __future__ import annotations

import json

import click


@click.command("schema")
def schema() -> None:
    """Print the JSON Schema of recipe files."""
    click.echo(schema_text(), nl=False)


def schema_text() -> str:
    """Return what `schemas/recipe.schema.json` holds."""
    from schemas import recipe_json_schema

    return json.dumps(recipe_json_schema(), indent=2, ensure_ascii=False) + "\n"
