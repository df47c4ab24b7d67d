"""`backend: tinker`: the hosted service, with the user's own key."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recipe_runner.backends.connection import Connection
from recipe_runner.backends.local.tokenizers import register_directories
from recipe_runner.backends.reach import require_reachable
from recipe_runner.errors import MissingKey
from recipe_runner.planning.plan import Plan, Served

KEY_VARIABLE = "TINKER_API_KEY"


def served(model_name: str) -> Served:
    return Served(kind="hosted", note=f"{model_name} on hosted Tinker")


def check_access() -> None:
    """Raise MissingKey when there is no key in the environment."""
    if not os.environ.get(KEY_VARIABLE):
        raise MissingKey(
            f"hosted Tinker needs a key, and {KEY_VARIABLE} is not set. Either\n"
            f"  export {KEY_VARIABLE}=…   (from the Tinker console), or\n"
            "  give --backend local to run on this machine: no key, no network, no cost"
        )


def probe(plan: Plan) -> None:
    reach()


@contextmanager
def connect(plan: Plan, *, store: Path, log: Path) -> Iterator[Connection]:
    connection = reach()
    register_directories(plan)
    yield connection


def reach() -> Connection:
    """Return the connection to the hosted service.

    Raises:
        BackendError: if there is no key, or the service does not answer.
    """
    check_access()
    require_reachable(default_url())
    return Connection(base_url=os.environ.get("TINKER_BASE_URL"))


def default_url() -> str:
    """Return where the SDK finds the service when it is not told."""
    from tinker.lib.base_url import DEFAULT_BASE_URL

    return os.environ.get("TINKER_BASE_URL") or DEFAULT_BASE_URL
