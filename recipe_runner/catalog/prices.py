"""What hosted Tinker charges: a dated snapshot, never asked live.

Prices are in USD per million tokens. Prefill that the service has cached costs less by
`cached_discount`; checkpoints cost by their size and the time that they are kept.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from recipe_runner.catalog import DATA


@dataclass(frozen=True)
class Price:
    """One model's prices, USD per million tokens; None where the snapshot has none.

    Attributes:
        as_of: when the row was read, a date or a month.
        stale: read before a later change of prices.
    """

    prefill: float | None
    sample: float | None
    train: float | None
    as_of: str
    stale: bool
    note: str | None

    @property
    def cached_prefill(self) -> float | None:
        """Price of prefill tokens that the service has cached."""
        return None if self.prefill is None else self.prefill * (1 - cached_discount())


@cache
def _data() -> dict[str, Any]:
    data: dict[str, Any] = json.loads((DATA / "models.json").read_text("utf-8"))
    return data


@cache
def prices() -> dict[str, Price]:
    """Return the prices of every model of the snapshot, by its name as it is billed."""
    return {
        name: Price(
            prefill=row.get("prefill"),
            sample=row.get("sample"),
            train=row.get("train"),
            as_of=row["as_of"],
            stale=row.get("stale", False),
            note=row.get("note"),
        )
        for name, row in _data()["prices"].items()
    }


def price_of(model_name: str) -> Price | None:
    """Return a model's prices; a name with a suffix such as `:peft:131072` is billed by itself."""
    return prices().get(model_name)


def cached_discount() -> float:
    """Return the share of the prefill price that is taken off cached tokens."""
    return float(_data()["cached_prefill_discount"])


def storage_usd_per_gb_month() -> float:
    """Return what a gigabyte of checkpoints costs a month."""
    return float(_data()["storage_usd_per_gb_month"])
