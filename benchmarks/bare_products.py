"""The matrix products of decoding and of a training step, bare: what a machine cannot go below.

Same shapes, type and threads as the engine's; every layer has weights, keys and values of its own,
as it has them in a model. Results are written over each other. Neither norms nor rotations, neither
softmax nor choosing, neither copies nor Python objects but one call a product. Query, key and value
projections are one product, and so are gate and up, and each product is the faster of torch's own
and of oneDNN's: what is fastest is the limit, whoever uses it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import timing
import torch
from torch import Tensor
from transformers import PreTrainedConfig

Product = Callable[[], object]


class Matrix:
    """A weight [in, out] in both layouts that torch has products for, made when they are asked."""

    def __init__(self, plain: Tensor) -> None:
        self.plain = plain

    @cached_property
    def packed(self) -> Tensor:
        return torch.ops.mkldnn._reorder_linear_weight(self.plain.t().contiguous())

    @cached_property
    def turned(self) -> Matrix:
        return Matrix(self.plain.t())


@dataclass(frozen=True)
class Linear:
    """Projections that read the same input, as one weight [in, sum of outs]."""

    weight: Matrix
    outs: tuple[int, ...]


class Products:
    """What a model's passes multiply, over weights of its shape."""

    def __init__(self, config: PreTrainedConfig) -> None:
        self._heads, self._kv_heads = config.num_attention_heads, config.num_key_value_heads
        self._head_dim, self._num_layers = config.head_dim, config.num_hidden_layers
        query, key = self._heads * self._head_dim, self._kv_heads * self._head_dim
        hidden, mlp = config.hidden_size, config.intermediate_size
        shapes = [
            (hidden, (query, key, key)),
            (query, (hidden,)),
            (hidden, (mlp, mlp)),
            (mlp, (hidden,)),
        ]
        self._linear = [
            Linear(Matrix(torch.randn(inputs, sum(outs))), outs)
            for _ in range(self._num_layers)
            for inputs, outs in shapes
        ]
        self._head = Linear(Matrix(torch.randn(hidden, config.vocab_size)), (config.vocab_size,))
        self._scratch: dict[tuple[object, ...], Tensor] = {}
        self._packed_is_faster: dict[tuple[int, int, int], bool] = {}

    def decoding(self, rows: int, prompt: int, new: int) -> Product:
        """A prefill of `rows` prompts, and the steps after it: one fewer than the new tokens."""
        products = self._forward(rows, prompt, head_rows=rows)
        for length in range(prompt + 1, prompt + new):
            products += [self._product(rows, each.weight) for each in self._linear]
            products += self._attention(rows, 1, length, capacity=prompt + new)
            products.append(self._product(rows, self._head.weight))
        return _all(products)

    def training(self, rows: int, length: int, rank: int) -> Product:
        """Forward and backward over `rows` sequences, LoRA of this rank on every layer.

        The frozen weights get no gradient, and the first projection's input neither. A LoRA layer
        has two products forward, and backward two for its own gradients and two for its input's,
        one of which both need.
        """
        tokens = rows * length
        products = self._forward(rows, length, head_rows=tokens)
        for index, linear in enumerate((*self._linear, self._head)):
            if index:
                products.append(self._product(tokens, linear.weight.turned))
            products += self._lora(tokens, linear, rank, input_gradient=index > 0)
        # Each of attention's two products has two factors that get a gradient.
        products += 2 * self._attention(rows, length, length, capacity=length)
        return _all(products)

    def _lora(
        self, tokens: int, linear: Linear, rank: int, *, input_gradient: bool
    ) -> list[Product]:
        inputs = linear.weight.plain.shape[0]
        products: list[Product] = []
        for out in linear.outs:
            shapes = [
                (tokens, inputs, rank),  # x A
                (tokens, rank, out),  # (x A) B
                (tokens, out, rank),  # g B
                (rank, tokens, inputs),  # A's gradient
                (out, tokens, rank),  # B's gradient
            ]
            if input_gradient:
                shapes.append((tokens, rank, inputs))
            products += [self._small_product(*shape) for shape in shapes]
        return products

    def _forward(self, rows: int, length: int, *, head_rows: int) -> list[Product]:
        """A pass over whole sequences; attention is computed at all positions, masked or not."""
        return [
            *(self._product(rows * length, each.weight) for each in self._linear),
            *self._attention(rows, length, length, capacity=length),
            self._product(head_rows, self._head.weight),
        ]

    def _product(self, rows: int, matrix: Matrix) -> Product:
        """The faster of torch's two ways: its own, and oneDNN over a weight laid out for it."""
        inputs, outputs = matrix.plain.shape
        x, out = self._tensor("x", rows, inputs), self._tensor("out", rows, outputs)
        linear = torch.ops.mkldnn._linear_pointwise.default

        def plain() -> object:
            return torch.mm(x, matrix.plain, out=out)

        def packed() -> object:
            return linear(x, matrix.packed, None, "none", [], "")

        shape = (rows, inputs, outputs)
        if shape not in self._packed_is_faster:
            with torch.inference_mode():
                seconds = [min(each) for each in timing.in_turns([plain, packed], 9)]
            self._packed_is_faster[shape] = seconds[1] < seconds[0]
        return packed if self._packed_is_faster[shape] else plain

    def _small_product(self, rows: int, inner: int, columns: int) -> Product:
        x, y = self._tensor("x", rows, inner), self._tensor("y", inner, columns)
        out = self._tensor("out", rows, columns)
        return lambda: torch.mm(x, y, out=out)

    def _attention(self, rows: int, queries: int, length: int, *, capacity: int) -> list[Product]:
        """Queries by keys, and weights by values, in every layer; a key head's queries together."""
        groups = rows * self._kv_heads
        queries *= self._heads // self._kv_heads
        q = self._tensor("q", groups, queries, self._head_dim)
        scores = self._tensor("scores", groups, queries, length)
        out = self._tensor("attended", groups, queries, self._head_dim)
        products: list[Product] = []
        for layer in range(self._num_layers):
            keys, values = (
                self._tensor(kind, groups, capacity, self._head_dim, layer)[:, :length]
                for kind in ("keys", "values")
            )
            products += [
                lambda keys=keys: torch.bmm(q, keys.mT, out=scores),
                lambda values=values: torch.bmm(scores, values, out=out),
            ]
        return products

    def _tensor(self, kind: str, *shape: int) -> Tensor:
        """A tensor of the first three, or two, sizes; the same for the same arguments."""
        key = (kind, *shape)
        if key not in self._scratch:
            self._scratch[key] = torch.randn(shape[:3])
        return self._scratch[key]


def _all(products: list[Product]) -> Product:
    def work() -> None:
        with torch.inference_mode():
            for product in products:
                product()

    return work
