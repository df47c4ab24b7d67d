"""Adam with decoupled weight decay over one flat vector of parameters.

All trained parameters of a model are views of one vector, and so are their gradients: a step is a
dozen vector operations however many parameters there are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from recipe_runner.backends.local.api import Adam
from recipe_runner.backends.local.errors import EngineError


class FlatParameters:
    """Named float32 parameters that share one vector, with gradients that share another."""

    def __init__(self, initial: Mapping[str, Tensor]) -> None:
        self.flat = torch.cat([tensor.detach().float().reshape(-1) for tensor in initial.values()])
        self.grad = torch.zeros_like(self.flat)
        self.shapes = {name: tensor.shape for name, tensor in initial.items()}
        self.named = self.views(self.flat)
        for parameter, grad in zip(
            self.named.values(), self.views(self.grad).values(), strict=True
        ):
            parameter.requires_grad_()
            # Autograd adds in place to a gradient that is there, so the views stay views.
            parameter.grad = grad

    def views(self, flat: Tensor) -> dict[str, Tensor]:
        """`flat` cut into tensors with the parameters' names and shapes; no copies."""
        sizes = [shape.numel() for shape in self.shapes.values()]
        pieces = torch.split(flat.detach(), sizes)
        return {
            name: piece.view(shape)
            for (name, shape), piece in zip(self.shapes.items(), pieces, strict=True)
        }


class AdamW:
    """Optimizer state over a FlatParameters: both moments and the number of steps taken.

    Equals torch.optim.AdamW on the same gradients (Loshchilov and Hutter 2019, arXiv:1711.05101,
    algorithm 2). A step without gradients is a step with gradients of zero (a choice): the
    moments decay and still move the weights.
    """

    def __init__(self, parameters: FlatParameters) -> None:
        self.parameters = parameters
        self.exp_avg = torch.zeros_like(parameters.flat)
        self.exp_avg_sq = torch.zeros_like(parameters.flat)
        self.num_steps = 0

    def step(self, adam: Adam) -> dict[str, float]:
        """Apply the accumulated gradients and clear them; returns the norm before clipping.

        EngineError, with the weights left as they are, when a gradient is not finite.
        """
        flat, grad = self.parameters.flat, self.parameters.grad
        grad_norm = float(torch.linalg.vector_norm(grad))
        if not math.isfinite(grad_norm):
            grad.zero_()
            raise EngineError("gradients are not finite; they were dropped, the weights kept")
        if adam.grad_clip_norm > 0 and grad_norm > adam.grad_clip_norm:
            grad.mul_(adam.grad_clip_norm / grad_norm)
        self.num_steps += 1
        flat.mul_(1 - adam.learning_rate * adam.weight_decay)
        self.exp_avg.lerp_(grad, 1 - adam.beta1)
        self.exp_avg_sq.mul_(adam.beta2).addcmul_(grad, grad, value=1 - adam.beta2)
        correction1 = 1 - adam.beta1**self.num_steps
        correction2 = 1 - adam.beta2**self.num_steps
        denominator = (self.exp_avg_sq.sqrt() / math.sqrt(correction2)).add_(adam.eps)
        flat.addcdiv_(self.exp_avg, denominator, value=-adam.learning_rate / correction1)
        grad.zero_()
        return {"grad_norm:mean": grad_norm}

    def reset(self) -> None:
        """Forget moments, steps and gradients, as before the first step."""
        self.exp_avg.zero_()
        self.exp_avg_sq.zero_()
        self.parameters.grad.zero_()
        self.num_steps = 0
