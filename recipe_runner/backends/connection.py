"""`Connection`: what a run needs to know of its backend while it is up."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

# For types alone: the local server imports this package, and has no use for recipes.
if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from recipe_runner.planning.plan import Plan, Served


@dataclass(frozen=True)
class Connection:
    """A backend that is ready.

    Attributes:
        base_url: the server's URL, None for the SDK's own default (hosted Tinker).
        api_key: key for this connection alone, None to use TINKER_API_KEY of the environment.
    """

    base_url: str | None
    api_key: str | None = None


class Backend(Protocol):
    """What each backend module offers."""

    def served(self, model_name: str) -> Served:
        """Say which weights stand behind a model's name. Cheap, and offline."""
        ...

    def check_access(self) -> None:
        """Raise BackendError if the backend is sure to refuse, before anything is started."""
        ...

    def probe(self, plan: Plan) -> None:
        """Raise BackendError while the service does not answer."""
        ...

    def connect(self, plan: Plan, *, store: Path, log: Path) -> AbstractContextManager[Connection]:
        """Bring the backend up for one run; leaving the context takes it down."""
        ...
