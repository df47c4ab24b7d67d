from __future__ import annotations

import pytest
import torch

from recipe_runner.backends.local.api import Adam
from recipe_runner.backends.local.errors import EngineError
from recipe_runner.backends.local.optim import AdamW, FlatParameters

SHAPES = {"a": (3, 4), "b": (5,), "c": (2, 1, 2)}


def initial() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {name: torch.randn(shape, generator=generator) for name, shape in SHAPES.items()}


@pytest.mark.parametrize(
    ("weight_decay", "clip", "eps"), [(0.0, 0.0, 1e-12), (0.1, 0.0, 1e-8), (0.01, 0.5, 1e-12)]
)
def test_steps_equal_torchs_adamw(weight_decay: float, clip: float, eps: float) -> None:
    parameters = FlatParameters(initial())
    ours = AdamW(parameters)
    theirs = [torch.nn.Parameter(tensor) for tensor in initial().values()]
    generator = torch.Generator().manual_seed(1)
    reference = torch.optim.AdamW(
        theirs, lr=1e-2, betas=(0.9, 0.95), eps=eps, weight_decay=weight_decay
    )
    for _ in range(20):
        for mine, other in zip(parameters.named.values(), theirs, strict=True):
            grad = torch.randn(mine.shape, generator=generator)
            assert mine.grad is not None
            mine.grad.copy_(grad)
            other.grad = grad.clone()
        if clip:
            norm = torch.nn.utils.clip_grad_norm_(theirs, clip).item()
        reference.step()
        metrics = ours.step(Adam(1e-2, eps=eps, weight_decay=weight_decay, grad_clip_norm=clip))
        if clip:
            assert metrics["grad_norm:mean"] == pytest.approx(norm, rel=1e-5)
    for mine, other in zip(parameters.named.values(), theirs, strict=True):
        torch.testing.assert_close(mine.detach(), other.detach(), rtol=1e-5, atol=1e-6)


def test_gradients_accumulate_in_place_and_a_step_clears_them() -> None:
    parameters = FlatParameters(initial())
    for _ in range(2):
        sum(p.sum() for p in parameters.named.values()).backward()
    assert parameters.grad.tolist() == [2.0] * parameters.flat.numel()
    AdamW(parameters).step(Adam(0.1))
    assert not parameters.grad.any()


def test_a_first_step_without_gradients_changes_nothing() -> None:
    parameters = FlatParameters(initial())
    before = parameters.flat.clone()
    assert AdamW(parameters).step(Adam(0.1)) == {"grad_norm:mean": 0.0}
    assert torch.equal(parameters.flat, before)


def test_gradients_that_are_not_finite_leave_the_weights() -> None:
    parameters = FlatParameters(initial())
    before = parameters.flat.clone()
    parameters.grad[3] = float("nan")
    optimizer = AdamW(parameters)
    with pytest.raises(EngineError, match="not finite"):
        optimizer.step(Adam(0.1))
    assert torch.equal(parameters.flat, before)
    assert not parameters.grad.any()
