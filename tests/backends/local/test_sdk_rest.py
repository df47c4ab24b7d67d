"""The unmodified SDK against a real server process: checkpoints, sessions, refusals, memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import tinker
from tinker import AdamParams, Datum, ModelInput, RestClient, SamplingParams, ServiceClient

from recipe_runner.backends.local.launch import RunningServer

BASE = "any/model"
PROMPT = ModelInput.from_ints([1, 2, 3])
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def service(server: RunningServer) -> Iterator[ServiceClient]:
    client = ServiceClient(
        base_url=server.url,
        api_key=server.api_key,
        user_metadata={"recipe_name": "test"},
    )
    yield client
    client.close("success").result()


@pytest.fixture(scope="module")
def rest(server: RunningServer) -> RestClient:
    return RestClient(base_url=server.url, api_key=server.api_key)


def test_checkpoints_are_listed_described_and_deleted(
    service: ServiceClient, rest: RestClient
) -> None:
    client = service.create_lora_training_client(
        BASE, rank=4, train_mlp=False, user_metadata={"renderer_name": "role_colon"}
    ).result()
    state = client.save_state("a", ttl_seconds=7200, user_metadata={"step": "1"}).result().path
    sampler = client.save_weights_for_sampler("a").result().path
    assert state == f"tinker://{client.model_id}/weights/a"
    assert sampler == f"tinker://{client.model_id}/sampler_weights/a"

    run = rest.get_training_run_by_tinker_path(state).result()
    assert run.training_run_id == client.model_id
    assert (run.base_model, run.lora_rank, run.is_lora) == (BASE, 4, True)
    assert run.user_metadata == {"renderer_name": "role_colon"}
    assert run.last_checkpoint is not None
    assert run.last_checkpoint.tinker_path == state
    listed = rest.list_checkpoints(client.model_id).result().checkpoints
    assert {c.tinker_path for c in listed} == {state, sampler}
    first = next(c for c in listed if c.tinker_path == state)
    assert first.checkpoint_type == "training"
    assert first.user_metadata == {"step": "1"}
    assert first.expires_at is not None
    assert 7000 < (first.expires_at - datetime.now(UTC)).total_seconds() <= 7200
    info = rest.get_weights_info_by_tinker_path(state).result()
    assert (info.base_model, info.lora_rank, info.train_mlp) == (BASE, 4, False)

    rest.set_checkpoint_ttl_from_tinker_path(state, None).result()
    rest.publish_checkpoint_from_tinker_path(sampler).result()
    listed = rest.list_checkpoints(client.model_id).result().checkpoints
    assert all(c.expires_at is None for c in listed)
    assert [c.public for c in listed if c.tinker_path == sampler] == [True]
    rest.delete_checkpoint_from_tinker_path(state).result()
    listed = rest.list_checkpoints(client.model_id).result().checkpoints
    assert [c.tinker_path for c in listed] == [sampler]
    assert sampler in {c.tinker_path for c in rest.list_user_checkpoints().result().checkpoints}
    runs = rest.list_training_runs().result()
    assert client.model_id in {r.training_run_id for r in runs.training_runs}


def test_a_taken_name_fails_unless_overwritten(service: ServiceClient) -> None:
    client = service.create_lora_training_client(BASE, rank=4).result()
    client.save_state("a").result()
    with pytest.raises(tinker.RequestFailedError, match="exists already"):
        client.save_state("a").result()
    client.save_state("a", overwrite=True).result()


def test_sessions_and_capabilities_are_told(service: ServiceClient, rest: RestClient) -> None:
    client = service.create_lora_training_client(BASE, rank=4).result()
    session_id = service.holder.get_session_id()
    session = rest.get_session(session_id).result()
    assert client.model_id in session.training_run_ids
    assert session.user_metadata == {"recipe_name": "test"}
    assert session_id in rest.list_sessions().result().sessions
    names = {m.model_name for m in rest.get_server_capabilities().result().supported_models}
    assert {BASE, "recipe-run/tiny"} <= names


def test_mistakes_are_refused_at_once(service: ServiceClient, rest: RestClient) -> None:
    client = service.create_lora_training_client(BASE, rank=4).result()
    sampler = service.create_sampling_client(base_model=BASE).result()
    sampler_path = client.save_weights_for_sampler("s").result().path
    missing = f"tinker://{client.model_id}/weights/missing"
    once = SamplingParams(max_tokens=1)
    long_prompt = ModelInput.from_ints([1] * 5000)
    mistakes: list[Callable[[], object]] = [
        lambda: service.create_sampling_client(model_path=missing).result(),
        lambda: service.create_sampling_client(model_path="tinker://nonsense").result(),
        lambda: service.create_training_client_from_state(missing).result(),
        lambda: service.create_training_client_from_state(sampler_path).result(),
        lambda: service.create_lora_training_client(BASE, rank=-1).result(),
        lambda: client.save_state("x", ttl_seconds=1).result(),
        lambda: rest.get_training_run("nobody:train:0").result(),
        lambda: rest.delete_checkpoint_from_tinker_path(missing).result(),
        lambda: rest.list_training_runs(limit=-1).result(),
        lambda: sampler.sample(ModelInput.empty(), 1, once).result(),
        lambda: sampler.sample(long_prompt, 1, once).result(),
        lambda: sampler.sample(ModelInput.from_ints([99_999]), 1, once).result(),
        lambda: sampler.sample(PROMPT, 1, SamplingParams(max_tokens=0)).result(),
        lambda: sampler.sample(PROMPT, 1, SamplingParams(temperature=-1.0)).result(),
        lambda: sampler.sample(PROMPT, 1, once, topk_sample_logprobs=3).result(),
        lambda: rest.copy_weights(sampler_path, "project").result(),
    ]
    for mistake in mistakes:
        start = time.monotonic()
        with pytest.raises((tinker.APIStatusError, tinker.RequestFailedError)) as refusal:
            mistake()
        assert time.monotonic() - start < 5
        error = refusal.value
        if isinstance(error, tinker.APIStatusError):
            assert error.status_code in (400, 404), error
        else:
            assert error.category == tinker.types.RequestErrorCategory.User, error


def test_another_key_is_refused(server: RunningServer) -> None:
    with pytest.raises(tinker.AuthenticationError, match="key it was started with"):
        ServiceClient(base_url=server.url, api_key="tml-other").create_sampling_client(
            base_model=BASE
        ).result()


def test_unnamed_samplers_are_evicted_and_saved_ones_come_back(service: ServiceClient) -> None:
    client = service.create_lora_training_client(BASE, rank=4).result()
    path = client.save_weights_for_sampler("kept").result().path
    named = service.create_sampling_client(model_path=path).result()
    unnamed = client.save_weights_and_get_sampling_client().result()
    params = SamplingParams(max_tokens=4, seed=1, stop=[])
    before = named.sample(PROMPT, 1, params).result().sequences[0].tokens
    for _ in range(20):
        client.save_weights_and_get_sampling_client().result()
    assert named.sample(PROMPT, 1, params).result().sequences[0].tokens == before
    with pytest.raises(tinker.NotFoundError, match="unnamed snapshots are dropped"):
        unnamed.sample(PROMPT, 1, params).result()


def test_a_closed_session_gives_back_what_it_held(server: RunningServer) -> None:
    client = ServiceClient(base_url=server.url, api_key=server.api_key)
    training = client.create_lora_training_client(BASE, rank=4).result()
    path = training.save_state("kept").result().path
    client.close("success").result()
    other = ServiceClient(base_url=server.url, api_key=server.api_key)
    assert other.create_training_client_from_state(path).result().model_id != training.model_id
    rest = RestClient(base_url=server.url, api_key=server.api_key)
    assert rest.get_session(training.model_id.split(":")[0]).result().training_run_ids == []
    other.close("success").result()


def _resident_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmRSS")


def _rl_step(client: tinker.TrainingClient) -> None:
    sampler = client.save_weights_and_get_sampling_client()
    params = SamplingParams(max_tokens=4, stop=[])
    futures = [sampler.sample(PROMPT, 1, params) for _ in range(4)]
    data = []
    for future in futures:
        sequence = future.result().sequences[0]
        tokens = [1, 2, 3, *sequence.tokens]
        inputs = {
            "target_tokens": np.asarray(tokens[1:]),
            "logprobs": np.asarray([0.0, 0.0, *sequence.logprobs], np.float32),
            "advantages": np.asarray([0.0, 0.0] + [1.0] * 4, np.float32),
        }
        data.append(Datum(model_input=ModelInput.from_ints(tokens[:-1]), loss_fn_inputs=inputs))
    trained = client.forward_backward(data, "importance_sampling")
    client.optim_step(AdamParams(learning_rate=1e-4)).result()
    trained.result()


def test_memory_stays_flat_over_rl_steps(server: RunningServer, service: ServiceClient) -> None:
    client = service.create_lora_training_client(BASE, rank=32).result()
    for _ in range(40):
        _rl_step(client)
    before = _resident_mib(server.pid)
    for _ in range(120):
        _rl_step(client)
    grown = _resident_mib(server.pid) - before
    assert grown < 15, f"{grown:.0f} MiB over 120 steps"
