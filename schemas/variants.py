"""`extends`, `vars`, `variants`: how one recipe is written in terms of others.

They are resolved before a recipe is validated; a resolved recipe does not have them.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from schemas.base import NonEmpty, RecipeModel

Scalar = str | int | float | bool
VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
VariantName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
DottedKey = Annotated[str, Field(pattern=r"^[^.\s]+(\.[^.\s]+)*$")]
Overrides = dict[DottedKey, Any]


class Matrix(RecipeModel):
    """Every combination of the listed values, plus `include`, less `exclude`."""

    matrix: dict[DottedKey, Annotated[list[Any], Field(min_length=1)]] = Field(
        default={}, description="Dotted key -> the values it takes."
    )
    include: list[Overrides] = Field(default=[], description="Further combinations.")
    exclude: list[Overrides] = Field(
        default=[], description="Combinations to leave out; a partial one matches all it fits."
    )


def _variants_form(value: Any) -> str:
    keys = value if isinstance(value, dict) else {}
    return "matrix" if keys.keys() & Matrix.model_fields.keys() else "named"


Variants = Annotated[
    Annotated[Matrix, Tag("matrix")] | Annotated[dict[VariantName, Overrides], Tag("named")],
    Discriminator(_variants_form),
]


class Composition(RecipeModel):
    """The keys that are resolved before validation."""

    extends: NonEmpty | list[NonEmpty] | None = Field(
        default=None, description="Recipe files this one builds on, relative to this file."
    )
    vars: dict[VariableName, Scalar] = Field(
        default={}, description="Values for templates, used as {{ vars.NAME }}."
    )
    variants: Variants | None = Field(
        default=None, description="Variants of this recipe: a matrix, or overrides by name."
    )
