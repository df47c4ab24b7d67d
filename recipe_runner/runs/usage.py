"""`usage.json`: what a run has used so far, over all its attempts."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, FiniteFloat, ValidationError

from recipe_runner.catalog.prices import price_of
from recipe_runner.planning.cost import usd_of
from recipe_runner.planning.tokens import Tokens
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.files import replace_atomically


class Usage(BaseModel):
    """Tokens and time of a run; of a pipeline, of all its stages together.

    Attributes:
        tokens: by the model's name as it is billed.
        seconds: time at work, waits for the service included.
        usd: what hosted Tinker charges for the tokens by the shipped prices, also where the run's
            backend charges nothing; none where a model has no price.
        prices_of: the dates of these prices.
    """

    model_config = ConfigDict(frozen=True)

    tokens: dict[str, Tokens] = {}
    seconds: FiniteFloat = 0.0
    usd: FiniteFloat | None = 0.0
    prices_of: list[str] = []

    @property
    def total(self) -> Tokens:
        return sum(self.tokens.values(), Tokens())


def usage_of(tokens: dict[str, Tokens], seconds: float) -> Usage:
    """Return the usage with what it costs."""
    prices = filter(None, map(price_of, tokens))
    return Usage(
        tokens=tokens,
        seconds=round(seconds, 3),
        usd=usd_of(tokens),
        prices_of=sorted({price.as_of for price in prices}),
    )


def read_usage(run: RunDirectory) -> Usage | None:
    """Return what a run has used; none where nothing was counted."""
    try:
        return Usage.model_validate_json(run.usage_file.read_bytes())
    except (OSError, ValidationError):
        return None


def write_usage(run: RunDirectory, usage: Usage) -> None:
    replace_atomically(run.usage_file, usage.model_dump_json(indent=2) + "\n")
