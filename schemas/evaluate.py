"""`method: eval`: evaluators alone, on the model that `model.load_from` says."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.common import ModelKeys
from schemas.evaluators import Evaluator


class EvalRecipe(ModelKeys):
    method: Literal["eval"]
    evaluators: Annotated[list[Evaluator], Field(min_length=1)] = Field(
        description="What the model is measured by."
    )
