"""REST: training runs, checkpoints, samplers and sessions, as `tinker.RestClient` asks for them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from recipe_runner.backends.local import requests
from recipe_runner.backends.local.checkpoints import Checkpoint, CheckpointPath, Kind, Run
from recipe_runner.backends.local.http_errors import BadRequest
from recipe_runner.backends.local.models import SHIPPED_NAME, context_of, resolve
from recipe_runner.backends.local.store import Store

if TYPE_CHECKING:
    from recipe_runner.backends.local.service import Service

_TYPES: dict[Kind, str] = {
    "weights": "training",
    "sampler_weights": "sampler",
    "external_weights": "external",
}
OWNER = "local"
MAX_DIGITS = 18


def rest_routes(service: Service) -> list[Route]:
    """The routes below /api/v1."""
    rest = Rest(service)
    checkpoint = "/training_runs/{model_id}/checkpoints/{kind}/{name}"
    return [
        Route("/get_server_capabilities", rest.capabilities, methods=["GET"]),
        Route("/weights_info", rest.weights_info, methods=["POST"]),
        Route("/training_runs", rest.training_runs, methods=["GET"]),
        Route("/training_runs/{model_id}", rest.training_run, methods=["GET"]),
        Route("/training_runs/{model_id}/checkpoints", rest.run_checkpoints, methods=["GET"]),
        Route("/checkpoints", rest.checkpoints, methods=["GET"]),
        Route(checkpoint, rest.delete_checkpoint, methods=["DELETE"]),
        Route(checkpoint + "/ttl", rest.set_ttl, methods=["PUT"]),
        Route(checkpoint + "/publish", rest.publish, methods=["POST", "DELETE"]),
        Route("/samplers/{sampler_id}", rest.sampler, methods=["GET"]),
        Route("/sessions", rest.sessions, methods=["GET"]),
        Route("/sessions/{session_id}", rest.session, methods=["GET"]),
    ]


class Rest:
    def __init__(self, service: Service) -> None:
        self._store: Store = service.store
        self._registry = service.registry

    async def capabilities(self, request: Request) -> Response:
        # Any name is served, by a stand-in if need be; these are the ones known so far.
        names = {SHIPPED_NAME, *(m.run.base_model for m in self._registry.models.values())}
        models = [
            {
                "model_name": name,
                "max_context_length": context_of(resolve(name)),
                "trainable": True,
                "sampleable": True,
            }
            for name in sorted(names)
        ]
        return JSONResponse({"supported_models": models})

    async def weights_info(self, request: Request) -> Response:
        try:
            wanted = requests.WeightsInfo.model_validate_json(await request.body())
        except ValidationError as error:
            raise BadRequest(requests.explain(error)) from error
        checkpoint = self._store.checkpoint(CheckpointPath.parse(wanted.tinker_path))
        lora = checkpoint.lora
        return JSONResponse(
            {
                "base_model": checkpoint.base_model,
                "is_lora": lora.rank > 0,
                "lora_rank": lora.rank or None,
                "train_unembed": lora.train_unembed,
                "train_mlp": lora.train_mlp,
                "train_attn": lora.train_attn,
            }
        )

    async def training_runs(self, request: Request) -> Response:
        runs = await asyncio.to_thread(self._store.runs)
        page, cursor = _page(request, runs, default_limit=20)
        described = [await asyncio.to_thread(self._describe_run, run) for run in page]
        return JSONResponse({"training_runs": described, "cursor": cursor})

    async def training_run(self, request: Request) -> Response:
        run = self._store.run(request.path_params["model_id"])
        return JSONResponse(await asyncio.to_thread(self._describe_run, run))

    async def run_checkpoints(self, request: Request) -> Response:
        model_id = self._store.run(request.path_params["model_id"]).model_id
        found = await asyncio.to_thread(self._store.checkpoints, model_id)
        return JSONResponse({"checkpoints": [_describe(c) for c in found]})

    async def checkpoints(self, request: Request) -> Response:
        found = await asyncio.to_thread(self._store.checkpoints)
        page, cursor = _page(request, found[::-1], default_limit=100)
        return JSONResponse({"checkpoints": [_describe(c) for c in page], "cursor": cursor})

    async def delete_checkpoint(self, request: Request) -> Response:
        await asyncio.to_thread(self._store.delete, _path(request))
        return JSONResponse({})

    async def set_ttl(self, request: Request) -> Response:
        try:
            wanted = requests.SetTtl.model_validate_json(await request.body())
        except ValidationError as error:
            raise BadRequest(requests.explain(error)) from error
        await asyncio.to_thread(self._store.set_ttl, _path(request), wanted.ttl_seconds)
        return JSONResponse({})

    async def publish(self, request: Request) -> Response:
        # A mark in the record: this server has one user, who sees every checkpoint anyway.
        public = request.method == "POST"
        await asyncio.to_thread(self._store.set_public, _path(request), public)
        return JSONResponse({})

    async def sampler(self, request: Request) -> Response:
        sampler = self._registry.sampler(request.path_params["sampler_id"])
        path = None if sampler.model_path is None else str(sampler.model_path)
        return JSONResponse(
            {
                "sampler_id": sampler.sampler_id,
                "base_model": sampler.base_model,
                "model_path": path,
            }
        )

    async def sessions(self, request: Request) -> Response:
        page, _ = _page(request, list(self._registry.sessions)[::-1], default_limit=20)
        return JSONResponse({"sessions": page})

    async def session(self, request: Request) -> Response:
        session = self._registry.known_session(request.path_params["session_id"])
        return JSONResponse(
            {
                "training_run_ids": session.model_ids,
                "sampler_ids": session.sampler_ids,
                "user_metadata": session.user_metadata,
                "display_name": session.display_name,
            }
        )

    def _describe_run(self, run: Run) -> dict[str, Any]:
        saved = self._store.checkpoints(run.model_id)
        live = self._registry.models.get(run.model_id)
        times = [run.created, *(checkpoint.created for checkpoint in saved)]
        if live is not None:
            times.append(live.last_request)
        last = {checkpoint.kind: _describe(checkpoint) for checkpoint in saved}
        return {
            "training_run_id": run.model_id,
            "base_model": run.base_model,
            "model_owner": OWNER,
            "is_lora": run.lora.rank > 0,
            "lora_rank": run.lora.rank or None,
            "last_request_time": _iso(max(times)),
            "last_checkpoint": last.get("weights"),
            "last_sampler_checkpoint": last.get("sampler_weights"),
            "user_metadata": run.user_metadata,
        }


def _path(request: Request) -> CheckpointPath:
    params = request.path_params
    return CheckpointPath.of(params["model_id"], params["kind"], params["name"])


def _describe(checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        "checkpoint_id": f"{checkpoint.kind}/{checkpoint.name}",
        "checkpoint_type": _TYPES[checkpoint.kind],
        "time": _iso(checkpoint.created),
        "tinker_path": str(checkpoint.path),
        "size_bytes": checkpoint.size_bytes,
        "public": checkpoint.public,
        "user_metadata": checkpoint.user_metadata,
        "expires_at": None if checkpoint.expires is None else _iso(checkpoint.expires),
    }


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def _page(request: Request, items: list[Any], default_limit: int) -> tuple[list[Any], Any]:
    """The page that `limit` and `offset` of the query ask for, and its cursor."""
    numbers = []
    for name, default in (("limit", default_limit), ("offset", 0)):
        text = request.query_params.get(name, str(default))
        if not text.isdecimal() or len(text) > MAX_DIGITS:
            raise BadRequest(f"{name}={text!r} is not a number that a page could have")
        numbers.append(int(text))
    limit, offset = numbers
    cursor = {"offset": offset, "limit": limit, "total_count": len(items)}
    return items[offset : offset + limit], cursor
