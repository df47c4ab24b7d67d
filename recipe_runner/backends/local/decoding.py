"""Prefill and one-token steps over slots, for any architecture that transformers knows."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers.cache_utils import CacheLayerMixin, DynamicCache, DynamicLayer

from recipe_runner.backends.local.cache import SlotCache, length_mask
from recipe_runner.backends.local.fast import FusedWeights, fast_shape
from recipe_runner.backends.local.fast_cache import rounded_length
from recipe_runner.backends.local.network import Network

_LOG = logging.getLogger(__name__)


class Decoder(ABC):
    """Weights, and the state of the sequences that continue under them, a slot each."""

    @abstractmethod
    def prefill(self, prompts: Sequence[list[int]], slots: list[int]) -> Tensor:
        """Start sequences in `slots`; their hidden states [P, T, H], right-padded."""

    @abstractmethod
    def step(self, tokens: list[int], lengths: list[int]) -> Tensor:
        """Append a token to each of the first B slots; logits [B, V].

        `lengths` are the sequences' lengths before the token.
        """

    @abstractmethod
    def head(self, hidden: Tensor) -> Tensor:
        """Logits of hidden states."""

    @abstractmethod
    def copy_slot(self, source: int, targets: list[int], length: int) -> None:
        """Make each of `targets` start with the first `length` tokens of `source`."""

    @property
    @abstractmethod
    def num_bytes(self) -> int:
        """Bytes of the weights that are not the network's."""

    @abstractmethod
    def forget(self) -> None:
        """Release the sequences; the weights stay."""


def decoder_for(network: Network, weights: Mapping[str, Tensor]) -> Decoder:
    """The leanest decoder that computes this architecture right, over `weights` merged in.

    Architectures outside the fast path are tried once with a key-value cache against a forward
    pass without one; those that disagree (state-space models, say) recompute each step.
    """
    if fast_shape(network):
        return FastDecoder(network, weights)
    if network.caches is None:
        network.caches = _cache_agrees(network)
    return (CachedDecoder if network.caches else RecomputingDecoder)(network, weights)


# A product of fewer rows adds up in another order, in torch's products on CPUs.
_FEWEST_ROWS = 4


class FastDecoder(Decoder):
    """The fast path for models of Llama's and Qwen's shape.

    What a sequence gets does not depend, to the last bit, on the sequences computed beside it:
    rows are never too few, and lengths are rounded up (see `rounded_length`). So which requests
    happen to arrive together changes nothing.
    """

    def __init__(self, network: Network, weights: Mapping[str, Tensor]) -> None:
        self._weights = FusedWeights(network, weights)
        self._cache = self._weights.cache()

    @property
    def num_bytes(self) -> int:
        return self._weights.num_bytes

    @torch.inference_mode()
    def prefill(self, prompts: Sequence[list[int]], slots: list[int]) -> Tensor:
        length = rounded_length(max(map(len, prompts)))
        self._cache.reserve(max(slots) + 1, length)
        return self._weights.prefill(_padded(prompts, length), self._cache, slots)

    @torch.inference_mode()
    def step(self, tokens: list[int], lengths: list[int]) -> Tensor:
        # The slots behind the first B are free, so what is written there hurts nobody.
        spare = [0] * (_FEWEST_ROWS - len(tokens))
        self._cache.reserve(len(tokens) + len(spare), rounded_length(max(lengths) + 1))
        hidden = self._weights.step([*tokens, *spare], [*lengths, *spare], self._cache)
        return self._weights.head(hidden)[: len(tokens)]

    @torch.inference_mode()
    def head(self, hidden: Tensor) -> Tensor:
        missing = max(0, _FEWEST_ROWS - len(hidden))
        return self._weights.head(F.pad(hidden, (0, 0, 0, missing)))[: len(hidden)]

    @torch.inference_mode()
    def copy_slot(self, source: int, targets: list[int], length: int) -> None:
        self._cache.reserve(max(source, *targets) + 1, length)
        self._cache.copy_slot(source, targets, length)

    def forget(self) -> None:
        self._cache = self._weights.cache()


