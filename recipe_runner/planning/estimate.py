"""`Estimate`: what a plan will take, as low, expected and high, with what it assumes."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from recipe_runner.planning.tokens import Tokens

Case = Literal["low", "expected", "high"]
CASES: tuple[Case, ...] = ("low", "expected", "high")

# What people read, and what low and high hold for: whether a service has a prompt in its cache
# changes its price, not its length.
Kind = Literal["prompts", "sampled", "trained"]
KINDS: tuple[Kind, ...] = ("prompts", "sampled", "trained")


class Span(BaseModel):
    """A quantity that is not known before the run."""

    model_config = ConfigDict(frozen=True)

    low: float
    expected: float
    high: float

    def at(self, case: Case) -> float:
        """Return one of the three."""
        values: dict[Case, float] = {
            "low": self.low,
            "expected": self.expected,
            "high": self.high,
        }
        return values[case]

    def __add__(self, other: Span) -> Span:
        return Span(
            low=self.low + other.low,
            expected=self.expected + other.expected,
            high=self.high + other.high,
        )


class TokenEstimate(BaseModel):
    """Tokens of one model: what a run that goes as cheaply, as expected, as dearly would take.

    The low case also has every repeated prompt in the service's cache, so `cached` alone may be
    largest there. Prompts as a whole (`of_kind("prompts")`) never are.
    """

    model_config = ConfigDict(frozen=True)

    low: Tokens
    expected: Tokens
    high: Tokens

    def at(self, case: Case) -> Tokens:
        """Return one of the three."""
        values: dict[Case, Tokens] = {
            "low": self.low,
            "expected": self.expected,
            "high": self.high,
        }
        return values[case]

    def of_kind(self, kind: Kind) -> Span:
        """Return the tokens of one kind."""
        low, expected, high = (of_kind(self.at(case), kind) for case in CASES)
        return Span(low=low, expected=expected, high=high)

    def __add__(self, other: TokenEstimate) -> TokenEstimate:
        return TokenEstimate(
            low=self.low + other.low,
            expected=self.expected + other.expected,
            high=self.high + other.high,
        )


class Estimate(BaseModel):
    """What a run will take, before it starts.

    Attributes:
        steps: training steps; none where the data's length is not known, 0 where nothing is
            trained.
        rollouts: sampled sequences of the training itself, evaluations not counted.
        tokens: by the model's name as it is billed; empty where the steps are not known.
        usd: for the tokens; none where a model that is used has no price in the snapshot, where
            something is left out of the sums, or where the backend is not paid for by tokens.
        usd_known: for the tokens that are counted and have a price; none where `usd` is the whole,
            or the backend is not paid for by tokens.
        unpriced: the models without a price.
        prices_of: the dates of the prices used.
        stale: the models whose prices were read before a later change of prices.
        storage_gb: checkpoints at the end, those included that expire later.
        kept_gb: checkpoints that stay until somebody removes them.
        storage_usd_per_month: for those that stay; none where the backend charges nothing.
        charge: what the backend charges, in words.
        assumptions: each thing taken for granted, in a sentence.
        uncounted: what the sums leave out, for nothing is known of it.
        data_steps: steps that the data gives, where it could be looked at.
        longest_prompt: tokens of the longest prompt that was looked at, by the model's tokenizer.
        stages: a pipeline's, by name, each alone.
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
    usd_known: Span | None = None
    stale: list[str] = []
    kept_gb: float | None = None
    charge: str = ""
    uncounted: list[str] = []
    data_steps: int | None = None
    longest_prompt: int | None = None
    stages: dict[str, Estimate] = {}

    @property
    def total(self) -> TokenEstimate:
        """The tokens of all models together."""
        none = TokenEstimate(low=Tokens(), expected=Tokens(), high=Tokens())
        return sum(self.tokens.values(), none)

    @property
    def low_usd(self) -> float:
        """What the run costs at least, as far as prices are known."""
        known = self.usd or self.usd_known
        return known.low if known else 0.0


def of_kind(tokens: Tokens, kind: Kind) -> int:
    """Return a run's tokens of one of the kinds that people read."""
    if kind == "prompts":
        return tokens.prefill + tokens.cached
    return tokens.sampled if kind == "sampled" else tokens.trained
