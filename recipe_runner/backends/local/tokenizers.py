"""Gives the Cookbook the tokenizers of models that no hub has under their name."""

from __future__ import annotations

from recipe_runner.backends.local.models import ModelSource, resolve
from recipe_runner.planning.plan import Plan
from schemas.rl import RlRecipe


def model_names(plan: Plan) -> set[str]:
    """Return every model that a plan names."""
    names = {plan.recipe.model.name}
    if isinstance(plan.recipe, RlRecipe) and plan.recipe.kl.reference.model:
        names.add(plan.recipe.kl.reference.model)
    return names


def sources(plan: Plan) -> list[ModelSource]:
    """Return what this machine serves each of a plan's models by."""
    return [resolve(name) for name in sorted(model_names(plan))]


def register_tokenizer(source: ModelSource) -> None:
    """Make the Cookbook's get_tokenizer(name) return this tokenizer, without asking the hub."""
    from tinker_cookbook import tokenizer_utils
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(source.tokenizer), local_files_only=True)
    tokenizer_utils.register_tokenizer(source.name, lambda: tokenizer)
