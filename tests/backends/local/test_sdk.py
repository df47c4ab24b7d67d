"""The unmodified SDK against a real server process: training and sampling."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import tinker
import torch
from tinker import AdamParams, Datum, ModelInput, SamplingParams, ServiceClient, TrainingClient

from recipe_runner.backends.local.launch import RunningServer

BASE = "any/model"
TOKENS = [10, 20, 30, 40, 50, 60]
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def service(server: RunningServer) -> Iterator[ServiceClient]:
    client = ServiceClient(base_url=server.url, api_key=server.api_key)
    yield client
    client.close("success").result()


def _training_client(service: ServiceClient, rank: int = 8) -> TrainingClient:
    return service.create_lora_training_client(BASE, rank=rank, seed=1).result()


def _datum(tokens: list[int] = TOKENS, **inputs: list[float]) -> Datum:
    return Datum(
        model_input=ModelInput.from_ints(tokens[:-1]),
        loss_fn_inputs={
            "target_tokens": np.asarray(tokens[1:]),
            **{name: np.asarray(values, np.float32) for name, values in inputs.items()},
        },
    )


def _supervised(tokens: list[int] = TOKENS) -> Datum:
    return _datum(tokens, weights=[1.0] * (len(tokens) - 1))


def _step(client: TrainingClient, learning_rate: float = 1e-2) -> float:
    """One supervised step; returns the loss before it."""
    result = client.forward_backward([_supervised()], "cross_entropy")
    client.optim_step(AdamParams(learning_rate=learning_rate)).result()
    return float(result.result().metrics["loss:sum"])


def _logprobs(client: TrainingClient, tokens: list[int] = TOKENS) -> list[float]:
    result = client.forward([_supervised(tokens)], "cross_entropy").result()
    return list(result.loss_fn_outputs[0]["logprobs"].data)


@pytest.mark.parametrize("rank", [8, 0])
def test_training_lowers_the_loss(service: ServiceClient, rank: int) -> None:
    client = _training_client(service, rank)
    losses = [_step(client) for _ in range(15)]
    assert losses[-1] < 0.7 * losses[0]
    info = client.get_info()
    assert info.lora_rank == rank
    assert info.is_lora == (rank > 0)
    assert info.model_data.model_name == BASE
    assert client.get_tokenizer().encode("ab") == client.get_tokenizer().encode("ab")


@pytest.mark.parametrize(
    ("loss", "config"),
    [
        ("importance_sampling", None),
        ("ppo", {"clip_low_threshold": 0.9, "clip_high_threshold": 1.1}),
        ("cispo", {"clip_low_threshold": 0.0, "clip_high_threshold": 4.0}),
        ("dro", {"beta": 0.05}),
    ],
)
def test_the_policy_losses_run(
    service: ServiceClient, loss: str, config: dict[str, float] | None
) -> None:
    client = _training_client(service)
    datum = _datum(logprobs=_logprobs(client), advantages=[1.0, -1.0, 1.0, 0.5, 0.0])
    result = client.forward_backward([datum], loss, config).result()
    client.optim_step(AdamParams(learning_rate=1e-2)).result()
    assert np.isfinite(result.metrics["loss:sum"])
    assert len(result.loss_fn_outputs[0]["logprobs"].data) == 5


def test_a_batch_of_several_chunks_keeps_its_order(service: ServiceClient) -> None:
    client = _training_client(service)
    data = [_supervised([1 + i % 250, 2, 3]) for i in range(2500)]
    result = client.forward(data, "cross_entropy").result()
    again = client.forward(data[1200:1202], "cross_entropy").result()
    assert len(result.loss_fn_outputs) == 2500
    for offset in range(2):
        np.testing.assert_allclose(
            result.loss_fn_outputs[1200 + offset]["logprobs"].data,
            again.loss_fn_outputs[offset]["logprobs"].data,
            atol=1e-4,
        )


def test_top_k_targets_come_back_in_their_shape(service: ServiceClient) -> None:
    client = _training_client(service)
    datum = Datum(
        model_input=ModelInput.from_ints([1, 2, 3]),
        loss_fn_inputs={
            "target_tokens": torch.tensor([[2, 5], [3, 6], [4, 7]]),
            "weights": torch.tensor([[0.5, 0.5], [1.0, 0.0], [0.0, 0.0]]),
        },
    )
    result = client.forward_backward([datum], "cross_entropy").result()
    assert result.loss_fn_outputs[0]["logprobs"].shape == [3, 2]


def test_a_custom_loss_equals_the_built_in_one(service: ServiceClient) -> None:
    def negative_sum(data, logprobs):
        loss = -sum(row.sum() for row in logprobs)
        return loss, {"custom": float(loss.detach())}

    first, second = _training_client(service), _training_client(service)
    custom = first.forward_backward_custom([_supervised()], negative_sum).result()
    plain = second.forward_backward([_supervised()], "cross_entropy").result()
    assert custom.metrics["loss:sum"] == pytest.approx(plain.metrics["loss:sum"], rel=1e-4)
    for client in (first, second):
        client.optim_step(AdamParams(learning_rate=1e-2)).result()
    np.testing.assert_allclose(_logprobs(first), _logprobs(second), atol=1e-3)


def test_a_failed_step_names_its_fault_and_the_next_one_runs(service: ServiceClient) -> None:
    client = _training_client(service)
    unknown: Any = "no_such_loss"
    failing = [
        client.forward_backward([_supervised()], unknown),
        client.forward_backward([_supervised([1, 2, 99_999])], "cross_entropy"),
        client.forward_backward([_datum()], "importance_sampling"),
        client.optim_step(AdamParams(learning_rate=-1.0)),
        client.optim_step(tinker.types.DimuonParams(learning_rate=1.0)),
        client.save_state("a/b"),
    ]
    for future in failing:
        with pytest.raises(tinker.RequestFailedError) as failure:
            future.result(timeout=20)
        assert failure.value.category == tinker.types.RequestErrorCategory.User
    assert np.isfinite(_step(client))


def test_state_with_the_optimizer_continues_exactly(service: ServiceClient) -> None:
    client = _training_client(service)
    for _ in range(3):
        _step(client)
    path = client.save_state("mid").result().path
    _step(client)
    resumed = service.create_training_client_from_state_with_optimizer(path).result()
    _step(resumed)
    np.testing.assert_allclose(_logprobs(client), _logprobs(resumed), atol=1e-5)

    fresh = service.create_training_client_from_state(path).result()
    _step(fresh)
    assert np.abs(np.subtract(_logprobs(client), _logprobs(fresh))).max() > 1e-4

    other = _training_client(service)
    other.load_state_with_optimizer(path).result()
    _step(other)
    np.testing.assert_allclose(_logprobs(client), _logprobs(other), atol=1e-5)


def test_models_train_independently_at_the_same_time(service: ServiceClient) -> None:
    clients = [_training_client(service) for _ in range(3)]
    alone = _training_client(service)
    expected = [_step(alone) for _ in range(4)]
    with ThreadPoolExecutor(3) as pool:
        runs = list(pool.map(lambda client: [_step(client) for _ in range(4)], clients))
    for losses in runs:
        assert losses == pytest.approx(expected, rel=1e-3)


def test_a_sampler_scores_as_the_model_it_was_saved_from(service: ServiceClient) -> None:
    client = _training_client(service)
    for _ in range(3):
        _step(client)
    expected = _logprobs(client)
    named = service.create_sampling_client(
        model_path=client.save_weights_for_sampler("now").result().path
    ).result()
    snapshot = client.save_weights_and_get_sampling_client()
    _step(client, learning_rate=1e-1)
    for sampler in (named, snapshot):
        scores = sampler.compute_logprobs(ModelInput.from_ints(TOKENS)).result()
        assert scores[0] is None
        np.testing.assert_allclose(scores[1:], expected, atol=1e-3)
    base = service.create_sampling_client(base_model=BASE).result()
    scores = base.compute_logprobs(ModelInput.from_ints(TOKENS)).result()
    assert np.abs(np.subtract(scores[1:], expected)).max() > 0.1


def test_sampling_returns_what_was_asked_for(service: ServiceClient) -> None:
    sampler = service.create_sampling_client(base_model=BASE).result()
    prompt = ModelInput.from_ints(TOKENS)
    result = sampler.sample(
        prompt,
        num_samples=3,
        sampling_params=SamplingParams(max_tokens=7, seed=5, stop=[]),
        include_prompt_logprobs=True,
        topk_prompt_logprobs=4,
    ).result()
    assert [len(s.tokens) for s in result.sequences] == [7, 7, 7]
    assert all(len(s.logprobs or []) == 7 for s in result.sequences)
    assert {s.stop_reason for s in result.sequences} == {"length"}
    assert len({s.sequence_id for s in result.sequences}) == 3
    assert len(result.prompt_logprobs or []) == len(TOKENS)
    rows = result.topk_prompt_logprobs
    assert rows is not None
    assert rows[0] is None
    assert all(row is not None and len(row) == 4 for row in rows[1:])
    again = sampler.sample(
        prompt, num_samples=3, sampling_params=SamplingParams(max_tokens=7, seed=5, stop=[])
    ).result()
    assert [s.tokens for s in again.sequences] == [s.tokens for s in result.sequences]

    scored = sampler.sample(
        prompt,
        num_samples=1,
        sampling_params=SamplingParams(max_tokens=1),
        include_prompt_logprobs=True,
        prompt_logprobs_last_n=2,
    ).result()
    hidden = [score is None for score in scored.prompt_logprobs or []]
    assert hidden == [True] * 4 + [False] * 2


def test_samples_end_at_their_stop(service: ServiceClient) -> None:
    sampler = service.create_sampling_client(base_model=BASE).result()
    prompt = ModelInput.from_ints(TOKENS)
    stops = list(range(0, 250, 2))
    result = sampler.sample(
        prompt, num_samples=8, sampling_params=SamplingParams(max_tokens=200, stop=stops)
    ).result()
    for sequence in result.sequences:
        assert sequence.stop_reason == "stop"
        assert sequence.tokens[-1] in stops
        assert not set(sequence.tokens[:-1]) & set(stops)


def test_a_pickled_sampling_client_samples(service: ServiceClient) -> None:
    sampler = service.create_sampling_client(base_model=BASE).result()
    copy = pickle.loads(pickle.dumps(sampler))
    params = SamplingParams(max_tokens=3, stop=[])
    result = copy.sample(ModelInput.from_ints(TOKENS), 1, params).result()
    assert len(result.sequences[0].tokens) == 3
