"""Gives the Cookbook the tokenizers of models that no hub has under their name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from recipe_runner.backends.local.errors import EngineError
from recipe_runner.backends.local.models import ModelSource, resolve
from recipe_runner.errors import BackendError
from recipe_runner.planning.marked import model_names
from recipe_runner.planning.plan import Plan

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def sources(plan: Plan) -> list[ModelSource]:
    """Return what this machine serves each of a plan's models by."""
    return [resolve(name) for name in _model_names(plan)]


def _model_names(plan: Plan) -> list[str]:
    return sorted({name for recipe in plan.recipes for name in model_names(recipe)})


def register_tokenizer(source: ModelSource) -> None:
    """Make the Cookbook's get_tokenizer(name) return this tokenizer, without asking the hub."""
    _register(source.name, load_tokenizer(source))


def _register(name: str, tokenizer: PreTrainedTokenizerBase) -> None:
    from tinker_cookbook import tokenizer_utils

    tokenizer_utils.register_tokenizer(name, lambda: tokenizer)


def register_directories(plan: Plan) -> None:
    """Make the Cookbook's get_tokenizer load those from us that lie in directories here.

    Of a directory with a model's name the Cookbook also runs the Python in it, and a directory
    `Qwen/Qwen3-8B` below a stranger's recipe is the stranger's.

    Raises:
        BackendError: if a directory has no tokenizer that loads without code of its own.
    """
    for name in _model_names(plan):
        tokenizer = directory_tokenizer(name)
        if tokenizer is not None:
            _register(name, tokenizer)
            _register(name.split(":", 1)[0], tokenizer)


def directory_tokenizer(name: str) -> PreTrainedTokenizerBase | None:
    """Return the tokenizer of a model whose name is a directory here; None for other names.

    Raises:
        BackendError: as `register_directories`.
    """
    directory = Path(name.split(":", 1)[0])
    return _load(directory) if directory.is_dir() else None


def load_tokenizer(source: ModelSource) -> PreTrainedTokenizerBase:
    """Return the tokenizer of what this machine serves under a name; it asks no hub.

    Raises:
        BackendError: if it does not load without code of its own.
    """
    return _load(source.tokenizer)


def _load(place: Path | str) -> PreTrainedTokenizerBase:
    from recipe_runner.backends.local.loading import tokenizer_in

    try:
        return tokenizer_in(place)
    except EngineError as error:
        raise BackendError(str(error)) from error
