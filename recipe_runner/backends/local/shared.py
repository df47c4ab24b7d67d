"""One server for several runs: who starts it hands its address to the processes that run them.

The address and the key travel in the environment, and are never written down.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recipe_runner.backends.connection import Connection
from recipe_runner.backends.local.launch import KEY_VARIABLE, launch
from recipe_runner.backends.local.tenants import Tenant, key_of

URL_VARIABLE = "RECIPE_RUN_SERVER_URL"


@contextmanager
def shared_server(*, store: Path, log: Path) -> Iterator[dict[str, str]]:
    """Start a server, and yield the variables by which `backend: local` finds it.

    Raises:
        LaunchError: if it does not start.
    """
    with launch(store=store, log=log, guarded=True) as server:
        yield {URL_VARIABLE: server.url, KEY_VARIABLE: server.api_key}


def shared_connection(seed: int) -> Connection | None:
    """Return a connection to the server that this process was given, as if started for it alone.

    Args:
        seed: what a server of its own would be started with.
    """
    url, key = os.environ.get(URL_VARIABLE), os.environ.get(KEY_VARIABLE)
    if url is None or key is None:
        return None
    return Connection(base_url=url, api_key=key_of(key, Tenant(secrets.token_hex(8), seed)))
