"""`backend: local`: the embedded server, up for one run."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from recipe_runner.backends.connection import Connection
from recipe_runner.backends.local.launch import launch
from recipe_runner.backends.local.models import resolve
from recipe_runner.backends.local.shared import shared_connection
from recipe_runner.backends.local.tokenizers import register_tokenizer, sources
from recipe_runner.planning.plan import Plan, Served


def served(model_name: str) -> Served:
    source = resolve(model_name)
    return Served(kind=source.kind, note=source.note)


def check_access() -> None:
    """The local backend refuses nobody."""


# What a server works with, which is most of what a loop imports too.
_SERVER_MODULES = ("engine", "network", "sampling", "training", "wire")


def probe(plan: Plan) -> None:
    """A run's own server is started with it."""


@contextmanager
def connect(plan: Plan, *, store: Path, log: Path) -> Iterator[Connection]:
    """Start the server, and give the Cookbook the tokenizer of what the server really serves.

    In a sweep the server is up already, and shared.
    """
    shared = shared_connection(plan.recipe.seed)
    with nullcontext(shared) if shared else _own_server(plan, store, log) as connection:
        for source in sources(plan):
            register_tokenizer(source)
        yield connection


@contextmanager
def _own_server(plan: Plan, store: Path, log: Path) -> Iterator[Connection]:
    _import_what_both_need()
    with launch(store=store, seed=plan.recipe.seed, log=log, guarded=True) as server:
        yield Connection(base_url=server.url, api_key=server.api_key)


def _import_what_both_need() -> None:
    """Import torch and transformers once for the loop here and for the server, a fork of this.

    OpenMP reads its variable as torch is loaded. Threads that spin while they wait are ten times
    slower than one on a busy machine.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    for module in _SERVER_MODULES:
        importlib.import_module(f"recipe_runner.backends.local.{module}")
