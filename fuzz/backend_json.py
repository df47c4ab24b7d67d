"""JSON bodies of every route of the local backend; the first byte says which route.

Right: an answer, or a refusal that says why and that the SDK does not repeat; no failure of the
server's own; and the server goes on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from fuzz.backend import backend
from fuzz.limits import Limits

LIMITS = Limits(max_bytes=2048, timeout_s=60, memory_mb=6144, holds_json=True)
_CHECKPOINT = "/training_runs/@M/checkpoints/weights/a"
# Method, path, and a body that is served.
ROUTES: list[tuple[str, str, Any]] = [
    ("POST", "/create_session", {"tags": ["a"], "user_metadata": {"a": 1}, "sdk_version": "1"}),
    ("POST", "/session_heartbeat", {"session_id": "@S", "type": "session_heartbeat"}),
    (
        "POST",
        "/create_model",
        {
            "session_id": "@S",
            "model_seq_id": 1,
            "base_model": "Qwen/Qwen3-8B-Base",
            "user_metadata": {"a": "b"},
            "lora_config": {"rank": 4, "seed": 1, "train_mlp": True, "train_unembed": False},
            "optimizer_config": {"type": "adamw"},
        },
    ),
    ("POST", "/get_info", {"model_id": "@M"}),
    ("POST", "/unload_model", {"model_id": "@M"}),
    (
        "POST",
        "/optim_step",
        {
            "model_id": "@M",
            "seq_id": 1,
            "adam_params": {"learning_rate": 1e-4, "beta1": 0.9, "eps": 1e-8, "grad_clip_norm": 1},
        },
    ),
    (
        "POST",
        "/save_weights",
        {"model_id": "@M", "seq_id": 1, "path": "a", "ttl_seconds": 3600, "overwrite": True},
    ),
    (
        "POST",
        "/save_weights_for_sampler",
        {"model_id": "@M", "seq_id": 1, "sampling_session_seq_id": 1, "kind": "snapshot"},
    ),
    ("POST", "/save_weights_external", {"model_id": "@M", "seq_id": 1, "path": "b"}),
    (
        "POST",
        "/load_weights",
        {"path": "tinker://@M/weights/a", "optimizer": True, "model_id": "@M", "seq_id": 1},
    ),
    (
        "POST",
        "/load_weights",
        {
            "path": "tinker://@M/weights/a",
            "optimizer": False,
            "session_id": "@S",
            "model_seq_id": 2,
            "base_model": "a/b",
        },
    ),
    (
        "POST",
        "/create_sampling_session",
        {"session_id": "@S", "sampling_session_seq_id": 3, "base_model": "a/b"},
    ),
    (
        "POST",
        "/asample",
        {
            "sampling_session_id": "@P",
            "seq_id": 1,
            "num_samples": 2,
            "prompt": {"chunks": [{"type": "encoded_text", "tokens": [1, 2, 3]}]},
            "sampling_params": {
                "max_tokens": 3,
                "temperature": 0.7,
                "top_k": 4,
                "top_p": 0.9,
                "seed": 1,
                "stop": ["a"],
            },
            "prompt_logprobs": True,
            "topk_prompt_logprobs": 2,
            "prompt_logprobs_last_n": 1,
        },
    ),
    ("POST", "/retrieve_future", {"request_id": "r"}),
    ("POST", "/sessions/@S/finish", {}),
    ("POST", "/telemetry", {"events": []}),
    ("POST", "/client/config", {}),
    ("POST", "/weights_info", {"tinker_path": "tinker://@M/weights/a"}),
    ("PUT", f"{_CHECKPOINT}/ttl", {"ttl_seconds": 7200}),
    ("POST", f"{_CHECKPOINT}/publish", {}),
    ("DELETE", _CHECKPOINT, {}),
]
# The rest of an input is a path here, with its query.
_GET = len(ROUTES)
PATHS = (
    "/training_runs?limit=2&offset=1",
    "/training_runs/@M",
    "/training_runs/@M/checkpoints",
    "/training_runs/@M/checkpoints/external_weights/b/external_weights_urls",
    "/external_weights/1/a/@M/b/c",
    "/checkpoints?limit=1",
    "/samplers/@P",
    "/sessions?offset=1",
    "/sessions/@S",
    "/get_server_capabilities",
    "/healthz",
)


def seeds() -> Iterator[bytes]:
    for number, (_, _, body) in enumerate(ROUTES):
        yield bytes([number]) + json.dumps(body).encode()
    for path in PATHS:
        yield bytes([_GET]) + path.encode()


def one_input(data: bytes) -> None:
    number = (data[0] if data else 0) % (len(ROUTES) + 1)
    server = backend()
    if number == _GET:
        server.send("GET", _path(data[1:]), b"")
        return
    method, path, _ = ROUTES[number]
    server.send(method, path, _body(data[1:]))


def _body(data: bytes) -> bytes:
    server = backend()
    for sign in ("@S", "@M", "@P"):
        data = data.replace(sign.encode(), server.filled(sign).encode())
    # The number that comes next, so that an operation is tried and does not wait for others.
    return data.replace(b'"seq_id": 1,', f'"seq_id": {server.next_seq_id},'.encode())


def _path(data: bytes) -> str:
    """A path as an HTTP client can send it."""
    text = "".join(chr(byte) for byte in data if 33 <= byte < 127 and byte not in b"#")
    return "/" + text.lstrip("/").replace("..", ".")
