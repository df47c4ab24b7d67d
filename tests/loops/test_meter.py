"""The meter counts what the service was asked and what it answered."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest
import tinker
import torch
from tinker import types

from recipe_runner.loops.meter import metered, of_samples
from recipe_runner.planning.tokens import Tokens
from tests.loops.conftest import MODEL

pytestmark = [
    pytest.mark.usefixtures("credentials"),
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning"),
]
PROMPT = types.ModelInput.from_ints([5, 6, 7, 8, 9, 10, 11])
PARAMS = types.SamplingParams(max_tokens=4, seed=1)


class Ledger:
    """What was counted since it was last read."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, Tokens]] = []

    def count(self, model: str, tokens: Tokens) -> None:
        self.entries.append((model, tokens))

    def read(self) -> Tokens:
        """Return the sum, all of it of the one model."""
        assert {model for model, _ in self.entries} <= {MODEL}
        total = sum((tokens for _, tokens in self.entries), Tokens())
        self.entries.clear()
        return total


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    ledger = Ledger()
    with metered(ledger.count, {"recipe_run_id": "a-run"}):
        yield ledger


def datum(length: int) -> types.Datum:
    return types.Datum(
        model_input=types.ModelInput.from_ints(list(range(5, 5 + length))),
        loss_fn_inputs={
            "target_tokens": types.TensorData.from_torch(torch.arange(6, 6 + length)),
            "weights": types.TensorData.from_torch(torch.ones(length)),
        },
    )


def test_samples_of_every_way_to_ask(ledger: Ledger) -> None:
    service = tinker.ServiceClient()
    client = service.create_sampling_client(base_model=MODEL)
    one = client.sample(PROMPT, 1, PARAMS).result()
    assert ledger.read() == Tokens(prefill=7, sampled=len(one.sequences[0].tokens))

    three = client.sample(PROMPT, 3, PARAMS).result()
    sampled = sum(len(sequence.tokens) for sequence in three.sequences)
    assert ledger.read() == Tokens(prefill=7, cached=14, sampled=sampled)

    client.compute_logprobs(PROMPT).result()
    assert ledger.read() == Tokens(prefill=7, sampled=1)


def test_a_base_model_that_has_to_be_asked_for_holds_up_no_loop(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SDKs before 0.38 ask the service for it, and would wait for their own loop for ever."""

    def get_base_model(self: tinker.SamplingClient) -> str:
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()
        return MODEL

    monkeypatch.setattr(tinker.SamplingClient, "get_base_model", get_base_model)
    client = tinker.ServiceClient().create_sampling_client(base_model=MODEL)
    for _ in range(2):
        client.sample(PROMPT, 1, PARAMS).result()
        assert ledger.read().prefill == 7


def test_what_the_service_had_cached_counts_as_cached() -> None:
    sequences = [
        types.SampledSequence(stop_reason="length", sequence_id=name, tokens_np=np.array([1, 2]))
        for name in ("a", "b")
    ]
    response = types.SampleResponse(sequences=sequences, prompt_cache_hit_tokens=60)
    used = of_samples(100, response)
    assert used == Tokens(prefill=40, cached=160, sampled=4)


def test_training_and_the_weights_that_come_of_it(ledger: Ledger) -> None:
    service = tinker.ServiceClient()
    training = service.create_lora_training_client(base_model=MODEL, rank=4).result()
    data = [datum(3), datum(5)]
    training.forward_backward(data, "cross_entropy").result()
    assert ledger.read() == Tokens(trained=8)
    training.forward(data, "cross_entropy").result()
    assert ledger.read() == Tokens(trained=8)

    def loss(
        data: list[types.Datum], logprobs: list[torch.Tensor]
    ) -> tuple[torch.Tensor, dict[str, float]]:
        return -torch.cat(logprobs).sum(), {}

    training.forward_backward_custom(data, loss).result()
    assert ledger.read() == Tokens(trained=16)

    policy = training.save_weights_and_get_sampling_client().result()
    reply = policy.sample(PROMPT, 1, PARAMS).result()
    assert ledger.read() == Tokens(prefill=7, sampled=len(reply.sequences[0].tokens))

    path = training.save_weights_for_sampler("kept").result().path
    saved = service.create_sampling_client(model_path=path)
    reply = saved.sample(PROMPT, 1, PARAMS).result()
    assert ledger.read() == Tokens(prefill=7, sampled=len(reply.sequences[0].tokens))


def test_sessions_carry_the_runs_id_and_nothing_is_left_behind() -> None:
    before = (
        vars(tinker.SamplingClient)["_sample_async_impl"],
        vars(tinker.TrainingClient)["_run_fwd_bwd"],
        vars(tinker.ServiceClient)["__init__"],
    )
    with metered(Ledger().count, {"recipe_run_id": "a-run"}):
        service = tinker.ServiceClient(user_metadata={"recipe_name": "sums"})
    assert service._user_metadata == {"recipe_name": "sums", "recipe_run_id": "a-run"}
    assert before == (
        vars(tinker.SamplingClient)["_sample_async_impl"],
        vars(tinker.TrainingClient)["_run_fwd_bwd"],
        vars(tinker.ServiceClient)["__init__"],
    )
