"""`budget` held against what a run has used."""

from __future__ import annotations

from collections.abc import Iterator

from recipe_runner.catalog.prices import price_of
from recipe_runner.errors import UsageError
from recipe_runner.planning.marked import model_names
from recipe_runner.planning.plan import Plan
from recipe_runner.runs.usage import Usage
from schemas.budget import Budget

_SECONDS_PER_HOUR = 3600


def spent(budget: Budget | None, usage: Usage, *, paid: bool) -> str | None:
    """Return which limit is reached, as `1,234 of 1,000 tokens`; none while there is room.

    Hours are those of the run at work, waits for the service included: they pass on the clock too.

    Args:
        paid: whether the tokens cost money; then dollars that cannot be counted are none to spend.
    """
    if budget is None:
        return None
    if budget.tokens is not None and usage.total.total >= budget.tokens:
        return f"{usage.total.total:,} of {budget.tokens:,} tokens"
    if budget.usd is not None and usage.usd is not None and usage.usd >= budget.usd:
        return f"${usage.usd:,.4g} of ${budget.usd:,.4g}"
    if budget.usd is not None and usage.usd is None and paid:
        unpriced = ", ".join(name for name in sorted(usage.tokens) if not _is_priced(name))
        return f"an unknown part of ${budget.usd:,.4g}, for there is no price of {unpriced}"
    hours = usage.seconds / _SECONDS_PER_HOUR
    if budget.hours is not None and hours >= budget.hours:
        return f"{hours:,.3g} of {budget.hours:,.3g} hours"
    return None


def limits_in_usd(plan: Plan) -> list[str]:
    """Return what has to be said of `budget.usd` before the start.

    Raises:
        UsageError: if a model is paid for whose price is not known.
    """
    plans = [plan, *plan.stages.values()]
    if all(each.recipe.budget is None or each.recipe.budget.usd is None for each in plans):
        return []
    used = plans if plan.recipe.budget and plan.recipe.budget.usd else plan.stages.values()
    models = sorted({name for each in used for name in model_names(each.recipe)})
    unpriced = [name for name in models if not _is_priced(name)]
    if plan.served.kind != "hosted":
        return list(_notes(models, unpriced))
    if unpriced:
        raise UsageError(
            f"budget.usd cannot be held: the shipped prices have none for {', '.join(unpriced)}; "
            "limit `budget.tokens` or `budget.hours` in its place"
        )
    return []


def _is_priced(name: str) -> bool:
    price = price_of(name)
    return price is not None and None not in (price.prefill, price.sample, price.train)


def _notes(models: list[str], unpriced: list[str]) -> Iterator[str]:
    if unpriced:
        yield (
            "note: budget.usd has no effect here: this backend charges nothing, and there is no "
            f"price of hosted Tinker for {', '.join(unpriced)}"
        )
    else:
        dates = sorted({price.as_of for name in models if (price := price_of(name))})
        yield (
            "note: this backend charges nothing; budget.usd is held against the prices of hosted "
            f"Tinker as of {', '.join(dates)}"
        )
