"""Who is let in: programs of this machine that have the key, and no page in a browser.

That the server listens on 127.0.0.1 keeps other machines out, and not a page that a browser on
this one shows. A page can send requests here from its own address (`Origin`, `Sec-Fetch-Site`), or
from an address whose name it has made resolve to 127.0.0.1 (DNS rebinding; `Host`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from recipe_runner.backends.local import downloads
from recipe_runner.backends.local.tenants import Tenant, admitted

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

KEY_PREFIX = "tml-"

# Any port: that of a tunnel to this machine is the tunnel's own.
_HOSTS = re.compile(rb"(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?", re.IGNORECASE)
# A download's address has its own permission in it, as Tinker's do.
_SIGNED = f"{downloads.ROOT}{downloads.PREFIX}/"


class Admission:
    """Refuses by 403 what a browser's page sends, and by 401 what comes without the key.

    The key is compared in constant time; `api_key` None takes any of the SDK's form. The state of
    a request that is let in has who sent it.
    """

    def __init__(self, app: ASGIApp, api_key: str | None) -> None:
        self._app = app
        self._api_key = api_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = _foreign(scope)
        if refusal is not None:
            await JSONResponse({"detail": refusal}, status_code=403)(scope, receive, send)
            return
        tenant = self._tenant(scope)
        if tenant is None and not scope["path"].startswith(_SIGNED):
            await JSONResponse({"detail": self._wanted()}, status_code=401)(scope, receive, send)
            return
        scope.setdefault("state", {})["tenant"] = tenant
        await self._app(scope, receive, send)

    def _tenant(self, scope: Scope) -> Tenant | None:
        (given, *_) = [*_values(scope, b"x-api-key"), b""]
        key = given.decode("latin-1")
        if self._api_key is None:
            return Tenant() if key.startswith(KEY_PREFIX) else None
        return admitted(key, self._api_key)

    def _wanted(self) -> str:
        if self._api_key is None:
            return f"the X-API-Key header must hold a key that starts with {KEY_PREFIX}"
        return "this server takes only the key it was started with"


def _foreign(scope: Scope) -> str | None:
    """Return why a request is not one of a program of this machine, None where it may be."""
    hosts = _values(scope, b"host")
    if len(hosts) != 1 or not _HOSTS.fullmatch(hosts[0]):
        return "this server answers under 127.0.0.1 and localhost alone"
    # `none` is an address that the user typed in.
    sites = [site for site in _values(scope, b"sec-fetch-site") if site != b"none"]
    if sites or _values(scope, b"origin"):
        return "this server answers no page in a browser"
    return None


def _values(scope: Scope, name: bytes) -> list[bytes]:
    return [value for key, value in scope["headers"] if key == name]
