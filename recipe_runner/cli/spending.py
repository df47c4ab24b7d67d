"""What a run used, against what was expected of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from recipe_runner.cli.estimates import money, money_span
from recipe_runner.cli.tables import columns

if TYPE_CHECKING:
    from recipe_runner.planning.estimate import Estimate
    from recipe_runner.planning.plan import Plan
    from recipe_runner.planning.tokens import Tokens
    from recipe_runner.runs.directory import RunDirectory
    from recipe_runner.runs.usage import Usage

_KINDS = ("prefill", "cached", "sampled", "trained")


def spending(run: RunDirectory, plan: Plan) -> Iterator[str]:
    """Yield the lines that say what a run used, by model and kind, and what that cost."""
    from recipe_runner.runs.estimates import read_estimate
    from recipe_runner.runs.usage import read_usage

    usage = read_usage(run)
    if usage is None or not usage.tokens:
        return
    estimate = read_estimate(run)
    for name, tokens in sorted(usage.tokens.items()):
        yield from _table(name, tokens, estimate)
    yield from _cost(usage, plan, estimate)
    if plan.served.kind == "hosted":
        yield from _billed(run)


def _table(name: str, tokens: Tokens, estimate: Estimate | None) -> Iterator[str]:
    expected = None if estimate is None else estimate.tokens.get(name)
    kinds = [
        kind
        for kind in _KINDS
        if getattr(tokens, kind) or (expected is not None and getattr(expected.high, kind))
    ]
    if expected is None:
        rows = [(f"  {kind}", f"{getattr(tokens, kind):,}") for kind in kinds]
        yield from columns((f"tokens of {name}", "counted"), _right(rows))
        return
    spans = [
        (
            f"  {kind}",
            f"{getattr(tokens, kind):,}",
            f"{getattr(expected.expected, kind):,}",
            f"{getattr(expected.low, kind):,}-{getattr(expected.high, kind):,}",
        )
        for kind in kinds
    ]
    yield from columns((f"tokens of {name}", "counted", "expected", "low-high"), _right(spans))


def _right(rows: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Align numbers to the right, as far as those of one column go."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))] if rows else []
    return [
        (row[0], *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)))
        for row in rows
    ]


def _cost(usage: Usage, plan: Plan, estimate: Estimate | None) -> Iterator[str]:
    from recipe_runner.catalog.prices import price_of

    dates = ", ".join(usage.prices_of)
    if plan.served.kind != "hosted":
        yield "cost: nothing was charged"
        if usage.usd is not None:
            yield (
                f"  these tokens on hosted Tinker, by its prices of {dates}: {money(usage.usd)} "
                "(an estimate)"
            )
        return
    if usage.usd is None:
        unpriced = [name for name in sorted(usage.tokens) if price_of(name) is None]
        yield f"cost: unknown, for there is no price of {', '.join(unpriced) or 'some kinds'}"
        return
    yield f"cost: {money(usage.usd)} by counted tokens and the prices of {dates}"
    if estimate is not None and estimate.usd is not None:
        yield f"  expected before the start: {money_span(estimate.usd)}"


def _billed(run: RunDirectory) -> Iterator[str]:
    from recipe_runner.backends.billing import bill_of

    started = datetime.fromisoformat(run.read_manifest().created)
    bill = bill_of(run.run_id, started, datetime.now(UTC))
    if bill is not None:
        rest = "" if bill.complete else ", part of it without a price yet"
        yield f"  billed by Tinker so far: {money(bill.usd)}{rest} (its figures lag by hours)"
