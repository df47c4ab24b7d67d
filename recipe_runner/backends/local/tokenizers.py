"""Gives the Cookbook the tokenizers of models that no hub has under their name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from recipe_runner.backends.local.models import ModelSource, resolve
from recipe_runner.planning.marked import model_names
from recipe_runner.planning.plan import Plan

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def sources(plan: Plan) -> list[ModelSource]:
    """Return what this machine serves each of a plan's models by."""
    names = {name for recipe in plan.recipes for name in model_names(recipe)}
    return [resolve(name) for name in sorted(names)]


def register_tokenizer(source: ModelSource) -> None:
    """Make the Cookbook's get_tokenizer(name) return this tokenizer, without asking the hub."""
    from tinker_cookbook import tokenizer_utils

    tokenizer = load_tokenizer(source)
    tokenizer_utils.register_tokenizer(source.name, lambda: tokenizer)


def load_tokenizer(source: ModelSource) -> PreTrainedTokenizerBase:
    """Return the tokenizer of what this machine serves under a name; it asks no hub."""
    return _load(source.tokenizer)


def _load(source: Path | str) -> PreTrainedTokenizerBase:
    if _needs_no_class_of_its_own(Path(source)):
        from transformers import PreTrainedTokenizerFast

        return PreTrainedTokenizerFast.from_pretrained(str(source), local_files_only=True)
    # Two seconds of imports: it knows every model's tokenizer.
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(source), local_files_only=True)


def _needs_no_class_of_its_own(directory: Path) -> bool:
    """Whether all of a tokenizer is in its files, as with the shipped one."""
    config = directory / "tokenizer_config.json"
    if not config.is_file():
        return False
    named = json.loads(config.read_text("utf-8")).get("tokenizer_class")
    return named in ("TokenizersBackend", "PreTrainedTokenizerFast")
