"""Targets that answer: their backends up, for as long as a block lasts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from recipe_runner.backends import Connection
from recipe_runner.backends.local.models import SHIPPED_NAME, resolve
from recipe_runner.backends.reaching import reached
from recipe_runner.runs.talk.targets import Target
from schemas.backend import RemoteBackend, backend_kind

if TYPE_CHECKING:
    from tinker_cookbook.tokenizer_utils import Tokenizer

    from recipe_runner.loops.speaker import Speaker


@dataclass(frozen=True)
class Talker:
    """A target that answers.

    Attributes:
        stand_in: which other weights answer in the model's name; None where they are its own.
    """

    target: Target
    speaker: Speaker
    stand_in: str | None


@contextmanager
def speaking(targets: Sequence[Target]) -> Iterator[list[Talker]]:
    """Bring the backends of targets up, one local server for each store.

    Raises:
        BackendError: if one cannot be reached.
        UsageError: if no renderer is known for a model.
        Exception: what the SDK raises, where a service refuses.
    """
    with ExitStack() as stack:
        connections: dict[tuple[str, Path], Connection] = {}
        for target in targets:
            place = _place(target)
            if place not in connections:
                connections[place] = stack.enter_context(reached(target.backend, target.store))
        yield [_talker(stack, target, connections[_place(target)]) for target in targets]


def _place(target: Target) -> tuple[str, Path]:
    """Return what tells backends apart: the store only where the server is started on it."""
    if isinstance(target.backend, RemoteBackend):
        return target.backend.base_url, Path()
    return target.backend, target.store if target.backend == "local" else Path()


def _talker(stack: ExitStack, target: Target, connection: Connection) -> Talker:
    from recipe_runner.loops.speaker import speaker

    opened: AbstractContextManager[Speaker] = speaker(
        model=target.model,
        path=target.path,
        renderer=target.renderer,
        tokenizer=_local_tokenizer if target.backend == "local" else _tokenizer,
        base_url=connection.base_url,
        api_key=connection.api_key,
    )
    ready = stack.enter_context(opened)
    return Talker(target, ready, _stand_in(target, ready.model))


def _local_tokenizer(model: str) -> Tokenizer | None:
    from recipe_runner.backends.local.tokenizers import load_tokenizer

    return load_tokenizer(resolve(model))


def _tokenizer(model: str) -> Tokenizer | None:
    """Return the tokenizer of a model that no hub has: the shipped one, or one in a directory."""
    from recipe_runner.backends.local.tokenizers import directory_tokenizer

    return _local_tokenizer(model) if model == SHIPPED_NAME else directory_tokenizer(model)


def _stand_in(target: Target, model: str) -> str | None:
    if backend_kind(target.backend) != "local":
        return None
    source = resolve(model)
    return source.note if source.kind == "stand-in" else None
