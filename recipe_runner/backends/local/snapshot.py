"""Weights of a model at one moment, as a sampler keeps them."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from recipe_runner.backends.local import lora
from recipe_runner.backends.local.errors import EngineError
from recipe_runner.backends.local.network import Network


class Snapshot:
    """Trained weights by flat name (LoRA's, or a whole model's) over a shared network.

    LoRA weights are kept small, and merged into copies of the layers they change when asked:
    merging pays back within a handful of decode steps.
    """

    def __init__(self, network: Network, weights: Mapping[str, Tensor]) -> None:
        self.network = network
        self._adapter = lora.adapter_of(weights)
        self._whole = {} if self._adapter else dict(weights)
        self._check()

    @property
    def num_bytes(self) -> int:
        pairs = [tensor for pair in self._adapter.values() for tensor in pair]
        tensors = (*pairs, *self._whole.values())
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)

    def overrides(self) -> dict[str, Tensor]:
        """Full weights, by parameter name, of what differs from the network."""
        if self._whole:
            return self.network.with_ties(self._whole)
        return lora.merged(self.network.model, self._adapter)

    def _check(self) -> None:
        """EngineError unless the weights fit the network."""
        expected = {name: w.shape for name, w in self.network.untied_parameters().items()}
        if self._whole and {name: w.shape for name, w in self._whole.items()} != expected:
            raise EngineError("the saved weights are not those of this model")
        for name, (a, b) in self._adapter.items():
            shape = self.network.linear_shapes.get(name)
            if shape is None or (a.shape[1], b.shape[0]) != shape or a.shape[0] != b.shape[1]:
                raise EngineError(f"the saved LoRA weights of {name!r} do not fit this model")
