"""Where a plan is executed: hosted Tinker, a server that speaks its protocol, or the local one.

May import planning, catalog and schemas. Only `backends.local` may import torch or transformers.
"""

from __future__ import annotations

import importlib
from typing import cast

from recipe_runner.backends.connection import Backend, Connection

# kind of `backend` in a recipe -> module that offers `connection.Backend`
BACKENDS = {
    "tinker": "recipe_runner.backends.hosted",
    "remote": "recipe_runner.backends.remote",
    "local": "recipe_runner.backends.local.backend",
}

__all__ = ["BACKENDS", "Backend", "Connection", "backend"]


def backend(kind: str) -> Backend:
    """Return the backend of a kind."""
    return cast(Backend, importlib.import_module(BACKENDS[kind]))
