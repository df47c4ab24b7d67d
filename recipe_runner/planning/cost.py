"""Tokens -> US dollars, by the shipped snapshot of prices."""

from __future__ import annotations

from recipe_runner.catalog.prices import price_of
from recipe_runner.planning.tokens import Tokens, TokensByModel

_MILLION = 1_000_000


def usd(model_name: str, tokens: Tokens) -> float | None:
    """Return what a model's tokens cost; None where the snapshot lacks a price that is needed."""
    price = price_of(model_name)
    kinds = (
        (tokens.prefill, None if price is None else price.prefill),
        (tokens.cached, None if price is None else price.cached_prefill),
        (tokens.sampled, None if price is None else price.sample),
        (tokens.trained, None if price is None else price.train),
    )
    spent = 0.0
    for count, each in kinds:
        if count and each is None:
            return None
        spent += count * (each or 0.0) / _MILLION
    return spent


def usd_of(usage: TokensByModel) -> float | None:
    """Return what tokens of several models cost together; None where one has no price."""
    each = [usd(name, tokens) for name, tokens in usage.items()]
    known = [spent for spent in each if spent is not None]
    return sum(known) if len(known) == len(each) else None
