"""Weights laid out for the products of a few rows that decoding is made of."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

# From half a MiB on, a product of few rows takes as long as its weights take to be read, and
# oneDNN's own layout halves that: torch's products lay weights out anew in each call. Below it,
# that layout's longer way to the product costs more than it saves. (Both found by trying.)
_PACKED_FROM = 1 << 17


class Weight(Protocol):
    """A linear layer's weight, and its bias where it has one."""

    def product(self, x: Tensor) -> Tensor:
        """The layer's outputs [..., out] of inputs [..., in]."""
        ...

    def add_product(self, total: Tensor, x: Tensor) -> None:
        """Add the outputs of x [N, in] to `total` [N, out], in place."""
        ...

    def own_bytes(self, shared: set[int]) -> int:
        """Bytes of its tensors but those whose data pointers are in `shared`."""
        ...


def laid_out(weight: Tensor, bias: Tensor | None = None, *, copy: bool = True) -> Weight:
    """A linear layer of `weight` [out, in]; without `copy` a small one stays where it is.

    Which layout is a matter of the weight's size alone, so that a product adds up in the same order
    whatever else is in the batch.
    """
    if weight.numel() >= _PACKED_FROM and hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return _Packed(weight, bias)
    return _Plain(weight.t().contiguous() if copy else weight.t(), bias)


class _Plain:
    """A weight [in, out], as torch's products read it."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self._weight, self._bias = weight, bias

    def product(self, x: Tensor) -> Tensor:
        product = x @ self._weight
        return product if self._bias is None else product.add_(self._bias)

    def add_product(self, total: Tensor, x: Tensor) -> None:
        total.addmm_(x, self._weight)
        if self._bias is not None:
            total.add_(self._bias)

    def own_bytes(self, shared: set[int]) -> int:
        return sum(
            tensor.numel() * tensor.element_size()
            for tensor in (self._weight, self._bias)
            if tensor is not None and tensor.data_ptr() not in shared
        )


class _Packed:
    """A weight in oneDNN's layout, by the operations that torch's own compiler uses for it."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous())
        self._bias = bias
        self._linear = torch.ops.mkldnn._linear_pointwise.default

    def product(self, x: Tensor) -> Tensor:
        product: Tensor = self._linear(x, self._weight, self._bias, "none", [], "")
        return product

    def add_product(self, total: Tensor, x: Tensor) -> None:
        total.add_(self.product(x))

    def own_bytes(self, shared: set[int]) -> int:
        bias = 0 if self._bias is None or self._bias.data_ptr() in shared else self._bias.numel()
        return 4 * (int(self._weight.numel()) + bias)
