"""A lean forward pass for models of Llama's shape (Llama, Mistral, Qwen2, Qwen3).

At a small batch the time of a step is the number of operations. So query, key and value
projections are one matrix, gate and up projections another; the scales of the norms before them
and of attention are multiplied into them; and weights are laid out for products (see `products`).
Query and key dimensions are reordered so that the two that rotate together are neighbours: a
rotation is then one multiplication of complex numbers, and attention, which only sees products of
queries and keys, does not notice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from recipe_runner.backends.local.fast_cache import FastCache, rounded_length
from recipe_runner.backends.local.network import Network
from recipe_runner.backends.local.products import Weight, laid_out

_MODEL_TYPES = ("llama", "mistral", "qwen2", "qwen3")
# Rotary embeddings of these kinds have frequencies that do not change with the sequence's length.
_ROPE_TYPES = ("default", "linear", "llama3")


def fast_shape(network: Network) -> bool:
    """Whether this module computes what the network does."""
    config = network.config
    rope = getattr(config, "rope_parameters", None) or {}
    return (
        config.model_type in _MODEL_TYPES
        and rope.get("rope_type", "default") in _ROPE_TYPES
        and config.hidden_act == "silu"
        and "sliding_attention" not in (getattr(config, "layer_types", None) or ())
        and (config.model_type != "mistral" or config.sliding_window is None)
    )


@dataclass(frozen=True)
class _Layer:
    qkv: Weight
    head_norm: Tensor | None  # [query and key heads, dim]: Qwen3 normalizes each head
    out: Weight
    gate_up: Weight
    down: Weight


class FusedWeights:
    """Weights of one snapshot, fused, and the forward passes over them."""

    def __init__(self, network: Network, overrides: Mapping[str, Tensor]) -> None:
        config = network.config
        self._weights = {**network.parameters, **overrides}
        self._num_heads = int(config.num_attention_heads)
        self._num_kv_heads = int(config.num_key_value_heads)
        self._head_dim = int(
            getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        )
        self._num_rotated = self._num_heads + self._num_kv_heads
        self._eps = torch.tensor(float(config.rms_norm_eps))
        self.layers = [self._layer(index) for index in range(config.num_hidden_layers)]
        self._embedding = self._weights["model.embed_tokens.weight"]
        self._norm = self._weights["model.norm.weight"]
        self._head = laid_out(self._weights["lm_head.weight"], copy=False)
        del self._weights
        rotary = network.model.base_model.rotary_emb
        self._frequencies = rotary.inv_freq.float()
        self._rotary_scale = float(rotary.attention_scaling)
        self._rotations = self._rotary_table(256)
        self.num_bytes = self._own_bytes(network)

    def cache(self) -> FastCache:
        """An empty cache of the shape that these weights need."""
        return FastCache(len(self.layers), self._num_kv_heads, self._head_dim)

    def prefill(self, tokens: Tensor, cache: FastCache, slots: list[int]) -> Tensor:
        """Hidden states [P, T, H] of right-padded prompts, whose keys and values go to `slots`."""
        num_tokens = tokens.shape[1]
        self._cover(num_tokens)
        rotation = self._rotations[:num_tokens, None]
        groups = self._num_heads // self._num_kv_heads
        sizes = [self._num_heads, self._num_kv_heads, self._num_kv_heads]
        x = F.embedding(tokens, self._embedding)
        for index, layer in enumerate(self.layers):
            heads = self._attention_inputs(layer, x, rotation).transpose(1, 2)
            q, k, v = torch.split(heads, sizes, dim=1)
            cache.write_prompts(index, slots, k, v)
            k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
            attended = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=1.0)
            self._finish(layer, x.flatten(0, 1), attended.transpose(1, 2).flatten(2).flatten(0, 1))
        return self._normed(x) * self._norm

    def step(self, tokens: list[int], lengths: list[int], cache: FastCache) -> Tensor:
        """Hidden states [B, H] of one more token in each of the first B slots."""
        num_rows, longest = len(tokens), rounded_length(max(lengths) + 1)
        self._cover(longest)
        positions = torch.tensor(lengths)
        rotation = self._rotations[positions, None]
        places = cache.places(positions)
        mask = cache.mask(positions, longest) if min(lengths) + 1 < longest else None
        x = F.embedding(torch.tensor(tokens), self._embedding)
        for index, layer in enumerate(self.layers):
            heads = self._attention_inputs(layer, x, rotation)
            cache.append(index, places, heads[:, self._num_heads :])
            # The query heads of a key head stand where a sequence's queries would.
            queries = heads[:, : self._num_heads].reshape(
                num_rows * self._num_kv_heads, -1, self._head_dim
            )
            keys, values = cache.first(index, num_rows, longest)
            # Written out: the fused attention of torch is slower for single queries.
            scores = (
                torch.bmm(queries, keys.mT)
                if mask is None
                else torch.baddbmm(mask, queries, keys.mT)
            )
            attended = torch.bmm(scores.softmax(-1), values)
            self._finish(layer, x, attended.view(num_rows, -1))
        return self._normed(x) * self._norm

    def head(self, hidden: Tensor) -> Tensor:
        """Logits [..., V]."""
        return self._head.product(hidden)

    def _attention_inputs(self, layer: _Layer, x: Tensor, rotation: Tensor) -> Tensor:
        """Rotated queries and keys, then values: [..., heads, dim]."""
        fused = layer.qkv.product(self._normed(x))
        heads = fused.view(*x.shape[:-1], -1, self._head_dim)
        rotated = heads[..., : self._num_rotated, :]
        if layer.head_norm is not None:
            rotated.mul_(self._inverse_rms(rotated) * layer.head_norm)
        heads.view(torch.complex64)[..., : self._num_rotated, :].mul_(rotation)
        return heads

    def _finish(self, layer: _Layer, x: Tensor, attended: Tensor) -> None:
        """Add the outputs of attention and MLP to the states [N, H], in place."""
        layer.out.add_product(x, attended)
        gate, up = layer.gate_up.product(self._normed(x)).chunk(2, dim=-1)
        layer.down.add_product(x, F.silu(gate).mul_(up))

    def _normed(self, x: Tensor) -> Tensor:
        return x * self._inverse_rms(x)

    def _inverse_rms(self, x: Tensor) -> Tensor:
        # By way of the norm, the one reduction that is quick on a few short rows.
        norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        return torch.addcmul(self._eps, norm, norm, value=1 / x.shape[-1]).rsqrt_()

    def _cover(self, length: int) -> None:
        if length > len(self._rotations):
            self._rotations = self._rotary_table(2 * length)

    def _rotary_table(self, length: int) -> Tensor:
        """Complex rotations [length, dim / 2]."""
        angles = torch.arange(length).float().unsqueeze(1) * self._frequencies
        return torch.polar(torch.full_like(angles, self._rotary_scale), angles)

    def _own_bytes(self, network: Network) -> int:
        """Bytes of the tensors that are not the network's own."""
        shared = {weight.data_ptr() for weight in network.parameters.values()}
        norms = [self._embedding, self._norm, *(layer.head_norm for layer in self.layers)]
        own = sum(
            tensor.numel() * tensor.element_size()
            for tensor in norms
            if tensor is not None and tensor.data_ptr() not in shared
        )
        weights = [self._head]
        for layer in self.layers:
            weights += [layer.qkv, layer.out, layer.gate_up, layer.down]
        return own + sum(weight.own_bytes(shared) for weight in weights)

    def _layer(self, index: int) -> _Layer:
        attention, mlp = f"model.layers.{index}.self_attn", f"model.layers.{index}.mlp"
        has_bias = f"{attention}.q_proj.bias" in self._weights

        def norm(name: str) -> Tensor:
            return self._weights[f"model.layers.{index}.{name}.weight"]

        return _Layer(
            qkv=laid_out(
                self._attention_weights(attention, "weight") * norm("input_layernorm"),
                self._attention_weights(attention, "bias") if has_bias else None,
            ),
            head_norm=self._head_norm(attention),
            out=self._linear(f"{attention}.o_proj"),
            gate_up=laid_out(
                self._mlp_weights(mlp, "weight") * norm("post_attention_layernorm"),
                self._mlp_weights(mlp, "bias") if f"{mlp}.up_proj.bias" in self._weights else None,
            ),
            down=self._linear(f"{mlp}.down_proj"),
        )

    def _linear(self, name: str) -> Weight:
        return laid_out(self._weights[f"{name}.weight"], self._weights.get(f"{name}.bias"))

    def _attention_weights(self, attention: str, kind: str) -> Tensor:
        q, k, v = (self._weights[f"{attention}.{name}_proj.{kind}"] for name in "qkv")
        has_norm = f"{attention}.q_norm.weight" in self._weights
        q = self._paired(q) if has_norm else self._paired(q) * self._head_dim**-0.5
        return torch.cat((q, self._paired(k), v))

    def _paired(self, rows: Tensor) -> Tensor:
        """Rows [heads * dim, ...] with dimension i of each head before dimension i + dim / 2."""
        halves = rows.view(-1, 2, self._head_dim // 2, *rows.shape[1:])
        return halves.transpose(1, 2).reshape(rows.shape)

    def _mlp_weights(self, mlp: str, kind: str) -> Tensor:
        return torch.cat([self._weights[f"{mlp}.{name}_proj.{kind}"] for name in ("gate", "up")])

    def _head_norm(self, attention: str) -> Tensor | None:
        if f"{attention}.q_norm.weight" not in self._weights:
            return None
        q_norm, k_norm = (
            self._paired(self._weights[f"{attention}.{name}_norm.weight"]) for name in "qk"
        )
        q_norm = (q_norm * self._head_dim**-0.5).expand(self._num_heads, -1)
        k_norm = k_norm.expand(self._num_kv_heads, -1)
        return torch.cat((q_norm, k_norm))