class CachedDecoder(Decoder):
    """The module's own forward with `past_key_values` that read and write the slots."""

    def __init__(self, network: Network, weights: Mapping[str, Tensor]) -> None:
        self._network = network
        self._overrides = dict(weights)
        self._cache = SlotCache(int(network.config.num_hidden_layers))

    @property
    def num_bytes(self) -> int:
        return _num_bytes(self._overrides.values())

    def prefill(self, prompts: Sequence[list[int]], slots: list[int]) -> Tensor:
        self._cache.reserve(max(slots) + 1, max(map(len, prompts)))
        past = DynamicCache()
        hidden = self._network.hidden(
            _padded(prompts), self._overrides, past_key_values=past, use_cache=True
        )
        for index, layer in enumerate(past.layers):
            self._cache.write_prompts(index, slots, layer.keys, layer.values)
        return hidden

    def step(self, tokens: list[int], lengths: list[int]) -> Tensor:
        longest = max(lengths) + 1
        self._cache.reserve(len(tokens), longest)
        positions = torch.tensor(lengths)
        past = DynamicCache()
        past.layers = [
            _SlotLayer(self._cache, layer, positions, longest)
            for layer in range(len(self._cache.keys))
        ]
        hidden = self._network.hidden(
            torch.tensor(tokens).unsqueeze(1),
            self._overrides,
            past_key_values=past,
            use_cache=True,
            position_ids=positions.unsqueeze(1),
            attention_mask=_masks(self._network, positions + 1, longest),
        )
        return self.head(hidden[:, -1])

    def head(self, hidden: Tensor) -> Tensor:
        return self._network.head(hidden, self._overrides)

    def copy_slot(self, source: int, targets: list[int], length: int) -> None:
        self._cache.reserve(max(source, *targets) + 1, length)
        self._cache.copy_slot(source, targets, length)

    def forget(self) -> None:
        self._cache = SlotCache(len(self._cache.keys))


class RecomputingDecoder(Decoder):
    """No cache: every step runs the whole sequences. Right for every causal model, and slow."""

    def __init__(self, network: Network, weights: Mapping[str, Tensor]) -> None:
        self._network = network
        self._overrides = dict(weights)
        self._sequences: dict[int, list[int]] = {}

    @property
    def num_bytes(self) -> int:
        return _num_bytes(self._overrides.values())

    def prefill(self, prompts: Sequence[list[int]], slots: list[int]) -> Tensor:
        self._sequences.update(zip(slots, map(list, prompts), strict=True))
        return self._network.hidden(_padded(prompts), self._overrides)

    def step(self, tokens: list[int], lengths: list[int]) -> Tensor:
        for slot, (token, length) in enumerate(zip(tokens, lengths, strict=True)):
            self._sequences[slot] = [*self._sequences[slot][:length], token]
        sequences = [self._sequences[slot] for slot in range(len(tokens))]
        hidden = self._network.hidden(_padded(sequences), self._overrides)
        return self.head(hidden[torch.arange(len(tokens)), torch.tensor(lengths)])

    def head(self, hidden: Tensor) -> Tensor:
        return self._network.head(hidden, self._overrides)

    def copy_slot(self, source: int, targets: list[int], length: int) -> None:
        for target in targets:
            self._sequences[target] = self._sequences[source][:length]

    def forget(self) -> None:
        self._sequences.clear()


class _SlotLayer(DynamicLayer):
    """One layer's cache as transformers sees it during a one-token step over slots."""

    def __init__(self, cache: SlotCache, layer: int, positions: Tensor, longest: int) -> None:
        CacheLayerMixin.__init__(self)
        self.is_initialized = True
        self._cache = cache
        self._layer = layer
        self._positions = positions
        self._longest = longest

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: object, **kwargs: object
    ) -> tuple[Tensor, Tensor]:
        rows = torch.arange(len(self._positions))
        self._cache.append(
            self._layer, rows, self._positions, key_states[:, :, 0], value_states[:, :, 0]
        )
        return self._cache.first(self._layer, len(rows), self._longest)

    def get_seq_length(self) -> int:
        return self._longest - 1


def _num_bytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _padded(sequences: Sequence[list[int]], length: int = 0) -> Tensor:
    longest = max(length, *map(len, sequences))
    return torch.tensor([tokens + [0] * (longest - len(tokens)) for tokens in sequences])


def _masks(network: Network, lengths: Tensor, longest: int) -> Tensor | dict[str, Tensor]:
    """The step's attention mask, one for each kind of layer where the architecture has kinds."""
    config = network.config
    window = getattr(config, "sliding_window", None)
    if not getattr(config, "use_sliding_window", True):
        window = None
    if "sliding_attention" in (getattr(config, "layer_types", None) or ()):
        return {
            "full_attention": length_mask(lengths, longest),
            "sliding_attention": length_mask(lengths, longest, window),
        }
    return length_mask(lengths, longest, window)


def _cache_agrees(network: Network) -> bool:
    """Whether cached steps over two sequences of different length equal plain forward passes."""
    tokens = [index % network.vocab_size for index in range(1, 7)]
    sequences = [tokens, tokens[3:]]
    decoder = CachedDecoder(network, {})
    try:
        with torch.no_grad():
            decoder.prefill([sequence[:-1] for sequence in sequences], [0, 1])
            stepped = decoder.step(
                [sequence[-1] for sequence in sequences],
                [len(sequence) - 1 for sequence in sequences],
            )
    except Exception as error:
        # An architecture without such a cache fails in ways of its own; recomputing serves it.
        _LOG.info("no key-value cache for %s: %s", network.config.model_type, error)
        return False
    with torch.no_grad():
        for row, sequence in enumerate(sequences):
            plain = network.head(network.hidden(torch.tensor([sequence]), {})[0, -1], {})
            if not torch.allclose(plain, stepped[row], atol=1e-4):
                return False
    return True
