"""HTTP: routes of Tinker's wire protocol over a Service.

Starlette handlers, one a request type; what they answer is decided in `service` and `rest`.
"""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from recipe_runner.backends.local import downloads, requests
from recipe_runner.backends.local.admission import Admission
from recipe_runner.backends.local.body import LimitBody
from recipe_runner.backends.local.errors import EngineError
from recipe_runner.backends.local.futures import Payload
from recipe_runner.backends.local.http_errors import ApiError, BadRequest
from recipe_runner.backends.local.rest import rest_routes
from recipe_runner.refused import in_words

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from recipe_runner.backends.local.service import Service

logger = logging.getLogger(__name__)

# The SDK gives a retrieve 45 s; Tinker's own long poll is 20 s.
LONG_POLL_S = 20.0

Parsed = TypeVar("Parsed", bound=requests.Request)


def build_app(service: Service, api_key: str | None) -> Starlette:
    """The application; `api_key` None takes any key of the SDK's form."""
    handlers = Handlers(service)
    routes = [
        *handlers.routes(),
        *rest_routes(service),
        *downloads.Downloads(service.store).routes(),
    ]

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        service.start()
        yield
        await service.stop()

    app = Starlette(
        routes=[Mount(downloads.ROOT, routes=routes)],
        lifespan=lifespan,
        exception_handlers={
            ApiError: _refuse,
            EngineError: _refuse,
            HTTPException: _no_endpoint,
            OSError: _refused,
            Exception: _fault,
        },
    )
    app.add_middleware(LimitBody)
    app.add_middleware(Admission, api_key=api_key)
    app.add_middleware(LogRequests)
    return app


