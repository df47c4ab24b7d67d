"""Estimates as text: a small table for a plan, a line each for variants and stages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from recipe_runner.cli.tables import columns
from recipe_runner.planning.estimate import CASES, KINDS, Estimate, Span

# Variants shown, a line each; the total is always that of all.
_MOST_VARIANTS = 40
_HEADER = ("", "low", "expected", "high")


def estimate_lines(estimate: Estimate) -> Iterator[str]:
    """Yield an estimate: what it counts, its table, and what it takes for granted."""
    yield f"estimate: {size(estimate)}"
    rows = list(_rows(estimate))
    if rows:
        yield from (f"  {line}" for line in columns(_HEADER, rows))
    yield f"  cost: {cost(estimate)}"
    yield from (f"  {line}" for line in _storage(estimate))
    yield from (f"  not counted: {each}" for each in estimate.uncounted)
    yield from (f"  assumed: {each}" for each in estimate.assumptions)


def each_lines(title: str, estimates: Mapping[str, Estimate], total: Estimate) -> Iterator[str]:
    """Yield a line for each of several estimates, and one for their sum."""
    shown = dict(list(estimates.items())[:_MOST_VARIANTS])
    rows = [_row(name, one) for name, one in shown.items()]
    if len(shown) < len(estimates):
        rows.append((f"… and {len(estimates) - len(shown)} more", "", "", ""))
    yield f"{title}:"
    header = ("", "steps", "tokens", "cost")
    table = columns(header, [*rows, _row(f"all {len(estimates)}", total)])
    yield from (f"  {line}" for line in table)


def cost(estimate: Estimate) -> str:
    """Return what the tokens cost, in words; unknown is never nothing."""
    if not estimate.prices_of and not estimate.unpriced and estimate.charge != _by_tokens():
        return estimate.charge
    parts = []
    if estimate.usd is not None:
        parts.append(money_span(estimate.usd))
    elif estimate.usd_known is not None:
        parts.append(f"unknown; the known part is {money_span(estimate.usd_known)}")
    else:
        parts.append("unknown")
    if estimate.unpriced:
        parts.append(f"no price of {', '.join(estimate.unpriced)}")
    if estimate.prices_of:
        parts.append(f"prices of {', '.join(estimate.prices_of)}")
    if estimate.stale:
        parts.append(f"read before a later change of prices: {', '.join(estimate.stale)}")
    return "; ".join(parts)


def money_span(span: Span) -> str:
    """Return `$1.41 to $97.8, $44.3 expected`."""
    if span.low == span.high:
        return money(span.expected)
    return f"{money(span.low)} to {money(span.high)}, {money(span.expected)} expected"


def money(usd: float) -> str:
    """Return dollars, to the cent where that says something."""
    if usd and usd < 0.01:
        return "under $0.01"
    return f"${usd:,.2f}" if usd < 1000 else f"${usd:,.0f}"


def count(number: float) -> str:
    """Return a number of tokens in at most five characters: 950, 12.3k, 4.06M, 1.2B."""
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if number >= 0.9995 * size:
            scaled = number / size
            return f"{scaled:.3g}{letter}" if scaled < 999.5 else f"{scaled:,.0f}{letter}"
    return f"{number:.0f}"


def _by_tokens() -> str:
    from recipe_runner.planning.estimating import CHARGES

    return CHARGES["tinker"]


def size(estimate: Estimate) -> str:
    """Return how much a run does, in words."""
    if estimate.steps is None:
        return "how many steps there are is not known"
    said = [f"{estimate.steps:,} steps"] if estimate.steps else []
    if estimate.rollouts:
        said.append(f"{estimate.rollouts:,} {'rollouts' if estimate.steps else 'replies'}")
    return ", ".join(said) or "nothing is trained"


def _rows(estimate: Estimate) -> Iterator[tuple[str, str, str, str]]:
    several = len(estimate.tokens) > 1
    for name, tokens in estimate.tokens.items():
        if several:
            yield (name, "", "", "")
        for kind in KINDS:
            span = tokens.of_kind(kind)
            if span.high:
                low, expected, high = (count(span.at(case)) for case in CASES)
                yield (f"  {kind}" if several else f"tokens: {kind}", low, expected, high)
            hits = [tokens.at(case).cached for case in CASES]
            if kind == "prompts" and any(hits):
                low, expected, high = (count(each) for each in hits)
                yield ("    of these, cached", low, expected, high)


def _row(name: str, estimate: Estimate) -> tuple[str, str, str, str]:
    whole = estimate.total
    low, high = whole.low.total, whole.high.total
    tokens = f"{count(low)} to {count(high)}" if estimate.tokens else "unknown"
    steps = "unknown" if estimate.steps is None else f"{estimate.steps:,}"
    return (name, steps, tokens, cost(estimate))


def _storage(estimate: Estimate) -> Iterator[str]:
    if not estimate.storage_gb or estimate.kept_gb is None:
        return
    monthly = estimate.storage_usd_per_month
    price = "" if monthly is None else f", {money(monthly)} a month"
    yield (
        f"checkpoints: {estimate.storage_gb:.3g} GB at the end, {estimate.kept_gb:.3g} GB kept"
        f"{price}"
    )
