"""`backend: {kind: remote, base_url: …}`: any server that speaks Tinker's protocol."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recipe_runner.backends.connection import Connection
from recipe_runner.backends.local.tokenizers import (
    register_directories,
    register_tokenizer,
    sources,
)
from recipe_runner.backends.reach import require_reachable
from recipe_runner.planning.plan import Plan, Served
from schemas.backend import RemoteBackend

# The SDK refuses to start without a key of this form; a server of one's own often wants none.
_PLACEHOLDER_KEY = "tml-none"


def served(model_name: str) -> Served:
    return Served(kind="remote", note=f"{model_name} as the remote server serves it")


def check_access() -> None:
    """Nothing can be known before the server is asked."""


def probe(plan: Plan) -> None:
    assert isinstance(plan.recipe.backend, RemoteBackend)
    reach(plan.recipe.backend.base_url)


@contextmanager
def connect(plan: Plan, *, store: Path, log: Path) -> Iterator[Connection]:
    assert isinstance(plan.recipe.backend, RemoteBackend)
    connection = reach(plan.recipe.backend.base_url)
    register_directories(plan)
    for source in sources(plan):
        # `recipe-run serve` elsewhere has the model that we ship; no hub has its tokenizer.
        if source.kind == "shipped":
            register_tokenizer(source)
    yield connection


def reach(base_url: str) -> Connection:
    """Return the connection to a server.

    Raises:
        BackendError: if it does not answer.
    """
    require_reachable(base_url)
    key = None if os.environ.get("TINKER_API_KEY") else _PLACEHOLDER_KEY
    return Connection(base_url=base_url, api_key=key)
