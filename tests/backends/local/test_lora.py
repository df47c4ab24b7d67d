from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, GPT2Config, PreTrainedConfig

from recipe_runner.backends.local import lora
from recipe_runner.backends.local.api import LoraSpec
from recipe_runner.backends.local.errors import EngineError
from recipe_runner.backends.local.models import ModelSource
from recipe_runner.backends.local.network import Network
from recipe_runner.backends.local.training import TrainedModel

ATTENTION = {"q_proj", "k_proj", "v_proj", "o_proj"}
MLP = {"gate_proj", "up_proj", "down_proj"}
TOKENS = torch.tensor([[5, 6, 7, 8]])


def saved(config: PreTrainedConfig, directory: Path) -> Network:
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(directory)
    return Network(ModelSource("x", "weights", directory, directory, ""))


@pytest.fixture(scope="module")
def network(tiny_model_dir: Path) -> Network:
    return Network(ModelSource("x", "weights", tiny_model_dir, tiny_model_dir, ""))


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Network:
    """An architecture with transposed linear layers."""
    config = GPT2Config(
        vocab_size=50, n_embd=16, n_layer=2, n_head=2, n_positions=64, eos_token_id=0
    )
    return saved(config, tmp_path_factory.mktemp("gpt2"))


def logits(network: Network, overrides: dict[str, torch.Tensor] | None = None) -> torch.Tensor:
    with torch.no_grad():
        return network.head(network.hidden(TOKENS, overrides or {}), overrides or {})


def randomized(model: TrainedModel) -> None:
    generator = torch.Generator().manual_seed(3)
    model.parameters.flat.copy_(torch.randn(model.parameters.flat.shape, generator=generator) * 0.1)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({}, ATTENTION | MLP | {"lm_head"}),
        ({"train_mlp": False}, ATTENTION | {"lm_head"}),
        ({"train_attn": False, "train_unembed": False}, MLP),
        ({"train_attn": False, "train_mlp": False}, {"lm_head"}),
    ],
)
def test_flags_choose_the_layers(
    network: Network, flags: dict[str, bool], expected: set[str]
) -> None:
    names = lora.targets(network.model, network.unembedding, LoraSpec(4, **flags))
    assert {name.rpartition(".")[2] for name in names} == expected


def test_a_configuration_that_trains_nothing_is_refused(network: Network) -> None:
    spec = LoraSpec(4, train_mlp=False, train_attn=False, train_unembed=False)
    with pytest.raises(EngineError, match="trains nothing"):
        lora.targets(network.model, network.unembedding, spec)
    with pytest.raises(EngineError, match="rank"):
        lora.targets(network.model, network.unembedding, LoraSpec(-1))


@pytest.mark.parametrize("which", ["network", "gpt2"])
def test_fresh_lora_changes_nothing_and_merged_equals_added(
    which: str, request: pytest.FixtureRequest
) -> None:
    network: Network = request.getfixturevalue(which)
    model = TrainedModel(network, LoraSpec(4), 0)
    bare = logits(network)
    with network.lora.using(lora.adapter_of(model.weights())):
        assert torch.equal(logits(network), bare)
    randomized(model)
    adapter = lora.adapter_of(model.weights())
    with network.lora.using(adapter):
        added = logits(network)
    assert not torch.allclose(added, bare, atol=0.1)
    torch.testing.assert_close(
        logits(network, lora.merged(network.model, adapter)), added, rtol=1e-4, atol=1e-4
    )
    assert torch.equal(logits(network), bare)


def test_scale_is_alpha_over_rank(network: Network) -> None:
    name = "model.layers.0.mlp.up_proj"
    num_in, num_out = network.linear_shapes[name]
    a, b = torch.ones(2, num_in), torch.ones(num_out, 2)
    weight = lora.merged(network.model, {name: (a, b)})[f"{name}.weight"]
    update = weight - network.parameters[f"{name}.weight"]
    torch.testing.assert_close(update, torch.full_like(update, 32 / 2 * 2))


def test_the_start_depends_on_seeds_and_name_alone(network: Network) -> None:
    def start(engine_seed: int, **spec: int | bool) -> dict[str, torch.Tensor]:
        return TrainedModel(network, LoraSpec(4, **spec), engine_seed).weights()

    first, again = start(1), start(1)
    assert all(torch.equal(first[name], again[name]) for name in first)
    some = "model.layers.0.mlp.up_proj.lora_A.weight"
    assert not torch.equal(first[some], start(2)[some])
    assert not torch.equal(first[some], start(1, seed=7)[some])
    assert not torch.equal(first[some], first[some.replace("layers.0", "layers.1")])
    assert torch.equal(first[some], start(1, train_attn=False)[some])
    bound = network.linear_shapes["model.layers.0.mlp.up_proj"][0] ** -0.5
    assert first[some].abs().max() <= bound


def test_full_fine_tuning_trains_tied_weights_once(network: Network) -> None:
    model = TrainedModel(network, LoraSpec(0), 0)
    assert model.parameters.flat.numel() == sum(p.numel() for p in network.model.parameters())
    assert "lm_head.weight" not in model.parameters.shapes
    assert torch.equal(logits(network, network.with_ties(model.weights())), logits(network))
