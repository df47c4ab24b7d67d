"""The HTTP surface itself, where the SDK hides it: order, repetition, long polls, refusals."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from recipe_runner.backends.local import app as app_module
from recipe_runner.backends.local.app import build_app
from recipe_runner.backends.local.launch import RunningServer
from recipe_runner.backends.local.service import Service
from recipe_runner.backends.local.store import Store


@pytest.fixture(scope="module")
def http(server: RunningServer) -> Iterator[httpx.Client]:
    headers = {"X-API-Key": server.api_key}
    with httpx.Client(base_url=f"{server.url}/api/v1", headers=headers, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def session_id(http: httpx.Client) -> str:
    return str(_post(http, "/create_session", tags=[], sdk_version="0.38.0")["session_id"])


@pytest.fixture
def model_id(http: httpx.Client, session_id: str, request: pytest.FixtureRequest) -> str:
    seq = abs(hash(request.node.name)) % 10**6
    promise = _post(
        http,
        "/create_model",
        session_id=session_id,
        model_seq_id=seq,
        base_model="any/model",
        lora_config={"rank": 4},
    )
    return str(_result(http, promise)["model_id"])


def _post(http: httpx.Client, endpoint: str, /, **body: Any) -> dict[str, Any]:
    response = http.post(endpoint, json=body)
    assert response.status_code == 200, response.text
    return dict(response.json())


def _result(http: httpx.Client, promise: dict[str, Any]) -> dict[str, Any]:
    """The answer behind a promise; a busy machine takes longer than one long poll."""
    while True:
        response = http.post("/retrieve_future", json={"request_id": promise["request_id"]})
        if response.status_code != 408:
            assert response.status_code == 200, response.text
            return dict(response.json())


def _optim_step(http: httpx.Client, model_id: str, seq_id: int) -> dict[str, Any]:
    return _post(http, "/optim_step", model_id=model_id, seq_id=seq_id, adam_params={})


def test_requests_wait_for_the_numbers_before_them(http: httpx.Client, model_id: str) -> None:
    second = _post(http, "/save_weights", model_id=model_id, seq_id=2, path="second")
    listed = http.get(f"/training_runs/{model_id}/checkpoints").json()["checkpoints"]
    assert listed == []
    first = _optim_step(http, model_id, 1)
    assert "error" not in _result(http, first)
    assert _result(http, second)["path"].endswith("/weights/second")


def test_a_repeated_request_runs_once(http: httpx.Client, model_id: str) -> None:
    first = _post(http, "/save_weights", model_id=model_id, seq_id=1, path="once")
    assert _result(http, first)["path"].endswith("once")
    again = _post(http, "/save_weights", model_id=model_id, seq_id=1, path="once")
    assert again == first
    assert _result(http, again)["path"].endswith("once")
    assert "error" not in _result(http, _optim_step(http, model_id, 2))


def test_a_repeated_sample_gets_the_same_ids(http: httpx.Client, session_id: str) -> None:
    sampler = _post(
        http,
        "/create_sampling_session",
        session_id=session_id,
        sampling_session_seq_id=0,
        base_model="any/model",
    )["sampling_session_id"]
    body = {
        "sampling_session_id": sampler,
        "seq_id": 0,
        "num_samples": 2,
        "prompt": {"chunks": [{"type": "encoded_text", "tokens": [1, 2]}]},
        "sampling_params": {"max_tokens": 2},
    }
    first, again = _post(http, "/asample", **body), _post(http, "/asample", **body)
    assert first == again
    assert len(set(first["sample_sequence_ids"])) == 2


def test_a_refused_request_uses_up_its_number(http: httpx.Client, model_id: str) -> None:
    refused = _post(http, "/save_weights", model_id=model_id, seq_id=1, path="x", ttl_seconds=-1)
    answer = _result(http, refused)
    assert answer["category"] == "user"
    assert "ttl_seconds" in answer["error"]
    assert "error" not in _result(http, _optim_step(http, model_id, 2))


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/no_such_endpoint", "{}", 404, "no endpoint POST /api/v1/no_such_endpoint"),
        ("/create_session", "[]", 400, "object"),
        ("/optim_step", "not json", 400, "not JSON"),
        ("/optim_step", "{}", 400, "model_id and seq_id"),
        ("/optim_step", '{"model_id": "m", "seq_id": 1}', 404, "no model 'm'"),
        ("/create_model", '{"session_id": "s"}', 400, "base_model: Field required"),
        ("/get_info", '{"model_id": "m", "extra": 1}', 400, "extra: Extra inputs"),
        ("/session_heartbeat", '{"session_id": "s"}', 404, "no session 's'"),
        ("/retrieve_future", '{"request_id": "r"}', 404, "no request 'r'"),
        ("/weights_info", '{"tinker_path": "x"}', 400, "not a checkpoint path"),
        ("/asample", "{}", 400, "prompt"),
    ],
)
def test_refusals_say_what_is_wrong(
    http: httpx.Client, path: str, body: str, status: int, words: str
) -> None:
    response = http.post(path, content=body)
    assert response.status_code == status
    assert words in response.json()["detail"]


async def _create_and_retrieve(app: Starlette) -> httpx.Response:
    """Ask an application in this process for a model, and once for the result."""
    transport = httpx.ASGITransport(app)
    headers = {"X-API-Key": "tml-x"}
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1/api/v1", headers=headers
        ) as http,
    ):
        session = (await http.post("/create_session", json={})).json()["session_id"]
        wanted = {"session_id": session, "model_seq_id": 0, "base_model": "any/model"}
        promise = (await http.post("/create_model", json=wanted)).json()
        return await http.post("/retrieve_future", json=promise)


def test_a_pending_result_is_a_try_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "LONG_POLL_S", 0.05)
    never = threading.Event()

    def slow() -> Any:
        never.wait()

    service = Service(Store(tmp_path), build_engine=slow)
    pending = asyncio.run(_create_and_retrieve(build_app(service, None)))
    never.set()
    assert pending.status_code == 408
    answer = pending.json()
    assert answer.pop("request_id")
    assert answer == {"type": "try_again", "queue_state": "active"}


def test_an_engine_that_cannot_start_fails_requests_in_words(tmp_path: Path) -> None:
    def broken() -> Any:
        raise RuntimeError("no memory")

    service = Service(Store(tmp_path), build_engine=broken)
    answer = asyncio.run(_create_and_retrieve(build_app(service, None))).json()
    assert answer["category"] == "server"
    assert "no memory" in answer["error"]
