"""A model's weights in the formats of other libraries: PEFT's for LoRA, transformers' for a whole
model."""

from __future__ import annotations

import importlib
import json
from typing import TYPE_CHECKING, Any

from safetensors.torch import save
from torch import Tensor

from recipe_runner.backends.local.api import LoraSpec
from recipe_runner.backends.local.lora import ALPHA, adapter_of
from recipe_runner.backends.local.models import ModelSource

if TYPE_CHECKING:
    from recipe_runner.backends.local.training import TrainedModel


def external_files(trained: TrainedModel, source: ModelSource) -> dict[str, bytes]:
    """Files by name that PEFT (with LoRA) or transformers (without) loads.

    `source` is what served the model's name: an adapter trained over a stand-in names the
    stand-in's weights as its base, for it fits no other.
    """
    weights = {name: view.detach().clone() for name, view in trained.weights().items()}
    if trained.spec.rank == 0:
        config: str = trained.network.model.config.to_json_string()
        return {"config.json": config.encode(), "model.safetensors": _safetensors(weights, source)}
    modules = sorted(adapter_of(weights))
    adapter = {f"base_model.model.{name}": tensor for name, tensor in weights.items()}
    return {
        "adapter_config.json": json.dumps(
            _adapter_config(modules, trained.spec, source, trained.network.has_conv1d), indent=2
        ).encode(),
        "adapter_model.safetensors": _safetensors(adapter, source),
    }


def _adapter_config(
    modules: list[str], spec: LoraSpec, source: ModelSource, has_conv1d: bool
) -> dict[str, Any]:
    """PEFT's LoraConfig (peft.tuners.lora.config) of what was trained."""
    base = source.name if source.kind == "weights" or source.weights is None else source.weights
    return {
        "base_model_name_or_path": str(base),
        "bias": "none",
        "fan_in_fan_out": has_conv1d,
        "inference_mode": True,
        "lora_alpha": round(ALPHA),
        "lora_dropout": 0.0,
        "peft_type": "LORA",
        "r": spec.rank,
        "target_modules": _target_modules(modules, spec),
        "task_type": "CAUSAL_LM",
    }


def _target_modules(modules: list[str], spec: LoraSpec) -> list[str]:
    """Short names where every linear layer is trained, full ones where some of them are not.

    PEFT adapts each module whose path ends in one of the names.
    """
    if spec.train_attn and spec.train_mlp and spec.train_unembed:
        return sorted({name.rpartition(".")[2] for name in modules})
    return modules


def _safetensors(tensors: dict[str, Tensor], source: ModelSource) -> bytes:
    metadata = {"format": "pt", "trained_over": source.note}
    return save({name: tensor.contiguous() for name, tensor in tensors.items()}, metadata)


def encrypted(files: dict[str, bytes], recipients: list[str]) -> dict[str, bytes]:
    """The files encrypted to age recipients (age1… or SSH keys), with the suffix `.age`.

    Raises ValueError for a recipient that is not one.
    """
    # The Cookbook requires pyrage, which has no types.
    pyrage: Any = importlib.import_module("pyrage")
    keys = []
    for text in recipients:
        family = pyrage.x25519 if text.startswith("age1") else pyrage.ssh
        try:
            keys.append(family.Recipient.from_str(text))
        except pyrage.RecipientError as error:
            raise ValueError(f"{text!r} is not an age recipient: {error}") from error
    return {f"{name}.age": pyrage.encrypt(data, keys) for name, data in files.items()}
