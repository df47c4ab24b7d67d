"""`method: generate`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from recipe_runner.language import Diagnostic, LoadedRecipe
from recipe_runner.planning.checks.data import check_data
from recipe_runner.planning.checks.effects import no_effect
from schemas.data import COOKBOOK_PROMPTS
from schemas.generate import GenerateRecipe

# What a run of this method writes beside its output.
OF_THE_RUN = ("checkpoints.jsonl", "events.jsonl", "metrics.jsonl", "replies.jsonl")


def check_generate(loaded: LoadedRecipe) -> Iterator[Diagnostic]:
    """Yield what is wrong with the data, the template and the pattern of a `generate` recipe."""
    recipe = loaded.recipe
    assert isinstance(recipe, GenerateRecipe)
    yield from check_data(
        loaded,
        recipe.data,
        kinds=("prompts", "huggingface", "custom"),
        named=COOKBOOK_PROMPTS,
    )
    if "test_size" in recipe.data.model_fields_set and recipe.data.kind != "conversations":
        reason = "nothing is held out, as nothing is trained"
        yield no_effect(loaded, "data.test_size", reason, "remove it")
    yield from _check_without_effect(loaded, recipe)
    yield from _check_prompt(loaded, recipe)
    yield from _check_extract(loaded, recipe)
    if recipe.output in OF_THE_RUN:
        yield loaded.diagnostic(
            "output",
            "value",
            f"`output` cannot be {recipe.output}, a file that the run itself writes there",
            hint="give another name, such as conversations.jsonl",
        )


def _check_without_effect(loaded: LoadedRecipe, recipe: GenerateRecipe) -> Iterator[Diagnostic]:
    if "lora_rank" in recipe.model.model_fields_set:
        reason = "nothing is trained"
        yield no_effect(loaded, "model.lora_rank", reason, "remove it")
    if "rollouts" in recipe.logging.model_fields_set:
        reason = "all replies are in replies.jsonl"
        yield no_effect(loaded, "logging.rollouts", reason, "remove it")
    if "trace" in recipe.logging.model_fields_set:
        yield no_effect(loaded, "logging.trace", "generate writes no trace", "remove it")


def _check_prompt(loaded: LoadedRecipe, recipe: GenerateRecipe) -> Iterator[Diagnostic]:
    if recipe.prompt == "{{ prompt }}":
        return
    from recipe_runner.language.sandbox import TemplateFault, fill_in, names_in

    if "prompt" not in names_in(recipe.prompt):
        yield loaded.diagnostic(
            "prompt",
            "template",
            "`prompt` asks the same of every prompt: it does not mention {{ prompt }}",
            hint="end it with {{ prompt }}, say",
        )
        return
    try:
        fill_in(recipe.prompt, prompt="a prompt")
    except TemplateFault as fault:
        yield loaded.diagnostic("prompt", "template", str(fault))


def _check_extract(loaded: LoadedRecipe, recipe: GenerateRecipe) -> Iterator[Diagnostic]:
    if recipe.extract is None:
        return
    try:
        groups = re.compile(recipe.extract).groups
    except re.error as error:
        yield loaded.diagnostic(
            "extract", "pattern", f"`extract` is no regular expression: {error}"
        )
        return
    if groups == 0:
        yield loaded.diagnostic(
            "extract",
            "pattern",
            "`extract` has no group, so there is nothing to take out of a reply",
            hint=r"put what is the reply into parentheses: Final Answer: (\w+)",
        )
