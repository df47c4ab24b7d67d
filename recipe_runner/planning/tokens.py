"""`Tokens`: tokens by the kinds that a service charges for."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict


class Tokens(BaseModel):
    """Numbers of tokens of one model.

    Attributes:
        prefill: prompt tokens that were computed, log-probabilities of given tokens included.
        cached: prompt tokens that the service had computed before.
        sampled: tokens that the model wrote.
        trained: tokens of trained sequences, their prompts included: a service charges
            forward-backward over whole sequences.
    """

    model_config = ConfigDict(frozen=True)

    prefill: int = 0
    cached: int = 0
    sampled: int = 0
    trained: int = 0

    @property
    def total(self) -> int:
        return self.prefill + self.cached + self.sampled + self.trained

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(
            prefill=self.prefill + other.prefill,
            cached=self.cached + other.cached,
            sampled=self.sampled + other.sampled,
            trained=self.trained + other.trained,
        )


# A model's name as it is billed -> its tokens. A run may use several: teachers, judges, references.
TokensByModel = Mapping[str, Tokens]


def total(usage: TokensByModel) -> Tokens:
    """Return the sum over all models."""
    return sum(usage.values(), Tokens())
