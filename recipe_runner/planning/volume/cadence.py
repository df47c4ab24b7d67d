"""How often a loop evaluates and saves."""

from __future__ import annotations

import math


def evaluations(steps: int, every: int, *, also_last: bool = False) -> int:
    """Return how often a loop evaluates that does so before steps 0, `every`, 2 `every`, …

    Args:
        every: 0: never.
        also_last: whether it does before its last step, too.
    """
    if every <= 0 or steps <= 0:
        return 0
    times = math.ceil(steps / every)
    return times + int(also_last and (steps - 1) % every != 0)
