"""Weights that leave the server: PEFT and transformers load them and compute what it computes."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tinker
from tinker import AdamParams, Datum, ModelInput, RestClient, ServiceClient, TrainingClient

from recipe_runner.backends.local.launch import RunningServer

BASE = "any/model"
TOKENS = [72, 101, 108, 108, 111, 32, 119, 111, 114, 108, 100]
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def service(server: RunningServer) -> Iterator[ServiceClient]:
    client = ServiceClient(base_url=server.url, api_key=server.api_key)
    yield client
    client.close("success").result()


@pytest.fixture(scope="module")
def rest(server: RunningServer) -> RestClient:
    return RestClient(base_url=server.url, api_key=server.api_key)


def train(client: TrainingClient) -> TrainingClient:
    """Three steps that make every B of the adapter differ from zero."""
    datum = Datum(
        model_input=ModelInput.from_ints(TOKENS[:-1]),
        loss_fn_inputs={"target_tokens": np.asarray(TOKENS[1:])},
    )
    for _ in range(3):
        client.forward_backward([datum], "cross_entropy").result()
        client.optim_step(AdamParams(learning_rate=1e-2)).result()
    return client


def server_logprobs(client: TrainingClient) -> list[float]:
    sampler = client.save_weights_and_get_sampling_client().result()
    scores = sampler.compute_logprobs(ModelInput.from_ints(TOKENS)).result()
    return [score for score in scores[1:] if score is not None]


def logprobs(model: Any) -> list[float]:
    import torch

    with torch.no_grad():
        logits = model(input_ids=torch.tensor([TOKENS])).logits[0, :-1]
    targets = torch.tensor(TOKENS[1:]).unsqueeze(-1)
    return [float(score) for score in logits.log_softmax(-1).gather(-1, targets)]


def download(rest: RestClient, path: str, directory: Path) -> Path:
    directory.mkdir()
    for name, url in rest.get_external_weights_urls(path).result().urls.items():
        urllib.request.urlretrieve(url, directory / name)
    return directory


LAYOUTS: dict[str, dict[str, bool]] = {
    "everything": {},
    "attention": {"train_mlp": False, "train_unembed": False},
    "no-unembedding": {"train_unembed": False},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_peft_loads_an_adapter_and_computes_the_same(
    service: ServiceClient, rest: RestClient, tiny_model_dir: Path, tmp_path: Path, layout: str
) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    client = service.create_lora_training_client(BASE, rank=4, **LAYOUTS[layout]).result()
    expected = server_logprobs(train(client))
    path = client.save_weights_external("final").result().path
    assert path == f"tinker://{client.model_id}/external_weights/final"
    adapter = download(rest, path, tmp_path / "adapter")
    base = AutoModelForCausalLM.from_pretrained(tiny_model_dir)
    untrained = logprobs(base)
    loaded = PeftModel.from_pretrained(base, adapter)
    assert logprobs(loaded) == pytest.approx(expected, abs=1e-4)
    assert expected != pytest.approx(untrained, abs=1e-2)


def test_transformers_loads_a_fully_trained_model(
    service: ServiceClient, rest: RestClient, tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM

    client = service.create_lora_training_client(BASE, rank=0).result()
    expected = server_logprobs(train(client))
    path = client.save_weights_external("whole").result().path
    loaded = AutoModelForCausalLM.from_pretrained(download(rest, path, tmp_path / "model"))
    assert logprobs(loaded) == pytest.approx(expected, abs=1e-4)


def test_the_cookbook_downloads_a_training_checkpoint(
    service: ServiceClient,
    rest: RestClient,
    server: RunningServer,
    tiny_model_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from peft import PeftModel
    from tinker_cookbook import weights
    from transformers import AutoModelForCausalLM

    monkeypatch.setenv("TINKER_API_KEY", server.api_key)
    client = service.create_lora_training_client(BASE, rank=4).result()
    expected = server_logprobs(train(client))
    state = client.save_state("a").result().path
    directory = tmp_path / "adapter"
    weights.download(tinker_path=state, output_dir=str(directory), base_url=server.url)
    assert {file.name for file in directory.iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
    }
    loaded = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(tiny_model_dir), directory
    )
    assert logprobs(loaded) == pytest.approx(expected, abs=1e-4)
    listed = rest.list_user_checkpoints().result().checkpoints
    assert not [c for c in listed if c.checkpoint_id == "external_weights/download"]


def test_external_weights_are_checkpoints_like_others(
    service: ServiceClient, rest: RestClient
) -> None:
    client = service.create_lora_training_client(BASE, rank=4).result()
    path = client.save_weights_external("kept", ttl_seconds=7200).result().path
    (listed,) = rest.list_checkpoints(client.model_id).result().checkpoints
    assert (listed.tinker_path, listed.checkpoint_type) == (path, "external")
    assert listed.expires_at is not None
    config = urllib.request.urlopen(
        rest.get_external_weights_urls(path).result().urls["adapter_config.json"]
    ).read()
    assert json.loads(config)["r"] == 4
    mistakes: list[Callable[[], object]] = [
        lambda: client.save_weights_external("kept").result(),
        lambda: client.save_weights_external("x", age_encryption_recipients=["age1x"]).result(),
        lambda: service.create_sampling_client(model_path=path).result(),
        lambda: service.create_training_client_from_state(path).result(),
    ]
    for mistake in mistakes:
        with pytest.raises((tinker.BadRequestError, tinker.RequestFailedError)):
            mistake()
    rest.delete_checkpoint_from_tinker_path(path).result()
    with pytest.raises(tinker.NotFoundError):
        rest.get_external_weights_urls(path).result()


def test_a_url_opens_its_own_file_alone(service: ServiceClient, rest: RestClient) -> None:
    client = service.create_lora_training_client(BASE, rank=4).result()
    path = client.save_weights_external("final").result().path
    other = client.save_weights_external("other").result().path
    urls = rest.get_external_weights_urls(path).result().urls
    url = urls["adapter_config.json"]
    forged = [
        url.replace("/final/", "/other/"),
        url.replace("adapter_config.json", "adapter_model.safetensors"),
        url.replace("/external_weights/", "/external_weights/9"),
    ]
    for attempt in forged:
        with pytest.raises(urllib.error.HTTPError) as refusal:
            urllib.request.urlopen(attempt)
        assert refusal.value.code in (403, 404)
    assert urls != rest.get_external_weights_urls(other).result().urls
