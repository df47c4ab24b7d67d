"""How large a request may be: what is larger is refused before it is read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from recipe_runner.backends.local.http_errors import TooLarge

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# The SDK cuts a batch into chunks of 5 MB; only a single datum can be larger.
MAX_TRAINING_BYTES = 64 * 2**20
# A prompt of a million tokens has 7 MB.
MAX_JSON_BYTES = 16 * 2**20
TRAINING = "/forward_backward"


class LimitBody:
    """Answers 413 to a request that is too large, whether or not it says how large it is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = MAX_TRAINING_BYTES if scope["path"].endswith(TRAINING) else MAX_JSON_BYTES
        if _announced(scope["headers"]) > limit:
            refusal = JSONResponse({"detail": _detail(limit)}, 413, {"Connection": "close"})
            await refusal(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise TooLarge(_detail(limit))
            return message

        await self._app(scope, counted, send)


def _announced(headers: Iterable[tuple[bytes, bytes]]) -> int:
    # The server has checked that it is a number.
    digits = dict(headers).get(b"content-length", b"0")
    return int(digits) if len(digits) < 20 else 10**20


def _detail(limit: int) -> str:
    return (
        f"the request is larger than the {limit // 2**20} MiB that the local backend takes; "
        "send it in parts"
    )
