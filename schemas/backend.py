"""`backend`: where the recipe is executed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from schemas.base import RecipeModel

BackendName = Literal["tinker", "local"]


class RemoteBackend(RecipeModel):
    """Any server that speaks Tinker's protocol."""

    kind: Literal["remote"]
    base_url: str = Field(
        pattern=r"^https?://[^\s/?#@]+([/?#]\S*)?$",
        description="http://… or https://…; no user name or password in it, as runs record it.",
        examples=["https://tinker.example.org"],
    )


def _backend_form(value: Any) -> str:
    return "name" if isinstance(value, str) else "remote"


Backend = Annotated[
    Annotated[BackendName, Tag("name")] | Annotated[RemoteBackend, Tag("remote")],
    Discriminator(_backend_form),
]


def backend_kind(backend: Backend) -> str:
    """Return `tinker`, `local` or `remote`."""
    return backend if isinstance(backend, str) else backend.kind
