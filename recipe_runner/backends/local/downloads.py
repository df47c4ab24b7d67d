"""Downloads of external weights: URLs that carry their own permission, as Tinker's do."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from datetime import UTC, datetime
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from recipe_runner.backends.local.checkpoints import CheckpointPath
from recipe_runner.backends.local.http_errors import Forbidden, NotFound
from recipe_runner.backends.local.store import Store

ROOT = "/api/v1"
PREFIX = "/external_weights"
VALID_S = 3600


class Downloads:
    """Signs URLs for a checkpoint's files, and serves them to whoever has such a URL."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._secret = secrets.token_bytes(32)

    def routes(self) -> list[Route]:
        checkpoint = "/training_runs/{model_id}/checkpoints/external_weights/{name}"
        file = PREFIX + "/{expires}/{signature}/{model_id}/{name}/{file}"
        return [
            Route(f"{checkpoint}/external_weights_urls", self.urls, methods=["GET"]),
            Route(file, self.file, methods=["GET"]),
        ]

    async def urls(self, request: Request) -> Response:
        """One URL a file, good for `VALID_S` seconds."""
        path = _path(request)
        files = await asyncio.to_thread(self._store.files, path)
        expires = int(time.time()) + VALID_S
        root = str(request.base_url).rstrip("/") + ROOT + PREFIX
        return JSONResponse(
            {
                "urls": {
                    file: "/".join(
                        [
                            root,
                            str(expires),
                            self._signature(path, file, expires),
                            *(quote(part, safe="") for part in (path.model_id, path.name, file)),
                        ]
                    )
                    for file in files
                },
                "expires": datetime.fromtimestamp(expires, UTC).isoformat(),
            }
        )

    async def file(self, request: Request) -> Response:
        path, file = _path(request), request.path_params["file"]
        expires = request.path_params["expires"]
        expected = self._signature(path, file, expires)
        # As bytes: of texts it compares those in ASCII alone.
        given = request.path_params["signature"].encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(expected.encode(), given):
            raise Forbidden("this URL was not signed by this server: ask for the URLs again")
        if int(expires) < time.time():
            raise Forbidden("this URL has expired: ask for the URLs again")
        files = await asyncio.to_thread(self._store.files, path)
        if file not in files:
            raise NotFound(f"{path} has no file {file!r}")
        return Response(files[file], media_type="application/octet-stream")

    def _signature(self, path: CheckpointPath, file: str, expires: int | str) -> str:
        signed = f"{expires}/{path}/{file}".encode(errors="replace")
        return hmac.new(self._secret, signed, hashlib.sha256).hexdigest()


def _path(request: Request) -> CheckpointPath:
    params = request.path_params
    return CheckpointPath.of(params["model_id"], "external_weights", params["name"])