class Handlers:
    """The endpoints that the SDK's service, training and sampling clients call."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def routes(self) -> list[Route]:
        posts: dict[str, Callable[[Request], Awaitable[Response]]] = {
            "/client/config": self.client_config,
            "/client/dynamic_config": self.client_config,
            "/create_session": self.create_session,
            "/session_heartbeat": self.session_heartbeat,
            "/telemetry": self.telemetry,
            "/create_model": self.create_model,
            "/get_info": self.get_info,
            "/unload_model": self.unload_model,
            "/forward_backward": self.forward_backward,
            "/optim_step": self.optim_step,
            "/save_weights": self.save_weights,
            "/save_weights_for_sampler": self.save_weights_for_sampler,
            "/save_weights_external": self.save_weights_external,
            "/load_weights": self.load_weights,
            "/create_sampling_session": self.create_sampling_session,
            "/asample": self.asample,
            "/retrieve_future": self.retrieve_future,
            "/sessions/{session_id}/finish": self.finish_session,
        }
        return [
            Route("/healthz", self.healthz, methods=["GET"]),
            *(Route(path, handler, methods=["POST"]) for path, handler in posts.items()),
        ]

    async def healthz(self, request: Request) -> Response:
        fault = self._service.fault()
        if fault is not None:
            return JSONResponse({"status": "failed", "detail": fault}, status_code=503)
        return JSONResponse({"status": "ok"})

    async def client_config(self, request: Request) -> Response:
        # Every flag's default is what this server serves.
        return JSONResponse({})

    async def telemetry(self, request: Request) -> Response:
        # Accepted, as the SDK expects, and dropped: nothing leaves this machine.
        return JSONResponse({"status": "accepted"})

    async def create_session(self, request: Request) -> Response:
        wanted = _parse(requests.CreateSession, await request.body())
        session = self._service.registry.open_session(
            wanted.user_metadata or {}, wanted.display_name, request.state.tenant
        )
        return JSONResponse({"session_id": session.session_id, "type": "create_session"})

    async def session_heartbeat(self, request: Request) -> Response:
        wanted = _parse(requests.SessionHeartbeat, await request.body())
        self._service.registry.session(wanted.session_id)
        return JSONResponse({"type": "session_heartbeat"})

    async def finish_session(self, request: Request) -> Response:
        session = self._service.registry.known_session(request.path_params["session_id"])
        if not session.finished:
            await self._service.finish_session(session)
        return JSONResponse({})

    async def create_model(self, request: Request) -> Response:
        wanted = _parse(requests.CreateModel, await request.body())
        return JSONResponse(self._service.create_model(wanted))

    async def get_info(self, request: Request) -> Response:
        wanted = _parse(requests.ModelOnly, await request.body())
        model = self._service.registry.model(wanted.model_id)
        lora = model.run.lora
        return JSONResponse(
            {
                "type": "get_info",
                "model_id": wanted.model_id,
                "model_name": model.run.base_model,
                "model_data": {
                    "arch": model.source.kind,
                    "model_name": model.run.base_model,
                    "tokenizer_id": str(model.source.tokenizer),
                },
                "is_lora": lora.rank > 0,
                "lora_rank": lora.rank,
            }
        )

    async def unload_model(self, request: Request) -> Response:
        wanted = _parse(requests.ModelOnly, await request.body())
        return JSONResponse(self._service.unload_model(wanted.model_id))

    async def forward_backward(self, request: Request) -> Response:
        service = self._service
        body = await request.body()
        await service.engine()
        from recipe_runner.backends.local.wire import decode_forward_backward

        call = decode_forward_backward(body)
        answer = service.jobs.in_order(
            call.model_id, call.seq_id, lambda: service.forward_backward(call)
        )
        return JSONResponse(answer)

    async def optim_step(self, request: Request) -> Response:
        return self._in_order(requests.OptimStep, await request.body(), self._service.optim_step)

    async def save_weights(self, request: Request) -> Response:
        return self._in_order(
            requests.SaveWeights, await request.body(), self._service.save_weights
        )

    async def save_weights_for_sampler(self, request: Request) -> Response:
        return self._in_order(
            requests.SaveWeightsForSampler,
            await request.body(),
            self._service.save_weights_for_sampler,
        )

    async def save_weights_external(self, request: Request) -> Response:
        return self._in_order(
            requests.SaveWeightsExternal,
            await request.body(),
            self._service.save_weights_external,
        )

    async def load_weights(self, request: Request) -> Response:
        body = await request.body()
        if _fields(body).get("session_id") is not None:
            wanted = _parse(requests.LoadWeights, body)
            return JSONResponse(self._service.create_model_from(wanted))
        return self._in_order(requests.LoadWeights, body, self._service.load_weights)

    async def create_sampling_session(self, request: Request) -> Response:
        wanted = _parse(requests.CreateSamplingSession, await request.body())
        return JSONResponse(await self._service.sampling.open_session(wanted))

    async def asample(self, request: Request) -> Response:
        wanted = _parse(requests.Sample, await request.body())
        return JSONResponse(self._service.sampling.sample(wanted))

    async def retrieve_future(self, request: Request) -> Response:
        wanted = _parse(requests.RetrieveFuture, await request.body())
        payload = await self._service.futures.wait(wanted.request_id, LONG_POLL_S)
        if payload is None:
            pending = {"request_id": wanted.request_id, "queue_state": "active"}
            return JSONResponse({"type": "try_again", **pending}, status_code=408)
        return Response(payload.body, media_type=payload.content_type)

    def _in_order(
        self,
        parser: type[Parsed],
        body: bytes,
        work: Callable[[Parsed], Awaitable[Payload]],
    ) -> Response:
        # A refused request uses up its sequence number all the same; otherwise the requests
        # after it would wait for a number that never comes. So it fails as a future.
        fields = _fields(body)
        model_id, seq_id = fields.get("model_id"), fields.get("seq_id")
        if not isinstance(model_id, str) or type(seq_id) is not int:
            raise BadRequest("the request needs model_id and seq_id")

        async def parse_and_work() -> Payload:
            return await work(_parse(parser, body))

        return JSONResponse(self._service.jobs.in_order(model_id, seq_id, parse_and_work))


def _fields(body: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(body)
    except ValueError as error:
        raise BadRequest(f"the body is not JSON: {error}") from error
    except RecursionError as error:
        raise BadRequest("the body is nested too deeply") from error
    if not isinstance(fields, dict):
        raise BadRequest("the body is not a JSON object")
    return fields


def _parse(parser: type[Parsed], body: bytes) -> Parsed:
    try:
        return parser.model_validate_json(body)
    except ValidationError as error:
        raise BadRequest(requests.explain(error)) from error


async def _refuse(request: Request, error: Exception) -> Response:
    status = error.status if isinstance(error, ApiError) else 400
    return JSONResponse({"detail": str(error)}, status_code=status)


async def _refused(request: Request, error: Exception) -> Response:
    """Answer for a disk that is full or read-only: with a status that the SDK does not retry."""
    assert isinstance(error, OSError)
    return JSONResponse({"detail": in_words(error)}, status_code=400)


async def _no_endpoint(request: Request, error: Exception) -> Response:
    detail = f"the local backend has no endpoint {request.method} {request.url.path}"
    return JSONResponse({"detail": detail}, status_code=404)


async def _fault(request: Request, error: Exception) -> Response:
    # Starlette's error middleware raises it again for the log after this answer is sent.
    detail = f"fault in the local backend: {type(error).__name__}: {error}"
    return JSONResponse({"detail": detail}, status_code=500)


class LogRequests:
    """One debug line a request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not logger.isEnabledFor(logging.DEBUG):
            await self._app(scope, receive, send)
            return
        status = 0
        start = time.perf_counter()

        async def watch(message: Any) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            elapsed_ms = 1000 * (time.perf_counter() - start)
            logger.debug("%s %s %d %.1f ms", scope["method"], scope["path"], status, elapsed_ms)
