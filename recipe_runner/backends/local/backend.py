"""`backend: local`: the embedded server, up for one run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recipe_runner.backends.connection import Connection
from recipe_runner.backends.local.launch import launch
from recipe_runner.backends.local.models import ModelSource, resolve
from recipe_runner.planning.plan import Plan, Served
from schemas.rl import RlRecipe


def served(model_name: str) -> Served:
    source = resolve(model_name)
    return Served(kind=source.kind, note=source.note)


def check_access() -> None:
    """The local backend refuses nobody."""


@contextmanager
def connect(plan: Plan, *, store: Path, log: Path) -> Iterator[Connection]:
    """Start the server, and give the Cookbook the tokenizer of what the server really serves."""
    with launch(store=store, seed=plan.recipe.seed, log=log) as server:
        for model_name in _model_names(plan):
            _register_tokenizer(resolve(model_name))
        yield Connection(base_url=server.url, api_key=server.api_key)


def _model_names(plan: Plan) -> set[str]:
    names = {plan.recipe.model.name}
    if isinstance(plan.recipe, RlRecipe) and plan.recipe.kl.reference.model:
        names.add(plan.recipe.kl.reference.model)
    return names


def _register_tokenizer(source: ModelSource) -> None:
    """Make the Cookbook's get_tokenizer(name) return this tokenizer, without asking the hub."""
    from tinker_cookbook.tokenizer_utils import register_tokenizer
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(source.tokenizer), local_files_only=True)
    register_tokenizer(source.name, lambda: tokenizer)
