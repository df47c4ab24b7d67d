"""Keys and values of the sequences being sampled, one slot a sequence."""

from __future__ import annotations

import torch
from torch import Tensor

_MIN_SLOTS = 4
_MIN_LENGTH = 64


class SlotCache:
    """For each layer keys and values [slots, heads, length, dim]; grows, and never shrinks.

    A slot holds its sequence from position 0; what lies behind the sequence's length is garbage
    that the caller masks.
    """

    def __init__(self, num_layers: int) -> None:
        self.keys: list[Tensor] = [torch.empty(0)] * num_layers
        self.values: list[Tensor] = [torch.empty(0)] * num_layers
        self._num_slots = 0
        self._length = 0

    def reserve(self, num_slots: int, length: int) -> None:
        """Make room for this many slots and positions, keeping what is there."""
        if num_slots <= self._num_slots and length <= self._length:
            return
        # Doubling keeps the copies of a growing sequence linear in its length.
        if num_slots > self._num_slots:
            self._num_slots = max(_MIN_SLOTS, num_slots, 2 * self._num_slots)
        if length > self._length:
            self._length = max(_MIN_LENGTH, length, 2 * self._length)
        for tensors in (self.keys, self.values):
            for layer, old in enumerate(tensors):
                if old.dim() == 4:
                    tensors[layer] = self._grown(old)

    def write_prompts(self, layer: int, slots: list[int], keys: Tensor, values: Tensor) -> None:
        """Store keys and values [P, heads, T, dim] as the starts of the P slots."""
        for tensors, new in ((self.keys, keys), (self.values, values)):
            if tensors[layer].dim() != 4:
                shape = (self._num_slots, new.shape[1], self._length, new.shape[3])
                tensors[layer] = torch.zeros(shape)
            tensors[layer][slots, :, : new.shape[2]] = new

    def append(
        self, layer: int, rows: Tensor, positions: Tensor, keys: Tensor, values: Tensor
    ) -> None:
        """Store keys and values [B, heads, dim] of one token at (rows, positions)."""
        self.keys[layer][rows, :, positions] = keys
        self.values[layer][rows, :, positions] = values

    def first(self, layer: int, num_slots: int, length: int) -> tuple[Tensor, Tensor]:
        """Keys and values of the first slots and positions, as views."""
        return (
            self.keys[layer][:num_slots, :, :length],
            self.values[layer][:num_slots, :, :length],
        )

    def copy_slot(self, source: int, targets: list[int], length: int) -> None:
        """Make each of `targets` start with the first `length` positions of `source`."""
        for tensor in (*self.keys, *self.values):
            start = tensor[source, :, :length]
            if len(targets) == 1:
                tensor[targets[0], :, :length] = start
            else:
                tensor[targets, :, :length] = start.clone()

    def _grown(self, old: Tensor) -> Tensor:
        # Zeros, not garbage: a masked NaN would still poison the sum that it is masked out of.
        new = torch.zeros(self._num_slots, old.shape[1], self._length, old.shape[3])
        new[: old.shape[0], :, : old.shape[2]] = old
        return new


def length_mask(lengths: Tensor, longest: int, window: int | None = None) -> Tensor:
    """Additive mask [B, 1, 1, longest]: 0 for a sequence's positions, -inf behind them.

    With `window`, only its last `window` positions stay visible.
    """
    positions = torch.arange(longest)
    visible = positions < lengths.unsqueeze(1)
    if window is not None:
        visible &= positions >= (lengths - window).unsqueeze(1)
    return torch.where(visible, 0.0, float("-inf"))[:, None, None, :]
