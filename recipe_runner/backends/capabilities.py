"""What a service says that it serves, asked in one request, without the SDK and its retries."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from typing import Any

from recipe_runner.backends import hosted, remote
from recipe_runner.backends.connection import Connection
from recipe_runner.backends.reach import TIMEOUT_S
from recipe_runner.errors import BackendError
from recipe_runner.planning.checks.online import ServedModel
from schemas.backend import Backend, RemoteBackend

_PATH = "/api/v1/get_server_capabilities"
_REFUSALS = (401, 403)


def served_models(backend: Backend) -> list[ServedModel]:
    """Return the models of hosted Tinker, or of a server of one's own.

    Raises:
        BackendError: if there is no key, or the service cannot be reached or refuses.
    """
    if isinstance(backend, RemoteBackend):
        connection = remote.reach(backend.base_url)
    else:
        connection = hosted.reach()
    return [_model(row) for row in _ask(connection) if row.get("model_name")]


def _ask(connection: Connection) -> list[dict[str, Any]]:
    base_url = connection.base_url or hosted.default_url()
    key = connection.api_key or os.environ.get(hosted.KEY_VARIABLE, "")
    request = urllib.request.Request(base_url.rstrip("/") + _PATH, headers={"X-API-Key": key})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            rows: list[dict[str, Any]] = json.load(answer)["supported_models"]
    except urllib.error.HTTPError as error:
        with error:
            if error.code in _REFUSALS:
                raise BackendError(
                    f"{base_url} refuses the key; check {hosted.KEY_VARIABLE}"
                ) from error
            raise BackendError(
                f"{base_url} does not say what it serves: HTTP {error.code}"
            ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BackendError(f"{base_url} does not say what it serves: {error}") from error
    return rows


def _model(row: dict[str, Any]) -> ServedModel:
    return ServedModel(
        name=str(row["model_name"]),
        context=row.get("max_context_length"),
        trainable=row.get("trainable"),
        sampleable=row.get("sampleable"),
    )
