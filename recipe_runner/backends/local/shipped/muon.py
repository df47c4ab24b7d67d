"""Muon, the optimizer of the shipped model's matrices.

Keller Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024). After 250
steps on bare arithmetic this model's loss was 0.05 with it and 0.51 with AdamW. torch's own
orthogonalises in bfloat16, which most CPUs emulate (1.3 against 0.45 seconds a step here); this one
stays in float32.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

# Coefficients of the quintic Newton-Schulz iteration and their number of rounds, from the paper.
_A, _B, _C = 3.4445, -4.7750, 2.0315
_ROUNDS = 5


class Muon(torch.optim.Optimizer):
    """Momentum whose update is the nearest semi-orthogonal matrix; for 2-D parameters alone."""

    def __init__(
        self,
        params: Iterable[torch.Tensor],
        *,
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Apply one update to every parameter that has a gradient."""
        for group in self.param_groups:
            for param in group["params"]:
                if param.grad is not None:
                    update = self._direction(param, param.grad, group["momentum"])
                    rows, columns = param.shape
                    param.mul_(1 - group["lr"] * group["weight_decay"])
                    param.add_(update, alpha=-group["lr"] * max(1.0, rows / columns) ** 0.5)

    def _direction(self, param: torch.Tensor, grad: torch.Tensor, momentum: float) -> torch.Tensor:
        average = self.state[param].setdefault("average", torch.zeros_like(grad))
        average.lerp_(grad, 1 - momentum)
        return orthogonalize(torch.lerp(grad, average, momentum))


def orthogonalize(matrix: torch.Tensor) -> torch.Tensor:
    """Bring every singular value of `matrix` [M, N] near 1 (within 0.7 to 1.2)."""
    tall = matrix.shape[0] > matrix.shape[1]
    x: torch.Tensor = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(_ROUNDS):
        gram = x @ x.T
        x = _A * x + (_B * gram + _C * gram @ gram) @ x
    return x.T if tall else x
