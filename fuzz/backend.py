"""The local backend's real application and engine in this process, over the shipped model.

`@S`, `@M` and `@P` in a request stand for the ids of a live session, model and sampler, so that an
input means the same in every process.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx

from recipe_runner.backends.local.app import build_app
from recipe_runner.backends.local.engine import Engine
from recipe_runner.backends.local.futures import Payload
from recipe_runner.backends.local.http_errors import ApiError
from recipe_runner.backends.local.service import Service
from recipe_runner.backends.local.store import Store

# What a client at fault is told; none of them is retried by the SDK.
REFUSALS = {400, 401, 403, 404, 410, 413}
# Sampling may rightly take long; training within what these inputs hold may not.
PATIENCE_S = 5.0
_RENEW_EVERY = 100


class Backend:
    """One server and one client of it; every check raises AssertionError."""

    def __init__(self) -> None:
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        self._loop = asyncio.new_event_loop()
        self._store = Path(tempfile.mkdtemp(prefix="fuzz-"))
        self.service = Service(Store(self._store), Engine)
        app = build_app(self.service, None)
        self._lifespan = app.router.lifespan_context(app)
        self._run(self._lifespan.__aenter__())
        # A fault in a handler is raised here rather than answered with 500.
        self._http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://127.0.0.1/api/v1",
            headers={"X-API-Key": "tml-fuzz"},
        )
        self._num_inputs = 0
        self.session = ""
        self.model = ""
        self.sampler = ""
        self._open()

    def send(self, method: str, path: str, body: bytes) -> httpx.Response:
        """Send one request, and see to it that the server is as well as before."""
        if self._num_inputs and self._num_inputs % _RENEW_EVERY == 0:
            self._close()
            self._open()
        self._num_inputs += 1
        response = self._run(self._http.request(method, self.filled(path), content=body))
        assert response.status_code == 200 or response.status_code in REFUSALS, response.text
        if response.status_code != 200:
            assert response.json()["detail"], "a refusal says why"
        else:
            self._check_result(response)
        self._check_health()
        return response

    def filled(self, text: str) -> str:
        for sign, value in (("@S", self.session), ("@M", self.model), ("@P", self.sampler)):
            text = text.replace(sign, value)
        return text

    @property
    def next_seq_id(self) -> int:
        model = self.service.registry.models.get(self.model)
        return model.sequencer.next if model is not None else 1

    def close(self) -> None:
        self._close()
        self._run(self._http.aclose())
        self._run(self._lifespan.__aexit__(None, None, None))
        self._loop.close()
        shutil.rmtree(self._store)

    def _run(self, work: Any) -> Any:
        return self._loop.run_until_complete(work)

    def _check_result(self, response: httpx.Response) -> None:
        if response.headers["content-type"] != "application/json":
            return
        answer = response.json()
        request_id = answer.get("request_id") if isinstance(answer, dict) else None
        if not isinstance(request_id, str):
            return
        payload = self._result(request_id)
        if payload is not None and payload.content_type == "application/json":
            failure = json.loads(payload.body)
            assert failure.get("category") != "server", failure

    def _result(self, request_id: str) -> Payload | None:
        """The answer; none where it waits for a number that never comes, or for long samples."""
        try:
            found: Payload | None = self._run(self.service.futures.wait(request_id, PATIENCE_S))
        except ApiError:
            return None
        if found is None:
            self._close()
            self._open()
        return found

    def _check_health(self) -> None:
        assert self.service.fault() is None, self.service.fault()
        for session in list(self.service.registry.sessions.values()):
            if session.session_id != self.session:
                self._run(self.service.finish_session(session))
        if self.model not in self.service.registry.models or self._finished():
            self._close()
            self._open()

    def _finished(self) -> bool:
        registry = self.service.registry
        return registry.sessions[self.session].finished or self.sampler not in registry.samplers

    def _open(self) -> None:
        self.session = self._post("/create_session", {})["session_id"]
        wanted = {"session_id": self.session, "base_model": "recipe-run/tiny"}
        lora = {"rank": 2}
        promise = self._post("/create_model", {**wanted, "model_seq_id": 0, "lora_config": lora})
        self.model = json.loads(self._done(promise).body)["model_id"]
        opened = self._post("/create_sampling_session", {**wanted, "sampling_session_seq_id": 0})
        self.sampler = opened["sampling_session_id"]
        sample = {
            "sampling_session_id": self.sampler,
            "seq_id": 0,
            "prompt": {"chunks": [{"type": "encoded_text", "tokens": [1, 2]}]},
            "sampling_params": {"max_tokens": 2},
        }
        assert self._done(self._post("/asample", sample)).content_type != "application/json"

    def _close(self) -> None:
        """Finish the session, which has to free all that it holds, whatever is under way."""
        session = self.service.registry.sessions[self.session]
        if not session.finished:
            self._run(self.service.finish_session(session))
        engine = self._run(self.service.engine())
        until = time.monotonic() + 30
        while engine.stats()["slots"] and time.monotonic() < until:
            time.sleep(0.01)
        assert not engine.stats()["slots"], "what is sampled for a closed session goes on"

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        response = self._run(self._http.post(path, json=body))
        assert response.status_code == 200, response.text
        return dict(response.json())

    def _done(self, promise: dict[str, Any]) -> Payload:
        found: Payload | None = self._run(self.service.futures.wait(promise["request_id"], 60.0))
        assert found is not None, "a plain request is answered"
        return found


@lru_cache(maxsize=1)
def backend() -> Backend:
    return Backend()
