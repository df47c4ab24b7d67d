"""The fast path's keys and values, laid out so that a decode step needs few operations."""

from __future__ import annotations

import torch
from torch import Tensor

_MIN_SLOTS = 4
# Found by trying: 16 keeps every bit, and costs a third less than 64 where replies are short.
_LENGTHS = 16


def rounded_length(length: int) -> int:
    """Return the multiple of 16 that attention over this many positions is computed at.

    Sums over lengths that are equal, or that end in masked positions at such a multiple, add up in
    the same order whatever else is in the batch.
    """
    return -(-length // _LENGTHS) * _LENGTHS


class FastCache:
    """Keys and values of all layers in one tensor; grows, and never shrinks.

    A slot holds its sequence from position 0; what lies behind the sequence's length is garbage
    that the caller masks.
    """

    def __init__(self, num_layers: int, num_heads: int, head_dim: int) -> None:
        self._num_layers = num_layers
        self._num_heads = num_heads
        self._head_dim = head_dim
        self._allocate(0, 0)

    def reserve(self, num_slots: int, length: int) -> None:
        """Make room for this many slots and positions, keeping what is there."""
        if num_slots <= self._num_slots and length <= self._length:
            return
        old, old_slots, old_length = self._by_slot, self._num_slots, self._length
        # Doubling keeps the copies of a growing sequence linear in its length.
        if num_slots > old_slots:
            num_slots = max(_MIN_SLOTS, num_slots, 2 * old_slots)
        if length > old_length:
            length = max(_LENGTHS, length, 2 * old_length)
        self._allocate(max(num_slots, old_slots), max(length, old_length))
        self._by_slot[:, :, :old_slots, :, :old_length] = old

    def _allocate(self, num_slots: int, length: int) -> None:
        self._num_slots, self._length = num_slots, length
        heads = (num_slots, self._num_heads)
        # Zeros, not garbage: a masked NaN would still poison the sum that it is masked out of.
        self._by_slot = torch.zeros(self._num_layers, 2, *heads, length, self._head_dim)
        self._by_row = self._by_slot.flatten(2, 3)
        self._by_place = self._by_slot.flatten(1, 4)
        # Where, in _by_place, each slot's keys and values [slots, 2, heads] start.
        starts = torch.arange(2 * num_slots * self._num_heads) * length
        self._starts = starts.view(2, *heads).transpose(0, 1).contiguous()

    def write_prompts(self, layer: int, slots: list[int], keys: Tensor, values: Tensor) -> None:
        """Store keys and values [P, heads, T, dim] as the starts of the P slots."""
        length = keys.shape[2]
        self._by_slot[layer, 0][slots, :, :length] = keys
        self._by_slot[layer, 1][slots, :, :length] = values

    def places(self, positions: Tensor) -> Tensor:
        """Where the first B slots' keys and values at `positions` [B] go, for `append`."""
        return (self._starts[: len(positions)] + positions.view(-1, 1, 1)).view(-1)

    def append(self, layer: int, places: Tensor, heads: Tensor) -> None:
        """Store one token's keys and values [B, 2 * heads, dim]."""
        self._by_place[layer].index_copy_(0, places, heads.reshape(-1, self._head_dim))

    def first(self, layer: int, num_slots: int, length: int) -> tuple[Tensor, Tensor]:
        """Keys and values [slots * heads, length, dim] of the first slots, as views."""
        rows = self._by_row[layer, :, : num_slots * self._num_heads, :length]
        return rows[0], rows[1]

    def mask(self, positions: Tensor, longest: int) -> Tensor:
        """Additive mask [slots * heads, 1, longest]: -inf behind each slot's position."""
        hidden = torch.arange(longest) > positions.unsqueeze(1)
        mask = torch.zeros(hidden.shape).masked_fill_(hidden, float("-inf"))
        return mask.repeat_interleave(self._num_heads, 0).unsqueeze(1)

    def copy_slot(self, source: int, targets: list[int], length: int) -> None:
        """Make each of `targets` start with the first `length` positions of `source`."""
        start = self._by_slot[:, :, source, :, :length]
        if len(targets) == 1:
            self._by_slot[:, :, targets[0], :, :length] = start
        else:
            self._by_slot[:, :, targets, :, :length] = start.unsqueeze(2)
