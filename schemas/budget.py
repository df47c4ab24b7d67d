"""`budget`: what a run may spend before it saves a checkpoint and stops."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from schemas.base import RecipeModel

Amount = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Budget(RecipeModel):
    """Limits on one run, all its attempts and stages together; the first that is reached counts."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    usd: Amount | None = Field(
        default=None, description="US dollars, by counted tokens and the shipped prices."
    )
    hours: Amount | None = Field(default=None, description="Hours that the run is at work.")
    tokens: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Tokens of every kind: prefill, cached, sampled, trained."
    )

    @model_validator(mode="before")
    @classmethod
    def _not_empty(cls, value: Any) -> Any:
        if value == {}:
            raise PydanticCustomError("too_short", "give at least one of usd, hours, tokens")
        return value
