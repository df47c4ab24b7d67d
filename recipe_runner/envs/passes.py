"""The order in which a run goes through its problems, where the Cookbook has one order alone."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


def in_passes(items: Sequence[Item], *, seed: int, num_items: int | None) -> list[Item]:
    """Return the items in the seed's order, over and over until there are `num_items`.

    Seed 0 keeps the order that they are in, which is the Cookbook's.

    Args:
        num_items: how many the run needs at least; None: one pass.

    Raises:
        ValueError: if there are no items.
    """
    if not items:
        raise ValueError("there is nothing to train on")
    order = list(items)
    if seed:
        random.Random(seed).shuffle(order)
    passes = 1 if num_items is None else -(-num_items // len(order))
    return order * max(passes, 1)


def num_problems(num_batches: int | None, groups_per_batch: int) -> int:
    """Return how many problems a run needs: one batch at least."""
    return max(num_batches or 1, 1) * groups_per_batch
