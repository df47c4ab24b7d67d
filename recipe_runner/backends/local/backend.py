"""`backend: local`: the embedded server, up for one run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recipe_runner.backends.connection import Connection
from recipe_runner.backends.local.launch import launch
from recipe_runner.backends.local.models import resolve
from recipe_runner.backends.local.tokenizers import register_tokenizer, sources
from recipe_runner.planning.plan import Plan, Served


def served(model_name: str) -> Served:
    source = resolve(model_name)
    return Served(kind=source.kind, note=source.note)


def check_access() -> None:
    """The local backend refuses nobody."""


@contextmanager
def connect(plan: Plan, *, store: Path, log: Path) -> Iterator[Connection]:
    """Start the server, and give the Cookbook the tokenizer of what the server really serves."""
    with launch(store=store, seed=plan.recipe.seed, log=log) as server:
        for source in sources(plan):
            register_tokenizer(source)
        yield Connection(base_url=server.url, api_key=server.api_key)
