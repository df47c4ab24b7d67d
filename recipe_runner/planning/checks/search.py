"""`env.kind: search`: where the passages are."""

from __future__ import annotations

from collections.abc import Iterator

from recipe_runner.language import Diagnostic, LoadedRecipe
from recipe_runner.planning.checks.effects import no_effect
from schemas.env import SearchEnv

_OF_A_SERVER = ("collection", "embedding_model")


def check_search(loaded: LoadedRecipe, env: SearchEnv) -> Iterator[Diagnostic]:
    """Yield what is wrong with the place of the passages."""
    if env.documents is None and env.server is None:
        yield loaded.diagnostic(
            "env",
            "missing-key",
            "a search environment needs passages to search in",
            hint="write `documents: FILE.jsonl`, or `server: HOST:PORT` of a Chroma server",
        )
    if env.server is not None and env.documents is not None:
        yield no_effect(
            loaded, "env.server", "the passages come from `documents`", "remove one of the two"
        )
        return
    if env.server is not None and not _is_address(env.server):
        yield loaded.diagnostic(
            "env.server", "value", f"{env.server!r} is not HOST:PORT", hint="as in localhost:8000"
        )
    for key in _OF_A_SERVER:
        if env.server is None and key in env.model_fields_set:
            yield no_effect(loaded, f"env.{key}", "there is no Chroma server", "set env.server")


def _is_address(text: str) -> bool:
    host, colon, port = text.rpartition(":")
    return bool(host and colon) and port.isdecimal() and 0 < int(port) < 2**16
