"""The key of hosted Tinker goes to no server that a recipe alone names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from recipe_runner.language import LoadedRecipe


def require_trusted_server(loaded: LoadedRecipe) -> None:
    """Return if the user's key may go to the recipe's server.

    It may go to this machine, to what the command line names, and to what TINKER_BASE_URL names:
    a recipe may be somebody else's, and the key is worth money.

    Raises:
        BackendError: if it may not; the message says how to allow it.
    """
    from schemas.backend import RemoteBackend

    backend = loaded.recipe.backend
    if not isinstance(backend, RemoteBackend) or not os.environ.get("TINKER_API_KEY"):
        return
    typed = loaded.place("backend.base_url").file.startswith("--")
    named = os.environ.get("TINKER_BASE_URL", "")
    if typed or _is_here(backend.base_url) or _origin(named) == _origin(backend.base_url):
        return
    from recipe_runner.errors import BackendError

    raise BackendError(
        f"the recipe's server {backend.base_url} would get your TINKER_API_KEY. If the server is "
        f"yours, say so with --backend {backend.base_url}, or once and for all with "
        f"export TINKER_BASE_URL={backend.base_url}; without a key in the environment none is sent"
    )


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")
