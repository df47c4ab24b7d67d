"""Gives the Cookbook the tokenizers of models that no hub has under their name."""

from __future__ import annotations

from recipe_runner.backends.local.models import ModelSource, resolve
from recipe_runner.planning.marked import model_names
from recipe_runner.planning.plan import Plan


def sources(plan: Plan) -> list[ModelSource]:
    """Return what this machine serves each of a plan's models by."""
    names = {name for recipe in plan.recipes for name in model_names(recipe)}
    return [resolve(name) for name in sorted(names)]


def register_tokenizer(source: ModelSource) -> None:
    """Make the Cookbook's get_tokenizer(name) return this tokenizer, without asking the hub."""
    from tinker_cookbook import tokenizer_utils
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(source.tokenizer), local_files_only=True)
    tokenizer_utils.register_tokenizer(source.name, lambda: tokenizer)
