"""How a batch is shared out between data sets by weight."""

from __future__ import annotations

from collections.abc import Sequence


def share_out(batch_size: int, weights: Sequence[float]) -> list[int]:
    """Return how many examples of a batch each data set gives.

    As `tinker_cookbook.distillation.train_off_policy` does it: at least one each, the last what is
    left, which may be none or less.
    """
    shares = [max(1, round(batch_size * weight / sum(weights))) for weight in weights[:-1]]
    return [*shares, batch_size - sum(shares)]
