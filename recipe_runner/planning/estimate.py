"""`Estimate`: what a plan will take, as low, expected and high, with what it assumes."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from recipe_runner.planning.tokens import Tokens


class Span(BaseModel):
    """A quantity that is not known before the run."""

    model_config = ConfigDict(frozen=True)

    low: float
    expected: float
    high: float


class TokenEstimate(BaseModel):
    """Tokens of one model: what a run that goes as cheaply, as expected, as dearly would take."""

    model_config = ConfigDict(frozen=True)

    low: Tokens
    expected: Tokens
    high: Tokens


class Estimate(BaseModel):
    """What a run will take, before it starts.

    Attributes:
        steps: training steps; none where the data's length is not known.
        rollouts: sampled sequences of the training itself, evaluations not counted.
        tokens: by the model's name as it is billed.
        usd: for the tokens; none where a model that is used has no price in the snapshot, or where
            the backend is not paid for by tokens.
        unpriced: the models without a price.
        prices_of: the dates of the prices used.
        storage_gb: checkpoints at the end, those included that expire later.
        storage_usd_per_month: for keeping them; none where the backend charges nothing.
        assumptions: each thing taken for granted, in a sentence.
    """

    model_config = ConfigDict(frozen=True)

    steps: int | None
    rollouts: int
    tokens: dict[str, TokenEstimate]
    usd: Span | None
    unpriced: list[str]
    prices_of: list[str]
    storage_gb: float | None
    storage_usd_per_month: float | None
    assumptions: list[str]
