"""LoRA by hand: which layers it sits on, how it starts, how it is added and merged.

Not PEFT: its "all-linear" leaves out the unembedding, which `train_unembed` needs; it wraps one
model per adapter set, where here many adapters share one frozen base; and its one-token forward
is slower.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.pytorch_utils import Conv1D

from recipe_runner.backends.local.api import LoraSpec
from recipe_runner.backends.local.errors import EngineError
from recipe_runner.backends.local.rng import derive_seed

# "LoRA Without Regret" (Thinking Machines, September 2025) trains with alpha 32 and W + alpha/r BA,
# and tinker_cookbook.hyperparam_utils.get_lora_lr_over_full_finetune_lr defaults to it.
ALPHA = 32.0
# As many numbers as the largest model that this backend loads has (models.MAX_WEIGHT_BYTES).
MAX_PARAMETERS = 2**29

Adapter = Mapping[str, tuple[Tensor, Tensor]]
"""By module name: A [rank, in] and B [out, rank]."""


def targets(model: nn.Module, unembedding: nn.Module, spec: LoraSpec) -> list[str]:
    """Names of the layers that `spec` trains: linear layers by their place in the model.

    A layer under a module with "attn" or "attention" in its name is attention, the output layer
    is the unembedding, any other linear layer is MLP. Expert weights kept as one stacked
    parameter are not linear layers and stay frozen.
    """
    if spec.rank < 0:
        raise EngineError(f"LoRA rank must be 0 or more, not {spec.rank}")
    names = [
        name for name, module in linear_layers(model) if _wanted(name, module, unembedding, spec)
    ]
    if not names:
        raise EngineError("this LoRA configuration trains nothing: no layer of the model fits it")
    return names


def _wanted(name: str, module: nn.Module, unembedding: nn.Module, spec: LoraSpec) -> bool:
    if module is unembedding:
        return spec.train_unembed
    is_attention = any("attn" in part or "attention" in part for part in name.split("."))
    return spec.train_attn if is_attention else spec.train_mlp


def linear_layers(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """The layers that LoRA can sit on, by name."""
    return [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, (nn.Linear, Conv1D))
    ]


def linear_shape(module: nn.Module) -> tuple[int, int]:
    """(in, out) of a linear layer; GPT-2's Conv1D keeps its weight transposed."""
    weight = module.weight
    assert isinstance(weight, Tensor)
    rows, columns = weight.shape
    return (rows, columns) if isinstance(module, Conv1D) else (columns, rows)


def initial_weights(
    model: nn.Module, names: list[str], spec: LoraSpec, engine_seed: int
) -> dict[str, Tensor]:
    """A uniform in +-1/sqrt(in), B zero, by flat name; each A from a stream of its own.

    The bounds are those of torch.nn.Linear (kaiming_uniform with a = sqrt(5)), as in PEFT.
    """
    shapes = [linear_shape(model.get_submodule(name)) for name in names]
    num_parameters = spec.rank * sum(num_in + num_out for num_in, num_out in shapes)
    if num_parameters > MAX_PARAMETERS:
        raise EngineError(
            f"LoRA of rank {spec.rank} on this model has {num_parameters:,} parameters; the local "
            f"backend trains at most {MAX_PARAMETERS:,}"
        )
    weights: dict[str, Tensor] = {}
    for name in names:
        num_in, num_out = linear_shape(model.get_submodule(name))
        generator = torch.Generator().manual_seed(derive_seed("lora", engine_seed, spec.seed, name))
        bound = 1 / math.sqrt(num_in)
        a = (torch.rand(spec.rank, num_in, generator=generator) * 2 - 1) * bound
        weights[f"{name}.lora_A.weight"] = a
        weights[f"{name}.lora_B.weight"] = torch.zeros(num_out, spec.rank)
    return weights


def adapter_of(flat_names: Mapping[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
    """Pairs (A, B) by module name from the flat names that `initial_weights` gives."""
    suffix = ".lora_A.weight"
    return {
        name.removesuffix(suffix): (
            a,
            flat_names[name.removesuffix(suffix) + ".lora_B.weight"],
        )
        for name, a in flat_names.items()
        if name.endswith(suffix)
    }


class LoraSwitch:
    """Adds the active adapter's low-rank update to the outputs of a model's linear layers."""

    def __init__(self, model: nn.Module) -> None:
        self._active: Adapter = {}
        for name, module in linear_layers(model):
            module.register_forward_hook(self._hook(name))

    @contextmanager
    def using(self, adapter: Adapter) -> Iterator[None]:
        """Use `adapter` in the forward and backward passes inside; outside the model is bare."""
        self._active = adapter
        try:
            yield
        finally:
            self._active = {}

    def _hook(self, name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]:
        def add_update(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
            pair = self._active.get(name)
            if pair is None:
                return output
            a, b = pair
            low = F.linear(args[0], a).flatten(0, -2)
            # One product that adds, rather than a product and a pass that adds it.
            updated = torch.addmm(output.flatten(0, -2), low, b.T, alpha=ALPHA / a.shape[0])
            return updated.view(output.shape)

        return add_update


def merged(model: nn.Module, adapter: Adapter) -> dict[str, Tensor]:
    """Weights W + alpha/r BA of the adapted layers, by parameter name."""
    weights: dict[str, Tensor] = {}
    with torch.no_grad():
        for name, (a, b) in adapter.items():
            module = model.get_submodule(name)
            base = module.weight
            assert isinstance(base, Tensor)
            update = (b @ a).mul_(ALPHA / a.shape[0])
            if isinstance(module, Conv1D):
                update = update.T
            weights[f"{name}.weight"] = base + update
    return weights
