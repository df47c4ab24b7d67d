"""What a client may ask for ends somewhere, in a refusal that the SDK does not repeat."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from starlette.applications import Starlette
from tinker.proto import tinker_public_pb2 as pb

from recipe_runner.backends.local import body, futures, sampling_service, sequencer, sessions, wire
from recipe_runner.backends.local.api import Datum, LoraSpec, SampleRequest
from recipe_runner.backends.local.app import build_app
from recipe_runner.backends.local.choosing import choose
from recipe_runner.backends.local.engine import Engine
from recipe_runner.backends.local.errors import EngineError
from recipe_runner.backends.local.futures import FutureStore, Payload
from recipe_runner.backends.local.http_errors import BadRequest, Busy, Gone
from recipe_runner.backends.local.sequencer import Sequencer
from recipe_runner.backends.local.service import Service
from recipe_runner.backends.local.store import Store

DEEP = b"[" * 100_000
Ask = Callable[[httpx.AsyncClient, dict[str, str]], Awaitable[Any]]


@pytest.fixture
def app(tiny_model_dir: Path, tmp_path: Path) -> Starlette:
    return build_app(
        Service(Store(tmp_path / "store"), lambda: Engine(model_path=tiny_model_dir)), None
    )


def talk(app: Starlette, ask: Ask) -> Any:
    """Let `ask` talk to a server that has a session, a model and a sampler; return what it does."""

    async def conversation() -> Any:
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
        headers = {"X-API-Key": "tml-x"}
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(
                transport=transport, base_url="http://127.0.0.1/api/v1", headers=headers, timeout=60
            ) as http,
        ):
            session = (await http.post("/create_session", json={})).json()["session_id"]
            wanted = {"session_id": session, "base_model": "any/model"}
            model = {**wanted, "model_seq_id": 0, "lora_config": {"rank": 2}}
            promise = (await http.post("/create_model", json=model)).json()
            created = await http.post("/retrieve_future", json=promise)
            while created.status_code == 408:  # torch is imported first; a busy machine is slow
                created = await http.post("/retrieve_future", json=promise)
            sampling = {**wanted, "sampling_session_seq_id": 0}
            sampler = (await http.post("/create_sampling_session", json=sampling)).json()
            ids = {
                "session": session,
                "model": created.json()["model_id"],
                "sampler": sampler["sampling_session_id"],
                "request": promise["request_id"],
            }
            return await ask(http, ids)

    return asyncio.run(conversation())


async def in_pieces(piece: bytes, count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield piece


@pytest.mark.parametrize("path", ["/forward_backward", "/create_session", "/asample"])
def test_a_body_that_is_too_large_is_refused(
    app: Starlette, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body, "MAX_JSON_BYTES", 2**20)
    monkeypatch.setattr(body, "MAX_TRAINING_BYTES", 2 * 2**20)

    async def ask(http: httpx.AsyncClient, _: dict[str, str]) -> list[httpx.Response]:
        announced = {"Content-Length": str(50 * 2**30)}
        return [
            await http.post(path, content=b"{}", headers=announced),
            await http.post(path, content=in_pieces(b" " * 2**18, 9)),
        ]

    for response in talk(app, ask):
        assert response.status_code == 413
        assert "MiB that the local backend takes" in response.json()["detail"]


def test_malformed_requests_are_refused_and_the_server_goes_on(app: Starlette) -> None:
    """Each of these was answered with 500, which the SDK repeats for five minutes."""
    digits = "9" * 5000

    async def ask(http: httpx.AsyncClient, ids: dict[str, str]) -> dict[str, int]:
        prefix = ids["request"].rpartition("-")[0]
        long = {"session_id": ids["session"], "sampling_session_seq_id": 1}
        found = {
            "deep": await http.post("/optim_step", content=DEEP),
            "deep load": await http.post("/load_weights", content=DEEP),
            "limit": await http.get(f"/checkpoints?limit={digits}"),
            "request": await http.post(
                "/retrieve_future", json={"request_id": f"{prefix}-{digits}"}
            ),
            "expires": await http.get(f"/external_weights/{digits}/a/m/n/f"),
            "signature": await http.get("/external_weights/1/%C3%A9/m/n/f"),
            "name": await http.post(
                "/create_sampling_session", json={**long, "base_model": "a" * 400}
            ),
            "long name": await http.post(
                "/create_sampling_session", json={**long, "base_model": "a" * 5000}
            ),
            "ordinal": await http.post(
                "/create_model",
                json={
                    "session_id": ids["session"],
                    "model_seq_id": 10**300,
                    "base_model": "a",
                },
            ),
            "metadata": await http.post(
                "/create_session", json={"user_metadata": {"a": "b" * 2**17}}
            ),
            "healthz": await http.get("/healthz"),
        }
        return {name: response.status_code for name, response in found.items()}

    assert talk(app, ask) == {
        "deep": 400,
        "deep load": 400,
        "limit": 400,
        "request": 404,
        "expires": 403,
        "signature": 403,
        "name": 200,
        "long name": 400,
        "ordinal": 400,
        "metadata": 400,
        "healthz": 200,
    }


@pytest.mark.parametrize(
    ("constant", "path", "more"),
    [
        ("MAX_SESSIONS", "/create_session", {}),
        ("MAX_MODELS", "/create_model", {"model_seq_id": 1}),
        ("MAX_SAMPLERS", "/create_sampling_session", {"sampling_session_seq_id": 1}),
    ],
)
def test_a_server_holds_so_many(
    app: Starlette, monkeypatch: pytest.MonkeyPatch, constant: str, path: str, more: dict[str, int]
) -> None:
    monkeypatch.setattr(sessions, constant, 1)

    async def ask(http: httpx.AsyncClient, ids: dict[str, str]) -> httpx.Response:
        own = {"session_id": ids["session"], "base_model": "a/b"} if more else {}
        return await http.post(path, json={**own, **more})

    response = talk(app, ask)
    assert response.status_code == 400
    assert "which is all that it holds" in response.json()["detail"]


def test_too_many_waiting_sequences_are_asked_for_again(
    app: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling_service, "MAX_WAITING", 5)
    prompt = {"chunks": [{"type": "encoded_text", "tokens": [1]}]}

    async def ask(http: httpx.AsyncClient, ids: dict[str, str]) -> list[int]:
        wanted = {"sampling_session_id": ids["sampler"], "prompt": prompt, "num_samples": 3}
        params = {"sampling_params": {"max_tokens": 1000, "stop": []}}
        found = [
            await http.post("/asample", json={**wanted, **params, "seq_id": seq_id})
            for seq_id in (1, 2)
        ]
        await http.post(f"/sessions/{ids['session']}/finish", json={})
        return [response.status_code for response in found]

    assert talk(app, ask) == [200, 429]


def test_a_sequence_number_far_ahead_is_refused() -> None:
    with pytest.raises(BadRequest, match=r"10,000 or more ahead of 1"):
        Sequencer().check(1 + sequencer.MAX_AHEAD)
    Sequencer().check(sequencer.MAX_AHEAD)


def test_pending_requests_are_bounded_and_so_are_results_that_nobody_fetches() -> None:
    store = FutureStore(max_pending=2, keep_unread_bytes=10)
    first, second = store.open("a", "s"), store.open("b", "s")
    with pytest.raises(Busy, match="2 requests are waiting"):
        store.open("c", "s")
    store.resolve(first, Payload(b"x" * 8))
    third = store.open("c", "s")
    store.resolve(second, Payload(b"y" * 8))
    with pytest.raises(Gone):
        asyncio.run(store.wait(first, 0))
    assert asyncio.run(store.wait(second, 0)) == Payload(b"y" * 8)
    assert asyncio.run(store.wait(third, 0)) is None
    assert futures.KEEP_UNREAD_BYTES > futures.KEEP_READ_BYTES


def sparse(*shape: int) -> pb.Tensor:
    tensor = pb.Tensor(dtype=pb.DTYPE_FLOAT32, shape=shape)
    rows = shape[0] + 1 if 0 <= shape[0] < 9 else 1
    tensor.sparse_csr.crow_indices = np.zeros(rows, np.int64).tobytes()
    return tensor


def call(*tensors: pb.Tensor) -> wire.ForwardBackwardCall:
    message = pb.ForwardBackwardRequest()
    for tensor in tensors:
        message.data.add().loss_fn_inputs["weights"].CopyFrom(tensor)
    return wire.decode_forward_backward(message.SerializeToString())


def test_sparse_tensors_cannot_grow_without_end() -> None:
    """A few bytes stood for gigabytes, as often as a request repeated them."""
    half = wire.MAX_VALUES // 2
    with pytest.raises(BadRequest, match="at most 67,108,864 values"):
        call(sparse(1, half), sparse(1, half), sparse(1, 1)).data()
    with pytest.raises(BadRequest, match="at most 67,108,864 values"):
        call(sparse(2**40, 2**40)).data()
    with pytest.raises(BadRequest, match=r"cannot have the shape \[-1, -4\]"):
        call(sparse(-1, -4)).data()


def test_a_dense_tensor_of_negative_size_is_refused() -> None:
    tensor = pb.Tensor(dtype=pb.DTYPE_FLOAT32, shape=[-1], dense=b"\0" * 8)
    with pytest.raises(BadRequest, match=r"datum 0: .*cannot have the shape \[-1\]"):
        call(tensor).data()


def test_datums_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_DATUMS", 1)
    with pytest.raises(BadRequest, match="2 datums; there can be 1"):
        call(sparse(1, 1), sparse(1, 1)).data()


@pytest.fixture
def engine(tiny_model_dir: Path) -> Iterator[Engine]:
    engine = Engine(model_path=tiny_model_dir)
    engine.create_model("m", "any", LoraSpec(2)).result()
    yield engine
    engine.close()


def policy_datum(**changes: torch.Tensor) -> Datum:
    ones = torch.ones(3)
    inputs = {"target_tokens": torch.tensor([2, 3, 4]), "logprobs": -ones, "advantages": ones}
    return Datum([1, 2, 3], {**inputs, **changes})


@pytest.mark.parametrize(
    ("datum", "config", "message"),
    [
        (policy_datum(target_tokens=torch.zeros(3, 0).long()), {}, "do not fit loss"),
        (policy_datum(clip_low_threshold=torch.ones(3, 2)), {}, "clip_low_threshold has shape"),
        (policy_datum(), {"clip_low_threshold": 1e300}, "not a finite number of 32 bits"),
        (policy_datum(), {"clip_high_threshold": float("nan")}, "not a finite number of 32 bits"),
    ],
)
def test_what_broke_a_training_step_is_a_fault_of_the_caller(
    engine: Engine, datum: Datum, config: dict[str, float], message: str
) -> None:
    with pytest.raises(EngineError, match=message):
        engine.forward_backward("m", [datum], "ppo", config).result()


def test_targets_of_no_width_are_refused(engine: Engine) -> None:
    datum = Datum([1, 2, 3], {"target_tokens": torch.zeros(3, 0).long()})
    with pytest.raises(EngineError, match="hold no token"):
        engine.forward_backward("m", [datum], "cross_entropy", {}).result()


def test_whole_numbers_serve_as_advantages(engine: Engine) -> None:
    """Clip thresholds made like them were cut to 0 and 1."""
    losses = [
        engine.forward_backward(
            "m", [policy_datum(advantages=advantages)], "ppo", {}, backward=False
        )
        .result()
        .metrics["loss:sum"]
        for advantages in (torch.tensor([2.0, -3.0, 1.0]), torch.tensor([2, -3, 1]))
    ]
    assert losses[0] == losses[1]


def test_an_adapter_larger_than_any_model_is_refused(engine: Engine) -> None:
    with pytest.raises(EngineError, match="trains at most 536,870,912"):
        engine.create_model("n", "any", LoraSpec(10**9)).result()


class Row:
    def __init__(self, temperature: float = 1.0, top_p: float = 1.0, top_k: int = -1) -> None:
        self.temperature, self.top_p, self.top_k = temperature, top_p, top_k

    def uniform(self) -> float:
        return 0.5


@pytest.mark.parametrize("row", [Row(temperature=1e-45), Row(1e-30), Row(top_p=1e-300)])
def test_a_choice_at_the_edge_of_a_float_is_the_likeliest_token(row: Row) -> None:
    """The log-probability was not a number, or the token the last of the vocabulary."""
    tokens, logprobs = choose(torch.tensor([[0.0, 3.0, -1.0, 2.9]]), [row])
    assert tokens == [1]
    assert -1.0 < logprobs[0] <= 0


def test_samples_at_the_edge_of_a_float_have_numbers(engine: Engine) -> None:
    engine.create_sampler("s", base_model="any").result()
    request = SampleRequest([1, 2], 2, 3, temperature=1e-40, stop=[])
    result = engine.sample("s", request).result()
    assert np.isfinite([sequence.logprobs for sequence in result.sequences]).all()
