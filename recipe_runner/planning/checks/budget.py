"""A recipe's budget against what the run takes at least."""

from __future__ import annotations

from collections.abc import Iterator

from recipe_runner.language import Diagnostic, LoadedRecipe
from recipe_runner.planning.estimate import Estimate


def check_budget(loaded: LoadedRecipe, estimate: Estimate) -> Iterator[Diagnostic]:
    """Yield an error where even the low estimate is above the budget: the run cannot end well."""
    budget = loaded.recipe.budget
    if budget is None:
        return
    low = estimate.low_usd
    if budget.usd is not None and low > budget.usd:
        yield loaded.diagnostic(
            "budget.usd",
            "budget",
            f"the run takes ${low:,.4g} at least, and ${budget.usd:,.4g} are allowed",
            hint=f"allow more than ${low:,.4g}, or ask for fewer `steps`",
        )
    tokens = estimate.total.low.total
    if budget.tokens is not None and tokens > budget.tokens:
        yield loaded.diagnostic(
            "budget.tokens",
            "budget",
            f"the run takes {tokens:,} tokens at least, and {budget.tokens:,} are allowed",
            hint=f"allow more than {tokens:,}, or ask for fewer `steps`",
        )
