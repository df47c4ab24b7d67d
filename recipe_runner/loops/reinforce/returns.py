"""Returns: what each turn's tokens are credited with."""

from __future__ import annotations

from collections.abc import Sequence

import torch

_EPSILON = 1e-9  # examples/train_tinker/tinker_train.py of GEM


def discounted_returns(rewards: Sequence[float], gamma: float) -> list[float]:
    """Return G_t = r_t + gamma G_{t+1} for each turn of an episode."""
    returns: list[float] = []
    following = 0.0
    for reward in reversed(rewards):
        following = reward + gamma * following
        returns.append(following)
    return returns[::-1]


def normalized(returns_by_episode: Sequence[Sequence[float]]) -> list[list[float]]:
    """Shift and scale the returns to mean 0 and deviation 1 over all turns of a batch.

    Return batch normalization: GEM, arXiv:2510.01051, section 3.2; the deviation is the unbiased
    one, as there. Returns that are all equal, or a single one, become 0.
    """
    flat = torch.tensor([each for returns in returns_by_episode for each in returns])
    deviation = flat.std() if len(flat) > 1 else torch.tensor(0.0)
    scaled = iter(((flat - flat.mean()) / (deviation + _EPSILON)).tolist())
    return [[next(scaled) for _ in returns] for returns in returns_by_episode]
