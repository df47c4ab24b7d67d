"""Weights in either layout compute what torch's own linear layer does."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from recipe_runner.backends.local.products import laid_out

SMALL, LARGE = (48, 32), (512, 384)


@pytest.mark.parametrize("has_bias", [False, True])
@pytest.mark.parametrize("shape", [SMALL, LARGE])
def test_products_are_those_of_a_linear_layer(shape: tuple[int, int], has_bias: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(shape, generator=generator)
    bias = torch.randn(shape[0], generator=generator) if has_bias else None
    x = torch.randn(3, 5, shape[1], generator=generator)
    total = torch.randn(15, shape[0], generator=generator)
    expected = F.linear(x, weight, bias)
    summed = total + expected.flatten(0, 1)
    laid = laid_out(weight, bias)
    with torch.inference_mode():
        torch.testing.assert_close(laid.product(x), expected, rtol=1e-5, atol=1e-4)
        laid.add_product(total, x.flatten(0, 1))
    torch.testing.assert_close(total, summed, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("rows", [2, 3, 4, 7, 16, 33, 64])
def test_a_large_weights_products_are_the_same_in_any_company(rows: int) -> None:
    weight, x = torch.randn(LARGE), torch.randn(100, LARGE[1])
    laid = laid_out(weight)
    assert torch.equal(laid.product(x[:rows]), laid.product(x)[:rows])


def test_a_small_weight_that_is_not_copied_costs_no_memory() -> None:
    small, large = torch.randn(SMALL), torch.randn(LARGE)
    shared = {small.data_ptr(), large.data_ptr()}
    assert laid_out(small, copy=False).own_bytes(shared) == 0
    assert laid_out(small).own_bytes(shared) == 4 * small.numel()
    assert laid_out(large, copy=False).own_bytes(shared) == 4 * large.numel()
