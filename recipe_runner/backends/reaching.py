"""A service for something other than a run: its checkpoints, or what they answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recipe_runner.backends import hosted, remote
from recipe_runner.backends.connection import Connection
from schemas.backend import Backend, RemoteBackend


@contextmanager
def reached(backend: Backend, store: Path) -> Iterator[Connection]:
    """Reach a service for the length of the block; the local one is started on a store.

    Raises:
        BackendError: if it cannot be reached.
    """
    if backend == "tinker":
        yield hosted.reach()
    elif isinstance(backend, RemoteBackend):
        yield remote.reach(backend.base_url)
    else:
        from recipe_runner.backends.local.launch import launch

        with launch(store=store) as server:
            yield Connection(base_url=server.url, api_key=server.api_key)
