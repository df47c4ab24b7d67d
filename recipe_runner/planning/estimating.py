"""A plan and measured lengths -> its `Estimate`, in tokens and money."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from recipe_runner.catalog.prices import Price, price_of, storage_usd_per_gb_month
from recipe_runner.planning.cost import usd
from recipe_runner.planning.estimate import Estimate, Span, TokenEstimate
from recipe_runner.planning.plan import Plan
from recipe_runner.planning.storage import Storage, storage, storage_assumption
from recipe_runner.planning.volume import Volume, volume
from recipe_runner.planning.volume.lengths import Lengths, assumed
from recipe_runner.planning.volume.pipeline import lengths_of_output, reads_a_stage
from schemas.backend import backend_kind

CHARGES = {
    "tinker": "by tokens, at the prices of the shipped snapshot",
    "remote": "as the server's owner charges",
    "local": "nothing is charged: it runs on this machine",
}


def estimate(plan: Plan, lengths: Mapping[str, Lengths]) -> Estimate:
    """Return what a plan will take.

    Args:
        lengths: what was measured of the plan's data under the name "", and of each stage's under
            its name. A stage that is not there reads what an earlier one writes.
    """
    if not plan.stages:
        return _of_one(plan, lengths.get("") or _unmeasured(plan))
    known: dict[str, Lengths] = {}
    for name, stage in plan.stages.items():
        if reads_a_stage(stage):
            known[name] = lengths_of_output(stage, plan.stages, known)
        else:
            known[name] = lengths.get(name) or _unmeasured(stage)
    stages = {name: _of_one(stage, known[name]) for name, stage in plan.stages.items()}
    return total(stages.values()).model_copy(update={"stages": stages})


def _unmeasured(plan: Plan) -> Lengths:
    if plan.recipe.method == "eval":  # all that it has are evaluators
        return Lengths(texts=[])
    return assumed(plan, "they were not measured")


def total(estimates: Iterable[Estimate]) -> Estimate:
    """Return the sum: of a pipeline's stages, of a sweep's variants. One that is unknown stays so.

    Assumptions that are the same stand there once.
    """
    each = list(estimates)
    tokens: dict[str, TokenEstimate] = {}
    for one in each:
        for name, more in one.tokens.items():
            tokens[name] = tokens[name] + more if name in tokens else more
    steps = [one.steps for one in each]
    partial = [one.usd or one.usd_known for one in each]
    whole = _sum([one.usd for one in each])
    return Estimate(
        steps=None if None in steps else sum(count or 0 for count in steps),
        rollouts=sum(one.rollouts for one in each),
        tokens=tokens,
        usd=whole,
        usd_known=None if whole is not None else _sum([span for span in partial if span]),
        unpriced=_distinct(name for one in each for name in one.unpriced),
        prices_of=sorted({date for one in each for date in one.prices_of}),
        stale=_distinct(name for one in each for name in one.stale),
        storage_gb=_total([one.storage_gb for one in each]),
        kept_gb=_total([one.kept_gb for one in each]),
        storage_usd_per_month=_total([one.storage_usd_per_month for one in each]),
        charge=next((one.charge for one in each), ""),
        assumptions=_distinct(said for one in each for said in one.assumptions),
        uncounted=_distinct(what for one in each for what in one.uncounted),
    )


def _of_one(plan: Plan, lengths: Lengths) -> Estimate:
    counted = volume(plan, lengths)
    kind = backend_kind(plan.recipe.backend)
    stored = storage(plan, counted.steps)
    paid = kind == "tinker"
    said = storage_assumption(plan) if stored is not None else None
    money = _priced(counted) if paid else {"usd": None, "unpriced": [], "prices_of": []}
    monthly = storage_usd_per_gb_month()
    return Estimate(
        steps=counted.steps,
        rollouts=counted.rollouts,
        tokens=counted.tokens,
        **money,
        storage_gb=_rounded(stored, "at_end"),
        kept_gb=_rounded(stored, "kept"),
        storage_usd_per_month=round(stored.kept * monthly, 4) if stored and paid else None,
        charge=CHARGES[kind],
        assumptions=[*counted.assumptions, *([said] if said else [])],
        uncounted=counted.uncounted,
        data_steps=None if reads_a_stage(plan) else lengths.steps,
        # A stand-in has a tokenizer of its own.
        longest_prompt=None if plan.served.is_stand_in else lengths.longest_prompt,
    )


def _rounded(stored: Storage | None, part: str) -> float | None:
    return None if stored is None else round(getattr(stored, part), 4)


def _priced(counted: Volume) -> dict[str, Any]:
    """Return the fields of an estimate that prices decide."""
    prices = {name: price_of(name) for name in counted.tokens}
    each = {name: _usd(name, tokens) for name, tokens in counted.tokens.items()}
    unpriced = [name for name, span in each.items() if span is None]
    sums = _sum([span for span in each.values() if span is not None])
    whole = counted.steps is not None and not unpriced and not counted.uncounted
    used = [price for name, price in prices.items() if price and name not in unpriced]
    return {
        "usd": (sums or _NOTHING) if whole else None,
        "usd_known": None if whole else sums,
        "unpriced": unpriced,
        "prices_of": sorted({price.as_of for price in used}),
        "stale": [name for name, price in prices.items() if _is_stale(price)],
    }


def _is_stale(price: Price | None) -> bool:
    return price is not None and price.stale


_NOTHING = Span(low=0, expected=0, high=0)


def _usd(name: str, tokens: TokenEstimate) -> Span | None:
    low, expected, high = usd(name, tokens.low), usd(name, tokens.expected), usd(name, tokens.high)
    if low is None or expected is None or high is None:
        return None
    return Span(low=low, expected=expected, high=high)


def _sum(spans: list[Span | None] | list[Span]) -> Span | None:
    """Return the sum, None where there is nothing or something is not known."""
    known = [span for span in spans if span is not None]
    if not known or len(known) < len(spans):
        return None
    return sum(known[1:], known[0])


def _total(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known), 4) if len(known) == len(values) and known else None


def _distinct(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
